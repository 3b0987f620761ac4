"""Values from outside into a config of any kind, or every fault with its place in our words.

Called wherever a config comes in: by the forms, the CLI, core.yaml_files and core.store. Must not know which kinds there
are, nor what each of them demands; of the parts of a mix it knows the names alone, to leave them out of a fault's place.
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.advantage import RULES
from core.errors import ConfigError
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
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "no such setting; check the spelling, or remove it"
        elif fault["type"] == "missing":
            message = "is missing; give it a value"
        elif fault["type"] != "value_error" and not isinstance(fault.get("input"), dict):
            message = f"{message} (got {fault.get('input')!r})"
        problems.append((path, message))
    return ConfigError(problems)


def parse(kind: type[T], values: Any) -> T:
    """`values` as a config of that kind; ConfigError with a message per fault."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise explain(error) from error
