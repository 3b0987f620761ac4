"""The note and the labels of a sample, to read and to write. Called by app.parts.sample_detail."""

import streamlit as st

from app import actions, address, cache, places, prose
from app.parts.sample_go import to_sample
from core.errors import ShowdownError
from core.store.lines import Place
from core.store.notes import LONGEST_NOTE, Marks

SAVES = "notes-saved"  # in the session: how often; fields of another key begin with what is stored then
SHOWN = "notes-shown"  # in the session: of each sample whose fields are there what they began with
TYPED = "notes-typed"  # in the session: of samples that were left what their fields began with, and what was typed in them


def _shown(at: str, now: Marks) -> tuple[Marks, tuple[str, list[str]], int]:
    """What the fields began with, which others may have changed since; what they hold; the saves before."""
    saves = st.session_state.get(SAVES, 0)
    shown, typed = st.session_state.setdefault(TYPED, {}).get(at, (now, (now.note, list(now.labels))))
    all_shown: dict[str, Marks] = st.session_state.setdefault(
        SHOWN, {}
    )  # of a page that was left too early its fields may stay
    if (field := f"note-{at}-{saves}") not in st.session_state:
        kept = {key: marks for key, marks in all_shown.items() if key in st.session_state}
        st.session_state[SHOWN] = all_shown = {**kept, field: shown}
    return all_shown.get(field, shown), typed, saves


def _keep(at: str, saves: int, shown: Marks) -> None:
    """Something was typed: said before the page is drawn, which may show another sample by then."""
    if not address.get("sample"):
        to_sample(at)  # the first of a list that grows: another would stand there before this note is saved
    note, labels = (st.session_state.get(f"{field}-{at}-{saves}") for field in ("note", "labels"))
    if note is None or labels is None or _same(shown, note, labels):
        st.session_state[TYPED].pop(at, None)
    else:
        st.session_state[TYPED][at] = (shown, (note, labels))


def _same(shown: Marks, note: str, labels: list[str]) -> bool:
    return note.strip() == shown.note and sorted(labels) == list(shown.labels)


def notes(place: Place, runs: tuple[int, ...]) -> None:
    """Fields that are saved with a button; what is typed stays until then, also while other samples are looked at."""
    now = cache.marks(place)
    at = places.to_url(place)
    said = ", ".join([*map(prose.plain, now.labels), *(["a note"] if now.note else [])])
    unsaved = " (not saved yet)" if at in st.session_state.get(TYPED, {}) else ""
    with st.expander("Note and labels" + (f": {said}" if said else "") + unsaved, key=f"notes-{at}"):
        shown, (text, chosen), saves = _shown(at, now)
        labels = st.multiselect(
            "Labels", sorted({*cache.label_counts(runs), *shown.labels, *chosen}), default=chosen, accept_new_options=True,
            key=f"labels-{at}-{saves}", placeholder="choose or type new ones", on_change=_keep, args=(at, saves, shown),
        )  # fmt: skip
        note = st.text_area(
            "Note", text, max_chars=LONGEST_NOTE, key=f"note-{at}-{saves}", height=90, on_change=_keep, args=(at, saves, shown)
        )
        # Never disabled: the press that leaves the field would be one on a button that cannot be pressed yet.
        if st.button("Save", key=f"save-{at}") and not _same(shown, note, labels):
            try:
                actions.mark(place, note, labels, shown)
            except ShowdownError as error:
                prose.fault(str(error))
                return
            st.session_state[SAVES] = saves + 1
            st.session_state[TYPED].pop(at, None)
            cache.forget_marks()
            st.rerun()
        st.caption("Kept with the run, also when it resumes and trains this step again. `showdown export` takes them along.")
