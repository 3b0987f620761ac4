"""Names of settings as dotted paths: `grpo.beta`, `mix.terms.closeness.weight`. Pure.

A list whose items have a name (terms by their label, arms) is walked by that name, so that a path means
the same in every run.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Plain = Mapping[str, Any]
Names = Callable[[Sequence[Any]], list[str] | None]


def _label(item: Any) -> str | None:
    return (
        str(item.get("name") or item["component"]) if isinstance(item, dict) and "component" in item else None
    )


def _labels(items: Sequence[Any]) -> list[str] | None:
    labels = [label for item in items if (label := _label(item))]
    return labels if len(labels) == len(items) else None


def flatten(values: Plain, names: Names = _labels) -> dict[str, Any]:
    """Every setting of a config under its path.

    `names`: returns the names of a list's items, or None if the list stays whole.
    """
    value_by_path: dict[str, Any] = {}
    _into(value_by_path, values, "", names)
    return value_by_path


def _into(found: dict[str, Any], value: Any, path: str, names: Names) -> None:
    """Fill one dictionary on the way down: a table of runs flattens hundreds of configs."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _into(found, inner, f"{path}.{key}" if path else key, names)
    elif isinstance(value, list | tuple) and value and (called := names(value)):
        for name, item in zip(called, value, strict=True):
            _into(found, item, f"{path}.{name}", names)
    else:
        found[path] = value


def put(values: Plain, path: str, value: Any) -> dict[str, Any]:
    """A copy with one setting replaced. KeyError if a list on the way has no item of that name."""
    head, _, remainder = path.partition(".")
    if not remainder:
        return {**values, head: value}
    inner = values.get(head, {})
    if isinstance(inner, list | tuple):
        name, _, remainder = remainder.partition(".")
        if name not in [_label(item) for item in inner]:
            raise KeyError(name)
        return {
            **values,
            head: [put(item, remainder, value) if _label(item) == name else item for item in inner],
        }
    return {**values, head: put(inner if isinstance(inner, Mapping) else {}, remainder, value)}
