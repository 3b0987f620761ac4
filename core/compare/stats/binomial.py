"""How exactly one evaluation knows a share: Wilson's interval and the effective sample size. Pure."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np


def wilson(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a binomial share seen in n independent trials; (NaN, NaN) without a trial.

    (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). Wilson 1927, JASA 22:209. Unlike p -+ z * error
    it has a width at 0 and 1, where an untrained policy often is.
    """
    if not n > 0 or not 0 <= share <= 1:
        return float("nan"), float("nan")
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle = share + z2 / (2 * n)
    half = (z2 * (share * (1 - share) / n + z2 / (4 * n * n))) ** 0.5
    scale = 1 + z2 / n
    # At 0 and 1 the two summands are equal except for rounding.
    return (0.0 if share == 0 else (middle - half) / scale), (1.0 if share == 1 else (middle + half) / scale)


def effective(right: Sequence[int], n: Sequence[int]) -> float:
    """How many independent completions an evaluation is worth that answered each problem several times.

    p(1-p) over the variance of the mean of the problems' own shares (the design effect: Kish 1965, Survey
    Sampling, 8.2), between the number of problems and that of completions. Completions of one problem are
    alike, so counting each as a problem of its own would make intervals too narrow. `right`, `n`: per
    problem; every n is at least 1.
    """
    if not len(n):
        return 0.0
    shares = np.asarray(right, dtype=float) / np.asarray(n, dtype=float)
    problems = len(shares)
    completions = float(np.sum(n))
    p = float(shares.mean())
    spread = float(shares.var(ddof=1)) / problems if problems > 1 else 0.0
    return float(np.clip(p * (1 - p) / spread, problems, completions)) if spread > 0 else float(problems)
