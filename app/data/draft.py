"""The experiment being designed: plain dicts in the shape of ExperimentConfig.

They are dicts because a draft may be wrong while it is typed; `check` returns what is wrong with it, field by
field. The draft lives in the session and, after every change, in the database, under the id in the address
(docs/decisions/0019-drafts.md).
"""

import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from app.data import actions, reads
from app.widgets import html, url_state
from core.common.errors import ConfigError
from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.local_checks import outside
from core.config.parsing import parse
from core.config.run import RunConfig
from core.config.sweep import size
from core.rewards.mix import Mix

Draft = dict[str, Any]
Faults = list[tuple[str, str]]
ID = re.compile(r"[0-9a-f]{12}")
MOST_UNDO = 50
# Widgets whose text is not part of the experiment, but should not be lost either.
TYPED = ("try-text", "try-problem", "try-question", "try-gold", "yaml-text")


@dataclass
class Kept:
    """What is stored of this session's draft.

    `version` 0: nothing is stored, the draft is as it was opened. `others`: earlier ids of the draft, as long
    as the address may still name them. `missing`: an id in the address that no draft has. `begun`: the draft
    before anybody changed it, where that is known.
    """

    id: str
    version: int = 0
    text: str = ""
    typed: dict[str, str] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    missing: str = ""
    begun: str = ""
    undo: list[str] = field(default_factory=list)
    redo: list[str] = field(default_factory=list)


def get() -> Draft:
    """This session's draft: the one in the address, else the one it has, else the demo's experiment."""
    requested_id = url_state.get("draft")
    state = _kept()
    if requested_id and requested_id not in (state.id, state.missing, *state.others):
        if open_stored(requested_id):
            _kept().others.clear()  # the address already names it: Forward may follow Back at once
        else:
            state.missing = requested_id
    st.session_state.update(st.session_state.pop("draft-typed", {}))  # here, because the widgets come later
    draft: Draft = st.session_state["draft"]
    return draft


def say_missing() -> None:
    """Show that the draft in the address does not exist, as long as the address names it.

    Not as a toast, which is gone before it is read.
    """
    state = _kept()
    if state.missing and url_state.get("draft") == state.missing:
        html.fault(
            f"There is no draft {state.missing[:40]}. This is {'another' if state.version else 'a new'} one."
        )


def _kept() -> Kept:
    if "draft" not in st.session_state:
        st.session_state["draft-kept"] = Kept(secrets.token_hex(6))
        st.session_state["draft"] = _preset(presets.DEMO)
        _kept().text = _kept().begun = _text(st.session_state["draft"])
        touch()
    state: Kept = st.session_state["draft-kept"]
    return state


def own_id() -> str:
    """The id under which this session's draft is stored, or will be."""
    return _kept().id


def open_stored(draft_id: str, with_typed: bool = True) -> bool:
    """Continue with a stored draft and the texts typed beside it; False when no draft has that id."""
    stored = reads.draft(draft_id) if ID.fullmatch(draft_id) else None
    if stored is None:
        return False
    previous = _kept()
    others = {*previous.others, previous.id}
    st.session_state["draft-kept"] = Kept(
        stored.id, stored.version, _text(stored.config), stored.typed, others
    )
    st.session_state["draft"] = stored.config
    if with_typed:
        st.session_state["draft-typed"] = {k: v for k, v in stored.typed.items() if k in TYPED}
    touch()
    return True


def begin(values: Draft) -> None:
    """Begin another draft; `undo` restores the previous one.

    A draft that somebody has changed stays, under its own id.
    """
    state = _kept()
    text = _text(values)
    st.session_state["draft"] = values
    touch()
    if text == state.text:  # unchanged: a new address would lead to no draft
        return
    if state.version and state.text != state.begun:
        _part(state)
    state.begun = text


def _part(kept: Kept) -> None:
    """Continue under another id; what is stored under the old one stays."""
    kept.others.add(kept.id)
    kept.id = secrets.token_hex(6)
    kept.version = 0


def load(name: str) -> None:
    """Begin another draft from a preset."""
    begin(_preset(name))


def load_experiment(values: dict[str, Any]) -> None:
    """Begin another draft from a queued experiment.

    Raises ConfigError where this version cannot read it.
    """
    config = parse(ExperimentConfig, values)
    begin({**of_experiment(config), "name": f"{config.name} again"[:120]})


def load_run(config: RunConfig, name: str) -> None:
    """Begin another draft from one run's mix and settings."""
    begin(of_run(config, name))


def _preset(name: str) -> Draft:
    preset = presets.preset(name)
    return of_run(preset, name) if isinstance(preset, RunConfig) else of_experiment(preset)


def of_experiment(config: ExperimentConfig) -> Draft:
    """An experiment as a draft, with every setting that its runs have in common."""
    return {**config.model_dump(mode="json", by_alias=True), "run": _common(config.base())}


def of_run(config: RunConfig, name: str) -> Draft:
    """One run as a draft: an experiment with one arm."""
    arms = [{"name": config.name, "mix": config.mix}]
    values = {"name": name[:120], "arms": arms, "seeds": (config.seed,), "run": _common(config)}
    return parse(ExperimentConfig, values).model_dump(mode="json", by_alias=True)


