"""Advantage rules: from totals to the advantages that GRPO trains on.

The first four rules are TRL's own (trl 1.16, trainer/grpo_trainer.py, `_generate_and_score_completions`);
tests assert equality with TRL's numbers. The others set the advantage directly, because TRL's scaling
would undo them. To add one: a `Rule` (core.rewards.advantage_base) with `apply`, and its name in
`AdvantageRule`. Axes: n samples, K terms, T tokens.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from core.common.groups import ROUNDING, BoolArray, FloatArray, beside
from core.rewards.advantage_base import Rule, Totals

EPSILON = 1e-4  # TRL adds it to the standard deviation
DEAD_TOLERANCE = ROUNDING  # torch.isclose(std, 0): totals as equal as this teach nothing


class Group(Rule):
    """A = (total - group mean) / (std + 1e-4), with the std of the group, of the batch, or none at all.

    TRL's `scale_rewards`. A floor under the std keeps groups that hardly differ from being blown up.
    """

    type: Literal["group", "batch", "none"] = "group"
    """What the centred total is divided by: the standard deviation of its group, of the batch, or nothing."""
    std_floor: float = Field(0.0, ge=0)
    """Smallest standard deviation divided by; 0: none, as in TRL."""

    @property
    def compares_totals(self) -> bool:
        return True

    @property
    def in_trl(self) -> str | None:
        return self.type if self.plain and (self.std_floor == 0 or self.type == "none") else None

    def scale(self, t: Totals) -> FloatArray | float:
        """[n] the divisor."""
        if self.type == "none":
            return 1.0
        groups = t.batches if self.type == "batch" else t.groups
        return (np.maximum(groups.std(t.total), self.std_floor) + EPSILON)[groups.index]

    def apply(self, t: Totals) -> FloatArray:
        return np.nan_to_num(t.groups.center(t.total) / self.scale(t), nan=0.0)

    def parts(self, t: Totals) -> FloatArray | None:
        scale = self.scale(t)
        contributions = np.where(np.isnan(t.total)[:, None], np.nan, np.nan_to_num(t.contributions, nan=0.0))
        return beside([np.nan_to_num(t.groups.center(c) / scale, nan=0.0) for c in contributions.T])


class NormalizeThenSum(Rule):
    """GDPO: every term is a z-score inside its group first, then weighted, summed, and scaled over the batch.

    z_k = (s_k - group mean) / (group std + 1e-4); r = sum_k factor_k z_k; A = (r - batch mean) / (batch
    std + 1e-4). s_k is the shaped score. TRL's `multi_objective_aggregation="normalize_then_sum"` with our
    factors as its reward weights. Here a weight *is* a dial, except for terms that do not vary inside the
    group.
    """

    type: Literal["normalize_then_sum"] = "normalize_then_sum"

    def parts(self, t: Totals) -> FloatArray | None:
        columns = [
            np.nan_to_num(t.groups.center(s) / (t.groups.std(s) + EPSILON)[t.groups.index], nan=0.0)
            * t.factors[:, k]
            for k, s in enumerate(t.shaped.T)
        ]
        has_total = ~np.isnan(t.total)
        weighted = np.where(has_total[:, None], beside(columns), np.nan)
        scale = (t.batches.std(weighted.sum(axis=1)) + EPSILON)[t.batches.index]
        return beside([np.nan_to_num(t.batches.center(w) / scale, nan=0.0) for w in weighted.T])

    def apply(self, t: Totals) -> FloatArray:
        parts = self.parts(t)
        assert parts is not None
        return np.asarray(parts.sum(axis=1), dtype=float)


class Mixed(Rule):
    """A = w_hard A(hard total) + (1 - w_hard) A(continuous total) + A(always total), each side scaled by
    itself.

    The blend then is a dial: a group whose hard totals are all equal trains with 1 - w_hard of its
    continuous side, not with all of it (research note: mixing rewards under group scaling is not a dial).
    Ours.
    """

    type: Literal["mixed"] = "mixed"
    scale: Literal["group", "batch", "none"] = "group"
    """What each side's centred total is divided by."""

    def _side(self, t: Totals, side: str) -> FloatArray:
        """[n, K] the parts of one side, before the blend."""
        on_side = np.array([s == side for s in t.sides])
        own = np.where(on_side, np.nan_to_num(t.own, nan=0.0), 0.0)
        applies = (~np.isnan(t.own) & on_side).any(axis=1)
        total = np.where(applies, own.sum(axis=1), np.nan)
        if not applies.any():
            return np.zeros_like(own)
        groups = {"group": t.groups, "batch": t.batches}.get(self.scale)
        divisor = 1.0 if groups is None else (groups.std(total) + EPSILON)[groups.index]
        parts = beside([t.groups.center(np.where(applies, c, np.nan)) / divisor for c in own.T])
        return np.nan_to_num(parts, nan=0.0)

    def parts(self, t: Totals) -> FloatArray | None:
        hard = self._side(t, "hard")
        continuous = self._side(t, "continuous")
        share = t.hard_share[:, None]
        return share * hard + (1.0 - share) * continuous + self._side(t, "always")

    def apply(self, t: Totals) -> FloatArray:
        parts = self.parts(t)
        assert parts is not None
        return np.where(np.isnan(t.total), 0.0, parts.sum(axis=1))


