"""Checks whether a folder holds a model that may be loaded."""

import json
from pathlib import Path
from typing import Any

from core.files import data_roots
from core.files.regular_files import regular

CONFIG = "config.json"
ADAPTER = "adapter_config.json"
WITH_CODE = (CONFIG, "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
INDEXES = "*.index.json"  # which file holds which weight, where there are several
MOST_BYTES = 50_000_000


def fault(folder: Path) -> str | None:
    """Why no model is loaded from a folder; None for a model that may be tried.

    Code that a model brings is never run. transformers gets the setting that forbids it, so it does not
    ask for consent in a terminal that is not there.
    """
    if not (folder / CONFIG).exists():
        return f"has no {CONFIG}; give a folder written by save_pretrained"
    for name in WITH_CODE:
        values, reason = _values(folder, name)
        if reason:
            return reason
        if "auto_map" in values:
            return (
                f"brings code of its own (auto_map in {name}), which is never run; give a model that "
                "transformers knows itself, or remove auto_map where it knows this one"
            )
    return base_fault(folder) or next(filter(None, map(_fault_of_index, sorted(folder.glob(INDEXES)))), None)


def base_fault(folder: Path) -> str | None:
    """Why the base model of an adapter in the folder is not loaded; None if nothing is wrong.

    transformers loads the base model in place of the folder.
    """
    values, reason = _values(folder, ADAPTER)
    base = values.get("base_model_name_or_path")
    if isinstance(base, str) and data_roots.is_path(base) and data_roots.fault(base):
        return (
            f"holds an adapter whose model ({ADAPTER}: base_model_name_or_path) lies outside the data roots; "
            "give the folder of a whole model, or name that of the adapter's model in SHOWDOWN_DATA_ROOTS"
        )
    return reason


def _values(folder: Path, name: str) -> tuple[dict[str, Any], str | None]:
    """The object in a JSON file of the folder, empty if there is no such file; and why it cannot be read."""
    try:
        return (_object(folder / name) if (folder / name).exists() else {}), None
    except OSError as error:
        return {}, f"has a {name} that cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return {}, f"has a {name} that holds no JSON object; write the folder again with save_pretrained"


def _fault_of_index(path: Path) -> str | None:
    """Why the files that an index of weights names are not read; None if they may be.

    transformers opens any path that an index gives (CVE-2026-75104).
    """
    try:
        files = set(_object(path)["weight_map"].values())
        outside = any(
            not isinstance(name, str) or name in ("", "..") or {"/", "\\", "\0"}.intersection(name)
            for name in files
        )
        if not outside:
            for name in sorted(files):
                regular(path.parent / name)
    except OSError as error:
        return f"has a {path.name} that names a file that cannot be read: {error.strerror}"
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return (
            f"has a {path.name} without a weight_map of file names; write the folder again with "
            "save_pretrained"
        )
    return f"has a {path.name} that names a file outside the folder, which is not read" if outside else None


def _object(path: Path) -> dict[str, Any]:
    if regular(path).stat().st_size > MOST_BYTES:
        raise ValueError
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError
    return values
