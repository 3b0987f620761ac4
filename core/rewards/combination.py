"""Combination rules: from contributions to one total per sample.

A contribution is weight(step) x shaped score; the weight includes its side's share of the blend. `sum` adds
the contributions up; the other rules let one term decide what another is worth. A rule names terms by their
labels. NaN: the term does not apply. To add one: a class with `apply`, and its name in `CombinationRule`.
Axes: n samples, K terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from core.common.config_model import Frozen
from core.common.groups import BoolArray, FloatArray, Groups, differ

RIGHT = 0.5  # a shaped score above this counts as right, where a rule asks right or wrong


@dataclass(frozen=True)
class Parts:
    """The input of a rule.

    `labels` [K]; `shaped`, `contributions`, `factors` [n, K]; `groups`; `batches`: one per step.
    """

    labels: tuple[str, ...]
    shaped: FloatArray
    contributions: FloatArray
    factors: FloatArray
    groups: Groups
    batches: Groups

    def at(self, label: str) -> int:
        return self.labels.index(label)

    def sum(self, without: Sequence[int] = ()) -> FloatArray:
        """[n] the sum of the contributions that apply."""
        keep = [k for k in range(len(self.labels)) if k not in without]
        total = np.zeros(len(self.contributions))
        for k in keep:
            total += np.nan_to_num(self.contributions[:, k], nan=0.0)
        return total

    @property
    def applies(self) -> BoolArray:
        """[n, K] whether the term applies to the sample and has a weight other than 0."""
        return np.asarray(~np.isnan(self.contributions) & (self.factors != 0), dtype=bool)


class _Rule(Frozen):
    @model_validator(mode="after")
    def _named_once(self) -> Self:
        duplicates = [name for name in self.names() if self.names().count(name) > 1]
        if duplicates:
            raise ValueError(f"rule names the term {duplicates[0]!r} twice; name it once")
        return self

    def names(self) -> tuple[str, ...]:
        """Labels of the terms that this rule names."""
        return ()

    def applies(self, parts: Parts) -> BoolArray:
        """[n] whether the sample has a total."""
        return np.asarray(parts.applies.any(axis=1), dtype=bool)

    def apply(self, parts: Parts) -> FloatArray:
        """[n] totals, for samples to which something applies."""
        raise AssertionError(f"{type(self).__name__} defines no apply")


class Sum(_Rule):
    """total = w_hard sum_hard(w s) + (1 - w_hard) sum_continuous(w s) + sum_always(w s), s the shaped
    score."""

    type: Literal["sum"] = "sum"

    def apply(self, parts: Parts) -> FloatArray:
        return parts.sum()


class Gate(_Rule):
    """Lower terms count only where higher ones passed: total = sum_j c_j prod_{gates i above j} 1[s_i >
    above].

    Gated reward accumulation, G-RA (arXiv 2508.10548): R = r_1 + 1[r_1 > tau] sum_{j>1} w_j r_j, with as
    many levels as terms are named. In G-RA r_1 is the long-term reward (here: correctness) and immediate
    rewards stand below it; another order, such as form above correctness, is not G-RA. One threshold for
    all gates is ours. A term that is not named stands below all gates. A gate that does not apply is
    closed.
    """

    type: Literal["gate"] = "gate"
    order: tuple[str, ...] = Field(min_length=1)
    """Labels of the gates, highest first."""
    above: float = RIGHT
    """A gate opens for shaped scores above this."""

    def names(self) -> tuple[str, ...]:
        return self.order

    def apply(self, parts: Parts) -> FloatArray:
        gates = [parts.at(name) for name in self.order]
        total = np.zeros(len(parts.shaped))
        open_ = np.ones(len(parts.shaped), dtype=bool)
        for k in gates:
            total += np.where(open_, np.nan_to_num(parts.contributions[:, k], nan=0.0), 0.0)
            open_ = open_ & (parts.shaped[:, k] > self.above)
        return total + np.where(open_, parts.sum(without=gates), 0.0)


class Stratified(_Rule):
    """The other terms order samples, but no wrong one comes above a right one.

    HERO (arXiv 2510.07242): with m = (d - min) / (max - min) over the group's samples of the same verdict,
    d the sum of the other contributions: right (1 - right_spread) + 2 right_spread m, wrong -wrong_spread
    + 2 wrong_spread m. m = 1/2 where all d are equal but for rounding: ours, HERO's small number under the
    fraction makes it 0 there. A verifier that does not apply counts as wrong. The spreads of the paper are
    not known to us; 0.05 is ours.
    """

    type: Literal["stratified"] = "stratified"
    verifier: str
    """Label of the term that says right or wrong."""
    right_spread: float = Field(0.05, ge=0, lt=0.5)
    """Right samples lie from 1 - right_spread to 1 + right_spread."""
    wrong_spread: float = Field(0.05, ge=0, lt=0.5)
    """Wrong samples lie from -wrong_spread to wrong_spread."""

    def names(self) -> tuple[str, ...]:
        return (self.verifier,)

    def apply(self, parts: Parts) -> FloatArray:
        v = parts.at(self.verifier)
        right = parts.shaped[:, v] > RIGHT
        dense = parts.sum(without=[v])
        strata = Groups.of(parts.groups.index * 2 + right)
        low = strata.low(dense)[strata.index]
        high = strata.high(dense)[strata.index]
        wide = differ(low, high)
        m = np.where(wide, (dense - low) / np.where(wide, high - low, 1.0), 0.5)
        spread = np.where(right, self.right_spread, self.wrong_spread)
        return np.asarray(np.where(right, 1.0, 0.0) - spread + 2.0 * spread * m, dtype=float)


class Conciseness(_Rule):
    """Shortness is paid only where the outcome is: R = R_o (1 + alpha c (s + d)) + the other contributions.

    CRF (arXiv 2511.09158, as reviews report it): R_o the outcome's contribution, c the conciseness score,
    d = 1 - mean outcome of the group, the difficulty of the question, s annealed over the training. Here
    alpha and s are constants, since no number of a rule can be scheduled; their sizes are not known to us,
    the defaults are ours. The conciseness term's own weight is not used.
    """

    type: Literal["conciseness"] = "conciseness"
    outcome: str
    """Label of the term that says right or wrong."""
    concise: str
    """Label of the term that says how short."""
    alpha: float = Field(0.5, ge=0)
    """How much shortness is worth, as a share of the outcome."""
    s: float = Field(1.0, ge=0)
    """Its worth on problems that all of the group solve."""

    def names(self) -> tuple[str, ...]:
        return (self.outcome, self.concise)

    def apply(self, parts: Parts) -> FloatArray:
        o = parts.at(self.outcome)
        c = parts.at(self.concise)
        difficulty = 1.0 - np.nan_to_num(parts.groups.mean(parts.shaped[:, o]), nan=0.0)[parts.groups.index]
        concise = np.nan_to_num(parts.shaped[:, c], nan=0.0)
        outcome = np.nan_to_num(parts.contributions[:, o], nan=0.0)
        return outcome * (1.0 + self.alpha * concise * (self.s + difficulty)) + parts.sum(without=[o, c])


class _Ensemble(_Rule):
    terms: tuple[str, ...] = ()
    """Labels of the ensemble's terms; empty: all with a weight above 0."""

    def names(self) -> tuple[str, ...]:
        return self.terms

    def _split(self, parts: Parts) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Split the terms into members of the ensemble and others.

        Returns the shaped scores of the members, NaN where they do not apply [n, K]; the sum of the
        members' factors [n]; and the sum of the others' contributions [n].
        """
        inside = np.array([not self.terms or name in self.terms for name in parts.labels])
        member = inside & (parts.factors > 0)  # a penalty is not a judge: it stays outside and is subtracted
        scores = np.where(member, parts.shaped, np.nan)
        weight = np.where(np.isnan(scores), 0.0, parts.factors).sum(axis=1)
        outside_sum = np.where(member, 0.0, np.nan_to_num(parts.contributions, nan=0.0)).sum(axis=1)
        return scores, weight, outside_sum


class WorstCase(_Ensemble):
    """W min_k s_k + the rest, over the ensemble's shaped scores that apply, W the sum of their weights.

    WCO (arXiv 2310.02743; tlc4418/llm_optimization): a text is worth what its harshest judge says. Bring
    the terms to one scale first (shaping); the weights only decide W and who takes part.
    """

    type: Literal["worst_case"] = "worst_case"

    def apply(self, parts: Parts) -> FloatArray:
        scores, weight, outside_sum = self._split(parts)
        worst = np.fmin.reduce(scores, axis=1)
        return np.asarray(np.nan_to_num(worst, nan=0.0) * weight + outside_sum, dtype=float)


class Uncertainty(_Ensemble):
    """W (mean_k s_k - lambda var_k s_k) + the rest: disagreement between the terms costs.

    UWO (arXiv 2310.02743; tlc4418/llm_optimization, unbiased variance, lambda 0.1 for PPO).
    """

    type: Literal["uncertainty"] = "uncertainty"
    lambda_: float = Field(0.1, ge=0, alias="lambda")
    """What a unit of variance costs."""

    def apply(self, parts: Parts) -> FloatArray:
        scores, weight, outside_sum = self._split(parts)
        applies = ~np.isnan(scores)
        count = applies.sum(axis=1)
        mean = np.where(applies, scores, 0.0).sum(axis=1) / np.maximum(count, 1)
        gap = np.where(applies, scores - mean[:, None], 0.0)
        variance = (gap * gap).sum(axis=1) / np.maximum(count - 1, 1)
        return np.asarray(weight * (mean - self.lambda_ * variance) + outside_sum, dtype=float)


class Lexicographic(_Rule):
    """(wins - losses) / (others) over the group, each pair decided by the first term in which the two differ
    enough.

    HERON (arXiv 2309.02632; abukharin3/HERON) without its trained model: the hierarchy itself is the
    reward. `margin` is in standard deviations of the term over the batch. Weights and the blend are not
    used; a term that does not apply loses.
    """

    type: Literal["lexicographic"] = "lexicographic"
    order: tuple[str, ...] = Field(min_length=1)
    """Labels, most important first."""
    margin: float = Field(0.0, ge=0)
    """A difference up to this many standard deviations decides nothing."""

    def names(self) -> tuple[str, ...]:
        return self.order

    def applies(self, parts: Parts) -> BoolArray:
        return np.asarray((~np.isnan(parts.shaped[:, self._columns(parts)])).any(axis=1), dtype=bool)

    def _columns(self, parts: Parts) -> list[int]:
        return [parts.at(name) for name in self.order]

    def apply(self, parts: Parts) -> FloatArray:
        applies = self.applies(parts)  # a sample that no term applies to is not compared
        values = np.nan_to_num(parts.shaped[:, self._columns(parts)], nan=-np.inf)
        if self.margin:
            return self._pairwise(parts, values, applies)
        # Without a margin the order is total: the place in it gives the number of wins.
        order = np.lexsort(values.T[::-1])
        new = np.ones(len(values), dtype=bool)
        new[1:] = (values[order[1:]] != values[order[:-1]]).any(axis=1)
        place = np.empty(len(values))
        place[order] = np.cumsum(new)
        place = np.where(applies, place, np.nan)
        others = parts.groups.known(place)[parts.groups.index] - 1
        return np.where(others > 0, (2 * parts.groups.rank(place) - others) / np.maximum(others, 1), 0.0)

    def _pairwise(self, parts: Parts, values: FloatArray, known: BoolArray) -> FloatArray:
        finite = np.where(np.isfinite(values), values, np.nan)
        std = [parts.batches.std(c)[parts.batches.index] for c in finite.T]
        out = np.zeros(len(values))
        for members in parts.groups.members():
            rows = members[known[members]]
            scores = values[rows]
            decided = np.zeros((len(rows), len(rows)))
            for k in range(scores.shape[1]):
                with np.errstate(invalid="ignore"):  # -inf - -inf: neither applies, so neither wins
                    gap = np.nan_to_num(scores[:, None, k] - scores[None, :, k], nan=0.0)
                decided = np.where(
                    decided == 0, np.sign(gap) * (np.abs(gap) > self.margin * std[k][members[0]]), decided
                )
            out[rows] = decided.sum(axis=1) / max(len(rows) - 1, 1)
        return out


CombinationRule = Annotated[
    Sum | Gate | Stratified | Conciseness | WorstCase | Uncertainty | Lexicographic,
    Field(discriminator="type"),
]
COMBINATIONS: dict[str, type[_Rule]] = {
    "sum": Sum,
    "gate": Gate,
    "stratified": Stratified,
    "conciseness": Conciseness,
    "worst_case": WorstCase,
    "uncertainty": Uncertainty,
    "lexicographic": Lexicographic,
}


def totals(rule: _Rule, parts: Parts) -> FloatArray:
    """[n] totals; NaN where no term applies."""
    return np.where(rule.applies(parts), rule.apply(parts), np.nan)
