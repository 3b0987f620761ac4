"""The reward component: a pure function over a batch, and one record of what people need to know about it.

A component knows nothing of weights, schedules, models, files or clocks, and it draws no random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.common.config_model import Frozen
from core.rewards.batch import FloatArray, RolloutBatch

Need = Literal[
    "text",
    "gold",
    "solution",
    "group",
    "logprobs",
    "no_prompt",
    "certainty",
    "reference",
    "judge",
    "reward_model",
]
# Every need is in one of these.
FROM_TEXT = frozenset[Need](
    {"text", "gold", "solution", "group"}
)  # known for any completion, without a model
# measured with the policy in training
FROM_POLICY = frozenset[Need]({"logprobs", "no_prompt", "certainty", "reference"})
FROM_OTHER_MODELS = frozenset[Need]({"judge", "reward_model"})


class ComponentParams(Frozen):
    """Base of every params class: bounds and help live on the fields, and the form is drawn from them."""


@dataclass(frozen=True)
class Component:
    """A named function that scores samples.

    `score(batch, params)` returns [n] scores within `range`; NaN means "does not apply", 0.0 "judged
    worthless", an exception is a bug and stops the run. `needs` says what of the batch it reads beyond the
    text.
    """

    name: str
    title: str
    what: str
    how_it_is_gamed: str
    params: type[ComponentParams]
    score: Callable[[RolloutBatch, Any], FloatArray]
    range: tuple[float, float]
    side: Literal["hard", "continuous", "always"]
    needs: frozenset[Need] = frozenset({"text"})


def external_key(name: str, params: ComponentParams) -> str:
    """The key of the scores that another model gave for this component with these params."""
    return f"{name}:{params.model_dump_json()}"


def external_scores(batch: RolloutBatch, name: str, params: ComponentParams) -> FloatArray:
    """[n] scores that another model gave before the components ran; NaN where it was not asked."""
    scores = batch.external.get(external_key(name, params))
    return np.full(len(batch), np.nan) if scores is None else scores
