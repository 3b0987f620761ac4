"""Responses of the gate itself: the form, the way to the provider, a refusal, a sign-out."""

import logging
from urllib.parse import parse_qs, quote, unquote

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from app.server import request_body
from app.sign_in import pages, proxy
from app.sign_in.attempts import Attempts
from app.sign_in.ended import EndedSessions
from app.sign_in.users import User, clean_name
from core.common.errors import StoreUnavailable
from core.common.settings import settings

SIGN_IN = "/showdown/sign-in"
CONTINUE = "/showdown/sign-in/continue"
SIGN_OUT = "/auth/logout"  # where st.logout() sends the browser
NEXT_COOKIE = "showdown_next"
NEXT_SECONDS = 600
MAX_FORM_BYTES = 10_000
MAX_NEXT_LENGTH = 2000
SEE_OTHER = 303
NO_STORE = {"Cache-Control": "no-store"}
log = logging.getLogger(__name__)


def safe_next(address: str) -> str:
    """A path and query of this dashboard to go on to; "/" for anything that could lead elsewhere."""
    is_path = (
        address.startswith("/")
        and not address.startswith("//")
        and "\\" not in address
        and address.isprintable()
    )
    return address.partition("#")[0] if is_path and len(address) <= MAX_NEXT_LENGTH else "/"


class Answers:
    """The routes of signing in and out.

    `base` is the path under which a proxy serves the dashboard, "" for none.
    """

    def __init__(self, base: str, ended: EndedSessions) -> None:
        self._base = base
        self._ended = ended
        self._attempts = Attempts()
        self._verifying = CapacityLimiter(2)  # each takes 64 MB

    async def to(self, user: User | None, request: Request, is_open: bool) -> Response | None:
        """The response to a request; None where it goes on to the pages.

        `is_open`: anybody may ask for this path.
        """
        path = request.url.path.removeprefix(self._base)
        login = settings().login
        next_address = request.query_params.get("next", "/")
        if path == SIGN_OUT:
            return await self._sign_out(user, request)
        if path == SIGN_IN and login == "password":
            return await self._sign_in(request) if request.method == "POST" else self._form(next_address)
        if path == SIGN_IN and login == "oidc":
            return self._way_to_provider(next_address)
        if path == CONTINUE and login == "oidc":
            return self._to_provider(next_address)
        if is_open:
            return None
        if user is None:
            return self._refusal(request)
        if not user.allowed:
            return _page(pages.not_allowed(user.name, self._base + SIGN_OUT if login == "oidc" else ""), 403)
        if NEXT_COOKIE in request.cookies and path == "/":
            return self._to_next(request.cookies[NEXT_COOKIE])
        return None

    def _refusal(self, request: Request) -> Response:
        wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if not wants_page:
            return PlainTextResponse("Sign in first.", 401, NO_STORE)
        if settings().login == "proxy":
            return _page(pages.no_proxy(), 401)
        asked_for = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        query = "" if asked_for == f"{self._base}/" else f"?next={quote(safe_next(asked_for), safe='/')}"
        return _redirect(f"{self._base}{SIGN_IN}{query}")

    def _form(self, next_address: str, name: str = "", fault: str = "", status: int = 200) -> Response:
        return _page(pages.password_form(self._base + SIGN_IN, safe_next(next_address), name, fault), status)

    async def _sign_in(self, request: Request) -> Response:
        from app.sign_in import password

        fields = await _fields(request)
        if fields is None:
            return PlainTextResponse(f"give at most {MAX_FORM_BYTES} bytes", 413)
        next_address = fields.get("next", "/")
        name = clean_name(fields.get("name", ""))
        if not name:
            return self._form(next_address, fault="Give your name.", status=400)
        address = proxy.address_of(request)
        wait = self._attempts.seconds_to_wait(address)
        if wait:
            log.warning("sign-in: too many wrong passwords from %s", address)
            response = self._form(
                next_address, name, f"Too many attempts. Try again in {max(1, round(wait / 60))} min.", 429
            )
            response.headers["Retry-After"] = f"{wait:.0f}"
            return response
        if not await to_thread.run_sync(
            password.is_right, fields.get("password", ""), limiter=self._verifying
        ):
            log.warning("sign-in: a wrong password from %s", address)
            return self._form(next_address, name, "The password is wrong.", 401)
        self._attempts.succeeded(address)
        target = safe_next(next_address)
        response = _redirect(f"{self._base}/" if target == "/" else target)
        response.set_cookie(
            password.cookie_name(),
            password.session_for(name),
            max_age=int(3600 * settings().session_hours),
            path=self._base or "/",
            secure=_is_https(request),
            httponly=True,
            samesite="lax",
        )
        return response

    def _way_to_provider(self, next_address: str) -> Response:
        from app.sign_in import oidc

        link = f"{self._base}{CONTINUE}?next={quote(safe_next(next_address), safe='/')}"
        return _page(pages.provider_link(link, oidc.provider()))

    def _to_provider(self, next_address: str) -> Response:
        from app.sign_in import oidc

        response = _redirect(oidc.login_address())
        target = safe_next(next_address)
        if target != "/":  # Streamlit leads back to Home, where `_to_next` goes on to what the user asked for
            path = self._base or "/"
            response.set_cookie(
                NEXT_COOKIE, quote(target), NEXT_SECONDS, httponly=True, samesite="lax", path=path
            )
        return response

    def _to_next(self, cookie: str) -> Response:
        response = _redirect(safe_next(unquote(cookie)))
        response.delete_cookie(NEXT_COOKIE, path=self._base or "/")
        return response

    async def _sign_out(self, user: User | None, request: Request) -> Response | None:
        """End the sign-in here and on other dashboards.

        None with OIDC: Streamlit's route then ends it at the provider.
        """
        if request.headers.get("sec-fetch-site") == "cross-site":
            return PlainTextResponse("Sign out on a page of this dashboard.", 403)
        if user is not None and user.session:
            try:
                await self._ended.add(user.session, user.expires_at)
            except StoreUnavailable as error:
                log.warning("a sign-out could not be recorded for other dashboards: %s", error)
        if settings().login == "oidc":
            return None
        if settings().login == "proxy":
            return _redirect(settings().sign_out_address or f"{self._base}/")
        from app.sign_in import password

        response = _redirect(f"{self._base}{SIGN_IN}")
        response.delete_cookie(password.cookie_name(), path=self._base or "/")
        return response


def _page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status, NO_STORE)


def _redirect(address: str) -> Response:
    return RedirectResponse(address, SEE_OTHER, NO_STORE)


def _is_https(request: Request) -> bool:
    """Whether the browser speaks HTTPS, perhaps to a proxy: its `Origin` says so."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


async def _fields(request: Request) -> dict[str, str] | None:
    """The fields of a form, the last of each name; None for a form that is too long."""
    body = await request_body.read(request, MAX_FORM_BYTES)
    if body is None:
        return None
    try:
        values_by_name = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in values_by_name.items()}
