"""What a database's errors mean to whoever runs us. Called by the sessions beside it, for errors that are no bugs of ours.

One line each: the database (without its password), what is wrong, and the repair.
"""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

from core.settings import settings
from core.urls import said_of, shown

AWAY = ("25006", "25P03", "57P01")  # SQLSTATEs, whatever class a driver gives them: read-only (a failover), idle, shut down
OTHERS = ("42P01", "42P07", "42703", "42701")  # a table or a column that is not there, or that is there already
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
TOO_LARGE = "a number is larger than a database holds: there is nothing of that number, and nothing can have it"
SQLITE_ERROR, PRIMARY = 1, 0xFF
OTHER_TABLES = ("no such table", "no such column", "already exists", "has no column")


def database() -> str:
    """The database of this process's settings, as it may be said."""
    return f"the database {shown(settings().database)}"


def too_large(error: DBAPIError) -> bool:
    """A whole number had more bits than its column."""
    return getattr(error.orig, "sqlstate", None) == "22003"


def said(error: DBAPIError) -> str | None:
    """A sentence on the database, for a failure that is not a bug; None for one that is."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = getattr(error.orig, "sqlstate", None)
    at_connect = error.statement is None and isinstance(error, ProgrammingError)  # a setting in the URL that the driver refuses
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
