"""Saved mixes: an arm's mix as a version, what differs between two, the way back into a draft. Called by the design page."""

from difflib import unified_diff
from typing import Any

import streamlit as st

from app import actions, cache, draft, prose, words
from app.parts import arms
from core.brief import mix as brief_mix
from core.brief import mix_yaml, to_yaml
from core.errors import ConfigError
from core.mix import Mix
from core.store.mixes import SavedMix

HERE = 0  # the id under which the arm's mix, as it is now, stands in the lists
NEWEST = -1  # a name of its own: a default that moves with each save would not be in the address
MOST_USERS = 6
PARENTS = "mix-parents"  # by draft and arm: other drafts have arms of the same name


def versions(d: draft.Draft, at: int) -> None:
    """The panel, whole."""
    arm = d["arms"][at]
    mix, _ = draft.check_mix(arm["mix"])
    found = cache.saved_mixes()
    with st.container(key="card-versions"):
        prose.head("Versions", "a saved mix never changes; saving again makes the next version")
        _save(arm, mix, found)
        if not found:
            prose.empty("No mix is saved yet", "Save this arm's mix: runs that train it will be listed beside it.")
            return
        _table(found, mix)
        _compare(d, at, mix, found)


def badge(mix: Mix | None) -> str:
    """A chip that says which saved version a mix is; nothing where it is none."""
    here = mix.hash() if mix else ""
    same = next((s for s in cache.saved_mixes() if s.hash == here), None)
    return prose.chip(same.title, "accent", dot=False) if same else ""


def _save(arm: dict[str, Any], mix: Mix | None, found: list[SavedMix]) -> None:
    key = f"mix-name-{draft.edition()}-{arm['name']}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Save this arm's mix as", arm["name"], key=key, max_chars=40, width=280)
        newest = next((s for s in found if s.name == name), None)
        label = f"Save as v{newest.version + 1}" if newest else "Save"
        same = newest is not None and mix is not None and newest.hash == mix.hash()
        if st.button(label, icon=":material/save:", disabled=mix is None or same) and mix:
            _saved(name, mix, arm)
        if same and newest:
            st.caption(f"It is {newest.title} as it stands.")
    if fault := st.session_state.pop("mix-fault", ""):
        prose.fault(fault)


def _saved(name: str, mix: Mix, arm: dict[str, Any]) -> None:
    try:
        made = actions.save_mix(name.strip(), mix, st.session_state.get(PARENTS, {}).get((draft.own_id(), arm["name"])))
    except ConfigError as error:
        st.session_state["mix-fault"] = "; ".join(message for _, message in error.problems)
    else:
        st.toast(f"Saved as {prose.plain(made.title)}.", icon=":material/check:")
    st.rerun()


def _table(found: list[SavedMix], mix: Mix | None) -> None:
    users, here = cache.used_by(), mix.hash() if mix else ""
    titles = {s.id: s.title for s in found}
    rows = [
        {
            "version": s.title, "saved": words.ago(s.created_at), "from": titles.get(s.parent_id or 0, ""),
            "hash": s.hash, "this arm": "●" if s.hash == here else "", "runs": _users(users.get(s.hash, ())),
        }
        for s in found
    ]  # fmt: skip
    st.dataframe(
        rows, hide_index=True, alt="Saved mixes, the newest first",
        column_config={"runs": st.column_config.TextColumn("runs that train it", help="By the hash of their mix.")},
    )  # fmt: skip


def _users(ids: tuple[int, ...]) -> str:
    shown = ", ".join(f"run {i}" for i in ids[:MOST_USERS])
    return shown + (f" and {len(ids) - MOST_USERS} more" if len(ids) > MOST_USERS else "") or "none"


def _compare(d: draft.Draft, at: int, mix: Mix | None, found: list[SavedMix]) -> None:
    by_id = {s.id: s for s in found}
    names = {HERE: "This arm, as it is here", NEWEST: "The newest"} | {s.id: s.title for s in found}
    left, right, load, beside = st.columns([4, 4, 3, 3], vertical_alignment="bottom")
    with left:
        old = st.selectbox("Version", [NEWEST, *by_id], format_func=names.__getitem__, key="mix-old", bind="query-params")
    with right:
        new = st.selectbox("compared with", [HERE, *by_id], format_func=names.__getitem__, key="mix-new", bind="query-params")
    chosen = by_id.get(old, found[0])
    with load:
        if st.button(f"Load {chosen.title} here", width="stretch", help="In the place of this arm's mix. Undo brings back."):
            d["arms"][at]["mix"] = chosen.config
            _remember(d["arms"][at]["name"], chosen)
            arms.show(at)
    with beside:
        if st.button(f"Add {chosen.title} as arm", width="stretch"):
            _remember(draft.arm_name(d, chosen.name), chosen)
            arms.add(d, chosen.name, chosen.config)
    if mix is None and new == HERE:
        st.caption("This arm's mix cannot be computed yet, so it cannot be compared.")
        return
    after = mix_yaml(mix) if new == HERE and mix else _yaml(by_id[int(new)])
    lines = [*unified_diff(_yaml(chosen).splitlines(), after.splitlines(), chosen.title, names[int(new)], n=2, lineterm="")]
    if lines:
        st.code("\n".join(lines), "diff", wrap_lines=True)
    else:
        st.caption("They are the same.")


def _remember(arm: str, chosen: SavedMix) -> None:
    """Which version an arm was made from: the parent of what it is saved as."""
    st.session_state.setdefault(PARENTS, {})[draft.own_id(), arm] = chosen.id


def _yaml(saved: SavedMix) -> str:
    return to_yaml(brief_mix(saved.config))
