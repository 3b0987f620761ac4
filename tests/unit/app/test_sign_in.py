"""Who signs in: names, lists of users, guesses of a password, what a proxy says, and where a sign-in may
lead."""

from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from app.sign_in import check, oidc, password, proxy
from app.sign_in.answers import safe_next
from app.sign_in.attempts import MAX_ADDRESSES, MAX_FAILURES, WINDOW_SECONDS, Attempts, source_of
from app.sign_in.users import clean_name, is_allowed
from core.common.errors import SetupError
from core.common.settings import settings
from tests.conftest import forget_settings


@pytest.mark.parametrize(
    ("name", "allowed_users", "allowed"),
    [
        ("ana@example.com", {"ana@example.com"}, True),
        ("Ana@Example.com", {"ana@example.com"}, True),  # addresses are compared in small letters
        ("ana@example.com", {"@example.com"}, True),
        ("ana@example.com", {"*"}, True),
        ("eve@elsewhere.com", {"@example.com"}, False),
        ("eve@notexample.com", {"@example.com"}, False),  # a longer name with the same end
        ("eve@example.com.evil.com", {"@example.com"}, False),
        ("ana@example.com@evil.com", {"@example.com"}, False),  # the domain is what follows the last @
        ("example.com", {"@example.com"}, False),
        ("@example.com", {"ana@example.com"}, False),
        ("2b1f", {"2b1f"}, True),  # a `sub`
        ("", {"@"}, False),
        ("anything", set(), False),
    ],
)
def test_a_user_is_listed_by_address_or_by_domain(name: str, allowed_users: set[str], allowed: bool) -> None:
    assert is_allowed(name, allowed_users) is allowed


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Ana  ", "Ana"),
        ("Ana\nLuć", "Ana Luć"),
        ("Ana\x00\x1b[31m", "Ana [31m"),
        ("\u202eana", "ana"),  # would turn the direction of what follows
        ("\u200b", ""),  # nothing to see
        ("", ""),
        ("x" * 500, "x" * 200),
        ("\ud800", ""),  # half a character, which no database holds
    ],
)
def test_a_name_is_one_line_that_can_be_read(text: str, name: str) -> None:
    assert clean_name(text) == name


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "7", "email": "ana@example.com", "email_verified": True}, "ana@example.com"),
        (
            {"sub": "7", "email": "ana@example.com", "email_verified": "true"},
            "ana@example.com",
        ),  # as some providers send it
        ({"sub": "7", "email": "ana@example.com", "email_verified": False}, "7"),
        ({"sub": "7", "email": "ana@example.com"}, "7"),  # nobody has looked whether it is theirs
        ({"sub": "7", "email": ["ana@example.com"], "email_verified": True}, "7"),
        ({"email": "ana@example.com"}, ""),
    ],
)
def test_only_a_verified_address_names_a_user(claims: dict[str, Any], name: str) -> None:
    assert oidc.name_of(claims) == name


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/run?run=1&tab=All+metrics", "/run?run=1&tab=All+metrics"),
        ("/", "/"),
        ("/runs#end", "/runs"),
        ("//evil.com", "/"),
        ("///evil.com", "/"),
        ("/\\evil.com", "/"),  # browsers read a backslash as a slash
        ("\\\\evil.com", "/"),
        ("https://evil.com/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.com", "/"),  # browsers leave tabs out
        ("/\r\nSet-Cookie: a=b", "/"),
        (" //evil.com", "/"),
        ("runs", "/"),
        ("", "/"),
        ("/" + "x" * 3000, "/"),
        ("//[evil", "/"),
    ],
)
def test_a_sign_in_leads_to_this_dashboard(address: str, target: str) -> None:
    assert safe_next(address) == target


