"""Pages in AppTest wait for long work."""

from tests.support.pages import patience

__all__ = ["patience"]
