"""A database that is away, damaged or another version's, said on the page. Called by app.main around every page, and by pages
for the parts that draw themselves again: what fails in such a part is not heard of around it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import streamlit as st

from app import prose
from core.errors import StoreUnavailable


@contextmanager
def said() -> Iterator[None]:
    """Draw why there is no database, in the place of what could not be drawn."""
    try:
        yield
    except StoreUnavailable as error:
        prose.error_box("The database cannot be used.", str(error))


def fragment(draw: Callable[..., None], **how: Any) -> Callable[..., None]:
    """As st.fragment."""

    @wraps(draw)
    def drawn(*given: Any) -> None:
        with said():
            draw(*given)

    made: Callable[..., None] = st.fragment(drawn, **how)
    return made
