"""The reward engine: a batch of samples in, a scored batch out. The only place where scores meet weights.

`RewardEngine` serves a training: it remembers what adaptive schedules and running statistics need, and its
state is part of every checkpoint. `score` scores one batch without a history; `combine` is the arithmetic
alone. No model, no I/O, no clock. Axes: n samples, K terms.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from core.common.errors import ComponentError
from core.common.groups import BoolArray, FloatArray, Groups, beside
from core.rewards.adaptive import AdaptiveState, Signals
from core.rewards.advantage import advantages, dead, shares
from core.rewards.advantage_base import Totals
from core.rewards.batch import RolloutBatch, ScoredBatch
from core.rewards.combination import Parts, totals
from core.rewards.component import FROM_OTHER_MODELS
from core.rewards.mix import Adapted, Mix, Term

SLACK = 1e-9
Shapings = dict[str, dict[str, Any]]


def score_term(batch: RolloutBatch, term: Term) -> FloatArray:
    """[n] raw scores of one term; ComponentError if the component breaks its promises."""
    definition = term.definition
    try:
        raw = np.asarray(definition.score(batch, term.settings), dtype=float)
    except Exception as error:
        raise ComponentError(
            f"component {definition.name!r} raised {type(error).__name__}: {error}"
        ) from error
    if raw.shape != (len(batch),):
        raise ComponentError(
            f"component {definition.name!r} returned shape {raw.shape} for {len(batch)} samples"
        )
    low, high = definition.range
    wrong = np.flatnonzero((raw < low - SLACK) | (raw > high + SLACK) | np.isinf(raw))
    if len(wrong):
        i = int(wrong[0])
        raise ComponentError(
            f"component {definition.name!r} scored {raw[i]:g}, outside its range [{low:g}, {high:g}], "
            f"for problem {batch.problem_ids[i]!r}: {batch.completions[i][:200]!r}"
        )
    return raw


@dataclass(frozen=True)
class Combined:
    """The result of `combine`.

    `shaped`, `factors`, `contributions` [n, K]; `total`, `advantage` [n]; `totals`: the input of the
    advantage rule.
    """

    shaped: FloatArray
    factors: FloatArray
    contributions: FloatArray
    total: FloatArray
    advantage: FloatArray
    totals: Totals


def combine(
    mix: Mix,
    raw: FloatArray,
    steps: FloatArray,
    groups: Groups,
    batches: Groups,
    correct: BoolArray,
    mean_nll: FloatArray,
    shapings: Shapings | None = None,
    adapted: Adapted | None = None,
) -> Combined:
    """Turn raw scores [n, K] into advantages, for any number of steps at once.

    contribution = weight(step) x shaped score; total = rule(contributions), NaN when no term with a weight
    applies; advantage = the mix's advantage rule over the totals. `steps` [n]: the step of each sample;
    `batches`: the samples of one step. `shaped` has NaN where a judge or reward model gave no verdict;
    everything after it uses the value that stands in for the verdict.
    """
    adapted = adapted or {}
    shapings = {} if shapings is None else shapings
    shaped = beside(
        [
            t.shaping.apply(raw[:, k], groups, shapings.setdefault(t.label, {}))
            for k, t in enumerate(mix.terms)
        ]
    )
    scores = _with_missing_verdicts(mix, shaped, groups)
    # Weights are computed once per step and broadcast to its samples.
    batch_steps = _first_of(steps, batches)
    own_weights = [
        np.array([mix.own_weight(t, s, adapted) for s in batch_steps])[batches.index] for t in mix.terms
    ]
    share = np.array([mix.hard_share(s, adapted) for s in batch_steps])[batches.index]
    of_side = {"hard": share, "continuous": 1.0 - share}
    sides = tuple(t.side for t in mix.terms)
    factors = beside([w * of_side[s] if s in of_side else w for w, s in zip(own_weights, sides, strict=True)])
    contributions = scores * factors
    total = totals(mix.rule, Parts(mix.labels, scores, contributions, factors, groups, batches))
    if mix.advantage.absolute:
        total = np.where(_verdict_unknown(mix, scores, factors), np.nan, total)
    t = Totals(
        total=total,
        shaped=scores,
        factors=factors,
        contributions=contributions,
        own=np.where(beside(own_weights) == 0, np.nan, scores * beside(own_weights)),
        sides=sides,
        hard_share=share,
        correct=correct,
        mean_nll=mean_nll,
        groups=groups,
        batches=batches,
        step=steps,
    )
    return Combined(shaped, factors, contributions, total, advantages(mix.advantage, t), t)


def _external(mix: Mix) -> list[int]:
    """Indexes of the terms that another model scores."""
    return [k for k, term in enumerate(mix.terms) if term.definition.needs & FROM_OTHER_MODELS]


def _with_missing_verdicts(mix: Mix, shaped: FloatArray, groups: Groups) -> FloatArray:
    """[n, K] shaped scores, with the mean of the group for verdicts that are missing.

    A judge or reward model gave no verdict because of the network, not because of the text. Counted as 0,
    or as not there, it would move the sample against the others of its group, and under rules that compare,
    count or divide it would move them too. Where a whole group has no verdict, the term does not apply to
    it.
    """
    external = _external(mix)
    if not external:
        return shaped
    columns = list(shaped.T)
    for k in external:
        column = columns[k]
        # Clip to the extremes: where all verdicts are equal, the mean of floats may differ from them.
        mean = np.clip(groups.mean(column), groups.low(column), groups.high(column))
        columns[k] = np.where(np.isnan(column), mean[groups.index], column)
    return beside(columns)


def _verdict_unknown(mix: Mix, scores: FloatArray, factors: FloatArray) -> BoolArray:
    """[n] whether a judge or reward model that counts in the total gave the whole group no verdict.

    Inside the group that moves no sample, but a total that lacks a part cannot be measured against a fixed
    number.
    """
    unknown = np.zeros(len(scores), dtype=bool)
    for k in _external(mix):
        has_a_say = (factors[:, k] != 0) | (mix.labels[k] in mix.rule.names())
        unknown |= np.isnan(scores[:, k]) & has_a_say
    return unknown


def _first_of(values: FloatArray, groups: Groups) -> list[float]:
    out = np.zeros(groups.count)
    out[groups.index] = values
    return [float(v) for v in out]


@dataclass
class RewardEngine:
    """A mix and its state in the run so far. `mix` has its schedules in steps."""

    mix: Mix
    schedules: dict[str, AdaptiveState] = field(default_factory=dict)
    shapings: Shapings = field(default_factory=dict)
    evaluated: int = -1
    """Newest step whose evaluation the schedules have observed."""

    def __post_init__(self) -> None:
        for name, schedule in self.mix.adaptive.items():
            self.schedules.setdefault(name, schedule.begin())

    @property
    def adapted(self) -> Adapted:
        """The current values of the adaptive schedules, by name."""
        return {name: state.value for name, state in self.schedules.items()}

    def score(self, batch: RolloutBatch, step: int) -> ScoredBatch:
        """Score the batch of a training step.

        Running statistics take it in; adaptive schedules do not move yet.
        """
        mix = self.mix
        n = len(batch)
        raw = beside([score_term(batch, t) for t in mix.terms])
        steps = np.full(n, float(step))
        args = (
            raw,
            steps,
            batch.groups,
            Groups.one(n),
            batch.correct,
            batch.mean_nll,
            self.shapings,
            self.adapted,
        )
        combined = combine(mix, *args)
        return ScoredBatch(
            terms=mix.labels,
            step=step,
            blend=mix.hard_share(step, self.adapted),
            raw=raw,
            shaped=combined.shaped,
            weights=np.array([mix.factor(t, step, self.adapted) for t in mix.terms]),
            contributions=combined.contributions,
            total=combined.total,
            advantage=combined.advantage,
            dead=dead(mix.advantage, combined.totals, combined.advantage),
            advantage_share=self._shares(combined),
        )

    def _shares(self, made: Combined) -> FloatArray:
        # Under a rule other than the sum, a total is not a sum of parts, so its variance has no shares.
        if self.mix.rule.type != "sum":
            return np.full(len(self.mix.terms), np.nan)
        return shares(self.mix.advantage, made.totals)

    def observe(self, signals: Signals) -> list[str]:
        """Advance the adaptive schedules by a finished step.

        Returns the names of those that switched on or off.
        """
        switched = []
        for name, schedule in self.mix.adaptive.items():
            previous = self.schedules[name]
            self.schedules[name] = schedule.advance(previous, signals)
            if self.schedules[name].on != previous.on:
                switched.append(name)
        return switched

    def observe_evaluation(self, kl: float, step: int) -> list[str]:
        """Advance the adaptive schedules by the KL of the evaluation after a step, once.

        Returns the names of those that switched on or off.
        """
        if step <= self.evaluated:
            return []
        self.evaluated = step
        return self.observe(Signals(kl=kl))

    def state(self) -> dict[str, Any]:
        """The state that a checkpoint stores, as plain JSON types."""
        return {
            "evaluated": self.evaluated,
            "schedules": {k: asdict(v) for k, v in self.schedules.items()},
            "shapings": {k: dict(v) for k, v in self.shapings.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a stored state, exact to the last bit."""
        self.evaluated = state.get("evaluated", -1)  # missing in checkpoints before 2026-11-21
        self.schedules = {k: AdaptiveState(**v) for k, v in state["schedules"].items()}
        self.shapings = {k: dict(v) for k, v in state["shapings"].items()}


def signals(correct: BoolArray, total: FloatArray, is_dead: BoolArray, groups: Groups) -> Signals:
    """The signals in the samples of one step; KL comes from evaluations."""
    spread = groups.std(total)
    return Signals(
        accuracy=float(correct.mean()), spread=float(spread.mean()), dead_groups=float(is_dead.mean())
    )


def signals_of(batch: RolloutBatch, scored: ScoredBatch) -> Signals:
    """The signals in a scored batch.

    Samples whose gold answer cannot be read do not count in the accuracy, unless no gold answer can be read.
    """
    judged = batch.correct[batch.readable] if batch.readable.any() else batch.correct
    return signals(judged, scored.total, scored.dead, batch.groups)


def score(batch: RolloutBatch, mix: Mix, step: int) -> ScoredBatch:
    """Score one batch as if it were the first, with adaptive schedules at their start."""
    return RewardEngine(mix).score(batch, step)
