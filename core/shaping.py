"""Shaping: a transform of a raw score before it is weighted. Called by core.mix (config) and core.engine (arrays).

To add one: a class with `apply`, and its name in `Shaping`. NaN ("does not apply") passes through every shaping.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.batch import FloatArray


class _Shaping(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Plain(_Shaping):
    """The raw score as it is."""

    type: Literal["plain"] = "plain"

    def apply(self, raw: FloatArray) -> FloatArray:
        return raw


class Clip(_Shaping):
    """min(max(score, low), high): an outlier counts no more than the bound."""

    type: Literal["clip"] = "clip"
    low: float = Field(0.0, allow_inf_nan=False)
    """Smallest shaped score."""
    high: float = Field(1.0, allow_inf_nan=False)
    """Largest shaped score."""

    @model_validator(mode="after")
    def _ordered(self) -> "Clip":
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        return self

    def apply(self, raw: FloatArray) -> FloatArray:
        return np.clip(raw, self.low, self.high)


Shaping = Annotated[Plain | Clip, Field(discriminator="type")]
