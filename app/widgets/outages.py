"""Shows on the page that the database is away, damaged or of another version."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import streamlit as st

from app.widgets import html
from core.common.errors import StoreUnavailable


@contextmanager
def said() -> Iterator[None]:
    """Show why there is no database, in place of what could not be drawn."""
    try:
        yield
    except StoreUnavailable as error:
        html.error_box("The database cannot be used.", str(error))


def fragment(draw: Callable[..., None], **how: Any) -> Callable[..., None]:
    """A `st.fragment` that shows a database outage in its own place."""

    @wraps(draw)
    def drawn(*given: Any) -> None:
        with said():
            draw(*given)

    wrapped: Callable[..., None] = st.fragment(drawn, **how)
    return wrapped
