"""Are two expressions equal? math-verify behind a guard: the slow path of core.answers, for what is no plain number.

Called by core.answers only. sympy loads when the first expression is compared. Hostile input is refused, not computed: a
time limit alone cannot interrupt one power of a million digits.
"""

import logging
import math
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType

MAX_LENGTH = 120
MAX_POWER = 1000  # of all exponents together, as `((10^9)^9)^9` multiplies them
SECONDS = 3.0  # of the processor, for a pair of formulas: a machine that stands still meanwhile makes nothing wrong
LOOK_SECONDS = 0.1  # of the processor, from one look at that to the next
START_SECONDS = 60  # of the clock, for a process to load sympy on a busy machine
CPU_SECONDS = 15  # of the processor, for that process: also for what no signal interrupts
COMMANDS = frozenset(
    "frac dfrac tfrac sqrt pi text mathrm mathbf textbf left right cdot times div pm infty circ theta alpha beta gamma phi "
    "lambda mu sigma omega ln log sin cos tan cot sec csc arcsin arccos arctan le leq ge geq lt gt ne neq in cup cap mathbb "
    "emptyset quad begin end degree".split()
)
COMMAND = re.compile(r"\\([A-Za-z]+)")
WRAPPED = re.compile(r"\\(?:text|mathrm|mbox)\{([^{}]*)\}")
SMALL_FRACTION = re.compile(r"\\[dt]?frac\{\d\}\{\d\}")
POWER = re.compile(r"\^(?:\{([^{}^]*)\}|(\\[a-z]+|\w)|)")
EXPONENT = re.compile(r"[-+a-zA-Z]*\d{0,3}[-+a-zA-Z]*|\\circ")
TWO_NUMBERS = re.compile(r"\d\s+\d")  # which math-verify would read as one
LISTS = re.compile(r"[,;](?!\d{3}(?!\d))")
FACTORIAL = re.compile(r"(?<!\d)\d{1,3}!(?!!)")


def same_expression(answer: str, gold: str) -> bool:
    """The two texts mean the same. Never raises; False where that is not known after SECONDS."""
    answer, gold = answer.strip(), gold.strip()
    if answer == gold:
        return bool(answer)
    a, b = (WRAPPED.sub(r"\1", "".join(text[: 4 * MAX_LENGTH].split())) for text in (answer, gold))
    if TWO_NUMBERS.search(answer) or len(LISTS.findall(answer)) != len(LISTS.findall(gold)):
        return False  # several answers where one is asked for
    if a == b:
        return bool(a)
    if not (_harmless(a) and _harmless(b)):
        return False
    # A computation is ended by a signal, which only a main thread may set: elsewhere another process has one.
    if threading.current_thread() is threading.main_thread():
        return _verified(answer, gold)
    return _verified_elsewhere(answer, gold)


def _harmless(text: str) -> bool:
    """Nothing in it grows beyond what sympy can hold."""
    if len(text) > MAX_LENGTH or "**" in text or not COMMANDS.issuperset(COMMAND.findall(text)):
        return False
    if text.count("!") != len(FACTORIAL.findall(text)):
        return False
    exponents = [a or b for a, b in POWER.findall(SMALL_FRACTION.sub("1", text))]
    sizes = [int(digits) for e in exponents for digits in re.findall(r"\d+", e)]
    return all(e and EXPONENT.fullmatch(e) for e in exponents) and math.prod(n for n in sizes if n) <= MAX_POWER


class _OutOfTime(BaseException):
    """No Exception: sympy goes on after many of those."""


_ends_at = [math.inf]  # when the comparison that runs has had its time, by thread_time


def _look(_number: int, frame: FrameType | None) -> None:
    """At a tick of the timer: end a comparison, and nothing else, that has had its time in this thread."""
    late = time.thread_time() > _ends_at[0]
    while late and frame:
        if frame.f_code is _compared.__code__:
            raise _OutOfTime  # at each tick: Python swallows what is raised while a weak reference is cleared
        frame = frame.f_back


@contextmanager
def _ticking() -> Iterator[None]:
    """A tick for each LOOK_SECONDS that this process computes. math-verify's own limit is of the clock, and takes SIGALRM."""
    # For good: a tick may be on its way to another thread when the timer ends, and without a handler it ends the process.
    signal.signal(signal.SIGVTALRM, _look)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, LOOK_SECONDS, LOOK_SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


@lru_cache(maxsize=1)
def _load() -> None:
    """What the first formulas load, which would take from the time that a formula has."""
    from math_verify import parse, verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns of being asked for no limit of its own
    parsed = [parse(f"${text}$", parsing_timeout=None) for text in (r"\sqrt[3]{5}", r"\frac{1}{2}", "x+1", "(1,2)")]
    for one in parsed[1:]:
        verify(parsed[0], one, timeout_seconds=None)


@lru_cache(maxsize=4096)
def _verified(answer: str, gold: str) -> bool:
    try:
        _load()
        with _ticking():
            return _compared(answer, gold)
    except (Exception, _OutOfTime):
        return False


def _compared(answer: str, gold: str) -> bool:
    from math_verify import parse, verify

    _ends_at[0] = time.thread_time() + SECONDS
    parsed = [parse(f"${text}$", parsing_timeout=None, raise_on_error=False) for text in (gold, answer)]
    return bool(parsed[0] and parsed[1] and verify(*parsed, timeout_seconds=None, raise_on_error=False))


@lru_cache(maxsize=4096)
def _verified_elsewhere(answer: str, gold: str) -> bool:
    command = [sys.executable, "-m", "core.symbolic", answer, gold]
    try:
        return subprocess.run(command, timeout=SECONDS + START_SECONDS, capture_output=True, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return False


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    sys.exit(0 if _verified(sys.argv[1], sys.argv[2]) else 1)
