"""Finds the first line of a log that says why a training failed. Pure.

Python prints a chain of exceptions from the first to the last, and an exception group before its parts. The
last is what ended the program; the first is what went wrong. If a signal ended the process, the last line is
all there is.
"""

import re
from dataclasses import dataclass
from itertools import takewhile

from core.common.logs import ATTEMPT, tail

_RANK = re.compile(r"^\[rank\d+\]: ?")  # torch.distributed's prefix of what a rank writes
_GUTTER = re.compile(r"^ *\| ?")
_PART = re.compile(r"^ *\+[-+]+(?: (?P<n>\d+|\.\.\.) -+)?$")  # between the parts of an exception group
_HEADER = re.compile(r"^(?: *\+ )?(?:Exception Group )?Traceback \(most recent call last\):$")
_LINK = (
    "The above exception was the direct cause of",
    "During handling of the above exception, another exception",
)
_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_DUMPED = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>.+)$')  # by faulthandler
_GROUP = re.compile(r"^(?:[\w.]+\.)?\w*Group: .*\(\d+ sub-exceptions?\)$")
_FATAL = re.compile(
    r"^(?:Fatal Python error: |terminate called |.*: Assertion .* failed|.*Segmentation fault)"
)
_LOGGED = re.compile(
    r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d|^\[?\d\d:\d\d:\d\d|^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b"
)
_LIBRARY = re.compile(
    r"^<|/(?:site|dist)-packages/(?!(?:app|cli|core|migrations|worker)/)|/lib(?:64)?/python3[^/]*/(?!site-)"
)
_LEFT_OUT = re.compile(r"^\[\d+ lines left out\]$")
MORE = 6  # lines of a message that are shown


@dataclass(frozen=True)
class Cause:
    """What went wrong first.

    `text`: the exception and its message, or the last line. `where`: "file:line in function" of the innermost
    frame that is not a library's, else of the innermost; empty if the log does not say. `line`: which line of
    the log it is, from 0.
    """

    text: str
    where: str
    line: int


@dataclass
class _Found:
    """One exception of a chain, while it is being read."""

    frames: list[tuple[str, str, str]]
    line: int = -1
    text: str = ""


def first_cause(text: str, signaled: bool = False) -> Cause | None:
    """The cause in the newest attempt of `text`; None if the log gives none.

    `signaled`: a signal ended the training. Then the process survived any traceback before it, and only what
    the interpreter or a C library wrote while it died counts, else the last line.
    """
    lines = text.split("\n")
    begin = max((i + 1 for i, line in enumerate(lines) if ATTEMPT.match(line)), default=0)
    plain = [_plain(line) for line in lines]
    if signaled:
        return _fatal(plain, begin) or _last(plain, begin)
    chain = _last_chain(plain, begin)
    root = next((x for x in chain if not _GROUP.match(x.text)), chain[0] if chain else None)
    return Cause(root.text, _where(root.frames), root.line) if root else _last(plain, begin)


def excerpt(text: str, size: int) -> str:
    """At most `size` characters of a log: its end, after the traceback of its first cause.

    The traceback is added only if it lies before the end.
    """
    end = tail(text, size)
    root = first_cause(text)
    omitted = text.count("\n") - end.count("\n")
    if root is None or root.line >= omitted:
        return end
    lines = text.split("\n")
    headers = (i for i in range(root.line, -1, -1) if _HEADER.match(_plain(lines[i])))
    last = root.line + root.text.count("\n") + 1
    cause = tail("\n".join(lines[next(headers, root.line) : last]), size // 2)
    end = tail(end, size - len(cause) - 40)
    return f"{cause}\n\n[{text.count(chr(10)) - last - end.count(chr(10))} lines left out]\n{end}"


def _plain(line: str) -> str:
    return _GUTTER.sub("", _RANK.sub("", line.rstrip()))


def _last(lines: list[str], begin: int) -> Cause | None:
    index = next((i for i in range(len(lines) - 1, begin - 1, -1) if lines[i].strip()), None)
    return None if index is None else Cause(lines[index].strip(), "", index)


def _fatal(lines: list[str], begin: int) -> Cause | None:
    """What a dying process writes by itself.

    faulthandler adds the stack of the thread that got the signal, innermost frame first.
    """
    index = next((i for i in range(begin, len(lines)) if _FATAL.match(lines[i])), None)
    if index is None:
        return None
    current = next(
        (i for i in range(index, len(lines)) if lines[i].startswith("Current thread ")), len(lines)
    )
    stack = (_DUMPED.match(line) for line in lines[current + 1 :])
    frames = [_frame(match) for match in takewhile(lambda match: match is not None, stack) if match][::-1]
    message = (
        lines[index + 1].strip()
        if lines[index].startswith("terminate called") and index + 1 < len(lines)
        else ""
    )
    return Cause(" ".join(filter(None, (lines[index], message))), _where(frames), index)


def _last_chain(lines: list[str], begin: int) -> list[_Found]:
    """The exceptions of the log's last chain, in the order in which they were raised."""
    chain: list[_Found] = []
    index = begin
    linked = False
    part = False
    while index < len(lines):
        line = lines[index]
        separator = _PART.match(line)
        headed = _HEADER.match(line) is not None
        # Without a header: where the log was cut, a SyntaxError of the program's own file, and a part that
        # was never raised.
        if headed or _FRAME.match(line) or (part and line.strip() and not separator):
            exception, index = _read(lines, index + 1 if headed else index)
            if exception.text:
                chain = [*chain, exception] if linked or part else [exception]
            linked = part = False
            continue
        if separator:
            part = separator["n"] is not None
        elif _LEFT_OUT.match(line):
            return [*chain, *_last_chain(lines, index + 1)]
        elif line.strip():
            linked = line.startswith(_LINK)
        index += 1
    return chain


def _read(lines: list[str], at: int) -> tuple[_Found, int]:
    """One exception from the line after its header, and the index of the line after it.

    Frames are indented, the exception is not.
    """
    exception = _Found([])
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith(" ")):
        if (frame := _FRAME.match(lines[at])) is not None:
            exception.frames.append(_frame(frame))
        elif not lines[at].strip() and not exception.frames:
            break
        at += 1
    if at >= len(lines) or not lines[at].strip() or _HEADER.match(lines[at]):
        return exception, at
    exception.line = at
    message = [lines[at]]
    at += 1
    while at < len(lines) and not _ends_message(lines[at]):
        message.append(lines[at])
        at += 1
    exception.text = "\n".join(message[:MORE])
    return exception, at


def _ends_message(line: str) -> bool:
    ends = (ATTEMPT, _HEADER, _PART, _LOGGED)
    return not line.strip() or line.startswith(_LINK) or any(x.match(line) for x in ends)


def _frame(found: re.Match[str]) -> tuple[str, str, str]:
    return found["file"], found["line"], found["function"] or ""


def _where(frames: list[tuple[str, str, str]]) -> str:
    own_frames = [frame for frame in frames if not _LIBRARY.search(frame[0])]
    if not frames:
        return ""
    file, line, function = (own_frames or frames)[-1]
    return f"{file}:{line}" + (f" in {function}" if function else "")
