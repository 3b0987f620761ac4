"""Names of settings as dotted paths: `grpo.beta`, `mix.terms.closeness.weight`. Called by core.sweep and the Runs page. Pure.

A list whose items have a name (terms by their label, arms) is walked by that name, so that a path means the same in every run.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Plain = Mapping[str, Any]


def _label(item: Any) -> str | None:
    return str(item.get("name") or item["component"]) if isinstance(item, Mapping) and "component" in item else None


def flatten(values: Plain) -> dict[str, Any]:
    """Every setting of a config under its path; lists of unnamed items stay whole."""
    return dict(_walk(values, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and value and all(_label(item) for item in value):
        for item in value:
            yield from _walk(item, f"{path}.{_label(item)}")
    else:
        yield path, value


def put(values: Plain, path: str, value: Any) -> dict[str, Any]:
    """A copy with one setting replaced. KeyError where a list on the way has no item of that name."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**values, head: value}
    inner = values.get(head, {})
    if isinstance(inner, list | tuple):
        name, _, rest = rest.partition(".")
        if name not in [_label(item) for item in inner]:
            raise KeyError(name)
        return {**values, head: [put(item, rest, value) if _label(item) == name else item for item in inner]}
    return {**values, head: put(inner if isinstance(inner, Mapping) else {}, rest, value)}
