"""What the reward engine hands to an advantage rule, from a few numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.common.groups import Groups
from core.rewards.advantage_base import Totals


def totals_of(
    shaped: Any,
    weights: Sequence[float] = (),
    sides: Sequence[str] = (),
    share: float = 0.5,
    size: int = 4,
    **more: Any,
) -> Totals:
    """What the engine hands to a rule for shaped scores [n, K] (or totals [n]); groups of `size` and one
    batch unless told."""
    given = np.asarray(shaped, dtype=float)
    given = given[:, None] if given.ndim == 1 else given
    n, k = given.shape
    sides = tuple(sides or ["always"] * k)
    own = np.array([weights or [1.0] * k] * n)
    factors = own * np.array([{"hard": share, "continuous": 1.0 - share, "always": 1.0}[s] for s in sides])
    contributions = given * factors
    values: dict[str, Any] = {
        "total": np.where(np.isnan(contributions).all(axis=1), np.nan, np.nansum(contributions, axis=1)),
        "shaped": given,
        "factors": factors,
        "contributions": contributions,
        "own": given * own,
        "sides": sides,
        "hard_share": np.full(n, share),
        "correct": np.zeros(n, dtype=bool),
        "mean_nll": np.full(n, 0.5),
        "groups": Groups.of(np.arange(n) // size),
        "batches": Groups.one(n),
        "step": np.ones(n),
        **more,
    }
    return Totals(**values)
