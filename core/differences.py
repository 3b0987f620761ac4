"""Where configs differ, setting by setting. Called by the pages and the CLI that put runs or mixes side by side. Pure."""

from collections.abc import Mapping
from typing import Any

MISSING = object()


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """A config of plain JSON types as {dotted path: number, text, bool, None or list of these}.

    Terms of a mix are named by their own name, not by their position: mix.terms.closeness.weight.
    """
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, inner in value.items():
            found |= flat(inner, f"{path}.{key}" if path else str(key))
        return found or {path: {}}
    if isinstance(value, list | tuple) and any(isinstance(x, Mapping) for x in value):
        return {k: v for i, x in enumerate(value) for k, v in flat(x, f"{path}.{_name(x, i)}").items()}
    return {path: list(value) if isinstance(value, tuple) else value}


def _name(item: Any, position: int) -> str:
    found = isinstance(item, Mapping) and (item.get("name") or item.get("component") or item.get("metric"))
    return str(found or position)


def differing(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """{dotted path: {config's name: its value}} of the settings that are not the same in all; a missing one is None."""
    flats = {name: flat(config) for name, config in configs.items()}
    paths = dict.fromkeys(path for found in flats.values() for path in found)
    rows = {path: {name: found.get(path, MISSING) for name, found in flats.items()} for path in paths}
    return {
        path: {name: None if v is MISSING else v for name, v in row.items()}
        for path, row in rows.items()
        if any(v != next(iter(row.values())) for v in row.values())
    }