@given(st.text(alphabet="/\\:.?#@[]\t\n evil", max_size=12) | st.text(max_size=40))
def test_no_text_leads_elsewhere(address: str) -> None:
    target = safe_next(address)
    assert target.startswith("/") and not target.startswith(("//", "/\\"))
    assert urlsplit(urljoin("http://localhost:8501/showdown/sign-in", target)).netloc == "localhost:8501"


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),  # IPv4 as a socket for both says it
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_source_is_an_address_or_the_network_of_one(address: str, source: str) -> None:
    assert source_of(address) == source


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_guesses_are_limited_by_source_and_forgiven_with_time() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    assert [attempts.seconds_to_wait("10.0.0.1") for _ in range(MAX_FAILURES)] == [0.0] * MAX_FAILURES
    assert attempts.seconds_to_wait("10.0.0.1") == WINDOW_SECONDS
    assert attempts.seconds_to_wait("10.0.0.2") == 0.0  # somebody else
    clock.seconds = WINDOW_SECONDS - 1
    assert attempts.seconds_to_wait("10.0.0.1") == 1.0  # a refused attempt does not count
    clock.seconds = WINDOW_SECONDS
    assert attempts.seconds_to_wait("10.0.0.1") == 0.0


def test_a_right_password_costs_no_attempt_and_memory_is_bounded() -> None:
    attempts = Attempts(Clock())
    for _ in range(5 * MAX_FAILURES):
        assert attempts.seconds_to_wait("10.0.0.1") == 0.0
        attempts.succeeded("10.0.0.1")
    for number in range(MAX_ADDRESSES + 10):
        attempts.seconds_to_wait(f"host-{number}")
    assert len(attempts._times_by_source) == MAX_ADDRESSES


def test_a_password_is_kept_as_a_hash_that_only_this_user_reads(home: Path) -> None:
    password.write("correct horse battery", settings().password)
    assert settings().password.stat().st_mode & 0o777 == 0o600
    assert (
        "correct" not in settings().password.read_text() and "$argon2id$" in settings().password.read_text()
    )
    assert password.is_right("correct horse battery")
    for wrong in ("correct horse batter", "correct horse battery ", "", "\ud800" * 20, "x" * 100_000):
        assert not password.is_right(wrong), wrong[:30]


@pytest.mark.parametrize("text", ["short", "", "x" * 1001])
def test_a_password_has_a_length(home: Path, text: str) -> None:
    with pytest.raises(SetupError, match="12 to 1000 characters"):
        password.write(text, settings().password)
    assert not settings().password.exists()


@pytest.mark.parametrize("text", ["", "hunter2hunter2", "$argon2id$broken", "\x00" * 100, "x" * 10_000])
def test_a_file_without_a_hash_is_refused_without_its_text(home: Path, text: str) -> None:
    settings().password.write_text(text)
    with pytest.raises(
        SetupError, match="does not hold the hash of a password; make one: showdown password"
    ) as caught:
        password.read(settings().password)
    assert not text or text not in str(caught.value)