def _common(config: RunConfig) -> dict[str, Any]:
    """The settings that are equal in every arm and seed."""
    return {k: v for k, v in config.resolved().items() if k not in ("name", "mix", "seed")}


def touch() -> None:
    """Redraw the widgets after a change from outside of them: their keys carry `edition`."""
    st.session_state["edition"] = edition() + 1


def edition() -> int:
    return int(st.session_state.get("edition", 0))


def count(draft: Draft) -> int:
    """The number of runs the draft would make, right or wrong."""
    return size(len(draft["arms"]), len(draft["seeds"]), draft.get("sweep") or {})


def max_steps(draft: Draft) -> int:
    """Steps of a training, for charts over them; 1 where the typed value is not a number of steps."""
    steps = draft["run"]["grpo"].get("max_steps")
    return max(1, steps) if isinstance(steps, int) else 1


def keep(in_address: bool) -> None:
    """Store what changed since the last time; costs nothing where nothing changed.

    Runs once, after each page. `in_address`: put the draft's id into the address.
    """
    if "draft" not in st.session_state:
        return
    state = _kept()
    text = _text(st.session_state["draft"])
    typed = _typed(state)
    if text != state.text:
        _store(state, text, typed)
    elif state.typed and typed != state.typed:
        _store_typed(state, typed)
    else:
        state.typed = typed
        _catch_up(state)
    if in_address and state.version:
        url_state.put(draft=state.id)
        state.others.clear()


def _typed(kept: Kept) -> dict[str, str]:
    """The texts beside the draft. YAML that equals the draft (its `-base`) does not count as typed."""
    texts = kept.typed | {k: str(st.session_state[k]) for k in TYPED if st.session_state.get(k) is not None}
    return {k: text for k, text in texts.items() if text != st.session_state.get(f"{k}-base")}


def _store(kept: Kept, text: str, typed: dict[str, str]) -> None:
    kept.undo = [*kept.undo, kept.text][-MOST_UNDO:]
    kept.redo = []
    config = json.loads(text)
    if not actions.keep_draft(kept.id, config, typed, kept.version):
        _part(kept)
        actions.keep_draft(kept.id, config, typed, 0)
        st.toast(
            "This draft was changed in another window meanwhile. Yours goes on as a copy; the other is "
            "under Templates.",
            icon=":material/content_copy:", duration="long",
        )  # fmt: skip
    kept.version = kept.version + 1
    kept.text = text
    kept.typed = typed


def _store_typed(kept: Kept, typed: dict[str, str]) -> None:
    """Store the texts typed beside the experiment, which are no reason to copy it.

    Where another window wrote in between, its draft is adopted.
    """
    if actions.keep_draft(kept.id, json.loads(kept.text), typed, kept.version):
        kept.version = kept.version + 1
        kept.typed = typed
    else:
        _catch_up(kept, with_typed=False)


def _catch_up(kept: Kept, with_typed: bool = True) -> None:
    """Show what another window wrote, when nothing was changed here."""
    stored = reads.draft(kept.id) if kept.version else None
    if stored is not None and stored.version > kept.version:
        open_stored(kept.id, with_typed)
        st.toast("Changed in another window: this is the newest.", icon=":material/sync:")
        st.rerun()


def _text(draft: Draft) -> str:
    """The draft in one spelling: with every default where it is right, as typed where it is wrong."""
    config, _ = check(draft)
    # The keys keep their order: that of a sweep is that of its runs.
    return json.dumps(of_experiment(config) if config else draft)


def untouched() -> bool:
    """Whether nobody has changed the draft yet."""
    state = _kept()
    return state.version == 0 and state.text == _text(st.session_state["draft"])


def can_undo() -> tuple[bool, bool]:
    """Whether there is something to undo, and to redo."""
    state = _kept()
    return bool(state.undo), bool(state.redo)


def undo(back: bool = True) -> None:
    """Go one change back, or with `back` False one forward."""
    state = _kept()
    source, target = (state.undo, state.redo) if back else (state.redo, state.undo)
    if not source:
        return
    target.append(state.text)
    text = source.pop()
    config = json.loads(text)
    stacks = list(state.undo), list(state.redo)
    _store(state, text, state.typed)
    state.undo, state.redo = stacks
    st.session_state["draft"] = config
    touch()


def check(draft: Draft) -> tuple[ExperimentConfig | None, Faults]:
    """The draft as a config, or what is wrong with it as (field path, message).

    A path outside the data roots is wrong, too.
    """
    try:
        config = parse(ExperimentConfig, draft)
    except ConfigError as error:
        return None, error.problems
    faults = outside(config)
    return (None if faults else config), faults


def check_mix(mix: dict[str, Any]) -> tuple[Mix | None, Faults]:
    """One arm's mix, or what is wrong with it as (field path, message)."""
    try:
        return parse(Mix, mix), []
    except ConfigError as error:
        return None, error.problems


def arm_name(draft: Draft, stem: str) -> str:
    """A name for a new arm that no other arm has."""
    names = {a["name"] for a in draft["arms"]}
    return next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 100))) if n not in names)
