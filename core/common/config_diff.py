"""Compares configs setting by setting. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.common.setting_paths import flatten

MISSING = object()


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config of plain JSON types as {dotted path: number, text, bool, None or list of these}.

    Terms of a mix go by their name, not by their position: mix.terms.closeness.weight.
    """
    value_by_path = flatten(config, _names)
    return {path: list(value) if isinstance(value, tuple) else value for path, value in value_by_path.items()}


def _names(items: Sequence[Any]) -> list[str] | None:
    return [_name(x, i) for i, x in enumerate(items)] if any(isinstance(x, Mapping) for x in items) else None


def _name(item: Any, position: int) -> str:
    name = isinstance(item, Mapping) and (item.get("name") or item.get("component") or item.get("metric"))
    return str(name or position)


def differing(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The settings that are not equal in all configs, as {dotted path: {config's name: its value}}.

    A missing setting is None. A setting that is empty in some configs and has settings of its own in others
    appears only through these: `mix.blend.type`, not `mix.blend`.
    """
    flats = {name: flat(config) for name, config in configs.items()}
    paths = dict.fromkeys(path for flat_config in flats.values() for path in flat_config)
    rows = {
        path: {name: flat_config.get(path, MISSING) for name, flat_config in flats.items()} for path in paths
    }
    return {
        path: {name: None if v is MISSING else v for name, v in row.items()}
        for path, row in rows.items()
        if any(v != next(iter(row.values())) for v in row.values())
        and not (_empty(row) and _is_above(path, paths))
    }


def _empty(row: Mapping[str, Any]) -> bool:
    return all(v is None or v is MISSING for v in row.values())


def _is_above(path: str, paths: Iterable[str]) -> bool:
    return any(p.startswith(f"{path}.") for p in paths)
