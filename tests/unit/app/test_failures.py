"""A fault of ours: a browser gets a sentence with an id, the log the same id with the traceback, and
nobody the words twice."""

import inspect
import logging
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import config, error_util
from streamlit.testing.v1 import AppTest, local_script_runner

from app import serve
from app.server import failures
from core.common.errors import DataError
from tests.conftest import REPO

WORDS = "private words of a row"
SENTENCE = re.compile(
    r"Something went wrong in the dashboard\. Its log has the details under ([0-9a-f]{8})\."
)


@pytest.fixture(autouse=True)
def handled(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest takes no `on_script_error`: its runner gets here what st.App gives to those of a server."""
    begin = local_script_runner.LocalScriptRunner.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self._on_script_error = failures.of_page

    monkeypatch.setattr(local_script_runner.LocalScriptRunner, "__init__", init)


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged of faults, by Streamlit and by us, with our settings. Streamlit's loggers tell nobody
    above them."""
    settings = tomllib.loads((REPO / "app" / ".streamlit" / "config.toml").read_text())
    config.set_option("logger.enableRich", settings["logger"]["enableRich"])
    streamlit = logging.getLogger("streamlit.error_util")
    streamlit.addHandler(caplog.handler)
    yield caplog
    streamlit.removeHandler(caplog.handler)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


ERRORS: dict[str, BaseException] = {
    "a fault": RuntimeError(WORDS),
    "one of ours": DataError(WORDS),
    "several": ExceptionGroup(WORDS, [ValueError(WORDS), KeyError(WORDS)]),
    "one that cannot be said": Unspeakable(),
    "a long one": ValueError(WORDS * 100_000),
    "a way out that is caught by nobody": TimeoutError(WORDS),
}


def whole(error: BaseException) -> None:
    raise error


def in_callback(error: BaseException) -> None:
    import streamlit as st

    def press() -> None:
        raise error

    st.button("press", on_click=press)
    st.text("the page")


def in_fragment(error: BaseException) -> None:
    import streamlit as st

    @st.fragment
    def part() -> None:
        raise error

    st.text("above")
    part()
    st.text("below")


def in_a_later_run_of_a_fragment(error: BaseException) -> None:
    import streamlit as st

    @st.fragment
    def part() -> None:
        if st.button("press"):
            raise error

    part()


PLACES: dict[str, Callable[[BaseException], None]] = {
    "page": whole, "callback": in_callback, "fragment": in_fragment, "a fragment alone": in_a_later_run_of_a_fragment,
}  # fmt: skip


def failed(place: Callable[[BaseException], None], error: BaseException) -> AppTest:
    at = AppTest.from_function(place, args=(error,)).run()
    for button in at.button:
        button.click().run()
    return at


def assert_told_once(shown: list[str], logs: pytest.LogCaptureFixture, error: BaseException) -> None:
    (key,) = [found[1] for text in shown if (found := SENTENCE.fullmatch(text))]
    assert len(shown) == 1
    (record,) = [r for r in logs.records if r.exc_info]
    assert (
        record.getMessage().startswith(f"{key}: ")
        and record.exc_info is not None
        and record.exc_info[1] is error
    )
    assert record.exc_info[2] is not None, "its traceback"


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_browser_and_log_have_the_same_id_wherever_it_happens(
    place: Callable[[BaseException], None], logs: pytest.LogCaptureFixture
) -> None:
    error = RuntimeError(WORDS)
    at = failed(place, error)
    assert_told_once([e.value for e in at.error], logs, error)
    assert not at.exception and WORDS not in str(at.main)


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_whatever_is_raised(error: BaseException, logs: pytest.LogCaptureFixture) -> None:
    at = failed(whole, error)
    assert_told_once([e.value for e in at.error], logs, error)
    assert not at.exception


def test_every_fault_has_an_id_of_its_own() -> None:
    assert len({failures.logged(RuntimeError(), "x") for _ in range(100)}) == 100


@pytest.mark.parametrize("call", ["stop", "rerun"])
def test_what_is_no_fault_is_not_told(call: str, logs: pytest.LogCaptureFixture) -> None:
    def script(call: str) -> None:
        import streamlit as st

        if "again" not in st.session_state:
            st.session_state["again"] = True
            getattr(st, call)()

    at = AppTest.from_function(script, args=(call,)).run()
    assert not at.error and not at.exception and not [r for r in logs.records if r.exc_info]


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_a_route_answers_with_the_id(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    @failures.told
    async def route(request: Request) -> Response:
        raise error

    with TestClient(Starlette(routes=[Route("/x", route)])) as client:
        answer = client.get("/x")
    assert answer.status_code == 500 and answer.headers["Cache-Control"] == "no-store"
    assert_told_once([answer.text], caplog, error)


@pytest.mark.parametrize("status", [200, 404, 413])
def test_a_route_that_answers_is_left_alone(status: int) -> None:
    @failures.told
    async def route(request: Request) -> Response:
        if status == 413:
            raise HTTPException(413)
        return PlainTextResponse("text", status)

    with TestClient(Starlette(routes=[Route("/x", route)])) as client:
        assert client.get("/x").status_code == status


def test_all_of_our_routes_and_the_pages_are_covered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError(WORDS)

    for name in ("answered", "file_of"):
        monkeypatch.setattr(serve.live, name, fails)
    routes = [
        Route("/showdown/feed", serve.feed, methods=["POST"]),
        Route("/showdown/table/{token}", serve.table),
    ]
    with TestClient(Starlette(routes=routes)) as client:
        for answer in (client.post("/showdown/feed", json=[]), client.get("/showdown/table/x")):
            assert answer.status_code == 500 and SENTENCE.fullmatch(answer.text), answer.text
    assert len([r for r in caplog.records if r.exc_info]) == 2


def test_streamlit_has_the_seam_that_we_use() -> None:
    """What it logs itself is left out, as `of_page` logs it with an id: were it said otherwise, it would
    stand there twice."""
    assert "on_script_error" in inspect.signature(st.App.__init__).parameters
    assert '"Uncaught app execution"' in inspect.getsource(error_util)
    ours = [f for f in logging.getLogger("streamlit.error_util").filters if callable(f)]
    assert ours
