"""The door of the dashboard in a real browser: a shared password, a real OpenID Connect provider, a
proxy's header."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.sign_in import password
from core.common.settings import settings
from core.store import sign_outs
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.conftest import REPO, forget_settings, free_port, home_of, wait_for
from tests.support.browser import button, chromium, served
from tests.support.oidc_server import CLIENT, CLIENT_SECRET, PASSWORD
from tests.support.requests import asked, upgraded
from tests.support.samples import run_config

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
SHARED = "a shared password"
SESSION = "showdown_session_{port}"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard with a shared password, over a database with one run that waits."""
    home = tmp_path_factory.mktemp("team")
    with home_of(home) as patch:
        patch.setenv("SHOWDOWN_LOGIN", "password")
        forget_settings()
        password.write(SHARED, settings().password)
        lifecycle.create_run(run_config(), by="ben")
        yield from served("app", home, patch, "URL: ")
        assert "Traceback" not in (home / "served.log").read_text()


def signed_in(chrome: Browser, address: str, name: str, path: str = "/") -> Page:
    """A page of somebody who has typed the shared password."""
    page = chrome.new_context(base_url=address, viewport={"width": 1440, "height": 900}).new_page()
    page.goto(path)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(SHARED)
    page.get_by_role("button", name="Sign in").click()
    return page


def cookie_of(address: str, name: str) -> str:
    """The Cookie header of a new sign-in."""
    answer = asked(address, "POST", "/showdown/sign-in", urlencode({"name": name, "password": SHARED}))
    assert answer.status == 303
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


CLOSED = [
    ("GET", "/"), ("GET", "/run?run=1"), ("GET", "/index.html"), ("GET", "/_stcore/host-config"), ("GET", "/_stcore/metrics"),
    ("GET", "/app/static/logo.svg"), ("GET", "/static/js/index.js"), ("GET", "/media/a.png"), ("GET", "/component/x/y.js"),
    ("PUT", "/_stcore/upload_file/a/b"), ("POST", "/showdown/feed"), ("GET", "/showdown/table/a"), ("GET", "/auth/login"),
    ("GET", "/oauth2callback?state=a"), ("GET", "/showdown/sign-in/continue"), ("GET", "/_stcore/stream"),
    ("OPTIONS", "/"), ("HEAD", "/"), ("GET", "/x/../showdown/sign-in/../../run"), ("GET", "/showdown/sign-in/x"), ("GET", "//"),
    ("GET", "/_stcore/health/../host-config"), ("GET", "/run/_stcore/healthy"), ("GET", "/run/_stcore/health"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_stranger_is_given_nothing(team: str, method: str, path: str) -> None:
    forged = "; ".join(
        f"{SESSION.format(port=urlsplit(team).port)}={value}"
        for value in ("x", "eyJuYW1lIjoiZXZlIn0.aaaaaa.bbbbbbbbbbbbbbbb")
    )
    sent: list[dict[str, str]] = [
        {},
        {"Cookie": forged},
        {"X-Showdown-User": "ana"},
        {"X-Forwarded-User": "ana"},
    ]
    for headers in sent:
        assert asked(team, method, path, headers=headers).status in (401, 404, 405), headers
        page = asked(team, method, path, headers={**headers, "Accept": "text/html"})
        assert page.status in (401, 404, 405) or (
            page.status == 303 and "/showdown/sign-in" in page.headers["Location"]
        )


def test_a_stranger_gets_no_websocket_and_a_balancer_its_health(team: str) -> None:
    host = ("Host", urlsplit(team).netloc)
    assert upgraded(team, [host]) == 403
    assert upgraded(team, [host, ("X-Showdown-User", "ana")]) == 403
    assert upgraded(team, [host, ("Cookie", cookie_of(team, "Ana"))]) == 101
    assert asked(team, "GET", "/_stcore/health").status == 200


def test_a_sign_in_leads_to_what_was_asked_for_and_names_who_acts(team: str, chrome: Browser) -> None:
    page = signed_in(chrome, team, "Ana", "/run?run=1")
    expect(page.get_by_text("launched by")).to_contain_text("ben")
    assert page.url == f"{team}/run?run=1"
    button(page, "Stop").click()
    button(page, "Stop it now").click()
    expect(page.get_by_text("stopped by")).to_contain_text("Ana")
    assert [(e.kind, e.by) for e in queries.events(1)] == [("queued", "ben"), ("stopped", "Ana")]
    assert queries.run_detail(1).row.status == Status.STOPPED


def test_who_signs_out_is_out_in_every_tab_and_with_a_kept_cookie(team: str, chrome: Browser) -> None:
    page = signed_in(chrome, team, "Ana <b>&amp;</b> **x**", "/runs")
    expect(page.locator("[data-testid=stTopNavSection]").first).to_have_text(
        re.compile(re.escape("Ana <b>&amp;</b> **x**"))
    )
    other = page.context.new_page()
    other.goto("/workers")
    other.wait_for_function("() => window.showdownSessionWatch")
    kept = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    page.locator("[data-testid=stTopNavSection]").first.click()
    page.get_by_text("Sign out").first.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    name = SESSION.format(port=urlsplit(team).port)
    assert (
        asked(team, "GET", "/_stcore/host-config", headers={"Cookie": f"{name}={kept[name]}"}).status == 401
    )
    assert len(sign_outs.sessions()) == 1  # so that other dashboards of this database know


def test_another_site_signs_nobody_in_or_out(team: str) -> None:
    cookie = cookie_of(team, "Ana")
    foreign = {"Origin": "https://evil.example"}
    body = urlencode({"name": "Ana", "password": SHARED})
    assert asked(team, "POST", "/showdown/sign-in", body, foreign).status == 403
    assert (
        asked(team, "GET", "/auth/logout", headers={"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}).status
        == 403
    )
    assert asked(team, "GET", "/", headers={"Cookie": cookie}).status == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "Ana", "password": "wrong"}, 401),
        ({"name": "Ana"}, 401),
        ({"name": "Ana", "password": "x" * 9000}, 401),
        ({"name": "Ana", "password": "x" * 20_000}, 413),
        ({"name": " \x00", "password": SHARED}, 400),
        ({"password": SHARED}, 400),
        ({str(n): "x" for n in range(50)}, 400),
    ],
)
def test_a_form_that_is_not_right_signs_nobody_in(team: str, fields: dict[str, str], status: int) -> None:
    answer = asked(team, "POST", "/showdown/sign-in", urlencode(fields))
    assert answer.status == status and answer.headers["Set-Cookie"] is None


