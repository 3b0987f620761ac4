"""Values from outside into a config of any kind, or every fault with its place in our words.

Called wherever a config comes in: by the forms, the CLI, core.yaml_files and core.store. Must not know which kinds there
are, nor what each of them demands; of the parts of a mix it knows the names alone, to leave them out of a fault's place.
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.advantage import RULES
from core.errors import ConfigError
from core.faults import said
from core.rules import COMBINATIONS
from core.schedule import SCHEDULES
from core.shaping import SHAPINGS

T = TypeVar("T", bound=BaseModel)
UNION_TAGS = {*SCHEDULES, *SHAPINGS, *COMBINATIONS, *RULES, "number", "schedule"}  # parts of a fault's path that no file has


def explain(error: ValidationError) -> ConfigError:
    """pydantic's faults as (field path, message) pairs in our words."""
    faults = error.errors(include_url=False)
    inner = [f["loc"] for f in faults]
    problems = []
    for fault in faults:
        loc = fault["loc"]
        if fault["type"] == "too_short" and any(other[: len(loc)] == loc and other != loc for other in inner):
            continue  # the list is short only because its items were refused
        path = ".".join(str(p) for p in loc if p not in UNION_TAGS)
        problems.append((path, said(fault, _called(loc))))
    return ConfigError(problems)


def _called(loc: tuple[int | str, ...]) -> str:
    """What is refused, by its own name: the field's, or what it is an item of."""
    names = [p for p in loc if isinstance(p, str) and p not in UNION_TAGS]
    if not names:
        return "it"
    return f"an item of {names[-1]}" if isinstance(loc[-1], int) else names[-1]


def parse(kind: type[T], values: Any) -> T:
    """`values` as a config of that kind; ConfigError with a message per fault."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise explain(error) from error
