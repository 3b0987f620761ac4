"""The text of a training's log: where attempts begin, its bytes as text, its end, and what is new.

A log is written by whatever the training loads: it may hold progress bars, colours, NULs and bytes that are
not UTF-8.
"""

import re
import time

ATTEMPT = re.compile(r"^--- attempt (\d+), ", re.MULTILINE)
TAIL = 8000  # characters of a log that are stored in the run's row
# ECMA-48: CSI, OSC, others
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])")
# Control characters become their symbols (U+2400 ...), what reverses the direction of writing becomes U+2426.
_VISIBLE = {i: 0x2400 + i for i in range(32) if i not in (9, 10, 13)} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0x2426)


def attempt_line(attempt: int) -> str:
    """The line that is written before every training. ATTEMPT matches it."""
    return f"--- attempt {attempt}, {time.strftime('%Y-%m-%d %H:%M:%S')}\n"


def clean(data: bytes) -> str:
    """The lines that a terminal would show. A line that was overwritten appears in its last state."""
    text = _ESCAPES.sub("", data.decode(errors="replace")).replace("\r\n", "\n")
    lines = (_last_said(line) if "\r" in line else line for line in text.split("\n"))
    return "\n".join(lines).translate(_VISIBLE)


def _last_said(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def tail(text: str, size: int = TAIL) -> str:
    """At most the last `size` characters, from the beginning of a line if there is one."""
    if len(text) <= size:
        return text
    end = text[-size:]
    if text[-size - 1] == "\n":
        return end
    _, newline, remainder = end.partition("\n")
    return remainder if newline and remainder else end


def news(before: str, now: str) -> str | None:
    """What the tail `now` adds to the tail `before`; None if the two have no line in common.

    The last line of `before` may have been unfinished: it is not searched for, and comes again if it has
    changed.
    """
    complete = before[: before.rfind("\n") + 1]
    if not complete:
        return None if before else now
    first = now[: now.find("\n") + 1]
    offset = 0
    # Find the longest end of `complete` with which `now` begins.
    while not now.startswith(complete[offset:]):
        offset = complete.find("\n" + first, offset) + 1
        if not first or offset == 0:
            return None
    addition = now[len(complete) - offset :]
    unfinished = before[len(complete) :]
    return addition[len(unfinished) :] if addition.startswith(unfinished) else addition
