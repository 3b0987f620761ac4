"""Opens regular files only.

A device or a pipe under the name of a file gives bytes without end, or waits for them.
"""

import stat
from pathlib import Path
from typing import TextIO


def refuse_other_kinds(mode: int) -> None:
    """Raise OSError, as if it could not be opened, for the `st_mode` of anything but a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "is a folder")
    if not stat.S_ISREG(mode):
        raise OSError(22, "is no regular file")


def regular(path: Path) -> Path:
    """The path, if it leads to a regular file; otherwise OSError, as if it could not be opened."""
    refuse_other_kinds(path.stat().st_mode)
    return path


def open_text(path: Path) -> TextIO:
    """Open a regular file as UTF-8 text."""
    return regular(path).open(encoding="utf-8")
