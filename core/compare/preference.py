"""Does the reward still prefer right to wrong, while it trains? From trained samples. Pure."""

from dataclasses import dataclass

import numpy as np

from core.common.groups import BoolArray, FloatArray, Groups, IntArray
from core.compare.flags import OVER, Flag, bounds

WHOLE = 100
MORE = 1.5


@dataclass(frozen=True)
class Rewarded:
    """Trained samples as columns [n]: step, group, whether the answer is right, and total reward."""

    step: IntArray
    group: IntArray
    correct: BoolArray
    total: FloatArray


def agreement(samples: Rewarded, over: int = OVER) -> tuple[IntArray, FloatArray, FloatArray]:
    """How often a right sample is rewarded above a wrong one of its group, in blocks of `over` steps.

    Returns the last step of each block [s], that probability [s], and z [s]. 0.5 is a reward that does not
    know right from wrong (the AUROC, Mann and Whitney 1947, Ann. Math. Statist. 18:50, group by group; a tie
    is half). z: how many standard errors from there: the sum of the groups' d = wins - pairs / 2 over the
    root of the sum of d^2. Groups are the unit, since completions of one prompt are alike. NaN where no group
    has both kinds. Blocks do not overlap and start with the first `over` steps.
    """
    steps = np.unique(samples.step)
    blocks = [steps[i : i + over] for i in range(0, len(steps), over)]
    results = [_agreement(samples, block[0], block[-1]) for block in blocks]
    ends = np.array([block[-1] for block in blocks], dtype=np.int64)
    return (
        ends,
        np.array([a for a, _ in results], dtype=float),
        np.array([z for _, z in results], dtype=float),
    )


def looked_at(last: int) -> list[int]:
    """The steps up to `last` whose samples are read.

    They are blocks of OVER: all of them up to WHOLE, then each MORE times as far as the one before, since
    eighty long runs have millions of samples. The blocks do not depend on how far a run is, or a flag could
    come and go.
    """
    ends = list(range(OVER, WHOLE + 1, OVER))
    end = float(WHOLE)
    while (end := end * MORE) <= last:
        ends.append(round(end))
    return [step for e in ends if e <= last for step in range(e - OVER + 1, e + 1)]


def _agreement(samples: Rewarded, first: int, last: int) -> tuple[float, float]:
    inside = (samples.step >= first) & (samples.step <= last) & ~np.isnan(samples.total)
    right = samples.correct[inside]
    groups = Groups.of(samples.step[inside] * (int(samples.group.max(initial=0)) + 1) + samples.group[inside])
    good = groups.sum(right.astype(float))
    bad = groups.sum((~right).astype(float))
    # Pairs that a right one wins: the ranks of the right ones, less those they would have as the lowest.
    wins = groups.sum(np.where(right, groups.rank(samples.total[inside]), 0.0)) - good * (good - 1) / 2
    surplus = wins - good * bad / 2
    pairs = float((good * bad).sum())
    error = float((surplus**2).sum()) ** 0.5
    return (
        0.5 + float(surplus.sum()) / pairs if pairs else float("nan"),
        float(surplus.sum()) / error if error else 0.0 if pairs else float("nan"),
    )


def prefers_wrong(samples: Rewarded) -> Flag | None:
    """A flag where the reward ranks wrong samples above right ones of their group, else None.

    By chance that is rare (`flags.bounds`).
    """
    steps, share, z = agreement(samples)
    hit = np.flatnonzero(z < -bounds(len(z)))
    if not len(hit):
        return None
    position = int(hit[0])
    step = int(steps[position])
    message = (
        f"Up to step {step} a right completion is rewarded above a wrong one of its group in "
        f"{share[position]:.0%} of the pairs."
    )
    return Flag("prefers_wrong", step, (int(samples.step.min()), step), message)