class WReinforce(Rule):
    """A = positive where total > above, else -negative; no group statistics.

    W-REINFORCE with positive 0.1, negative 1; PSR: 1 and 0; NSR: 0 and 1 (arXiv 2506.01347;
    TianHongZXY/RLVR-Decomposed, core_algos.py).
    """

    type: Literal["w_reinforce"] = "w_reinforce"
    positive: float = Field(0.1, ge=0)
    """Advantage of a sample counted as right."""
    negative: float = Field(1.0, ge=0)
    """Size of the (negative) advantage of the others."""
    above: float = 0.5
    """A total above this counts as right."""

    @property
    def absolute(self) -> bool:
        return True

    def apply(self, t: Totals) -> FloatArray:
        signed = np.where(t.total > self.above, self.positive, -self.negative)
        return np.where(np.isnan(t.total), 0.0, signed)


class NoisyVerifier(Rule):
    """Corrects a verifier that errs: false_positive = P(paid | wrong), false_negative = P(unpaid | right).

    backward: r = (total - fp) / (1 - fp - fn), A = r - mean of the others in the group. forward: A = total
    - (1 - fn), without centring. Both divided by `scale` (arXiv 2510.00915, Alg. 4 and App. B). Through
    group scaling either would change nothing at all (App. B.4), so the advantage is set directly.
    """

    type: Literal["noisy_verifier"] = "noisy_verifier"
    correction: Literal["backward", "forward"] = "backward"
    """backward needs both rates and is centred; forward needs only false_negative."""
    false_positive: float = Field(0.1, ge=0, lt=1)
    """Share of wrong answers that are paid."""
    false_negative: float = Field(0.2, ge=0, lt=1)
    """Share of right answers that are not paid."""
    scale: float = Field(1.0, gt=0)
    """What is divided by."""

    @model_validator(mode="after")
    def _informative(self) -> "NoisyVerifier":
        if self.false_positive + self.false_negative >= 1:
            raise ValueError(
                f"false_positive {self.false_positive:g} + false_negative {self.false_negative:g} is 1 or "
                "more: such a verifier says nothing; lower one of them"
            )
        return self

    @property
    def compares_totals(self) -> bool:
        return self.correction == "backward"

    @property
    def absolute(self) -> bool:
        return self.correction == "forward"

    def apply(self, t: Totals) -> FloatArray:
        if self.correction == "forward":
            return np.nan_to_num((t.total - (1.0 - self.false_negative)) / self.scale, nan=0.0)
        n = np.maximum(t.groups.known(t.total), 1)[t.groups.index]
        # x - mean of the others = (x - mean of all) n / (n - 1)
        others = t.groups.center(t.total) * n / np.maximum(n - 1, 1)
        corrected = others / (1.0 - self.false_positive - self.false_negative) / self.scale
        return np.asarray(np.nan_to_num(corrected, nan=0.0), dtype=float)


