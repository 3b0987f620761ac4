"""Widgets drawn from pydantic classes: choices and help come from the class.

Each function takes the present values and returns the edited ones as plain JSON types; nothing is
validated here. Number boxes have no bounds in the browser: with bounds, a number outside them turns the
box red and never arrives, so the last valid number stays in force and is queued. app.data.draft.check
refuses such a number, with a message beside the field.
"""

import math
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo
from streamlit.delta_generator import DeltaGenerator

from app.text import labels as words
from app.widgets import html
from core.common.config_model import Frozen, descriptions
from core.config.run import DataSource

NOTE = 260  # characters of a class's docstring shown under its choice
EXACT = (
    "%g"  # sprintf-js prints every digit of a number with it; any count of digits would show another number
)
MOST_SEEDS = 1000  # a longer range stays text, for the check to name


def field(kind: type[Frozen], name: str, value: Any, key: str, label: str = "") -> Any:
    """Draw one field of a pydantic class as the widget that fits its type.

    `label` replaces the field's name.
    """
    info = kind.model_fields[name]
    label = label or name
    note = descriptions(kind).get(name)
    types = get_args(info.annotation) or (info.annotation,)
    if get_origin(info.annotation) is Literal:
        options = list(types)
        return st.selectbox(
            label, options, options.index(value) if value in options else 0, help=note, key=key
        )
    if info.annotation is bool:
        return st.toggle(label, bool(value), help=note, key=key)
    if int in types or float in types:
        empty = "default" if NoneType in types else None
        if int in types:
            integer = None if value is None else int(value)
            return st.number_input(label, value=integer, step=1, help=note, key=key, placeholder=empty)
        number = None if value is None else float(value)
        step = _step(st.session_state.get(key, number))
        return st.number_input(
            label, value=number, step=step, format=EXACT, help=note, key=key, placeholder=empty
        )
    return st.text_input(label, "" if value is None else str(value), help=note, key=key)


def _step(number: float | None) -> float:
    """The step of a number box's buttons: a power of ten, small against the number in the box."""
    if not number or abs(number) >= 0.1:
        return 0.1
    return float(f"1e{math.floor(math.log10(abs(number))) - 1}")


def fields(
    kind: type[Frozen],
    names: list[str],
    values: dict[str, Any],
    key: str,
    columns: int = 3,
    worded: bool = False,
) -> dict[str, Any]:
    """Draw several fields in a grid, and return `values` with the edited ones replaced.

    `worded` writes the labels as words, to match the labels around them.
    """
    edited = dict(values)
    defaults = {n: kind.model_fields[n].get_default(call_default_factory=True) for n in names}
    with st.grid(columns, min_column_width=150):
        for name in names:
            edited[name] = field(
                kind,
                name,
                values.get(name, defaults[name]),
                f"{key}-{name}",
                in_words(name) if worded else "",
            )
    return edited


def in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()


class Faults:
    """Placeholders for validation messages, filled after the whole form is checked."""

    def __init__(self) -> None:
        self._places: list[tuple[tuple[str, ...], DeltaGenerator]] = []

    def beside(self, *paths: str) -> None:
        """Place messages at or below these field paths here."""
        self._places.append((paths, st.container(gap=None)))

    def fill(self, found: list[tuple[str, str]]) -> None:
        """Show each message at the placeholder that fits it best; of several, the first.

        A message that fits none is shown here, with its path. A message about a class as a whole begins
        with the field to change, and belongs beside it.
        """
        for fault_path, message in found:
            changed_path = f"{fault_path}.{message.split(maxsplit=1)[0]}" if message else fault_path
            fits = [
                (len(path), p)
                for paths, p in self._places
                for path in paths
                if _at_or_below(changed_path, path)
            ]
            place = max(fits, key=lambda fit: fit[0])[1] if fits else None
            if place is None:
                html.fault(f"{fault_path}: {message}" if fault_path else message)
            else:
                with place:
                    html.fault(message)


def _at_or_below(where: str, path: str) -> bool:
    return where == path or (path != "" and where.startswith(path + "."))


