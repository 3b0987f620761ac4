"""The reward engine: a batch of samples in, a scored batch out. The only place where scores meet weights.

Called by worker.trainer (every step), the design page ("try it") and tests. Pure arithmetic over arrays: no model, no
I/O, no clock. Axes: n samples, K terms.
"""

import numpy as np

from core.advantage import advantages, dead, shares
from core.batch import FloatArray, RolloutBatch, ScoredBatch
from core.errors import ComponentError
from core.mix import Mix, Term

SLACK = 1e-9


def score_term(batch: RolloutBatch, term: Term) -> FloatArray:
    """[n] raw scores of one term; ComponentError when the component breaks its promise."""
    made = term.definition
    try:
        raw = np.asarray(made.score(batch, term.settings), dtype=float)
    except Exception as error:
        raise ComponentError(f"component {made.name!r} raised {type(error).__name__}: {error}") from error
    if raw.shape != (len(batch),):
        raise ComponentError(f"component {made.name!r} returned shape {raw.shape} for {len(batch)} samples")
    low, high = made.range
    wrong = np.flatnonzero((raw < low - SLACK) | (raw > high + SLACK) | np.isinf(raw))
    if len(wrong):
        i = int(wrong[0])
        raise ComponentError(
            f"component {made.name!r} scored {raw[i]:g}, outside its range [{low:g}, {high:g}], "
            f"for problem {batch.problem_ids[i]!r}: {batch.completions[i][:200]!r}"
        )
    return raw


def score(batch: RolloutBatch, mix: Mix, step: int) -> ScoredBatch:
    """Score a batch with a mix at a training step.

    contribution = weight(step) x shaped score; total = rule(contributions), the sum of those that apply, NaN when no
    term applies; advantage = the mix's advantage rule over the totals.
    """
    raw = np.stack([score_term(batch, t) for t in mix.terms], axis=1)
    shaped = np.stack([t.shaping.apply(raw[:, k]) for k, t in enumerate(mix.terms)], axis=1)
    weights = np.array([mix.factor(t, step) for t in mix.terms])
    contributions = shaped * weights
    nothing = np.isnan(contributions).all(axis=1)
    total = np.where(nothing, np.nan, np.nansum(contributions, axis=1))
    return ScoredBatch(
        terms=mix.labels,
        step=step,
        blend=mix.hard_share(step),
        raw=raw,
        shaped=shaped,
        weights=weights,
        contributions=contributions,
        total=total,
        advantage=advantages(total, batch.group, mix.advantage),
        dead=dead(total, batch.group),
        advantage_share=shares(contributions, total, batch.group, mix.advantage),
    )
