"""The base of all that a config holds. Called by core.mix, its rules, schedules and shapings, and the params of components.

Nothing in a config can be changed or misspelt, no number in it is NaN or infinite, and the docstring of a field is its help.
"""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base class with these rules."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
