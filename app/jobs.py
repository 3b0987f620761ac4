"""Long work beside a page: in a thread, with the share that is done, and a button that ends it. Called by app.parts.

A page waits for it a moment, which is enough for most; then it goes on without, and a fragment asks how far the work is and
has the page drawn again when it is done. `key` names the place on the page, `what` what is worked on there: work for
something else in the same place is ended. Work runs in no session, so `make` must not read one.
"""

from collections.abc import Callable, Hashable, Iterator
from itertools import count
from threading import Event, Thread
from typing import Any, Generic, TypeVar

import streamlit as st

from app import words
from core.progress import Progress

T = TypeVar("T")
PAGE = "page-shown"  # in the session: the page that is drawn; set by app.main
QUICK = 0.7  # seconds for which the page waits
POLL_SECONDS = 0.4


class Cancelled(Exception):
    """Raised inside work that somebody has ended, by its progress."""


class Job(Generic[T]):
    """One piece of work, begun at once. `make` is given the function to tell its progress."""

    def __init__(self, what: Hashable, make: Callable[[Progress], T]) -> None:
        self.what, self.share, self.cancelled = what, 0.0, False
        self.value: T | None = None
        self.error: Exception | None = None
        self._ended = Event()
        Thread(target=self._run, args=(make,), name="showdown-job", daemon=True).start()

    def _run(self, make: Callable[[Progress], T]) -> None:
        try:
            self.value = make(self._tell)
        except Cancelled:
            self.cancelled = True
        except Exception as error:  # whoever asks for the value gets it
            self.error = error
        finally:
            self._ended.set()

    def _tell(self, share: float) -> None:
        if self.cancelled:
            raise Cancelled
        self.share = min(1.0, max(self.share, share))

    def cancel(self) -> None:
        """End it where it next tells its progress. What it makes before then is not shown."""
        self.cancelled = True

    def ended(self, seconds: float = 0.0) -> bool:
        """It has ended, within so many seconds."""
        return self._ended.wait(seconds)


def begin(key: str, what: Hashable, make: Callable[[Progress], T]) -> Job[T]:
    """Start work in a place, and wait a moment for it."""
    if old := _of(key):
        old.cancel()
    job = st.session_state[_name(key)] = Job(what, make)
    job.ended(QUICK)
    return job


def shown(key: str, what: Hashable, said: str, tall: int = 0) -> Any:
    """What was made here of `what`; None before it was begun, after Cancel, and while it is made: then a bar says how far.

    `tall`: pixels that what is made will take. They are kept free for it: what stands below would move away under the pointer.
    Raises what the work raised, once: then it can be begun anew.
    """
    job = _of(key)
    if job is None or job.what != what or job.cancelled:
        return None
    if not job.ended():
        st.fragment(_watch, run_every=POLL_SECONDS, key=_name(key))(key, job, said, tall, st.session_state.get(PAGE), count())
        return None
    if job.error:
        del st.session_state[_name(key)]
        raise job.error
    return job.value


def made(key: str, what: Hashable, said: str, make: Callable[[Progress], T], tall: int = 0) -> T | None:
    """The same of work that begins by itself, whenever the page is drawn. What it made is not kept here: `make` should."""
    job = _of(key)
    if job is None or job.what != what:
        job = begin(key, what, make)
    if job.cancelled:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{said}: cancelled.")
            st.button("Start again", icon=":material/refresh:", key=f"{key}-again", on_click=_forget, args=(key,))
        return None
    ended = job.ended()  # before it is shown: what ends a moment later is shown by the next run
    found: T | None = shown(key, what, said, tall)
    if ended:
        _forget(key)
    return found


def goes_on(key: str) -> bool:
    """Something is being made in this place, or waits to be shown there."""
    job = _of(key)
    return job is not None and not job.cancelled


def _watch(key: str, job: Job[Any], said: str, tall: int, page: object, looks: Iterator[int]) -> None:
    if st.session_state.get(PAGE) != page:
        return  # a last look, sent before the reader went to another page: to draw this one again would bring the reader back
    first = next(looks) == 0  # made by what draws this for the first time: a press that it answers would be lost
    if (job.cancelled or job.ended()) and not first:
        st.rerun()  # the whole page: what was waited for is drawn by it
    room = st.container(height=tall or "content", border=False)
    with room, st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.share, f"{said}: {words.percent(job.share)}")
        st.button("Cancel", key=f"{key}-cancel", on_click=job.cancel, help="Nothing is lost: it can be started again.")


def _of(key: str) -> Job[Any] | None:
    found: Job[Any] | None = st.session_state.get(_name(key))
    return found


def _forget(key: str) -> None:
    st.session_state.pop(_name(key), None)


def _name(key: str) -> str:
    return f"job-{key}"
