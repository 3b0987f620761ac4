"""Whom the dashboard answers: under which names, to pages of which origin; and what its own pages may do
in a real browser."""

import http.client
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.server.hosts import split
from core.store.runs import claims
from core.store.status import Status
from tests.support.browser import chromium, drawn, go, settle
from tests.support.grow import grow, growing
from tests.support.requests import upgraded

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("localhost:8501", ("localhost", "8501")),
        ("LocalHost", ("localhost", "")),
        ("localhost.:8501", ("localhost", "8501")),
        ("127.0.0.1:80", ("127.0.0.1", "")),
        ("[::1]:8501", ("::1", "8501")),
        ("[::1]", ("::1", "")),
        ("showdown.team.example:443", ("showdown.team.example", "")),
        ("::1:8501", None),
        ("", None),
        ("localhost:8501:1", None),
        ("localhost/evil.com", None),
        ("user@localhost", None),
        ("localhost evil.com", None),
        ("[::1", None),
        ("localhost:port", None),
    ],
)
def test_a_host_is_a_name_and_a_port(host: str, found: tuple[str, str] | None) -> None:
    assert split(host) == found


def status(address: str, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> int:
    """What the server answers to exactly these headers."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    for name, value in [*headers, ("Content-Length", str(len(body)))]:
        connection.putheader(name, value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


PORT = "{port}"  # of the dashboard
ASKED = [
    # host, origin, is it answered
    ("localhost:{port}", None, True),
    ("127.0.0.1:{port}", None, True),
    ("[::1]:{port}", None, True),
    ("LOCALHOST:{port}", "http://localhost:{port}", True),
    ("127.0.0.1:{port}", "http://127.0.0.1:{port}", True),
    ("evil.com:{port}", None, False),
    ("evil.com", None, False),
    ("evil.com:{port}", "http://evil.com:{port}", False),
    ("localhost.evil.com:{port}", None, False),
    ("127.0.0.1.evil.com:{port}", None, False),
    ("localhost:{port}@evil.com", None, False),
    ("127.0.0.2:{port}", None, False),
    ("0.0.0.0:{port}", None, False),
    ("2130706433:{port}", None, False),
    (None, None, False),
    ("localhost:{port}", "http://evil.com", False),
    ("localhost:{port}", "http://localhost:1", False),
    ("localhost:{port}", "http://127.0.0.1:{port}", False),
    ("localhost:{port}", "http://localhost", False),
    ("localhost:{port}", "null", False),
    ("localhost:{port}", "file://", False),
    ("localhost:{port}", "http://localhost:{port}.evil.com", False),
]


@pytest.mark.parametrize(("host", "origin", "answered"), ASKED)
def test_only_names_and_origins_of_ours_are_answered(
    dashboard: str, host: str | None, origin: str | None, answered: bool
) -> None:
    port = str(urlsplit(dashboard).port)
    given = [("Host", host), ("Origin", origin)]
    headers = [(name, value.replace(PORT, port)) for name, value in given if value is not None]
    refused = {400, 403, 421}
    if host is not None:  # without one it is no request of HTTP/1.1, and the server says so itself
        assert (upgraded(dashboard, headers) == 101) is answered
    for method, path, body in (("GET", "/", b""), ("GET", "/_stcore/host-config", b""), ("POST", "/showdown/feed", b"[]"),
                               ("GET", "/app/static/logo.svg", b"")):  # fmt: skip
        found = status(dashboard, method, path, headers, body)
        assert found == 200 if answered else found in refused, (method, path)


def test_two_hosts_are_none(dashboard: str) -> None:
    port = urlsplit(dashboard).port
    assert status(dashboard, "GET", "/", [("Host", f"localhost:{port}"), ("Host", "evil.com")]) in (400, 421)


def test_health_is_told_to_whoever_asks(dashboard: str) -> None:
    """A balancer names an address. The answer says nothing but that the server runs."""
    assert status(dashboard, "GET", "/_stcore/health", [("Host", "10.0.0.7")]) == 200
    assert status(dashboard, "GET", "/?a=/_stcore/health", [("Host", "10.0.0.7")]) == 421


@pytest.mark.parametrize(("size", "found"), [(99_000, 400), (101_000, 413), (400_000_000, 413)])
def test_a_large_request_is_refused_before_it_is_read(dashboard: str, size: int, found: int) -> None:
    port = urlsplit(dashboard).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", "/showdown/feed")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    sent = 0
    try:
        while sent < size:
            sent += connection.sock.send(b"[" * min(65_536, size - sent))
    except OSError:  # it has closed the line: enough was read
        pass
    answer = connection.getresponse()
    assert answer.status == found
    connection.close()
    assert status(dashboard, "POST", "/showdown/feed", [("Host", f"localhost:{port}")], b"[" * 50_000) == 400


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def foreign(tmp_path: Path, dashboard: str) -> Iterator[str]:
    """A page of another origin that frames the dashboard and asks it things."""
    script = f"""
      window.said = [];
      const tell = (name) => (what) => said.push(name + ' ' + what);
      fetch('{dashboard}/showdown/feed', {{ method: 'POST', body: '[]' }})
        .then((answer) => answer.text()).then(tell('read'), tell('failed'));
      const line = new WebSocket('{dashboard.replace("http", "ws")}/_stcore/stream');
      line.onopen = () => tell('open')('');
      line.onerror = () => tell('closed')('');
    """
    (tmp_path / "index.html").write_text(f"<iframe src='{dashboard}/'></iframe><script>{script}</script>")
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_on_another_port_of_this_machine_neither_frames_nor_reads(
    chrome: Browser, dashboard: str, foreign: str
) -> None:
    page = chrome.new_page()
    page.goto(foreign)
    page.wait_for_function("said.length >= 2")
    assert sorted(word.split()[0] for word in page.evaluate("said")) == ["closed", "failed"]
    (frame,) = (f for f in page.frames if f is not page.main_frame)
    assert frame.locator("[data-testid=stApp]").count() == 0
    page.close()


PAGES = ("", "design", "queue", "runs", "compare", "samples", "workers", "run?run=1", "run?run=1&tab=All+metrics",
         "run?run=1&tab=Samples", "run?run=1&tab=Replay", "run?run=1&tab=Config", "run?run=1&tab=Log")  # fmt: skip


def test_our_pages_break_no_rule_of_their_own(chrome: Browser, dashboard: str) -> None:
    """Of the Content-Security-Policy, on any page; and it is one that refuses a script of a stranger."""
    for run_id in growing(["hard", "hybrid"], [0], 40):
        grow(run_id, 0, 40)
        claims.finish(run_id, 1, Status.DONE)
    page = chrome.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    broken = list[str]()
    page.expose_function("showdownBroken", lambda what: broken.append(what))
    page.add_init_script("""
      addEventListener('securitypolicyviolation', (e) => showdownBroken(e.violatedDirective + ' ' + e.blockedURI))
    """)
    answer = page.goto(f"{dashboard}/")
    assert answer
    said = {
        name: answer.headers.get(name)
        for name in ("referrer-policy", "x-content-type-options", "x-frame-options")
    }
    assert said == {
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
    }
    for path in PAGES:
        go(page, f"{dashboard}/{path}")
        settle(page)
        drawn(page)
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        drawn(page)
    assert broken == []
    page.evaluate("""() => {
      document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.ran = 1">');
      document.body.insertAdjacentHTML('beforeend', '<a href="javascript:window.ran = 1">x</a>');
      const script = document.createElement('script');
      script.textContent = 'window.ran = 1';
      document.body.append(script);
      document.querySelector('a[href^=javascript]').click();
    }""")
    _expect_broken(page, broken, 3)
    assert page.evaluate("window.ran") is None


def _expect_broken(page: Page, broken: list[str], least: int) -> None:
    for _ in range(100):
        if len(broken) >= least:
            return
        page.wait_for_timeout(50)
    expect(page.locator("body"), f"only {broken}").to_have_count(0)
