"""When this browser was here last, from two cookies that it keeps. No account, nothing leaves the machine.

A visit ends VISIT_SECONDS after the page was last opened. `since` stays the same for a whole visit, so that
reloading does not make the news disappear.
"""

from collections.abc import Mapping
from dataclasses import dataclass

VISIT_SECONDS = 600.0  # about as long as the demo takes; those who return to it want the news
SEEN = "showdown_seen"
SINCE = "showdown_since"


@dataclass(frozen=True)
class Visit:
    """A visit, and the cookies to write.

    `since`: the end of the visit before this one, None for a first one. `keep`: the cookies.
    """

    since: float | None
    keep: dict[str, str]


def _time(text: str | None, now: float) -> float | None:
    """A time in the past, from a cookie that anybody may have written; None where it is not one."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 < seconds <= now else None


def visit(cookies: Mapping[str, str], now: float) -> Visit:
    """This visit, according to the browser's cookies."""
    last_seen = _time(cookies.get(SEEN), now)
    since = _time(cookies.get(SINCE), now)
    if last_seen is not None and now - last_seen > VISIT_SECONDS:
        since = last_seen
    keep = {SEEN: f"{now:.0f}"} | ({} if since is None else {SINCE: f"{since:.0f}"})
    return Visit(since, keep)
