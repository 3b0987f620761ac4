"""The settings that an experiment sweeps: choose one, type its values. Called by app.parts.launch."""

from math import isfinite
from typing import Any

import streamlit as st

from app import draft, forms, prose
from app.parts.term_settings import label
from core.config import RunConfig
from core.frozen import descriptions
from core.sweep import settings, shown


def sweep(d: draft.Draft, faults: forms.Faults, key: str) -> None:
    """A row for each swept setting, and a box to add one. Edits the draft."""
    chosen: dict[str, list[Any]] = d.setdefault("sweep", {})
    for path in list(chosen):
        left, right = st.columns([8, 1], wrap=False, vertical_alignment="bottom")
        with left:
            text = st.text_input(
                f"Sweep {path}", ", ".join(map(shown, chosen[path])), key=f"{key}-sweep-{path}", help=_help(path),
                placeholder="values, with commas between: 0.0, 0.04",
            )  # fmt: skip
            chosen[path] = values(text)
        with right:
            name = f"Sweep {prose.plain(path)} no more"
            with prose.unwritten(f"unsweep-{path}"):
                gone = st.button(name, icon=":material/close:", key=f"{key}-unsweep-{path}", help=name)
            if gone:
                del chosen[path]
                st.rerun()
        faults.beside(f"sweep.{path}")
    faults.beside("sweep")
    options = [path for path in _options(d) if path not in chosen]
    added = st.selectbox(
        "Sweep a setting", options, None, key=f"{key}-sweep-add-{len(chosen)}", placeholder="Choose one, then type its values",
        help="One run per arm, seed and combination of values. A swept setting overrides what is set elsewhere on this page.",
    )  # fmt: skip
    if added:
        now = _present(d, added)
        chosen[added] = [] if now is None else [now]
        st.rerun()
    if chosen and not all(chosen.values()):
        prose.note("Type at least one value for each swept setting.")


def _options(d: draft.Draft) -> list[str]:
    shared = {
        f"mix.terms.{name}.weight" for name in set.intersection(*({label(t) for t in a["mix"]["terms"]} for a in d["arms"]))
    }
    return [*settings(RunConfig), *sorted(shared)]


def _present(d: draft.Draft, path: str) -> Any:
    """What the draft has for a setting now; None where it says nothing."""
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
    """`0.0, 0.04` as numbers, `true` as a switch, `empty` as nothing; all else stays text, nan and inf too. Numbers may also
    stand apart, as seeds may."""
    apart = [_value(word) for word in text.split()]
    if all(isinstance(value, int | float) for value in apart):
        return apart
    return [_value(word.strip()) for word in text.split(",") if word.strip()]


def _value(word: str) -> Any:
    known = {"true": True, "false": False, "empty": None}
    if word.lower() in known:
        return known[word.lower()]
    for kind in (int, float):
        try:
            number = kind(word)
            if isfinite(number):  # PostgreSQL refuses a draft with NaN in it
                return number
        except (ValueError, OverflowError):
            continue
    return word