def connection(client: str, *headers: tuple[str, str]) -> HTTPConnection:
    """A request as the server hands it on."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return HTTPConnection(
        {"type": "http", "headers": raw, "client": (client, 1), "path": "/", "query_string": b""}
    )


@pytest.mark.parametrize(
    ("client", "headers", "name"),
    [
        ("10.0.0.5", [("X-Forwarded-User", "ana")], "ana"),
        ("10.1.2.3", [("X-Forwarded-User", "ana")], "ana"),  # in the network
        ("::ffff:10.0.0.5", [("X-Forwarded-User", "ana")], "ana"),
        ("10.0.0.5", [("X-Forwarded-User", "Łucja")], "Łucja"),
        ("10.0.0.6", [("X-Forwarded-User", "ana")], None),  # anybody can send a header
        (
            "127.0.0.1",
            [("X-Forwarded-User", "ana"), ("X-Forwarded-For", "10.0.0.5")],
            None,
        ),  # and claim an address
        ("10.0.0.5", [], None),
        ("10.0.0.5", [("X-Forwarded-User", "")], None),
        (
            "10.0.0.5",
            [("X-Forwarded-User", "ana"), ("X-Forwarded-User", "root")],
            None,
        ),  # one of them came from outside
        ("10.0.0.5", [("X-Auth-Request-User", "ana")], None),  # not the header that was set
        ("unix", [("X-Forwarded-User", "ana")], None),
    ],
)
def test_only_the_proxy_says_who_asks(
    home: Path, monkeypatch: pytest.MonkeyPatch, client: str, headers: list[tuple[str, str]], name: str | None
) -> None:
    monkeypatch.setenv("SHOWDOWN_PROXIES", "10.0.0.5, 10.1.0.0/16")
    forget_settings()
    user = proxy.user_of(connection(client, *headers))
    assert (user.name if user else None) == name


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("10.0.0.5", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.5", ["9.9.9.9, 1.2.3.4"], "1.2.3.4"),  # the first was sent by whoever asks
        ("10.0.0.5", ["9.9.9.9", "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("8.8.8.8", ["1.2.3.4"], "8.8.8.8"),
    ],
)
def test_guesses_behind_a_proxy_are_counted_by_who_asks(
    home: Path, monkeypatch: pytest.MonkeyPatch, client: str, forwarded: list[str], address: str
) -> None:
    monkeypatch.setenv("SHOWDOWN_PROXIES", "10.0.0.5")
    forget_settings()
    assert (
        proxy.address_of(connection(client, *[("X-Forwarded-For", value) for value in forwarded])) == address
    )


GOOD = """[auth]
redirect_uri = "https://showdown.example/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "showdown"
client_secret = "not to be said"
server_metadata_url = "https://id.example/.well-known/openid-configuration"
"""


@pytest.mark.parametrize(
    ("environment", "file", "said"),
    [
        ({}, None, None),
        ({"LOGIN": "password"}, None, "password's hash cannot be read"),
        ({"LOGIN": "proxy"}, None, "needs SHOWDOWN_PROXIES"),
        ({"LOGIN": "proxy", "PROXIES": "proxy.local"}, None, "SHOWDOWN_PROXIES is not a list of addresses"),
        ({"LOGIN": "proxy", "PROXIES": "10.0.0.1/8"}, None, "SHOWDOWN_PROXIES is not a list of addresses"),
        ({"LOGIN": "proxy", "PROXIES": "10.0.0.0/8, ::1"}, None, None),
        ({"LOGIN": "oidc"}, GOOD, "needs SHOWDOWN_ALLOWED_USERS"),
        ({"LOGIN": "oidc", "ALLOWED_USERS": " , "}, GOOD, "needs SHOWDOWN_ALLOWED_USERS"),
        ({"LOGIN": "oidc", "ALLOWED_USERS": "*"}, None, "cannot be read"),
        ({"LOGIN": "oidc", "ALLOWED_USERS": "*"}, GOOD, None),
        ({"LOGIN": "oidc", "ALLOWED_USERS": "*"}, "[auth", "is not TOML"),
        ({"LOGIN": "oidc", "ALLOWED_USERS": "*"}, "a = " + "[" * 50_000, "is not TOML"),
        ({"LOGIN": "oidc", "ALLOWED_USERS": "*"}, "auth = 1", "has no section"),
        ({"LOGIN": "oidc", "ALLOWED_USERS": "*"}, GOOD.replace("client_id", "id"), "has no client_id in"),
        (
            {"LOGIN": "oidc", "ALLOWED_USERS": "*"},
            GOOD.replace("oauth2callback", "back"),
            "end in /oauth2callback",
        ),
        (
            {"LOGIN": "oidc", "ALLOWED_USERS": "*"},
            GOOD.replace("0123456789abcdef0", "0"),
            "fewer than 32 characters",
        ),
    ],
)
def test_what_cannot_sign_anybody_in_is_said_before_the_start(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    file: str | None,
    said: str | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"SHOWDOWN_{name}", value)
    forget_settings()
    if file is not None:
        (home / "secrets.toml").write_text(file)
    if said is None:
        check.check()
        return
    with pytest.raises(SetupError, match=said) as caught:
        check.check()
    assert "not to be said" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOGIN", "Password"),
        ("LOGIN", "basic"),
        ("SESSION_HOURS", "0"),
        ("SESSION_HOURS", "nan"),
        ("SESSION_HOURS", "1e9"),
        ("USER_HEADER", "X User"),
        ("USER_HEADER", "X-User\r\nX"),
        ("SIGN_OUT_ADDRESS", "javascript:alert(1)"),
        ("SIGN_OUT_ADDRESS", "//evil.com"),
    ],
)
def test_a_setting_that_cannot_be_ends_the_process_with_its_name(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SHOWDOWN_{name}", value)
    forget_settings()
    with pytest.raises(SystemExit, match=f"SHOWDOWN_{name}"):
        settings()
