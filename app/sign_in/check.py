"""Checks that people will be able to sign in, before the dashboard starts.

So nobody finds out at the door.
"""

import tomllib
from importlib.util import find_spec
from urllib.parse import urlsplit

from core.common.errors import SetupError
from core.common.settings import settings
from core.files.regular_files import regular

MAX_FILE_BYTES = 100_000
OIDC_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
MIN_SECRET_LENGTH = 32
EXAMPLE = "see docs/deploy.md, Who may sign in"


def check() -> None:
    """Raise SetupError, with the setting or the key to repair, where nobody could sign in."""
    CHECKS[settings().login]()


def _password() -> None:
    from app.sign_in import password

    password.read(settings().password)


def _proxy() -> None:
    from app.sign_in.proxy import networks

    if not networks(settings().proxies):
        raise SetupError(
            "SHOWDOWN_LOGIN=proxy needs SHOWDOWN_PROXIES, the addresses of the proxy: a header from anybody else proves nothing"
        )


def _oidc() -> None:
    if find_spec("authlib") is None:
        raise SetupError(
            "SHOWDOWN_LOGIN=oidc needs the package Authlib; install it: pip install 'streamlit[auth]'"
        )
    if not settings().allowed:
        raise SetupError(
            "SHOWDOWN_LOGIN=oidc needs SHOWDOWN_ALLOWED_USERS: e-mail addresses, @domain, or * for all whom the provider knows"
        )
    try:
        with regular(settings().oidc).open("rb") as stream:
            text = stream.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise SetupError(
            f"{settings().oidc}, which describes the OIDC provider, cannot be read ({error.strerror}); {EXAMPLE}"
        ) from error
    faults = faults_of(text)
    if faults:
        raise SetupError(
            f"{settings().oidc}, which describes the OIDC provider, {'; '.join(faults)}; {EXAMPLE}"
        )


def faults_of(text: str) -> list[str]:
    """What is wrong with a secrets.toml, each with its key.

    Empty where Streamlit can sign people in with it.
    """
    try:
        section = tomllib.loads(text).get("auth")
    except (tomllib.TOMLDecodeError, RecursionError):
        return ["is not TOML"]
    if not isinstance(section, dict):
        return ["has no section [auth]"]
    faults = [
        f"has no {key} in [auth]"
        for key in OIDC_KEYS
        if not isinstance(section.get(key), str) or not section[key]
    ]
    if faults:
        return faults
    if not urlsplit(section["redirect_uri"]).path.endswith("/oauth2callback"):
        faults.append("has a redirect_uri that does not end in /oauth2callback")
    if len(section["cookie_secret"]) < MIN_SECRET_LENGTH:
        faults.append(
            f"has a cookie_secret of fewer than {MIN_SECRET_LENGTH} characters; make one: openssl rand -hex 32"
        )
    return faults


CHECKS = {"none": lambda: None, "password": _password, "proxy": _proxy, "oidc": _oidc}
