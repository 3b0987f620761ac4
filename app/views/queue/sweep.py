"""The settings that an experiment sweeps: choose one, type its values."""

from math import isfinite
from typing import Any

import streamlit as st

from app.data import draft
from app.views.shared.term_settings import label
from app.widgets import forms, html
from core.common.config_model import descriptions
from core.config.run import RunConfig
from core.config.sweep import settings, shown


def sweep(d: draft.Draft, faults: forms.Faults, key: str) -> None:
    """Draw a row for each swept setting and a box to add one; edits the draft."""
    values_by_path: dict[str, list[Any]] = d.setdefault("sweep", {})
    for path in list(values_by_path):
        left_column, right_column = st.columns([8, 1], wrap=False, vertical_alignment="bottom")
        with left_column:
            text = st.text_input(
                f"Sweep {path}",
                ", ".join(map(shown, values_by_path[path])),
                key=f"{key}-sweep-{path}",
                help=_help(path),
                placeholder="values, with commas between: 0.0, 0.04",
            )
            values_by_path[path] = values(text)
        with right_column:
            name = f"Sweep {html.plain(path)} no more"
            with html.unwritten(f"unsweep-{path}"):
                removed = st.button(name, icon=":material/close:", key=f"{key}-unsweep-{path}", help=name)
            if removed:
                del values_by_path[path]
                st.rerun()
        faults.beside(f"sweep.{path}")
    faults.beside("sweep")
    options = [path for path in _options(d) if path not in values_by_path]
    added = st.selectbox(
        "Sweep a setting",
        options,
        None,
        key=f"{key}-sweep-add-{len(values_by_path)}",
        placeholder="Choose one, then type its values",
        help=(
            "One run per arm, seed and combination of values. "
            "A swept setting overrides what is set elsewhere on this page."
        ),
    )
    if added:
        current = _present(d, added)
        values_by_path[added] = [] if current is None else [current]
        st.rerun()
    if values_by_path and not all(values_by_path.values()):
        html.note("Type at least one value for each swept setting.")


def _options(d: draft.Draft) -> list[str]:
    shared = {
        f"mix.terms.{name}.weight"
        for name in set.intersection(*({label(t) for t in a["mix"]["terms"]} for a in d["arms"]))
    }
    return [*settings(RunConfig), *sorted(shared)]


def _present(d: draft.Draft, path: str) -> Any:
    """The draft's current value of a setting; None if it has none."""
    value: Any = d["run"]
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, int | float | str) else None


def _help(path: str) -> str:
    if path not in settings(RunConfig):
        return "A constant weight of this term, in every arm."
    kind, name = settings(RunConfig)[path]
    return descriptions(kind).get(name, "")


def values(text: str) -> list[Any]:
    """Parse typed values: `0.0, 0.04` as numbers, `true` as a switch, `empty` as None.

    Everything else stays text, nan and inf too. Numbers may also be separated by spaces, as seeds may.
    """
    apart = [_value(word) for word in text.split()]
    if all(isinstance(value, int | float) for value in apart):
        return apart
    return [_value(word.strip()) for word in text.split(",") if word.strip()]


def _value(word: str) -> Any:
    constants = {"true": True, "false": False, "empty": None}
    if word.lower() in constants:
        return constants[word.lower()]
    for kind in (int, float):
        try:
            number = kind(word)
            if isfinite(number):  # PostgreSQL refuses a draft with NaN in it
                return number
        except (ValueError, OverflowError):
            continue
    return word