def union(
    title: str, options: dict[str, str], kinds: Mapping[str, type[Frozen]], value: dict[str, Any], key: str,
    labels: Sequence[str] = (), without: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Choose one of several classes told apart by `type`, and edit its fields but those in `without`.

    `options` maps a type to its text in the list. `labels` are the mix's terms, for fields that name one.
    """
    current = value.get("type", next(iter(options)))
    kind = st.selectbox(
        title, list(options), list(options).index(current), format_func=options.__getitem__, key=f"{key}-type"
    )
    model = kinds[kind]
    st.caption(words.cut(model.__doc__ or "", NOTE))
    names = [n for n in model.model_fields if n != "type" and n not in without]
    initial = (
        value if model is kinds.get(current) else {}
    )  # group, batch and none are one class: its settings stay
    return {"type": kind, **any_fields(model, names, initial, f"{key}-{kind}", labels)}


def any_fields(
    kind: type[Frozen], names: Sequence[str], value: dict[str, Any], key: str, labels: Sequence[str] = ()
) -> dict[str, Any]:
    """Edit fields of a class, under the names they have in YAML.

    They may be names of terms, or optional classes of their own.
    """
    info = kind.model_fields
    plain = [n for n in names if _is_plain(info[n])]
    initial = {n: value[info[n].alias or n] for n in plain if (info[n].alias or n) in value}
    widget_values = fields(kind, plain, initial, key, columns=2) if plain else {}
    edited = {info[n].alias or n: widget_values[n] for n in plain}
    for name in names:
        if name not in plain:
            edited |= _special(kind, name, value, f"{key}-{name}", labels)
    return edited


def _is_plain(info: FieldInfo) -> bool:
    """Whether a field is a number, a switch or a choice, not the name of a term or a class of its own."""
    types = get_args(info.annotation) or (info.annotation,)
    return get_origin(info.annotation) is Literal or any(t in (int, float, bool) for t in types)


def _special(
    kind: type[Frozen], name: str, kept: dict[str, Any], key: str, labels: Sequence[str]
) -> dict[str, Any]:
    info = kind.model_fields[name]
    note = descriptions(kind).get(name)
    if info.annotation is str:
        current = kept.get(name) or labels[0]
        # a term that is gone stays visible, as a fault
        options = list(labels) if current in labels else [current, *labels]
        return {name: st.selectbox(name, options, options.index(current), help=note, key=key)}
    if get_origin(info.annotation) is tuple:
        selected = list(kept.get(name, labels[:1] if info.is_required() else ()))
        options = [*labels, *(x for x in selected if x not in labels)]
        return {name: st.multiselect(name, options, selected, help=note, key=key)}
    inner = next(t for t in get_args(info.annotation) if isinstance(t, type) and issubclass(t, Frozen))
    if not st.toggle(name, kept.get(name) is not None, help=note, key=f"{key}-on"):
        return {name: None}
    return {name: fields(inner, list(inner.model_fields), kept.get(name) or {}, key, columns=2)}


def source(value: dict[str, Any], key: str, names: list[str]) -> dict[str, Any]:
    """Choose a data source in one box: a known or hub name, or the path of a JSONL file."""
    current = value.get("path") or value.get("name") or names[0]
    options = names if current in names else [*names, current]
    help_text = "tiny-arithmetic, a hub name such as openai/gsm8k, or the path of a JSONL file with question and answer"
    selected = st.selectbox(
        "Problems",
        options,
        options.index(current),
        key=f"{key}-source",
        help=help_text,
        accept_new_options=True,
    )
    is_path = str(selected).endswith((".jsonl", ".json")) or str(selected).startswith((".", "/", "~"))
    edited = fields(DataSource, ["size", "subset", "split"], value, key)
    return {**edited, "name": "" if is_path else str(selected), "path": str(selected) if is_path else ""}


def _whole(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 12


def seeds(text: str) -> list[Any]:
    """Parse `0, 1, 2` or `0-4` into a list; a word that is not a number stays text, for the check to name."""
    entries: list[Any] = []
    for word in text.replace(",", " ").split():
        first, dash, last = word.partition("-")
        if dash and _whole(first) and _whole(last) and 0 <= int(last) - int(first) < MOST_SEEDS:
            entries += range(int(first), int(last) + 1)
        else:
            entries.append(int(word) if _whole(word) else word)
    return entries
