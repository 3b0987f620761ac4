"""The data roots: the folders of this machine in which a config may name data and models.

See docs/decisions/0040-data-roots.md.

A config comes from a browser, a YAML file, an import or the database, and the files that it names are shown
as samples. So a path is followed to its end before it is judged, and only that end is opened. This module
knows nothing of the contents.
"""

import os
from pathlib import Path, PurePath
from typing import TextIO

from core.common.errors import OutsideRoots
from core.common.settings import settings
from core.files.regular_files import refuse_other_kinds

MOST_ENTRIES = 10_000  # files and folders of a model that are checked
MOST_SHOWN = 300  # characters of a path in a message
MOST_NAMED = 5  # roots in a message
FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
# O_NONBLOCK: opening a pipe must not wait for its other end
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def shown(typed: str) -> str:
    """A path as it was typed, cut to its beginning when it is very long."""
    text = repr(typed)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def is_path(typed: str) -> bool:
    """Whether a setting that takes a path or a name on the hub holds a path.

    It does when it looks like one, and when something exists there: the libraries would read that before
    they ask the hub.
    """
    path = os.path.expanduser(typed)
    return path.startswith(("/", ".", "~")) or ".." in PurePath(path).parts or os.path.lexists(path)


def real(typed: str) -> Path:
    """Where a path leads, with every link resolved.

    OutsideRoots where that is under no root, whether or not anything exists there.
    """
    try:
        end = Path(os.path.realpath(os.path.expanduser(typed)))
        path = Path("/", *end.parts[1:])  # POSIX keeps two slashes at the front
    except (ValueError, OSError):
        raise OutsideRoots(
            f"{shown(typed)} cannot be a path: it holds a character that no path has, or the current "
            "directory is gone; give a path from the root"
        ) from None
    if not any(path.is_relative_to(os.path.realpath(root)) for root in settings().roots):
        raise OutsideRoots(
            f"{shown(typed)} leads out of the data roots ({_named_roots()}); put it into one of them, or "
            "name its folder in SHOWDOWN_DATA_ROOTS where this process is started"
        )
    return path


def fault(typed: str) -> str:
    """Why a path may not be read here; empty if it may."""
    try:
        real(typed)
    except OutsideRoots as error:
        return str(error)
    return ""


def open_text(path: Path) -> TextIO:
    """Open a file under the roots as UTF-8 text.

    OutsideRoots where it is under no root, OSError where it cannot be opened or is not a regular file.
    """
    handle = _opened(real(str(path)))
    try:
        refuse_other_kinds(os.fstat(handle).st_mode)
        return os.fdopen(handle, encoding="utf-8")
    except BaseException:
        os.close(handle)
        raise


def folder(typed: str) -> Path:
    """The real path of a folder under the roots in which no link leads out of them.

    Give libraries this path, not the one that was typed.
    """
    path = real(typed)
    entries = 0
    for parent, folders, files in os.walk(path):
        entries += len(folders) + len(files)
        if entries > MOST_ENTRIES:
            raise OutsideRoots(
                f"{shown(typed)} holds more than {MOST_ENTRIES:,} files; give the folder of the model alone"
            )
        for name in (*folders, *files):
            inner = os.path.join(parent, name)
            if os.path.islink(inner) and fault(inner):
                raise OutsideRoots(
                    f"{shown(typed)} holds {os.path.relpath(inner, path)}, a link that leads out of the data "
                    f"roots ({_named_roots()}); put the file itself there, or name its folder in "
                    "SHOWDOWN_DATA_ROOTS where this process is started"
                )
    return path


def _named_roots() -> str:
    roots = [str(root) for root in settings().roots]
    return ", ".join([*roots[:MOST_NAMED], *(["…"] if len(roots) > MOST_NAMED else [])])


def _opened(path: Path) -> int:
    """Open the file at a real path and return its descriptor.

    No link is followed: one put there since the path was judged is refused.
    """
    parent = os.open("/", FOLDER)
    try:
        for name in path.parts[1:-1]:
            inner = os.open(name, FOLDER, dir_fd=parent)
            os.close(parent)
            parent = inner
        return os.open(path.name or ".", FILE, dir_fd=parent)
    finally:
        os.close(parent)
