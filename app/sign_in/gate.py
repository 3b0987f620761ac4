"""The door of the dashboard: ASGI middleware that lets only signed-in users through.

It guards every page, every route and the WebSocket. It stands behind app.server.hosts, which refuses
foreign names and origins, and before everything of Streamlit's and ours. A user who is let in is named in
the request's headers (app.sign_in.current). A WebSocket is closed when its sign-in is over.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.server.hosts import HEALTH, POLICY_VIOLATION
from app.sign_in import current, proxy
from app.sign_in.answers import Answers
from app.sign_in.ended import EndedSessions
from app.sign_in.users import User
from core.common.settings import settings

CHECK_SECONDS = 5.0  # how often an open WebSocket is asked whether its sign-in still holds
UserOf = Callable[[HTTPConnection], User | None]


class Gate:
    """Lets signed-in users in. `base`: the path under which a proxy serves the dashboard, "" for none."""

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self._app = app
        self._health = base + HEALTH
        self._ended = EndedSessions()
        self._answers = Answers(base, self._ended)
        self._user_of, self._open_paths, self._secure = _way(base)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] == self._health:
            return await self._app(scope, receive, send)
        user = self._user_of(HTTPConnection(scope))
        if user is not None and await self._ended.has(user.session):
            user = None
        if scope["type"] == "websocket":
            return await self._websocket(user, scope, receive, send)
        request = Request(scope, receive)
        response = await self._answers.to(user, request, request.url.path in self._open_paths)
        if response is not None:
            return await response(scope, receive, send)
        await self._app(_named(scope, user), receive, _with_secure_cookies(send) if self._secure else send)

    async def _websocket(self, user: User | None, scope: Scope, receive: Receive, send: Send) -> None:
        if user is None or not user.allowed:
            return await send(
                {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "sign in first"}
            )
        await self._app(_named(scope, user), partial(self._next_message, user, _Pending(receive), send), send)

    async def _next_message(self, user: User, pending: "_Pending", send: Send) -> Message:
        """The browser's next message; a disconnect when it is gone or its sign-in is over."""
        while True:
            if time.time() >= user.expires_at or await self._ended.has(user.session):
                pending.cancel()
                await send(
                    {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "the sign-in is over"}
                )
                return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
            message = await pending.within(CHECK_SECONDS)
            if message is not None:
                return message


class _Pending:
    """A message awaited from the browser in slices of time: to stop waiting must not lose it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task: asyncio.Task[Message] | None = None

    async def within(self, seconds: float) -> Message | None:
        """The next message, or None when none has come in time."""
        self._task = self._task or asyncio.create_task(self._wait())
        finished, _ = await asyncio.wait({self._task}, timeout=seconds)
        if not finished:
            return None
        message, self._task = self._task.result(), None
        return message

    async def _wait(self) -> Message:
        return await self._receive()

    def cancel(self) -> None:
        """Stop waiting."""
        if self._task is not None:
            self._task.cancel()


def _way(base: str) -> tuple[UserOf, frozenset[str], bool]:
    """How to identify a user, the paths open to everybody, and whether cookies go over HTTPS alone."""
    if settings().login == "oidc":
        from app.sign_in import oidc

        return oidc.user_of, frozenset({base + oidc.LOGIN, base + oidc.CALLBACK}), oidc.is_https()
    if settings().login == "password":
        from app.sign_in import password

        return password.user_of, frozenset(), False
    return proxy.user_of, frozenset(), False


def _named(scope: Scope, user: User | None) -> Scope:
    """The request with the user's name in its headers, without what a browser sent under these."""
    names = [name.encode() for name in current.HEADERS]
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in names]
    if user is not None:
        headers += current.headers(user.name, user.expires_at)
    return {**scope, "headers": headers}


def _with_secure_cookies(send: Send) -> Send:
    """Add `Secure` to cookies: Streamlit sets them without it."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (n, v + b"; Secure" if n.lower() == b"set-cookie" else v) for n, v in message["headers"]
            ]
            message = {**message, "headers": headers}
        await send(message)

    return sent
