"""Who looks at the page that is being drawn.

The gate puts it into the headers of each request that it lets in.
"""

import time
from urllib.parse import quote, unquote

import streamlit as st

NAME_HEADER = "x-showdown-user"
EXPIRES_HEADER = "x-showdown-expires"
HEADERS = (NAME_HEADER, EXPIRES_HEADER)


def headers(name: str, expires_at: float) -> list[tuple[bytes, bytes]]:
    """The headers that the gate adds to a request, in ASGI's form."""
    return [
        (NAME_HEADER.encode(), quote(name).encode()),
        (EXPIRES_HEADER.encode(), f"{expires_at:.0f}".encode()),
    ]


def name() -> str:
    """The signed-in user; "" where nobody has to sign in."""
    return unquote(st.context.headers.get(NAME_HEADER) or "")


def seconds_left() -> float:
    """How long the sign-in still holds; 0 where it is over or there is none."""
    return max(0.0, float(st.context.headers.get(EXPIRES_HEADER) or 0) - time.time())
