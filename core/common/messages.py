"""Turns pydantic's errors into messages that name the thing, the value and the repair.

A table maps pydantic's type of error to a sentence; a type that is not in it keeps pydantic's own message.
"""

import re
from collections.abc import Mapping
from typing import Any

NAME = r"^[a-z][a-z0-9_-]{0,39}$"  # of arms, terms and saved mixes
MOST_SHOWN = 60  # characters of a refused value
WHOLE = "{name} must be a whole number (got {value})"
NUMBER = "{name} must be a number (got {value})"
SWITCH = "{name} must be true or false (got {value})"
SETTINGS = "{name} must hold settings by their names (got {value})"
LIST = "{name} must be a list (got {value})"
WORDS = {
    "missing": "is missing; give it a value",
    "extra_forbidden": "no such setting; check the spelling, or remove it",
    "greater_than": "{name} must be greater than {gt} (got {value})",
    "greater_than_equal": "{name} must be greater than or equal to {ge} (got {value})",
    "less_than": "{name} must be less than {lt} (got {value})",
    "less_than_equal": "{name} must be less than or equal to {le} (got {value})",
    "int_parsing": WHOLE,
    "int_type": WHOLE,
    "int_from_float": WHOLE,
    "float_parsing": NUMBER,
    "float_type": NUMBER,
    "finite_number": "{name} must be a finite number (got {value})",
    "bool_parsing": SWITCH,
    "bool_type": SWITCH,
    "string_type": "{name} must be text (got {value})",
    "literal_error": "{name} must be {expected} (got {value})",
    "union_tag_invalid": "{name} has no type {tag!r}; choose one of {expected_tags}",
    "union_tag_not_found": "{name} does not say which it is; give it a `type`",
    "model_type": SETTINGS,
    "model_attributes_type": SETTINGS,
    "dict_type": SETTINGS,
    "tuple_type": LIST,
    "list_type": LIST,
    "string_too_long": "{name} has {size} characters, more than {max_length}; shorten it",
    "too_long": "{name} has {actual_length} items, more than {max_length}; take some away",
}


def said(fault: Mapping[str, Any], name: str) -> str:
    """Our message for one of pydantic's errors. `name`: what the refused value is called."""
    kind = fault["type"]
    value = fault.get("input")
    context = fault.get("ctx", {})
    if kind == "value_error":
        return str(fault["msg"]).removeprefix("Value error, ")
    if kind == "missing" and name.startswith("an item of "):
        return f"{name} lacks a value; give it all of its values"
    if kind == "string_pattern_mismatch" and NAME in context["pattern"]:
        return no_name(name, str(value))
    if kind in ("too_short", "string_too_short"):
        unit = "item" if kind == "too_short" else "character"
        minimum = context["min_length"]
        has = context.get("actual_length", len(value) if isinstance(value, str) else 0)
        return (
            f"{name} {f'has {has}' if has else 'is empty'}; "
            f"give it at least {minimum} {unit}{'' if minimum == 1 else 's'}"
        )
    if kind not in WORDS:
        own = str(fault["msg"])
        return own if isinstance(value, dict) else f"{own} (got {shown(value)})"
    size = len(value) if isinstance(value, str) else 0
    bounds = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in context.items()}
    return WORDS[kind].format(**bounds, name=name, value=shown(value), size=size)


def shown(value: Any) -> str:
    """The repr of a value, cut if it is long."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def no_name(what: str, given: str) -> str:
    """The message for a name that NAME refuses, with a similar valid name if one can be derived."""
    like = re.sub(r"[^a-z0-9_]+", "-", given.lower()).lstrip("0123456789-_")[:40].rstrip("-_")
    rule = f"{what} {shown(given)}: use lower case letters, digits, - and _, a letter first, 40 at most"
    return f"{rule}; try {like}" if like else rule
