"""Long work beside a page: a thread with a progress bar and a button that cancels it.

A page waits for it a moment, which is enough for most work. Then the page goes on without, and a fragment
polls the progress and has the page drawn again when the work is done. `key` names the place on the page,
`what` what is worked on there: work on something else in the same place is cancelled. Work runs in no
session, so `make` must not read one.
"""

from collections.abc import Callable, Hashable, Iterator
from itertools import count
from threading import Event, Thread
from typing import Any, Generic, TypeVar

import streamlit as st

from app.text import labels
from core.common.progress import Progress

T = TypeVar("T")
PAGE = "page-shown"  # in the session: the page that is drawn; set by app.main
QUICK = 0.7  # seconds for which the page waits
POLL_SECONDS = 0.4


class Cancelled(Exception):
    """Raised inside cancelled work when it reports its progress."""


class Job(Generic[T]):
    """A piece of work, started at once; `make` is given the function that reports its progress."""

    def __init__(self, what: Hashable, make: Callable[[Progress], T]) -> None:
        self.what = what
        self.share = 0.0
        self.cancelled = False
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
        """Cancel the work at its next progress report. What it makes before then is not shown."""
        self.cancelled = True

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether the work ends within so many seconds."""
        return self._ended.wait(seconds)


def begin(key: str, what: Hashable, make: Callable[[Progress], T]) -> Job[T]:
    """Start work in a place, and wait a moment for it."""
    if old := _of(key):
        old.cancel()
    job = st.session_state[_name(key)] = Job(what, make)
    job.ended(QUICK)
    return job


def shown(key: str, what: Hashable, said: str, tall: int = 0) -> Any:
    """The result of `what` in this place; None with a progress bar while it is being made.

    None also before it was begun and after a cancel. `tall` is the height of the result in pixels, kept
    free for it: what stands below would move away under the pointer. Raises what the work raised, once:
    then it can be begun again.
    """
    job = _of(key)
    if job is None or job.what != what or job.cancelled:
        return None
    if not job.ended():
        st.fragment(_watch, run_every=POLL_SECONDS, key=_name(key))(
            key, job, said, tall, st.session_state.get(PAGE), count()
        )
        return None
    if job.error:
        del st.session_state[_name(key)]
        raise job.error
    return job.value


def made(key: str, what: Hashable, said: str, make: Callable[[Progress], T], tall: int = 0) -> T | None:
    """The result as from `shown`, of work that begins by itself whenever the page is drawn.

    The result is not kept here: `make` should keep it.
    """
    job = _of(key)
    if job is None or job.what != what:
        job = begin(key, what, make)
    if job.cancelled:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{said}: cancelled.")
            st.button(
                "Start again", icon=":material/refresh:", key=f"{key}-again", on_click=_forget, args=(key,)
            )
        return None
    ended = job.ended()  # before it is shown: what ends a moment later is shown by the next run
    value: T | None = shown(key, what, said, tall)
    if ended:
        _forget(key)
    return value


def goes_on(key: str) -> bool:
    """Whether something is being made in this place, or waits to be shown there."""
    job = _of(key)
    return job is not None and not job.cancelled


def _watch(key: str, job: Job[Any], said: str, tall: int, page: object, looks: Iterator[int]) -> None:
    if st.session_state.get(PAGE) != page:
        # a last look, sent before the reader went to another page: to draw this one again would bring the
        # reader back
        return
    # made by what draws this for the first time: a press that it answers would be lost
    first = next(looks) == 0
    if (job.cancelled or job.ended()) and not first:
        st.rerun()  # the whole page: what was waited for is drawn by it
    room = st.container(height=tall or "content", border=False)
    with room, st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.share, f"{said}: {labels.percent(job.share)}")
        st.button(
            "Cancel",
            key=f"{key}-cancel",
            on_click=job.cancel,
            help="Nothing is lost: it can be started again.",
        )


def _of(key: str) -> Job[Any] | None:
    job: Job[Any] | None = st.session_state.get(_name(key))
    return job


def _forget(key: str) -> None:
    st.session_state.pop(_name(key), None)


def _name(key: str) -> str:
    return f"job-{key}"
