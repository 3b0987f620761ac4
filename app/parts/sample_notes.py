"""The note and the labels of a sample, to read and to write. Called by app.parts.sample_detail."""

import streamlit as st

from app import actions, cache, places, prose
from core.errors import ShowdownError
from core.store.lines import Place
from core.store.notes import LONGEST_NOTE


def notes(place: Place, runs: tuple[int, ...]) -> None:
    """Fields that are saved with a button; what is typed stays until then."""
    now = cache.marks(place)
    at = places.to_url(place)
    with st.expander("Note and labels" + (": " + ", ".join(filter(None, [*now.labels, "a note" if now.note else ""]))
                                          if now.note or now.labels else ""), key=f"notes-{at}"):  # fmt: skip
        labels = st.multiselect(
            "Labels", sorted({*cache.label_counts(runs), *now.labels}), default=list(now.labels), accept_new_options=True,
            key=f"labels-{at}", placeholder="choose or type new ones",
        )  # fmt: skip
        note = st.text_area("Note", now.note, max_chars=LONGEST_NOTE, key=f"note-{at}", height=90)
        changed = note.strip() != now.note or sorted(labels) != list(now.labels)
        if st.button("Save", disabled=not changed, key=f"save-{at}"):
            try:
                actions.mark(place, note, labels)
            except ShowdownError as error:
                prose.fault(str(error))
                return
            cache.forget_marks()
            st.rerun()
        st.caption("Kept with the run, also when it resumes and trains this step again. `showdown export` takes them along.")
