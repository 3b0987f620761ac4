"""Refuses requests under foreign host names or from foreign pages, and sets security headers.

ASGI middleware around every route and the WebSocket, put there by app.serve. The headers say what a
browser may do with our pages.

A page under a foreign name whose address was changed to 127.0.0.1 ("DNS rebinding") sends that name in
`Host`. A page of another site, also one on another port of this machine, sends its own in `Origin`.
"""

import base64
import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OURS = ("localhost", "127.0.0.1", "::1")
NAME = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}?)\.?)(?::(\d{1,5}))?", re.IGNORECASE)
USUAL_PORTS = ("", "80", "443")
HEALTH = "/_stcore/health"  # says only that the server runs; asked by balancers, which name an address
POLICY_VIOLATION = 1008
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def split(host: str) -> tuple[str, str] | None:
    """The name in a `Host` header in lower case, and the port; None where it is not a host.

    The port is empty where it is the usual one.
    """
    match = NAME.fullmatch(host)
    if match is None:
        return None
    address, name, port = match.groups()
    return (address or name).lower(), "" if port in USUAL_PORTS else port or ""


def policy() -> str:
    """The Content-Security-Policy of our pages: nothing from elsewhere, and only scripts of ours.

    These are our files and what Streamlit's page has. Streamlit styles with inline sheets, imports the
    script of an element from a `blob:`, compiles WebAssembly, and shows pictures that it has made.
    """
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in SCRIPT.findall(page)
    ]
    scripts = " ".join(
        ["'self'", "blob:", "'wasm-unsafe-eval'", *(f"'sha256-{script_hash}'" for script_hash in hashes)]
    )
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    )


class Hosts:
    """Refuses requests under another name than `allowed` and the machine's own, or from another origin."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset([*OURS, *(name.lower() for name in allowed)])
        self._headers = {
            "Content-Security-Policy": policy(),
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",  # for browsers that do not know frame-ancestors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        status, reason = self._refused(scope)
        if not status:
            return await self._app(scope, receive, self._with_headers(send))
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason[:120]})
        await PlainTextResponse(reason, status)(scope, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str]:
        """The status and the reason to refuse a request with; 0 where nothing speaks against it."""
        headers = Headers(scope=scope)
        if scope["type"] == "http" and scope["path"].endswith(HEALTH):
            return 0, ""
        hosts = headers.getlist("host")
        host = split(hosts[0]) if len(hosts) == 1 else None
        if host is None or host[0] not in self._allowed:
            return (
                421,
                "The dashboard is not served under this host name. Allow the name in SHOWDOWN_ALLOWED_HOSTS.",
            )
        if any(split(urlsplit(origin).netloc) != host for origin in headers.getlist("origin")):
            return 403, "This request comes from a page of another origin."
        return 0, ""

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        return sent
