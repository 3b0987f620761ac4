"""Translates database errors into one-line messages for whoever runs Showdown.

Each message names the database (without its password), the problem and the repair.
"""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

from core.common.settings import settings
from core.common.urls import said_of, shown

# SQLSTATEs of a database that is away, whatever class a driver gives them: read-only (a failover), idle,
# shut down.
AWAY = ("25006", "25P03", "57P01")
# A table or a column is missing, or already exists.
OTHERS = ("42P01", "42P07", "42703", "42701")
ELSEWHERE = "or give Showdown a place of its own with SHOWDOWN_HOME or SHOWDOWN_DATABASE_URL"
ANOTHER = f"does not hold the tables of this version of Showdown; use the version that wrote it, {ELSEWHERE}"
DAMAGED = f"is damaged, or is no database: put a copy from before in its place, {ELSEWHERE}"
SQLITE = {  # primary result codes, https://sqlite.org/rescode.html
    5: "is locked by another program; end that, or wait until it is done",
    6: "is locked by another program; end that, or wait until it is done",
    8: "cannot be written to; its file and its folder must belong to this user",
    10: "cannot be read or written: its disk fails; look at the disk",
    11: DAMAGED,
    13: "cannot grow: the disk is full; make room",
    14: "cannot be opened; it must be a file in a folder, and both must belong to this user",
    26: DAMAGED,
}
TOO_LARGE = (
    "a number is larger than a database holds: there is nothing of that number, and nothing can have it"
)
SQLITE_ERROR = 1
PRIMARY = 0xFF
OTHER_TABLES = ("no such table", "no such column", "already exists", "has no column")


def database() -> str:
    """The database of this process's settings, named without its password."""
    return f"the database {shown(settings().database)}"


def too_large(error: DBAPIError) -> bool:
    """Whether a whole number had more bits than its column."""
    return getattr(error.orig, "sqlstate", None) == "22003"


def said(error: DBAPIError) -> str | None:
    """One sentence about a failure that is not a bug; None for a bug."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = getattr(error.orig, "sqlstate", None)
    # The driver refuses a setting in the URL.
    at_connect = error.statement is None and isinstance(error, ProgrammingError)
    about = said_of(settings().database, error.orig)
    if code is not None and code & PRIMARY in SQLITE:
        return f"{database()} {SQLITE[code & PRIMARY]}"
    if state in OTHERS or (code == SQLITE_ERROR and any(words in about for words in OTHER_TABLES)):
        return f"{database()} {ANOTHER}"
    if at_connect:
        return f"{database()} cannot be asked: {about}; correct SHOWDOWN_DATABASE_URL"
    if isinstance(error, OperationalError | InterfaceError) or state in AWAY:
        return f"{database()} does not answer: {about}"
    return None
