"""The experiment being designed: plain dicts in the shape of ExperimentConfig, kept for the session. Called by pages.

Dicts, because a draft may be wrong while it is typed; `check` says what is wrong with it, field by field.
"""

from typing import Any

import streamlit as st

from core import presets
from core.config import RunConfig
from core.errors import ConfigError
from core.experiment import ExperimentConfig
from core.mix import Mix
from core.parsing import parse
from core.sweep import size

Draft = dict[str, Any]
Faults = list[tuple[str, str]]


def get() -> Draft:
    """This session's draft; at first the demo's experiment."""
    if "draft" not in st.session_state:
        load(presets.DEMO)
    draft: Draft = st.session_state["draft"]
    return draft


def load(name: str) -> None:
    """Replace the draft by a preset. Widgets are drawn anew: their keys carry `edition`."""
    found = presets.preset(name)
    if isinstance(found, RunConfig):
        return load_run(found, name)
    made = found.model_dump(mode="json", by_alias=True)
    made["run"] = _common(found.runs()[0])
    st.session_state["draft"] = made
    touch()


def load_experiment(values: dict[str, Any]) -> None:
    """Replace the draft by an experiment as it was queued. ConfigError where this version cannot read it."""
    found = parse(ExperimentConfig, values)
    made = found.model_dump(mode="json", by_alias=True)
    made["run"] = _common(found.runs()[0])
    made["name"] = f"{found.name} again"[:120]
    st.session_state["draft"] = made
    touch()


def load_run(config: RunConfig, name: str) -> None:
    """Replace the draft by one run's mix and settings."""
    arms = [{"name": config.name, "mix": config.mix}]
    values = {"name": name[:120], "arms": arms, "seeds": (config.seed,), "run": _common(config)}
    st.session_state["draft"] = parse(ExperimentConfig, values).model_dump(mode="json", by_alias=True)
    touch()


def _common(config: RunConfig) -> dict[str, Any]:
    """What is the same in every arm and seed."""
    return {k: v for k, v in config.resolved().items() if k not in ("name", "mix", "seed")}


def touch() -> None:
    """The draft was changed from outside its widgets: draw them anew."""
    st.session_state["edition"] = edition() + 1


def edition() -> int:
    return int(st.session_state.get("edition", 0))


def count(draft: Draft) -> int:
    """How many runs it would make, right or wrong."""
    return size(len(draft["arms"]), len(draft["seeds"]), draft.get("sweep") or {})


def check(draft: Draft) -> tuple[ExperimentConfig | None, Faults]:
    """The draft as a config, or what is wrong with it as (field path, message)."""
    try:
        return parse(ExperimentConfig, draft), []
    except ConfigError as error:
        return None, error.problems


def check_mix(mix: dict[str, Any]) -> tuple[Mix | None, Faults]:
    """One arm's mix, likewise."""
    try:
        return parse(Mix, mix), []
    except ConfigError as error:
        return None, error.problems


def arm_name(draft: Draft, stem: str) -> str:
    """A name for a new arm that no other has."""
    taken = {a["name"] for a in draft["arms"]}
    return next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 100))) if n not in taken)
