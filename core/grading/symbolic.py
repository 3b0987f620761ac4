"""Decides whether two expressions are equal: the slow path of core.grading.answers.

It handles what is not a plain number, and guards core.grading.formulas. Texts that are plainly the same, or
plainly not formulas, are decided here. Hostile ones are refused. The rest is compared in a process of its
own, which has limits of time and memory and may die of them: in training, `showdown score`, replay and the
dashboard alike.
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

from core.grading.formulas import SAME

MAX_LENGTH = 120
MAX_POWER = 1000  # the product of all exponents, as `((10^9)^9)^9` multiplies them
# seconds on the clock: on a busy or stalled machine, the process may get little CPU time
PATIENCE = 60.0
COMMANDS = frozenset(
    "frac dfrac tfrac sqrt pi text mathrm mathbf textbf left right cdot times div pm infty "
    "circ theta alpha beta gamma phi "
    "lambda mu sigma omega ln log sin cos tan cot sec csc arcsin arccos arctan le leq ge geq "
    "lt gt ne neq in cup cap mathbb "
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
    """Whether the two texts mean the same. Never raises.

    False if that cannot be decided within the limits of core.grading.formulas.
    """
    answer = answer.strip()
    gold = gold.strip()
    if answer == gold:
        return bool(answer)
    if TWO_NUMBERS.search(answer) or len(LISTS.findall(answer)) != len(LISTS.findall(gold)):
        return False  # several answers where one is asked for
    a = _compact(answer)
    b = _compact(gold)
    if a == b:
        return bool(a)
    if BASE.search(a) or BASE.search(b):
        return a.translate(NO_BRACES) == b.translate(NO_BRACES)
    if _words(a) or _words(b) or not (_harmless(a) and _harmless(b)):
        return False
    return _compared(answer, gold)


def _compact(text: str) -> str:
    """The text without spaces and formatting: a choice as its letter alone, words in lower case."""
    bare = WRAPPED.sub(r"\1", "".join(text[: 4 * MAX_LENGTH].split()))
    if choice := CHOICE.fullmatch(bare):
        return choice[1]
    return bare.casefold() if _words(bare) else bare


def _words(bare: str) -> bool:
    """Whether it holds words. The grammar reads words as products of letters: `act` would equal `cat`."""
    letters = COMMAND.sub(" ", ENVIRONMENT.sub(" ", bare))
    return re.fullmatch(r"[^\W\d_]{2,}", bare) is not None or re.search(r"[^\W\d_]{4}", letters) is not None


def _harmless(text: str) -> bool:
    """Whether nothing in the text grows beyond what sympy can hold."""
    if len(text) > MAX_LENGTH or "**" in text or not COMMANDS.issuperset(COMMAND.findall(text)):
        return False
    if SCIENTIFIC.search(text) or text.count("!") != len(FACTORIAL.findall(text)):
        return False
    exponents = [a or b for a, b in POWER.findall(SMALL_FRACTION.sub("1", text))]
    sizes = [int(digits) for e in exponents for digits in re.findall(r"\d+", e)]
    return (
        all(e and EXPONENT.fullmatch(e) for e in exponents) and math.prod(n for n in sizes if n) <= MAX_POWER
    )


@lru_cache(maxsize=4096)
def _compared(answer: str, gold: str) -> bool:
    return COMPARER.compare(answer, gold)


class Comparer:
    """A process that compares formulas, started for the first pair and again after a pair has ended it.

    Safe to use from many threads, which wait for one another, and after a fork: the child starts a process of
    its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        os.register_at_fork(after_in_child=self._leave)
        atexit.register(self._end)

    def compare(self, answer: str, gold: str) -> bool:
        """Whether the two mean the same.

        False if its limits ended the process, or if it did not answer within PATIENCE. If something else
        ended it, such as a lack of memory, the pair is tried once more.
        """
        line = json.dumps([answer, gold]).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                process = self._running()
                if verdict := _asked(process, line):
                    return verdict == SAME
                if process.wait() == -signal.SIGXCPU:
                    break
        return False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            # In a process group of its own: the signal from a terminal that ends a training after its step
            # must not interrupt a comparison.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.grading.formulas"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                process_group=0,
            )
        return self._process

    def _end(self) -> None:
        """Stop the process. The next pair starts another."""
        if process := self._process:
            self._process = None
            _closed(process)
            process.kill()
            process.wait()

    def _leave(self) -> None:
        """Detach after a fork: the child owns its copies of the pipes, but not the process."""
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
    """The byte that the process answers; empty if it ended, or was killed for exceeding PATIENCE."""
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
