"""The note and the labels of a sample, to read and to write."""

import streamlit as st

from app.data import actions, reads
from app.views.samples.navigation import to_sample
from app.views.shared import links
from app.widgets import html, url_state
from core.common.errors import ShowdownError
from core.store.samples.lines import Place
from core.store.samples.notes import LONGEST_NOTE, Marks

# Keys of the session.
SAVES = "notes-saved"  # the number of saves; after one, fields get new keys and begin with what is stored
SHOWN = "notes-shown"  # field -> what it began with, for each sample whose fields are drawn
TYPED = "notes-typed"  # sample -> what its fields began with and what was typed, for samples not saved yet


def _shown(at: str, now: Marks) -> tuple[Marks, tuple[str, list[str]], int]:
    """The marks that the fields began with, what the fields hold, and the number of saves so far.

    Others may have changed the stored marks since the fields were filled.
    """
    saves = st.session_state.get(SAVES, 0)
    initial, typed = st.session_state.setdefault(TYPED, {}).get(at, (now, (now.note, list(now.labels))))
    # The fields of a page that was left too early may stay.
    all_shown: dict[str, Marks] = st.session_state.setdefault(SHOWN, {})
    if (field := f"note-{at}-{saves}") not in st.session_state:
        remaining = {key: marks for key, marks in all_shown.items() if key in st.session_state}
        st.session_state[SHOWN] = all_shown = {**remaining, field: initial}
    return all_shown.get(field, initial), typed, saves


def _keep(at: str, saves: int, shown: Marks) -> None:
    """Store what was typed before the page is drawn, because it may then show another sample."""
    if not url_state.get("sample"):
        # the first of a list that grows: another sample would take its place before this note is saved
        to_sample(at)
    note, labels = (st.session_state.get(f"{field}-{at}-{saves}") for field in ("note", "labels"))
    if note is None or labels is None or _same(shown, note, labels):
        st.session_state[TYPED].pop(at, None)
    else:
        st.session_state[TYPED][at] = (shown, (note, labels))


def _same(shown: Marks, note: str, labels: list[str]) -> bool:
    return note.strip() == shown.note and sorted(labels) == list(shown.labels)


def notes(place: Place, runs: tuple[int, ...]) -> None:
    """Draw the note and label fields, which are saved with a button.

    Typed text stays until it is saved, also while other samples are looked at.
    """
    current_marks = reads.marks(place)
    sample_key = links.to_url(place)
    summary = ", ".join([*map(html.plain, current_marks.labels), *(["a note"] if current_marks.note else [])])
    unsaved = " (not saved yet)" if sample_key in st.session_state.get(TYPED, {}) else ""
    with st.expander(
        "Note and labels" + (f": {summary}" if summary else "") + unsaved, key=f"notes-{sample_key}"
    ):
        initial, (typed_note, typed_labels), saves = _shown(sample_key, current_marks)
        labels = st.multiselect(
            "Labels", sorted({*reads.label_counts(runs), *initial.labels, *typed_labels}),
            default=typed_labels, accept_new_options=True,
            key=f"labels-{sample_key}-{saves}", placeholder="choose or type new ones", on_change=_keep,
            args=(sample_key, saves, initial),
        )  # fmt: skip
        note = st.text_area(
            "Note",
            typed_note,
            max_chars=LONGEST_NOTE,
            key=f"note-{sample_key}-{saves}",
            height=90,
            on_change=_keep,
            args=(sample_key, saves, initial),
        )
        # Never disabled: the click that leaves the field would hit a button that is still disabled.
        if st.button("Save", key=f"save-{sample_key}") and not _same(initial, note, labels):
            try:
                actions.mark(place, note, labels, initial)
            except ShowdownError as error:
                html.fault(str(error))
                return
            st.session_state[SAVES] = saves + 1
            st.session_state[TYPED].pop(sample_key, None)
            reads.forget_marks()
            st.rerun()
        st.caption(
            "Kept with the run, also when it resumes and trains this step again. `showdown export` takes "
            "them along."
        )
