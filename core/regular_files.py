"""Opens nothing that is no file: a device or a pipe under a file's name gives bytes without end, or waits for them.

Called by what reads a path that somebody typed: configs, data, imports.
"""

import stat
from pathlib import Path
from typing import TextIO


def refuse_other_kinds(mode: int) -> None:
    """OSError, as if it could not be opened, for the `st_mode` of anything but a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "is a folder")
    if not stat.S_ISREG(mode):
        raise OSError(22, "is no regular file")


def regular(path: Path) -> Path:
    """The path, where it leads to a regular file; OSError as if it could not be opened where it does not."""
    refuse_other_kinds(path.stat().st_mode)
    return path


def open_text(path: Path) -> TextIO:
    """A regular file as UTF-8 text."""
    return regular(path).open(encoding="utf-8")
