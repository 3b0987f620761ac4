"""Failures of ours: the browser gets a short sentence with an id, the log the traceback under it.

Streamlit calls `of_page` for what pages, fragments and callbacks raise (app.serve hands it over); our own
routes are wrapped in `told`. The message of an error may quote a file or a row, so none goes to a
browser.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import wraps

import streamlit as st
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

Route = Callable[[Request], Awaitable[Response]]
log = logging.getLogger("showdown.app")


def logged(error: BaseException, what: str) -> str:
    """Log a failure under a new id, and return the sentence for the browser.

    The log gets the id, `what` failed, and the traceback.
    """
    key = secrets.token_hex(4)
    log.error("%s: %s", key, what, exc_info=error)
    return f"Something went wrong in the dashboard. Its log has the details under {key}."


def of_page(error: Exception) -> bool:
    """Streamlit's `on_script_error`: show the sentence where the page was being drawn.

    True tells Streamlit that the page shows the failure itself.
    """
    st.error(logged(error, "a page failed"), icon=":material/error:")
    return True


def told(route: Route) -> Route:
    """Wrap a route so that a failure answers 500 with the sentence of `logged`."""

    @wraps(route)
    async def answer(request: Request) -> Response:
        try:
            return await route(request)
        except (HTTPException, ClientDisconnect):
            raise
        except Exception as error:
            message = logged(error, f"the route {route.__name__} failed")
            return PlainTextResponse(message, 500, headers={"Cache-Control": "no-store"})

    return answer


def is_without_id(record: logging.LogRecord) -> bool:
    """Whether a record is Streamlit's own of what `of_page` logs next, with an id."""
    return record.msg == "Uncaught app execution"
