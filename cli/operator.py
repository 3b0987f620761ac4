"""Names who gives a command, for the history of runs."""

from getpass import getuser


def operator() -> str:
    """The account that runs this process; "" for one without a name, as in some containers."""
    try:
        return getuser()
    except (KeyError, OSError):
        return ""
