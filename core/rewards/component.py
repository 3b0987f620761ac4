"""What a reward component is. Called by every file beside it, by core.engine, and by the forms of the app.

A component is a pure function over a batch plus one record of what people need to know about it. It knows nothing of
weights, schedules, models, files or clocks, and it draws no random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.batch import FloatArray, RolloutBatch
from core.frozen import Frozen

Need = Literal["text", "gold", "solution", "group", "logprobs", "no_prompt", "certainty", "reference", "judge", "reward_model"]
# Every need is in one of these.
FROM_TEXT = frozenset[Need]({"text", "gold", "solution", "group"})  # known of any completion, without a model
FROM_POLICY = frozenset[Need]({"logprobs", "no_prompt", "certainty", "reference"})  # asked of the policy in training
FROM_OTHER_MODELS = frozenset[Need]({"judge", "reward_model"})


class ComponentParams(Frozen):
    """Base of every params class: bounds and help live on the fields, and the form is drawn from them."""


@dataclass(frozen=True)
class Component:
    """A named function that scores samples.

    `score(batch, params)` returns [n] scores within `range`; NaN means "does not apply", 0.0 "judged worthless", an
    exception is a bug and stops the run. `needs` says what of the batch it reads beyond the text.
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
    """Where a batch keeps the scores another model gave for this component with these params."""
    return f"{name}:{params.model_dump_json()}"


def external_scores(batch: RolloutBatch, name: str, params: ComponentParams) -> FloatArray:
    """[n] scores another model gave before the batch came to the components; NaN where nobody asked it."""
    scores = batch.external.get(external_key(name, params))
    return np.full(len(batch), np.nan) if scores is None else scores
