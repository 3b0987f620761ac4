"""Parses values from outside into a config, or reports every fault with its place, in our words.

Must not know which kinds of config there are, nor what each of them demands. Of the parts of a mix it knows
only the names, to leave them out of a fault's place.
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.common.errors import ConfigError
from core.common.messages import said
from core.rewards.advantage import RULES
from core.rewards.combination import COMBINATIONS
from core.rewards.schedule import SCHEDULES
from core.rewards.shaping import SHAPINGS

T = TypeVar("T", bound=BaseModel)
# parts of a fault's path that no file has
UNION_TAGS = {*SCHEDULES, *SHAPINGS, *COMBINATIONS, *RULES, "number", "schedule"}


def explain(error: ValidationError) -> ConfigError:
    """pydantic's faults as (field path, message) pairs in our words."""
    faults = error.errors(include_url=False)
    locations = [f["loc"] for f in faults]
    problems = []
    for fault in faults:
        loc = fault["loc"]
        if fault["type"] == "too_short" and any(
            location[: len(loc)] == loc and location != loc for location in locations
        ):
            continue  # the list is short only because its items were refused
        path = ".".join(str(p) for p in loc if p not in UNION_TAGS)
        problems.append((path, said(fault, _called(loc))))
    return ConfigError(problems)


def _called(loc: tuple[int | str, ...]) -> str:
    """Name of the refused value: its field, or the field that it is an item of."""
    names = [p for p in loc if isinstance(p, str) and p not in UNION_TAGS]
    if not names:
        return "it"
    return f"an item of {names[-1]}" if isinstance(loc[-1], int) else names[-1]


def parse(kind: type[T], values: Any) -> T:
    """Parse `values` as a config of that kind; ConfigError with a message per fault."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise explain(error) from error
