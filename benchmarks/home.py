"""A data directory that is nobody's, with a new database."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.common.settings import settings
from core.store.session import forget_engines
from migrations import upgrade


@contextmanager
def own_home(database: str = "") -> Iterator[Path]:
    """This process and its children use it until the end of the block. `database`: a URL in place of the
    directory's SQLite."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["SHOWDOWN_HOME"], os.environ["SHOWDOWN_DATABASE_URL"] = home, database
        forget_engines()
        settings.cache_clear()
        # never the user's own data
        assert str(settings().home) == home and settings().database == (
            database or f"sqlite:///{home}/showdown.db"
        )
        upgrade()
        try:
            yield Path(home)
        finally:
            forget_engines()