def test_a_sign_in_over_https_is_for_https_alone(team: str) -> None:
    host = f"localhost:{urlsplit(team).port}"
    headers = {"Host": host, "Origin": f"https://{host}"}
    answer = asked(team, "POST", "/showdown/sign-in", urlencode({"name": "Ana", "password": SHARED}), headers)
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Secure", "Max-Age=43200")), cookie


def test_a_new_password_ends_every_sign_in_and_guesses_are_limited(team: str) -> None:
    cookie = cookie_of(team, "Ana")
    password.write(SHARED, settings().password)
    assert asked(team, "GET", "/", headers={"Cookie": cookie}).status == 401
    body = urlencode({"name": "Ana", "password": "a wrong password"})
    statuses = [asked(team, "POST", "/showdown/sign-in", body).status for _ in range(12)]
    assert statuses[-1] == 429 and set(statuses) == {401, 429}  # those of the tests before count too
    answer = asked(team, "POST", "/showdown/sign-in", urlencode({"name": "Ana", "password": SHARED}))
    assert answer.status == 429 and 0 < int(answer.headers["Retry-After"]) <= 300


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[str]:
    """The address of a dashboard whose sign-ins last eight seconds."""
    with home_of(tmp_path) as patch:
        patch.setenv("SHOWDOWN_LOGIN", "password")
        patch.setenv("SHOWDOWN_SESSION_HOURS", str(8 / 3600))
        forget_settings()
        password.write(SHARED, settings().password)
        yield from served("app", tmp_path, patch, "URL: ")


