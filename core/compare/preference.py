"""Does the reward still prefer right to wrong, while it trains? From trained samples. Called by what shows flags. Pure."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from core.agreement import auroc
from core.compare.flags import CHANCE, OVER, Flag
from core.groups import BoolArray, FloatArray, Groups, IntArray


@dataclass(frozen=True)
class Rewarded:
    """Trained samples as columns [n]: their step, their group, whether they are right, what they were rewarded."""

    step: IntArray
    group: IntArray
    correct: BoolArray
    total: FloatArray


def agreement(samples: Rewarded, over: int = OVER) -> tuple[IntArray, FloatArray, FloatArray]:
    """Steps [s], and for the `over` steps up to each: P(a right sample is rewarded above a wrong one of its group), and z [s].

    0.5 is a reward that does not know right from wrong. z: how many standard errors above that, by the variance
    n m (n + m + 1) / 12 of Mann and Whitney's U summed over groups (1947, Ann. Math. Statist. 18:50); ties make it
    smaller than it could be. NaN where no group has both kinds. Steps in blocks that do not overlap, the first `over` first.
    """
    steps = np.unique(samples.step)
    blocks = [steps[i : i + over] for i in range(0, len(steps), over)]
    found = [_agreement(samples, block[0], block[-1]) for block in blocks]
    ends = np.array([block[-1] for block in blocks], dtype=np.int64)
    return ends, np.array([a for a, _ in found], dtype=float), np.array([z for _, z in found], dtype=float)


def _agreement(samples: Rewarded, first: int, last: int) -> tuple[float, float]:
    here = (samples.step >= first) & (samples.step <= last) & ~np.isnan(samples.total)
    right = samples.correct[here]
    groups = Groups.of(samples.step[here] * (int(samples.group.max(initial=0)) + 1) + samples.group[here])
    share = auroc(samples.total[here], right, groups)
    good, bad = groups.sum(right.astype(float)), groups.sum((~right).astype(float))
    pairs, variance = float((good * bad).sum()), float((good * bad * (good + bad + 1)).sum()) / 12
    return share, (share - 0.5) * pairs / variance**0.5 if variance else float("nan")


def prefers_wrong(samples: Rewarded) -> Flag | None:
    """The reward ranks wrong samples above right ones of their group, by more than a run's luck would explain once in 1 / CHANCE."""
    steps, share, z = agreement(samples)
    hit = np.flatnonzero(z < NormalDist().inv_cdf(CHANCE / max(len(z), 1)))
    if not len(hit):
        return None
    at = int(hit[0])
    step = int(steps[at])
    said = f"Up to step {step} a right completion is rewarded above a wrong one of its group in {share[at]:.0%} of the pairs."
    return Flag("prefers_wrong", step, (int(steps[0]), step), said)
