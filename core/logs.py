"""The text of a training's log: where each attempt begins, what its bytes say, its end, and what came since. Called by
worker.supervisor, worker.pulse, core.cause, cli.logs and app.

A log is written by whatever the training loads: it may hold progress bars, colours, NULs and bytes that are no UTF-8.
"""

import re
import time

ATTEMPT = re.compile(r"^--- attempt (\d+), ", re.MULTILINE)
TAIL = 8000  # characters of a log that the run's row keeps
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])"
)  # ECMA-48: CSI, OSC, others
# Control characters become their symbols (U+2400 ...), what reverses the direction of writing becomes U+2426.
_VISIBLE = {i: 0x2400 + i for i in range(32) if i not in (9, 10, 13)} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0x2426)


def attempt_line(attempt: int) -> str:
    """Written before every training; ATTEMPT finds it again."""
    return f"--- attempt {attempt}, {time.strftime('%Y-%m-%d %H:%M:%S')}\n"


def clean(data: bytes) -> str:
    """The lines a reader of a terminal would see: of a line written over and over, what it said last."""
    text = _ESCAPES.sub("", data.decode(errors="replace")).replace("\r\n", "\n")
    lines = (_last_said(line) if "\r" in line else line for line in text.split("\n"))
    return "\n".join(lines).translate(_VISIBLE)


def _last_said(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def tail(text: str, size: int = TAIL) -> str:
    """At most the last `size` characters, from the beginning of a line where there is one."""
    if len(text) <= size:
        return text
    end = text[-size:]
    if text[-size - 1] == "\n":
        return end
    _, newline, rest = end.partition("\n")
    return rest if newline and rest else end


def news(before: str, now: str) -> str | None:
    """What the tail `now` has beyond the tail `before`; None when the two have no line in common.

    The last line of `before` may have been unfinished: it is not looked for, and comes again if it has changed.
    """
    known = before[: before.rfind("\n") + 1]
    if not known:
        return None if before else now
    first, at = now[: now.find("\n") + 1], 0
    while not now.startswith(known[at:]):  # the longest end of what was known that this begins with
        at = known.find("\n" + first, at) + 1
        if not first or at == 0:
            return None
    rest = now[len(known) - at :]
    unfinished = before[len(known) :]
    return rest[len(unfinished) :] if rest.startswith(unfinished) else rest
