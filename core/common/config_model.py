"""The base class of everything that a config holds.

Nothing in a config can be changed or misspelt, no number in it is NaN or infinite, and the docstring of a
field is its help.
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
    """Base class of config models: immutable, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _has_a_bound(cls, value: Any) -> Any:
        """Bound whole numbers in every field: what counts or searches up to one must end."""
        if isinstance(value, int) and abs(value) > MOST:
            raise ValueError(
                f"is beyond {MOST:,}, the most that a whole number in a config may be; give a smaller one"
            )
        return value


@cache
def descriptions(kind: type[Frozen]) -> dict[str, str]:
    """The help text of each field of a class: the docstring below it, or `Field(description=...)`.

    Only pages show it. Pydantic's `use_attribute_docstrings` would have every process that imports our
    classes read their source: a fifth of a second in a training that is forked.
    """
    text_by_field: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Frozen):
            text_by_field |= _docstrings(base)
    return text_by_field | {
        name: info.description for name, info in kind.model_fields.items() if info.description
    }


def _docstrings(kind: type[Frozen]) -> dict[str, str]:
    """The docstrings of the fields that this class itself declares; empty if its source is not available."""
    try:
        (statement,) = ast.parse(dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):
        return {}
    body = statement.body if isinstance(statement, ast.ClassDef) else []
    text_by_field = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                text_by_field[name] = inspect.cleandoc(said)
    return text_by_field
