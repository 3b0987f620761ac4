"""The data roots: the folders of this machine in which a config may name data and models (docs/decisions/0040-data-roots.md).

A config comes from a browser, a YAML file, an import or the database, and what it names is shown as samples. So a path is
followed to its end before it is judged, and only that end is opened. Knows nothing of what lies there.
"""

import os
from pathlib import Path, PurePath
from typing import TextIO

from core.errors import OutsideRoots
from core.regular_files import refuse_other_kinds
from core.settings import settings

MOST_ENTRIES = 10_000  # files and folders of a model that are looked at
MOST_SHOWN = 300  # characters of a path in a message
MOST_NAMED = 5  # roots in a message
FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # nobody may keep us waiting for the other end of a pipe


def shown(typed: str) -> str:
    """A path as it was typed; of a very long one its beginning."""
    text = repr(typed)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def is_path(typed: str) -> bool:
    """Whether a setting that takes a path or a name on the hub holds a path: by its look, or because something lies there,
    which the libraries would read before they ask the hub."""
    path = os.path.expanduser(typed)
    return path.startswith(("/", ".", "~")) or ".." in PurePath(path).parts or os.path.lexists(path)


def real(typed: str) -> Path:
    """Where a path leads, with no link left in it; OutsideRoots where that is under no root, whatever lies there."""
    try:
        end = Path(os.path.realpath(os.path.expanduser(typed)))
        path = Path("/", *end.parts[1:])  # POSIX keeps two slashes at the front
    except (ValueError, OSError):
        raise OutsideRoots(
            f"{shown(typed)} cannot be a path: it holds a character that no path has, or the current directory is gone; "
            "give a path from the root"
        ) from None
    if not any(path.is_relative_to(os.path.realpath(root)) for root in settings().roots):
        raise OutsideRoots(
            f"{shown(typed)} leads out of the data roots ({_named_roots()}); put it into one of them, or name its folder in "
            "SHOWDOWN_DATA_ROOTS where this process is started"
        )
    return path


def fault(typed: str) -> str:
    """Why a path may not be read here; empty where it may."""
    try:
        real(typed)
    except OutsideRoots as error:
        return str(error)
    return ""


def open_text(path: Path) -> TextIO:
    """A file under the roots as UTF-8 text. OutsideRoots, or OSError where it cannot be opened or is no regular file."""
    handle = _opened(real(str(path)))
    try:
        refuse_other_kinds(os.fstat(handle).st_mode)
        return os.fdopen(handle, encoding="utf-8")
    except BaseException:
        os.close(handle)
        raise


def folder(typed: str) -> Path:
    """A folder under the roots in which no link leads out of them: its real path, which is what libraries are to be given."""
    path = real(typed)
    entries = 0
    for parent, folders, files in os.walk(path):
        entries += len(folders) + len(files)
        if entries > MOST_ENTRIES:
            raise OutsideRoots(f"{shown(typed)} holds more than {MOST_ENTRIES:,} files; give the folder of the model alone")
        for name in (*folders, *files):
            inner = os.path.join(parent, name)
            if os.path.islink(inner) and fault(inner):
                raise OutsideRoots(
                    f"{shown(typed)} holds {os.path.relpath(inner, path)}, a link that leads out of the data roots "
                    f"({_named_roots()}); put the file itself there, or name its folder in SHOWDOWN_DATA_ROOTS where this "
                    "process is started"
                )
    return path


def _named_roots() -> str:
    roots = [str(root) for root in settings().roots]
    return ", ".join([*roots[:MOST_NAMED], *(["…"] if len(roots) > MOST_NAMED else [])])


def _opened(path: Path) -> int:
    """A descriptor of the file at a real path. No link is followed: one put there since the path was judged is refused."""
    parent = os.open("/", FOLDER)
    try:
        for name in path.parts[1:-1]:
            inner = os.open(name, FOLDER, dir_fd=parent)
            os.close(parent)
            parent = inner
        return os.open(path.name or ".", FILE, dir_fd=parent)
    finally:
        os.close(parent)
