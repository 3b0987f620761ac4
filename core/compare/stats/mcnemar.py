"""Two policies on the same held-out problems: which were gained and lost, and could that be chance? Pure.

It says something about these policies on problems like these, and nothing about other seeds
(core.compare.stats.pairs does).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.common.errors import DataError

Answers = Mapping[str, tuple[int, int]]
"""Problem id -> (right completions, completions)."""


@dataclass(frozen=True)
class GainedLost:
    """Problems that x solves more often than y, and less often, with an exact two-sided `p`.

    Ids come from a data set: untrusted.
    """

    gained: tuple[str, ...]
    lost: tuple[str, ...]
    equal: int
    difference: float
    """Mean over problems of x's share of right completions minus y's."""
    p: float


def mcnemar(x: Answers, y: Answers) -> GainedLost:
    """McNemar's exact test of two policies on the same problems.

    With one completion a problem: min(1, 2 P(Binomial(gained + lost, 1/2) <= min(gained, lost))) (McNemar
    1947, Psychometrika 12:153; exact as in Edwards 1948). With n completions of every problem the idea
    carries over: if the policies were alike, each problem's difference in right completions could as well
    have the other sign; p is the share of all changes of signs with a |sum| at least as large, counted
    exactly. DataError where the problems or the numbers of completions are not the same.
    """
    if set(x) != set(y):
        missing = sorted(set(x) ^ set(y))
        raise DataError(
            f"{len(missing)} held-out problems were put to only one of the two, first {missing[0]!r}"
        )
    ids = sorted(x)
    sizes = {n for answers in (x, y) for _, n in answers.values()}
    if len(sizes) > 1:
        sizes_text = ", ".join(map(str, sorted(sizes)))
        raise DataError(
            f"problems were answered {sizes_text} times: compare evaluations with the same num_samples"
        )
    n = sizes.pop() if sizes else 1
    gaps = [x[i][0] - y[i][0] for i in ids]
    return GainedLost(
        gained=tuple(i for i, gap in zip(ids, gaps, strict=True) if gap > 0),
        lost=tuple(i for i, gap in zip(ids, gaps, strict=True) if gap < 0),
        equal=gaps.count(0),
        difference=sum(gaps) / (n * len(ids)) if ids else float("nan"),
        p=_signs(gaps),
    )


def together(runs: Sequence[Answers]) -> dict[str, tuple[int, int]]:
    """The answers of several runs as one: right and all completions of each problem, summed.

    DataError unless every run has every problem.
    """
    ids = set(runs[0]) if runs else set()
    for answers in runs:
        if set(answers) != ids:
            raise DataError(f"{len(ids ^ set(answers))} held-out problems were not put to every run")
    return {i: (sum(a[i][0] for a in runs), sum(a[i][1] for a in runs)) for i in sorted(ids)}


def _signs(gaps: Sequence[int]) -> float:
    """P(|sum of +-gap| >= |sum of gaps|) over independent fair signs.

    The distribution of the sum is built up gap by gap.
    """
    sizes = [abs(gap) for gap in gaps if gap]
    if not sizes:
        return 1.0
    total = sum(sizes)
    chance = np.zeros(2 * total + 1)  # at [total + s]: the probability of the sum s
    chance[total] = 1.0
    for size in sizes:
        moved = np.zeros_like(chance)
        moved[size:] += chance[:-size] / 2
        moved[:-size] += chance[size:] / 2
        chance = moved
    observed = abs(sum(gaps))
    return (
        min(1.0, float(chance[: total - observed + 1].sum() + chance[total + observed :].sum()))
        if observed
        else 1.0
    )
