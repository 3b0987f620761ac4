"""The input and the output of the reward engine, as arrays over a batch.

Components read a `RolloutBatch`; only core.rewards.engine makes a `ScoredBatch`. Axes: n samples, K terms, g
groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core.common.groups import BoolArray, FloatArray, Groups, IntArray
from core.grading.answers import Answer, AnswerRule, extract, matches, read_gold
from core.grading.equations import Equation, Statement, judged, statements
from core.problems.problem import Problem


def _unknown() -> FloatArray:
    return np.zeros(0)


@dataclass(frozen=True)
class RolloutBatch:
    """n samples in generation order; samples of one group share a `group` id.

    `mean_nll` [n]: the mean negative log-probability per token in nats under the policy, NaN where unknown.
    `truncated` [n]: the completion was cut at max_completion_length. `begun` [n]: the beginning of the
    completion that the rendered prompt ends with (`<think>` of a chat template), as
    core.grading.replies.opened gives it; empty where there is none.

    The fields from `solutions` on are filled only if a component needs them; otherwise they are empty or
    NaN. `token_nll`: -log p token by token, as core.rewards.tokens packs it (None where the places of the
    tokens are not known). `nll_without_prompt`: `mean_nll` with an empty user turn. `self_certainty`: mean
    KL(uniform || policy) in nats. `reference_probability`: mean probability of the gold answer's tokens after
    the reasoning. `reference_baseline`: that probability without the reasoning. `external`, [n] each: scores
    that other models gave, under core.rewards.component.external_key.
    """

    prompts: Sequence[str]
    completions: Sequence[str]
    golds: Sequence[str]
    problem_ids: Sequence[str]
    group: IntArray
    n_tokens: IntArray
    truncated: BoolArray
    mean_nll: FloatArray
    answer_rule: AnswerRule = "strict"
    begun: Sequence[str] = ()
    solutions: Sequence[str] = ()
    token_nll: Sequence[str | None] = ()
    nll_without_prompt: FloatArray = field(default_factory=_unknown)
    self_certainty: FloatArray = field(default_factory=_unknown)
    reference_probability: FloatArray = field(default_factory=_unknown)
    reference_baseline: FloatArray = field(default_factory=_unknown)
    external: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.completions)
        for name in ("begun", "solutions"):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, [""] * n)
        if not len(self.token_nll):
            object.__setattr__(self, "token_nll", [None] * n)
        for name in ("nll_without_prompt", "self_certainty", "reference_probability", "reference_baseline"):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(n, np.nan))

    def __len__(self) -> int:
        return len(self.completions)

    @cached_property
    def groups(self) -> Groups:
        """The groups of the samples, for statistics inside them."""
        return Groups.of(self.group)

    @cached_property
    def answers(self) -> list[Answer | None]:
        """The answer of each completion, None where there is none. Parsed once for all components."""
        pairs = zip(self.completions, self.begun, strict=True)
        return [extract(text, self.answer_rule, begun) for text, begun in pairs]

    @cached_property
    def statements(self) -> list[list[Statement]]:
        """The statements `expression = value` of each completion, judged or not.

        Parsed once for all components.
        """
        return [statements(text) for text in self.completions]

    @cached_property
    def equations(self) -> list[list[Equation]]:
        """The judged statements of each completion: those that were read whole."""
        return [judged(worked) for worked in self.statements]

    @cached_property
    def readable(self) -> BoolArray:
        """[n] whether the gold answer can be read, so that right and wrong mean something."""
        return np.array([read_gold(gold) is not None for gold in self.golds], dtype=bool)

    @cached_property
    def correct(self) -> BoolArray:
        """[n] whether the parsed answer equals the gold answer."""
        pairs = zip(self.answers, self.golds, strict=True)
        return np.array([matches(answer, gold) for answer, gold in pairs], dtype=bool)


@dataclass(frozen=True)
class ScoredBatch:
    """The rewards and advantages that a mix gave a batch at one step.

    `raw`, `shaped`, `contributions` [n, K] (NaN: the term does not apply). `weights` [K]: the full factor
    of a term at this step, its own weight times its side's share of the blend. `total`, `advantage` [n].
    `dead` [g]. `advantage_share` [K]: each term's share of the advantage's variance (sums to 1; 0 where
    nothing varies).
    """

    terms: tuple[str, ...]
    step: int
    blend: float
    raw: FloatArray
    shaped: FloatArray
    weights: FloatArray
    contributions: FloatArray
    total: FloatArray
    advantage: FloatArray
    dead: BoolArray
    advantage_share: FloatArray = field(default_factory=lambda: np.zeros(0))


def of_problem(
    problem: Problem, completions: Sequence[str], answer_rule: AnswerRule = "strict"
) -> RolloutBatch:
    """A batch of texts that no policy wrote, as one group.

    Their log-probabilities are unknown, and words count as tokens.
    """
    n = len(completions)
    return RolloutBatch(
        prompts=[problem.question] * n,
        completions=completions,
        golds=[problem.gold] * n,
        problem_ids=[problem.id] * n,
        group=np.zeros(n, dtype=np.int64),
        n_tokens=np.array([len(text.split()) for text in completions], dtype=np.int64),
        truncated=np.zeros(n, dtype=bool),
        mean_nll=np.full(n, np.nan),
        answer_rule=answer_rule,
        solutions=[problem.solution] * n,
    )


__all__ = ["BoolArray", "FloatArray", "IntArray", "RolloutBatch", "ScoredBatch", "of_problem"]
