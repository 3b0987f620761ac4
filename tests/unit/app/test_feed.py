"""The feed of live charts: tokens, what is refused, and that one fault leaves the other charts alone; over
real HTTP routes."""

import json
import struct
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import serve
from app.charts import base
from app.live import chart_protocol
from app.live import feed as live
from app.live.feed import LIVE, STILL, Feed, Version
from core.common.errors import StoreUnavailable
from tests.support.cards import card_of


def drawn(n: int = 3, version: str = "1", title: str = "A <b>") -> chart_protocol.Message:
    card = base.card(title, [base.line("a", range(n), range(n), "ink")], base.layout(n), "alt", axis="step")
    return chart_protocol.Message(card, version, "run")


@pytest.fixture
def http() -> Iterator[TestClient]:
    routes = [
        Route("/showdown/feed", serve.feed, methods=["POST"]),
        Route("/showdown/table/{token}", serve.table),
    ]
    with TestClient(Starlette(routes=routes)) as client:
        yield client


def parts(content: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(content):
        (size,) = struct.unpack_from("<I", content, at)
        found.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def head(message: bytes) -> dict[str, object]:
    (size,) = struct.unpack_from("<I", message)
    found: dict[str, object] = json.loads(message[4 : 4 + size])
    return found


def test_each_ask_is_answered_in_its_place_and_a_fault_is_its_own(http: TestClient) -> None:
    def away() -> chart_protocol.Message:
        raise StoreUnavailable("the database is away")

    def broken() -> chart_protocol.Message:
        raise ZeroDivisionError

    tokens = [LIVE.source(("feed", k), make).token for k, make in enumerate((drawn, away, broken))]
    first = parts(http.post("/showdown/feed", json=[[t] for t in [*tokens, "never-drawn"]]).content)
    assert card_of(first[0])["title"] == "A <b>" and list(card_of(first[0])["traces"][0]["y"]) == [0, 1, 2]
    assert head(first[1]) == {"kind": "fault", "said": "the database is away"}
    assert head(first[2])["kind"] == "fault" and "log" in str(head(first[2])["said"])
    assert head(first[3]) == {"kind": "gone"}
    has = [head(first[0])[k] for k in ("version", "epoch", "length", "frame")]
    assert parts(http.post("/showdown/feed", json=[[tokens[0], *has]]).content) == [b""]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"[]", 200, "a page that shows nothing"),
        (b"{", 400, "no JSON"),
        (b'{"a": 1}', 400, "no list"),
        (b"[[]]", 400, "an ask without a token"),
        (b"[" * 90_000, 400, "deeper than a reader's stack"),
        (b'[["x", ' + b"9" * 5000 + b"]]", 400, "an integer of more digits than Python reads"),
        (b"[1e400]", 400, "a number without end"),
        (b'[["\xff"]]', 400, "not UTF-8"),
        (b"null", 400, "nothing"),
        (b'"\\ud800"', 400, "half a character"),
        (b"[[1]]", 400, "a token is a text"),
        (json.dumps([["x"]] * 201).encode(), 400, "more asks than a page has charts"),
        (b"[" + b" " * 100_001 + b"]", 413, "longer than any page would say"),
    ],
)
def test_what_is_no_request_is_refused(http: TestClient, body: bytes, status: int, why: str) -> None:
    assert http.post("/showdown/feed", content=body).status_code == status, why


def test_a_table_has_every_point_and_a_harmless_name(http: TestClient) -> None:
    token = LIVE.source("table", lambda: drawn(700, title='x"\r\nSet-Cookie: a')).token
    answer = http.get(f"/showdown/table/{token}")
    assert answer.text.splitlines()[:2] == ["step,a", "0,0"] and len(answer.text.splitlines()) == 701
    assert answer.headers["content-disposition"] == 'attachment; filename="x-set-cookie-a.csv"'
    assert http.get("/showdown/table/nobody").status_code == 404
    version = LIVE.source("only a version", lambda: Version("7")).token
    assert http.get(f"/showdown/table/{version}").status_code == 404


def test_a_token_is_the_same_for_all_viewers_and_the_oldest_are_let_go() -> None:
    feed = Feed(2)
    one = feed.source("one", drawn)
    assert feed.source("one", lambda: drawn(5)).token == one.token  # another viewer draws the same chart
    assert isinstance(now := feed.now(one.token), chart_protocol.Message) and now.length == 5
    two = feed.source("two", drawn)
    feed.now(one.token)
    feed.source("three", drawn)
    assert feed.now(two.token) is None and feed.now(one.token) is not None


def test_a_chart_that_stands_still_is_answered_too() -> None:
    token = STILL.source("still", drawn).token
    assert card_of(parts(live.answered(live.asked(json.dumps([[token]]).encode())))[0])["title"] == "A <b>"


def test_a_version_is_said_when_it_is_another() -> None:
    token = LIVE.source("version", lambda: Version("7")).token
    assert head(parts(live.answered(live.asked(json.dumps([[token]]).encode())))[0]) == {
        "kind": "version",
        "version": "7",
    }
    assert parts(live.answered(live.asked(json.dumps([[token, "7"]]).encode()))) == [b""]
