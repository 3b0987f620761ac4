"""When this browser was here last, from two cookies it keeps itself. Called by Home. No account, nothing leaves the machine.

A visit ends VISIT_SECONDS after the page was last opened; `since` stays the same for a whole visit, so that reloading does
not make the news disappear.
"""

from collections.abc import Mapping
from dataclasses import dataclass

VISIT_SECONDS = 600.0  # the demo takes about as long, and one who comes back to it wants to know
SEEN, SINCE = "showdown_seen", "showdown_since"


@dataclass(frozen=True)
class Visit:
    """`since`: the end of the visit before this one, None for a first one. `keep`: the cookies to write."""

    since: float | None
    keep: dict[str, str]


def _time(text: str | None, now: float) -> float | None:
    """A time of the past, from a cookie that anybody may have written."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if 0 < found <= now else None


def visit(cookies: Mapping[str, str], now: float) -> Visit:
    """This visit, by the browser's cookies."""
    seen, since = _time(cookies.get(SEEN), now), _time(cookies.get(SINCE), now)
    if seen is not None and now - seen > VISIT_SECONDS:
        since = seen
    keep = {SEEN: f"{now:.0f}"} | ({} if since is None else {SINCE: f"{since:.0f}"})
    return Visit(since, keep)
