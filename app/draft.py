"""The experiment being designed: plain dicts in the shape of ExperimentConfig. Called by pages.

Dicts, because a draft may be wrong while it is typed; `check` says what is wrong with it, field by field. It lives in the
session, and after every change in the database, under the id that the address holds (docs/decisions/0019-drafts.md).
"""

import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from app import actions, address, cache, prose
from core import presets
from core.config import RunConfig
from core.errors import ConfigError
from core.experiment import ExperimentConfig
from core.launch import outside
from core.mix import Mix
from core.parsing import parse
from core.sweep import size

Draft = dict[str, Any]
Faults = list[tuple[str, str]]
ID = re.compile(r"[0-9a-f]{12}")
MOST_UNDO = 50
# Widgets whose text is no part of the experiment, but should not be lost either.
TYPED = ("try-text", "try-problem", "try-question", "try-gold", "yaml-text")


@dataclass
class Kept:
    """What is stored of this session's draft. `version` 0: nothing, it is as it was opened. `others`: ids it went by, as long
    as the address may still say so. `missing`: an id in the address that no draft has. `begun`: what it was before anybody
    changed it, where that is known."""

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
    wanted = address.get("draft")
    kept = _kept()
    if wanted and wanted not in (kept.id, kept.missing, *kept.others):
        if open_stored(wanted):
            _kept().others.clear()  # the address says so already: Forward may follow Back at once
        else:
            kept.missing = wanted
    st.session_state.update(st.session_state.pop("draft-typed", {}))  # here, because the widgets come later
    draft: Draft = st.session_state["draft"]
    return draft


def say_missing() -> None:
    """That the draft of the address is not there, as long as the address names it: a toast is gone before it is read."""
    kept = _kept()
    if kept.missing and address.get("draft") == kept.missing:
        prose.fault(f"There is no draft {kept.missing[:40]}. This is {'another' if kept.version else 'a new'} one.")


def _kept() -> Kept:
    if "draft" not in st.session_state:
        st.session_state["draft-kept"] = Kept(secrets.token_hex(6))
        st.session_state["draft"] = _preset(presets.DEMO)
        _kept().text = _kept().begun = _text(st.session_state["draft"])
        touch()
    kept: Kept = st.session_state["draft-kept"]
    return kept


def own_id() -> str:
    """The id under which this session's draft is stored, or will be."""
    return _kept().id


def open_stored(draft_id: str, with_typed: bool = True) -> bool:
    """Go on with a stored draft, and the texts typed beside it; False when there is none of that id."""
    stored = cache.draft(draft_id) if ID.fullmatch(draft_id) else None
    if stored is None:
        return False
    before = _kept()
    others = {*before.others, before.id}
    st.session_state["draft-kept"] = Kept(stored.id, stored.version, _text(stored.config), stored.typed, others)
    st.session_state["draft"] = stored.config
    if with_typed:
        st.session_state["draft-typed"] = {k: v for k, v in stored.typed.items() if k in TYPED}
    touch()
    return True


def begin(values: Draft) -> None:
    """Begin another draft; `undo` brings back what was there. What somebody has changed stays, under its own id."""
    kept, text = _kept(), _text(values)
    st.session_state["draft"] = values
    touch()
    if text == kept.text:  # nothing begins, and an address of its own would be one of nothing
        return
    if kept.version and kept.text != kept.begun:
        _part(kept)
    kept.begun = text


def _part(kept: Kept) -> None:
    """It goes on under another id; what is stored under the one it had stays."""
    kept.others.add(kept.id)
    kept.id, kept.version = secrets.token_hex(6), 0


def load(name: str) -> None:
    """Begin another draft with a preset."""
    begin(_preset(name))


def load_experiment(values: dict[str, Any]) -> None:
    """Likewise with an experiment as it was queued. ConfigError where this version cannot read it."""
    found = parse(ExperimentConfig, values)
    begin({**of_experiment(found), "name": f"{found.name} again"[:120]})


def load_run(config: RunConfig, name: str) -> None:
    """Likewise with one run's mix and settings."""
    begin(of_run(config, name))


def _preset(name: str) -> Draft:
    found = presets.preset(name)
    return of_run(found, name) if isinstance(found, RunConfig) else of_experiment(found)


def of_experiment(config: ExperimentConfig) -> Draft:
    """An experiment as a draft: with every setting that is common to its runs."""
    return {**config.model_dump(mode="json", by_alias=True), "run": _common(config.base())}


def of_run(config: RunConfig, name: str) -> Draft:
    """Likewise one run, as an experiment of one arm."""
    arms = [{"name": config.name, "mix": config.mix}]
    values = {"name": name[:120], "arms": arms, "seeds": (config.seed,), "run": _common(config)}
    return parse(ExperimentConfig, values).model_dump(mode="json", by_alias=True)


