"""Are two expressions equal? The slow path of core.answers, for what is not a plain number: core.formulas behind a guard.

What is plainly the same or plainly no formula is said here. What is hostile is refused, and the rest is compared in a process
of its own, which has limits of time and memory and may die of them: in a training, `showdown score`, a replay and the dashboard
alike.
"""

import atexit
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import threading
from functools import lru_cache

from core.formulas import SAME

MAX_LENGTH = 120
MAX_POWER = 1000  # of all exponents together, as `((10^9)^9)^9` multiplies them
PATIENCE = 60.0  # seconds of the clock: on a machine that is busy or stands still, the process may have little of the processor
COMMANDS = frozenset(
    "frac dfrac tfrac sqrt pi text mathrm mathbf textbf left right cdot times div pm infty circ theta alpha beta gamma phi "
    "lambda mu sigma omega ln log sin cos tan cot sec csc arcsin arccos arctan le leq ge geq lt gt ne neq in cup cap mathbb "
    "emptyset quad begin end degree".split()
)
COMMAND = re.compile(r"\\([A-Za-z]+)")
WRAPPED = re.compile(r"\\(?:text(?:bf|rm|it)?|math(?:rm|bf)|mbox)\s*\{([^{}]*)\}")
ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[a-z]*\}")
CHOICE = re.compile(r"\(?([A-Za-z])[).]?")
BASE = re.compile(r"\d_")  # `12_{3}`, to the base of three: the grammar drops the base
NO_BRACES = str.maketrans("", "", "{}")
SMALL_FRACTION = re.compile(r"\\[dt]?frac\{\d\}\{\d\}")
POWER = re.compile(r"\^(?:\{([^{}^]*)\}|(\\[a-z]+|\w)|)")
EXPONENT = re.compile(r"[-+a-zA-Z]*\d{0,3}[-+a-zA-Z]*|\\circ")
TWO_NUMBERS = re.compile(r"\d\s+\d")  # which math-verify would read as one
LISTS = re.compile(r"[,;](?!\d{3}(?!\d))")
FACTORIAL = re.compile(r"(?<!\d)\d{1,3}!(?!!)")
SCIENTIFIC = re.compile(r"\d\.?\s*[eE]\s*\{?[-+]?\s*\d{3}")  # `1E999999`, which sympy would write out


def same_expression(answer: str, gold: str) -> bool:
    """The two texts mean the same. Never raises; False where that cannot be known within the limits of core.formulas."""
    answer, gold = answer.strip(), gold.strip()
    if answer == gold:
        return bool(answer)
    if TWO_NUMBERS.search(answer) or len(LISTS.findall(answer)) != len(LISTS.findall(gold)):
        return False  # several answers where one is asked for
    a, b = _compact(answer), _compact(gold)
    if a == b:
        return bool(a)
    if BASE.search(a) or BASE.search(b):
        return a.translate(NO_BRACES) == b.translate(NO_BRACES)
    if _words(a) or _words(b) or not (_harmless(a) and _harmless(b)):
        return False
    return _compared(answer, gold)


def _compact(text: str) -> str:
    """The text without spaces and formatting; the letter of a choice alone, words in small letters."""
    bare = WRAPPED.sub(r"\1", "".join(text[: 4 * MAX_LENGTH].split()))
    if choice := CHOICE.fullmatch(bare):
        return choice[1]
    return bare.casefold() if _words(bare) else bare


def _words(bare: str) -> bool:
    """It holds words. The grammar reads those as products of letters, to which `act` and `cat` are one."""
    letters = COMMAND.sub(" ", ENVIRONMENT.sub(" ", bare))
    return re.fullmatch(r"[^\W\d_]{2,}", bare) is not None or re.search(r"[^\W\d_]{4}", letters) is not None


def _harmless(text: str) -> bool:
    """Nothing in it grows beyond what sympy can hold."""
    if len(text) > MAX_LENGTH or "**" in text or not COMMANDS.issuperset(COMMAND.findall(text)):
        return False
    if SCIENTIFIC.search(text) or text.count("!") != len(FACTORIAL.findall(text)):
        return False
    exponents = [a or b for a, b in POWER.findall(SMALL_FRACTION.sub("1", text))]
    sizes = [int(digits) for e in exponents for digits in re.findall(r"\d+", e)]
    return all(e and EXPONENT.fullmatch(e) for e in exponents) and math.prod(n for n in sizes if n) <= MAX_POWER


@lru_cache(maxsize=4096)
def _compared(answer: str, gold: str) -> bool:
    return COMPARER.compare(answer, gold)


class Comparer:
    """A process that compares formulas, started when the first pair comes and again when one has ended it.

    Safe to use from many threads, which wait for one another, and after a fork, which starts a process of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        os.register_at_fork(after_in_child=self._leave)
        atexit.register(self._end)

    def compare(self, answer: str, gold: str) -> bool:
        """The two mean the same. False where its limits ended the process, or it did not answer for PATIENCE.

        One that something else ended, a machine without memory say, is asked once more.
        """
        line = json.dumps([answer, gold]).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                process = self._running()
                if said := _asked(process, line):
                    return said == SAME
                if process.wait() == -signal.SIGXCPU:
                    break
        return False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            # In a group of its own: what a terminal sends to end a training after its step must not end this in the middle.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.formulas"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                process_group=0,
            )
        return self._process

    def _end(self) -> None:
        """It has nothing to do any more. Another is started when a pair comes."""
        if process := self._process:
            self._process = None
            _closed(process)
            process.kill()
            process.wait()

    def _leave(self) -> None:
        """To the process that was forked: the pipes are its own, the child is not."""
        self._lock = threading.Lock()
        if process := self._process:
            self._process = None
            _closed(process)
            process.returncode = 0


def _closed(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _asked(process: subprocess.Popen[bytes], line: bytes) -> bytes:
    """The byte it answers with; none where it ended, or was ended because it said nothing for PATIENCE."""
    assert process.stdin and process.stdout
    try:
        process.stdin.write(line)
    except OSError:
        return b""
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    if not ready:
        process.kill()
        return b""
    return process.stdout.read(1)


COMPARER = Comparer()
