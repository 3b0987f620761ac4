"""The base of all that a config holds. Called by core.mix, its rules, schedules and shapings, and the params of components.

Nothing in a config can be changed or misspelt, no number in it is NaN or infinite, and the docstring of a field is its help.
"""

import ast
import inspect
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

MOST = 10**12


class Frozen(BaseModel):
    """Base class with these rules."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _has_a_bound(cls, value: Any) -> Any:
        """Of whole numbers, whatever a field says: what counts or searches up to one must come to an end."""
        if isinstance(value, int) and abs(value) > MOST:
            raise ValueError(f"is beyond {MOST:,}, the most that a whole number in a config may be; give a smaller one")
        return value


@cache
def descriptions(kind: type[Frozen]) -> dict[str, str]:
    """What a class says of its fields, by their names: the docstring below each, or `Field(description=...)`.

    Only pages show it. Pydantic's `use_attribute_docstrings` would have every process that imports our classes read their
    source: a fifth of a second in a training that is forked.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Frozen):
            found |= _docstrings(base)
    return found | {name: info.description for name, info in kind.model_fields.items() if info.description}


def _docstrings(kind: type[Frozen]) -> dict[str, str]:
    """Of the fields that the body of this class declares. Empty where its source is not there."""
    try:
        (statement,) = ast.parse(dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):
        return {}
    body = statement.body if isinstance(statement, ast.ClassDef) else []
    found = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = inspect.cleandoc(said)
    return found
