"""Does the reward still prefer right to wrong, while it trains? From trained samples. Called by what shows flags. Pure."""

from dataclasses import dataclass

import numpy as np

from core.compare.flags import OVER, Flag, bounds
from core.groups import BoolArray, FloatArray, Groups, IntArray

WHOLE, MORE = 100, 1.5


@dataclass(frozen=True)
class Rewarded:
    """Trained samples as columns [n]: their step, their group, whether they are right, what they were rewarded."""

    step: IntArray
    group: IntArray
    correct: BoolArray
    total: FloatArray


def agreement(samples: Rewarded, over: int = OVER) -> tuple[IntArray, FloatArray, FloatArray]:
    """Steps [s], and for the `over` steps up to each: P(a right sample is rewarded above a wrong one of its group), and z [s].

    0.5 is a reward that does not know right from wrong (the AUROC, Mann and Whitney 1947, Ann. Math. Statist. 18:50, group by
    group; a tie is half). z: how many standard errors from there: the sum of the groups' d = wins - pairs / 2 over the root of
    the sum of d^2. Groups are the unit, since completions of one prompt are alike. NaN where no group has both kinds. Steps
    in blocks that do not overlap, the first `over` first.
    """
    steps = np.unique(samples.step)
    blocks = [steps[i : i + over] for i in range(0, len(steps), over)]
    found = [_agreement(samples, block[0], block[-1]) for block in blocks]
    ends = np.array([block[-1] for block in blocks], dtype=np.int64)
    return ends, np.array([a for a, _ in found], dtype=float), np.array([z for _, z in found], dtype=float)


def looked_at(last: int) -> list[int]:
    """The steps up to `last` whose samples are read: blocks of OVER, all of them up to WHOLE, then each MORE times as far as
    the one before. Eighty long runs have millions of samples. The blocks do not depend on how far a run is, or a flag could
    come and go."""
    ends, end = list(range(OVER, WHOLE + 1, OVER)), float(WHOLE)
    while (end := end * MORE) <= last:
        ends.append(round(end))
    return [step for e in ends if e <= last for step in range(e - OVER + 1, e + 1)]


def _agreement(samples: Rewarded, first: int, last: int) -> tuple[float, float]:
    here = (samples.step >= first) & (samples.step <= last) & ~np.isnan(samples.total)
    right = samples.correct[here]
    groups = Groups.of(samples.step[here] * (int(samples.group.max(initial=0)) + 1) + samples.group[here])
    good, bad = groups.sum(right.astype(float)), groups.sum((~right).astype(float))
    # The ranks of the right ones, less what they would be were these the lowest: pairs that a right one wins.
    wins = groups.sum(np.where(right, groups.rank(samples.total[here]), 0.0)) - good * (good - 1) / 2
    surplus, pairs = wins - good * bad / 2, float((good * bad).sum())
    error = float((surplus**2).sum()) ** 0.5
    return (
        0.5 + float(surplus.sum()) / pairs if pairs else float("nan"),
        float(surplus.sum()) / error if error else 0.0 if pairs else float("nan"),
    )


def prefers_wrong(samples: Rewarded) -> Flag | None:
    """The reward ranks wrong samples above right ones of their group; by chance that is rare (`flags.bounds`)."""
    steps, share, z = agreement(samples)
    hit = np.flatnonzero(z < -bounds(len(z)))
    if not len(hit):
        return None
    at = int(hit[0])
    step = int(steps[at])
    said = f"Up to step {step} a right completion is rewarded above a wrong one of its group in {share[at]:.0%} of the pairs."
    return Flag("prefers_wrong", step, (int(samples.step.min()), step), said)