class Filtered(Rule):
    """A as under group scaling, and then 0 for the samples that are not kept.

    After the schemes of PF-PPO (arXiv 2409.06957; swtheing/PF-PPO-RLHF, replay_buffer.py): the best; the
    best and random others; the best and the worst. PF-PPO draws samples again by weights (1 and 1; 0.4 and
    0.1 for each of the others), and takes the scheme in which reward and true score agree most (R
    squared). Here samples are kept or not, and nothing computes that agreement: which scheme fits a reward
    is left to you.
    """

    type: Literal["filtered"] = "filtered"
    keep: Literal["best", "best_random", "best_worst"] = "best_worst"
    """Which samples of a group are kept."""
    n: int = Field(2, ge=1)
    """How many of a group are kept; best_random and best_worst take the larger half from the best."""
    seed: int = Field(0, ge=0)
    """Of the random choice; the same seed, step and totals give the same samples."""

    @property
    def compares_totals(self) -> bool:
        return True

    def apply(self, t: Totals) -> FloatArray:
        advantage = Group().apply(t)
        best = (self.n + 1) // 2 if self.keep != "best" else self.n
        # Ties fall by position, so that exactly n are kept.
        position = np.arange(len(t.total)) / (len(t.total) + 1.0)
        up = t.groups.rank(self._broken(t.total, -position))
        size = t.groups.known(t.total)[t.groups.index]
        is_kept = up >= size - best
        if self.keep == "best_worst":
            is_kept |= up < self.n - best
        elif self.keep == "best_random":
            draw = np.where(is_kept | np.isnan(t.total), np.nan, self._random(t))
            is_kept |= t.groups.rank(draw) < self.n - best
        return np.where(is_kept, advantage, 0.0)

    @staticmethod
    def _broken(total: FloatArray, by: FloatArray) -> FloatArray:
        """[n] dense ranks of the totals with ties broken by `by`."""
        order = np.lexsort((by, total))
        place = np.empty(len(total))
        place[order] = np.arange(len(total))
        return np.where(np.isnan(total), np.nan, place)

    def _random(self, t: Totals) -> FloatArray:
        out = np.empty(len(t.total))
        for rows in t.batches.members():
            out[rows] = np.random.default_rng([self.seed, int(t.step[rows[0]])]).random(len(rows))
        return out


AdvantageRule = Annotated[
    Group | NormalizeThenSum | Mixed | WReinforce | NoisyVerifier | Filtered, Field(discriminator="type")
]
RULES: dict[str, type[Rule]] = {
    "group": Group,
    "batch": Group,
    "none": Group,
    "normalize_then_sum": NormalizeThenSum,
    "mixed": Mixed,
    "w_reinforce": WReinforce,
    "noisy_verifier": NoisyVerifier,
    "filtered": Filtered,
}


def advantages(rule: Rule, t: Totals) -> FloatArray:
    """[n] advantages of a rule with its shared settings, before token shaping.

    0 where the total does not apply.
    """
    advantage = rule.apply(t)
    if rule.difficulty is not None:
        advantage = advantage * rule.difficulty.weights(t)
    if rule.perplexity_alpha:
        std = t.groups.std(t.mean_nll)[t.groups.index]
        z = np.nan_to_num(t.groups.center(t.mean_nll) / (std + EPSILON), nan=0.0)
        # less, down to 0, but never with the other sign
        advantage = advantage * np.maximum(1.0 - rule.perplexity_alpha * z, 0.0)
    return np.maximum(advantage, 0.0) if rule.positive_only else advantage


def by_token(rule: Rule, advantage: FloatArray, n_tokens: FloatArray, width: int) -> FloatArray | None:
    """[n, T] advantages of each token, T = `width`.

    None if all tokens of a completion share one advantage.
    """
    if not rule.position_gamma:
        return None
    place = np.arange(width)[None, :] / np.maximum(np.asarray(n_tokens, dtype=float)[:, None] - 1.0, 1.0)
    bonus = rule.position_gamma / (
        1.0 + np.exp(-np.clip(rule.position_slope * np.minimum(place, 1.0), -500, 500))
    )
    return np.asarray(advantage[:, None] + np.sign(advantage)[:, None] * bonus, dtype=float)


def dead(rule: Rule, t: Totals, advantage: FloatArray) -> BoolArray:
    """[g] whether a group teaches nothing, because every advantage in it is 0.

    Under rules that only compare totals inside the group, the totals decide, as in TRL: advantages that
    rounding makes of equal totals are not a signal.
    """
    if rule.compares_totals:
        return t.groups.std(t.total) <= DEAD_TOLERANCE
    return t.groups.high(np.abs(advantage)) <= DEAD_TOLERANCE / EPSILON


def shares(rule: Rule, t: Totals, among: BoolArray | None = None) -> FloatArray:
    """[K] each term's share of the advantage's variance.

    They sum to 1; all are 0 if nothing varies, NaN if undefined. `among` [n]: counts these samples alone.

    Where the advantage is linear in the terms, A = sum_k A_k, share_k = sum_i A_k,i A_i / sum_i A_i^2.
    Negative: the term pulls against the others. Ours; see rewards.md 1.5 for why a weight is not this
    share.
    """
    parts = rule.parts(t)
    if parts is None or not rule.plain:
        return np.full(t.contributions.shape[1], np.nan)
    parts = parts if among is None else parts[among]
    advantage = parts.sum(axis=1)
    power = float(advantage @ advantage)
    return parts.T @ advantage / power if power > DEAD_TOLERANCE**2 else np.zeros(parts.shape[1])
