"""The two arrays-over-a-batch records of the reward engine: what comes in and what goes out.

`RolloutBatch` is made by the training child, by `showdown score` and by the design page; components read it.
`ScoredBatch` is made by core.engine only. Axes: n samples, K terms, g groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core.answers import Answer, AnswerRule, extract, matches

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class RolloutBatch:
    """n samples in generation order; samples of one group share a `group` id.

    `mean_nll` [n] is the mean negative log-probability per token in nats under the policy, NaN where unknown.
    `truncated` [n]: the completion was cut at max_completion_length.
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

    def __len__(self) -> int:
        return len(self.completions)

    @cached_property
    def answers(self) -> list[Answer | None]:
        """The parsed answer of each completion; None where there is none. Parsed once for all components."""
        return [extract(text, self.answer_rule) for text in self.completions]

    @cached_property
    def correct(self) -> BoolArray:
        """[n] the parsed answer equals the gold answer."""
        pairs = zip(self.answers, self.golds, strict=True)
        return np.array([matches(answer, gold) for answer, gold in pairs], dtype=bool)


@dataclass(frozen=True)
class ScoredBatch:
    """What a mix made of a batch at one step.

    `raw`, `shaped`, `contributions` [n, K] (NaN: the term does not apply); `weights` [K]: the full factor of a term
    at this step, its own weight times its side's share of the blend; `total`, `advantage` [n]; `dead` [g];
    `advantage_share` [K]: each term's share of the advantage's variance (sums to 1; 0 where nothing varies).
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


def single(prompt: str, completion: str, gold: str, answer_rule: AnswerRule = "strict") -> RolloutBatch:
    """A batch of one pasted completion: no policy has seen it, so its log-probabilities are unknown."""
    return RolloutBatch(
        prompts=[prompt],
        completions=[completion],
        golds=[gold],
        problem_ids=["pasted"],
        group=np.zeros(1, dtype=np.int64),
        n_tokens=np.array([len(completion.split())], dtype=np.int64),
        truncated=np.zeros(1, dtype=bool),
        mean_nll=np.full(1, np.nan),
        answer_rule=answer_rule,
    )