def _common(config: RunConfig) -> dict[str, Any]:
    """What is the same in every arm and seed."""
    return {k: v for k, v in config.resolved().items() if k not in ("name", "mix", "seed")}


def touch() -> None:
    """The draft was changed from outside its widgets: draw them anew; their keys carry `edition`."""
    st.session_state["edition"] = edition() + 1


def edition() -> int:
    return int(st.session_state.get("edition", 0))


def count(draft: Draft) -> int:
    """How many runs it would make, right or wrong."""
    return size(len(draft["arms"]), len(draft["seeds"]), draft.get("sweep") or {})


def max_steps(draft: Draft) -> int:
    """Steps of a training, for what is drawn over them; 1 where what was typed is no number of steps."""
    found = draft["run"]["grpo"].get("max_steps")
    return max(1, found) if isinstance(found, int) else 1


def keep(in_address: bool) -> None:
    """Store what changed since the last time. Called once after every page; costs nothing where nothing changed."""
    if "draft" not in st.session_state:
        return
    kept, text = _kept(), _text(st.session_state["draft"])
    typed = _typed(kept)
    if text != kept.text:
        _store(kept, text, typed)
    elif kept.typed and typed != kept.typed:
        _store_typed(kept, typed)
    else:
        kept.typed = typed
        _catch_up(kept)
    if in_address and kept.version:
        address.put(draft=kept.id)
        kept.others.clear()


def _typed(kept: Kept) -> dict[str, str]:
    """The texts beside the draft. YAML that says what the draft says (its `-base`) was not typed."""
    found = kept.typed | {k: str(st.session_state[k]) for k in TYPED if st.session_state.get(k) is not None}
    return {k: text for k, text in found.items() if text != st.session_state.get(f"{k}-base")}


def _store(kept: Kept, text: str, typed: dict[str, str]) -> None:
    kept.undo, kept.redo = [*kept.undo, kept.text][-MOST_UNDO:], []
    config = json.loads(text)
    if not actions.keep_draft(kept.id, config, typed, kept.version):
        _part(kept)
        actions.keep_draft(kept.id, config, typed, 0)
        st.toast(
            "This draft was changed in another window meanwhile. Yours goes on as a copy; the other is under Templates.",
            icon=":material/content_copy:", duration="long",
        )  # fmt: skip
    kept.version, kept.text, kept.typed = kept.version + 1, text, typed


def _store_typed(kept: Kept, typed: dict[str, str]) -> None:
    """A text beside the experiment is no reason for a copy of it: where another window wrote, its draft is taken."""
    if actions.keep_draft(kept.id, json.loads(kept.text), typed, kept.version):
        kept.version, kept.typed = kept.version + 1, typed
    else:
        _catch_up(kept, with_typed=False)


def _catch_up(kept: Kept, with_typed: bool = True) -> None:
    """Nothing was changed here: show what another window wrote."""
    stored = cache.draft(kept.id) if kept.version else None
    if stored is not None and stored.version > kept.version:
        open_stored(kept.id, with_typed)
        st.toast("Changed in another window: this is the newest.", icon=":material/sync:")
        st.rerun()


def _text(draft: Draft) -> str:
    """The draft in one spelling: with every default where it is right, as it was typed where it is wrong."""
    config, _ = check(draft)
    return json.dumps(of_experiment(config) if config else draft)  # in its own order: that of a sweep is that of its runs


def untouched() -> bool:
    """Nobody has changed anything in it yet."""
    kept = _kept()
    return kept.version == 0 and kept.text == _text(st.session_state["draft"])


def can_undo() -> tuple[bool, bool]:
    """There is something to undo, and to redo."""
    kept = _kept()
    return bool(kept.undo), bool(kept.redo)


def undo(back: bool = True) -> None:
    """One change back, or forth again."""
    kept = _kept()
    source, target = (kept.undo, kept.redo) if back else (kept.redo, kept.undo)
    if not source:
        return
    target.append(kept.text)
    text = source.pop()
    config = json.loads(text)
    stacks = list(kept.undo), list(kept.redo)
    _store(kept, text, kept.typed)
    kept.undo, kept.redo = stacks
    st.session_state["draft"] = config
    touch()


def check(draft: Draft) -> tuple[ExperimentConfig | None, Faults]:
    """The draft as a config, or what is wrong with it as (field path, message); also a path outside the data roots."""
    try:
        config = parse(ExperimentConfig, draft)
    except ConfigError as error:
        return None, error.problems
    faults = outside(config)
    return (None if faults else config), faults


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
