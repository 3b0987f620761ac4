"""Long work beside a page: it goes on without the page, tells how far it is, and ends when somebody says so."""

from collections.abc import Iterator
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from app.widgets import jobs
from core.common.errors import DataError
from core.common.progress import Progress

GIVE_UP = 60.0


class Work:
    """Work in two halves; the second begins when it is let go on."""

    def __init__(self) -> None:
        self.go, self.half, self.begun, self.fault = Event(), Event(), 0, ""

    def __call__(self, progress: Progress) -> str:
        self.begun += 1
        progress(0.5)
        self.half.set()
        assert self.go.wait(GIVE_UP)
        if self.fault:
            raise DataError(self.fault)
        progress(1.0)
        return "made"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    monkeypatch.setattr(jobs, "QUICK", 0.0)
    made = Work()
    yield made
    made.go.set()


def script(make: object, what: str) -> None:
    import streamlit as st

    from app.widgets import jobs
    from core.common.errors import ShowdownError

    try:
        found = jobs.made("work", st.session_state.get("what", what), "Working", make)  # type: ignore[arg-type]
    except ShowdownError as error:
        st.error(str(error))
    else:
        st.text(found)


def page(work: Work) -> AppTest:
    at = AppTest.from_function(script, kwargs={"make": work, "what": "one"}, default_timeout=60).run()
    assert work.half.wait(GIVE_UP)
    return at


def ended(at: AppTest) -> AppTest:
    """The page, drawn when its work has ended; as its fragment does."""
    if "job-work" not in at.session_state:  # it had ended before the page was drawn
        return at
    assert at.session_state["job-work"].ended(GIVE_UP)
    return at.run()


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def test_a_page_shows_how_far_work_is_and_then_what_it_made(work: Work) -> None:
    at = page(work).run()
    assert labels(at) == ["Cancel"] and at.get("progress")[0].proto.text == "Working: 50 %"
    work.go.set()
    at = ended(at)
    assert at.text[0].value == "made" and not at.button and work.begun == 1


def test_cancelled_work_ends_and_can_be_started_again(work: Work) -> None:
    at = page(work)
    job = at.session_state["job-work"]
    at.button[0].click().run()
    assert labels(at) == ["Start again"] and at.caption[0].value == "Working: cancelled."
    work.go.set()
    assert job.ended(GIVE_UP) and job.value is None and job.share == 0.5
    at.button[0].click().run()
    assert ended(at).text[0].value == "made" and work.begun == 2


def test_work_for_something_else_ends_what_was_going_on(work: Work) -> None:
    at = page(work)
    first = at.session_state["job-work"]
    at.session_state["what"] = "two"
    at.run()
    work.go.set()
    assert first.ended(GIVE_UP) and first.cancelled and first.value is None
    assert ended(at).text[0].value == "made"


def test_a_fault_is_shown_and_the_next_look_tries_again(work: Work) -> None:
    work.fault = "no such file"
    at = page(work)
    work.go.set()
    assert ended(at).error[0].value == "no such file" and not at.button
    work.fault = ""
    at.run()
    assert ended(at).text[0].value == "made" and work.begun == 2


def test_a_last_look_that_comes_after_the_page_was_left_does_not_bring_the_reader_back() -> None:
    """The browser's timer had asked before the click: the answer runs when another page is drawn already."""

    def late() -> None:
        from itertools import count

        import streamlit as st

        from app.widgets import jobs

        st.session_state[jobs.PAGE] = "queue"
        job = jobs.Job("what", lambda progress: 1)
        assert job.ended(60.0)
        jobs._watch("place", job, "Working", 0, "design", count(1))
        st.write("still here")

    at = AppTest.from_function(late, default_timeout=60).run()
    assert not at.exception and at.markdown[0].value == "still here"


def test_work_that_ends_while_its_page_is_drawn_does_not_lose_a_press() -> None:
    """To begin the page anew there would be to forget what was pressed; the next look, a moment later,
    loses nothing."""

    def ends() -> None:
        from itertools import count

        import streamlit as st

        from app.widgets import jobs

        job = jobs.Job("what", lambda progress: 1)
        assert job.ended(60.0)
        st.fragment(jobs._watch)("place", job, "Working", 0, None, count())
        if st.button("Go"):
            st.write("went")

    at = AppTest.from_function(ends, default_timeout=60).run()
    next(b for b in at.button if b.label == "Go").click().run()
    assert at.markdown[0].value == "went"


def test_what_ends_while_its_bar_is_drawn_is_shown_by_the_next_look_and_not_made_twice(work: Work) -> None:
    at = page(work)
    job = at.session_state["job-work"]
    work.go.set()
    assert job.ended(GIVE_UP)
    answers = iter([False, False])  # as the page finds it twice before it draws the bar
    job.ended = lambda seconds=0.0: next(answers, True)
    at.run()
    assert at.text[0].value != "made" and labels(at) == ["Cancel"]
    assert at.run().text[0].value == "made" and work.begun == 1