def test_a_sign_in_ends_by_itself(hasty: str, chrome: Browser) -> None:
    cookie = cookie_of(hasty, "Ana")
    page = signed_in(chrome, hasty, "Ana")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    wait_for("the cookie's end", lambda: asked(hasty, "GET", "/", headers={"Cookie": cookie}).status == 401)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard whose people sign in at a provider."""
    home, provider_port, port = tmp_path_factory.mktemp("company"), free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("provider")
    with (folder / "log").open("wb") as log:
        command = [
            sys.executable,
            "-m",
            "tests.support.oidc_server",
            str(folder),
            str(provider_port),
            address,
        ]
        provider = subprocess.Popen(command, cwd=REPO, stdout=log, stderr=log)
    wait_for("the provider", lambda: "ready" in (folder / "log").read_text())
    metadata = f"http://127.0.0.1:{provider_port}/o/.well-known/openid-configuration"
    (home / "secrets.toml").write_text(
        f'[auth]\nredirect_uri = "{address}/oauth2callback"\ncookie_secret = "{os.urandom(16).hex()}"\n'
        f'client_id = "{CLIENT}"\nclient_secret = "{CLIENT_SECRET}"\nserver_metadata_url = "{metadata}"\n'
    )
    with home_of(home) as patch:
        patch.setenv("SHOWDOWN_LOGIN", "oidc")
        patch.setenv("SHOWDOWN_ALLOWED_USERS", "@example.com")
        yield from served("app", home, patch, "URL: ", port)
    provider.terminate()
    provider.wait(30)


def at_provider(chrome: Browser, address: str, user: str, path: str) -> Page:
    """A page of somebody who has signed in at the provider, where it has led them."""
    page = chrome.new_context(base_url=address, viewport={"width": 1440, "height": 900}).new_page()
    page.goto(path)
    page.get_by_role("link", name="Continue").click()
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    return page


def test_a_provider_signs_people_in_and_out(company: str, chrome: Browser) -> None:
    page = at_provider(chrome, company, "ana", "/workers?a=b")
    expect(page.locator("[data-testid=stTopNavSection]").first).to_have_text(re.compile("ana@example.com"))
    assert page.url == f"{company}/workers?a=b"
    kept = "; ".join(
        f"{c['name']}={c['value']}" for c in page.context.cookies() if c["name"].startswith("_streamlit")
    )
    assert asked(company, "GET", "/_stcore/host-config", headers={"Cookie": kept}).status == 200
    page.locator("[data-testid=stTopNavSection]").first.click()
    page.get_by_text("Sign out").first.click()
    expect(page.get_by_role("link", name="Continue")).to_be_visible()
    assert asked(company, "GET", "/_stcore/host-config", headers={"Cookie": kept}).status == 401
    page.get_by_role("link", name="Continue").click()
    expect(page.get_by_label("Username")).to_be_visible()  # the provider has heard of it too


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("eve", "eve@elsewhere.example"),
        ("mallory", "You are signed in as 3"),
    ],  # who typed Ana's address, and has a `sub`
)
def test_who_is_not_listed_is_told_so_and_given_nothing(
    company: str, chrome: Browser, user: str, shown: str
) -> None:
    page = at_provider(chrome, company, user, "/runs")
    expect(page.get_by_role("alert")).to_contain_text(shown)
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    assert asked(company, "GET", "/_stcore/host-config", headers={"Cookie": cookies}).status == 403
    assert upgraded(company, [("Host", urlsplit(company).netloc), ("Cookie", cookies)]) == 403
    page.get_by_role("link", name="Use another account").click()
    expect(page.get_by_role("link", name="Continue")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/_stcore/host-config", "/showdown/table/a", "/app/static/logo.svg"])
def test_a_forged_cookie_of_a_provider_is_none(company: str, path: str) -> None:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    claims = f'{{"is_logged_in": true, "origin": "{company}", "sub": "1", "email": "ana@example.com", "email_verified": true}}'
    forged = create_signed_value("another secret of 32 characters!", "_streamlit_user", claims).decode()
    for cookie in (forged, quote(claims), "chunks-99999999", ""):
        assert asked(company, "GET", path, headers={"Cookie": f"_streamlit_user={cookie}"}).status == 401


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[str]:
    """The address of a dashboard that believes what this machine says of who asks."""
    with home_of(tmp_path) as patch:
        for name, value in {"LOGIN": "proxy", "PROXIES": "127.0.0.1", "ALLOWED_USERS": "Ana,ben"}.items():
            patch.setenv(f"SHOWDOWN_{name}", value)
        yield from served("app", tmp_path, patch, "URL: ")


def test_a_proxy_names_people_and_nobody_else_does(proxied: str, chrome: Browser) -> None:
    by_name = {
        name: asked(proxied, "GET", "/", headers={"X-Forwarded-User": name}).status
        for name in ("ana", "eve", "")
    }
    assert by_name == {"ana": 200, "eve": 403, "": 401}
    assert asked(proxied, "GET", "/").status == 401
    # The connection is the proxy's, whomever it says that it speaks for.
    assert (
        asked(proxied, "GET", "/", headers={"X-Forwarded-User": "ana", "X-Forwarded-For": "10.0.0.1"}).status
        == 200
    )
    page = chrome.new_context(base_url=proxied, extra_http_headers={"X-Forwarded-User": "ana"}).new_page()
    page.goto("/runs")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    assert page.get_by_text("Sign out").count() == 0  # the proxy keeps the session
