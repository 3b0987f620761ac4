"""Reward model: the value head of a trained sequence classifier.

The forward pass is in worker.training.scoring.reward_model; this module has the settings and looks up the
scores.
"""

from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams, external_scores

NAME = "reward_model"


class Params(ComponentParams):
    """Which model, and how its unbounded value is brought into (0, 1)."""

    path: str = ""
    """Folder or hub name of a sequence-classification model with one output."""
    shift: float = 0.0
    """Value of the model that scores 0.5."""
    scale: float = Field(1.0, gt=0)
    """Distance from there at which the score is 0.73."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] sigmoid((value - shift) / scale) in [0, 1]; NaN where the model was not asked.

    With scale 1 the difference of two values is the Bradley-Terry log-odds that such models are trained for.
    """
    return external_scores(batch, NAME, params)


COMPONENT = Component(
    name=NAME,
    title="Reward model",
    what="What a trained reward model gives prompt and completion.",
    how_it_is_gamed="By text unlike its training data, where its value means nothing but can be high.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"reward_model"}),
)
