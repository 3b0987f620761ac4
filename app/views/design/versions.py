"""Saved mixes: save an arm's mix as a version, compare two versions, load one into the draft."""

from difflib import unified_diff
from typing import Any

import streamlit as st

from app.data import actions, draft, reads
from app.text import labels
from app.views.design import arms
from app.widgets import html
from core.common.errors import ConfigError
from core.config.yaml_write import mix as brief_mix
from core.config.yaml_write import mix_yaml, to_yaml
from core.rewards.mix import Mix
from core.store.designs.mixes import SavedMix

HERE = 0  # id of the arm's current mix in the lists
NEWEST = -1  # its own id: a default that moves with each save would not be in the address
MOST_USERS = 6
PARENTS = "mix-parents"  # entries by draft and arm: other drafts have arms of the same name


def versions(d: draft.Draft, at: int) -> None:
    """Draw the panel of saved mixes."""
    arm = d["arms"][at]
    mix, _ = draft.check_mix(arm["mix"])
    saved_mixes = reads.saved_mixes()
    with st.container(key="card-versions"):
        html.head("Versions", "a saved mix never changes; saving again makes the next version")
        _save(arm, mix, saved_mixes)
        if not saved_mixes:
            html.empty(
                "No mix is saved yet", "Save this arm's mix: runs that train it will be listed beside it."
            )
            return
        _table(saved_mixes, mix)
        _compare(d, at, mix, saved_mixes)


def badge(mix: Mix | None) -> str:
    """A chip that names the saved version of a mix; empty if the mix is not saved."""
    mix_hash = mix.hash() if mix else ""
    saved_mix = next((s for s in reads.saved_mixes() if s.hash == mix_hash), None)
    return html.chip(saved_mix.title, "accent", dot=False) if saved_mix else ""


def _save(arm: dict[str, Any], mix: Mix | None, found: list[SavedMix]) -> None:
    key = f"mix-name-{draft.edition()}-{arm['name']}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Save this arm's mix as", arm["name"], key=key, max_chars=40, width=280)
        newest = next((s for s in found if s.name == name), None)
        label = f"Save as v{newest.version + 1}" if newest else "Save"
        unchanged = newest is not None and mix is not None and newest.hash == mix.hash()
        if st.button(label, icon=":material/save:", disabled=mix is None or unchanged) and mix:
            _saved(name, mix, arm)
        if unchanged and newest:
            st.caption(f"It is {newest.title} as it stands.")
    if fault := st.session_state.pop("mix-fault", ""):
        html.fault(fault)


def _saved(name: str, mix: Mix, arm: dict[str, Any]) -> None:
    try:
        saved_mix = actions.save_mix(
            name.strip(), mix, st.session_state.get(PARENTS, {}).get((draft.own_id(), arm["name"]))
        )
    except ConfigError as error:
        st.session_state["mix-fault"] = "; ".join(message for _, message in error.problems)
    else:
        st.toast(f"Saved as {html.plain(saved_mix.title)}.", icon=":material/check:")
    st.rerun()


def _table(found: list[SavedMix], mix: Mix | None) -> None:
    users = reads.used_by()
    mix_hash = mix.hash() if mix else ""
    titles = {s.id: s.title for s in found}
    rows = [
        {
            "version": s.title,
            "saved": labels.ago(s.created_at),
            "from": titles.get(s.parent_id or 0, ""),
            "hash": s.hash,
            "this arm": "●" if s.hash == mix_hash else "",
            "runs": _users(users.get(s.hash, ())),
        }
        for s in found
    ]
    st.dataframe(
        rows,
        hide_index=True,
        alt="Saved mixes, the newest first",
        column_config={
            "runs": st.column_config.TextColumn("runs that train it", help="By the hash of their mix.")
        },
    )


def _users(ids: tuple[int, ...]) -> str:
    run_names = ", ".join(f"run {i}" for i in ids[:MOST_USERS])
    return run_names + (f" and {len(ids) - MOST_USERS} more" if len(ids) > MOST_USERS else "") or "none"


def _compare(d: draft.Draft, at: int, mix: Mix | None, found: list[SavedMix]) -> None:
    by_id = {s.id: s for s in found}
    names = {HERE: "This arm, as it is here", NEWEST: "The newest"} | {s.id: s.title for s in found}
    left_column, right_column, load_column, add_column = st.columns([4, 4, 3, 3], vertical_alignment="bottom")
    with left_column:
        old = st.selectbox(
            "Version", [NEWEST, *by_id], format_func=names.__getitem__, key="mix-old", bind="query-params"
        )
    with right_column:
        new = st.selectbox(
            "compared with", [HERE, *by_id], format_func=names.__getitem__, key="mix-new", bind="query-params"
        )
    version = by_id.get(old, found[0])
    with load_column:
        if st.button(
            f"Load {version.title} here",
            width="stretch",
            help="In the place of this arm's mix. Undo brings back.",
        ):
            d["arms"][at]["mix"] = version.config
            _remember(d["arms"][at]["name"], version)
            arms.show(at)
    with add_column:
        if st.button(f"Add {version.title} as arm", width="stretch"):
            _remember(draft.arm_name(d, version.name), version)
            arms.add(d, version.name, version.config)
    if mix is None and new == HERE:
        st.caption("This arm's mix cannot be computed yet, so it cannot be compared.")
        return
    new_yaml = mix_yaml(mix) if new == HERE and mix else _yaml(by_id[int(new)])
    lines = [
        *unified_diff(
            _yaml(version).splitlines(),
            new_yaml.splitlines(),
            version.title,
            names[int(new)],
            n=2,
            lineterm="",
        )
    ]
    if lines:
        st.code("\n".join(lines), "diff", wrap_lines=True)
    else:
        st.caption("They are the same.")


def _remember(arm: str, chosen: SavedMix) -> None:
    """Remember the version an arm was made from: the parent of what the arm is saved as."""
    st.session_state.setdefault(PARENTS, {})[draft.own_id(), arm] = chosen.id


def _yaml(saved: SavedMix) -> str:
    return to_yaml(brief_mix(saved.config))
