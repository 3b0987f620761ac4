"""Sign-in at an OpenID Connect provider, by Streamlit's own login.

It uses Streamlit's routes, its signed cookie and its secrets.toml. `st.login()` in a page sends the
browser to the address that `login_address` gives; the gate does so before there is a page, so that a
stranger gets no WebSocket. Contract with Streamlit, held by tests/e2e/test_oidc.py: the cookie's name and
signature, the routes, and `generate_login_redirect_url`.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from streamlit.auth_util import (
    get_cookie_with_chunks,
    get_origin_from_redirect_uri,
    get_secrets_auth_section,
    get_signing_secret,
)
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from app.sign_in.users import User, clean_name, digest, is_allowed
from core.common.settings import settings

# Streamlit's routes that somebody needs who is not signed in yet
LOGIN = "/auth/login"
CALLBACK = "/oauth2callback"


def login_address() -> str:
    """Streamlit's route that begins a sign-in.

    It is good for two minutes, so make it when it is needed.
    """
    return generate_login_redirect_url("default")


def name_of(claims: dict[str, Any]) -> str:
    """The name of a user: the e-mail address where the provider has verified it, else the `sub`.

    The allow list has this name too. An address that is not verified is whatever the user typed: with it
    anybody could be somebody else.
    """
    email = claims.get("email")
    verified = claims.get("email_verified")
    if isinstance(email, str) and verified in (True, "true"):
        return clean_name(email)
    return clean_name(str(claims.get("sub", "")))


def user_of(request: HTTPConnection) -> User | None:
    """Who sends a request, by Streamlit's cookie.

    None where there is no cookie, or one that is forged, from elsewhere or too old.
    """
    max_age = 3600 * settings().session_hours
    secret = get_signing_secret()
    signed_times: list[float] = []
    pieces: list[str] = []

    def signed(name: str) -> bytes | None:
        cookie = request.cookies.get(name)
        if cookie is None:
            return None
        try:
            value, signed_at = URLSafeTimedSerializer(secret, salt=name).loads(
                cookie, int(max_age), return_timestamp=True
            )
        except (BadData, UnicodeError):
            return None
        signed_times.append(signed_at.timestamp())
        pieces.append(cookie)
        return str(value).encode()

    content = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    if content is None:
        return None
    claims = json.loads(content)
    name = name_of(claims)
    if claims.get("origin") != get_origin_from_redirect_uri() or not name:
        return None
    return User(name, digest(*pieces), min(signed_times) + max_age, is_allowed(name, settings().allowed))


def provider() -> str:
    """The address of the provider's metadata."""
    return str(get_secrets_auth_section().get("server_metadata_url", ""))


def is_https() -> bool:
    """Whether the dashboard is reached over HTTPS, as its redirect address says."""
    return urlsplit(get_origin_from_redirect_uri() or "").scheme == "https"
