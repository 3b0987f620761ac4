"""Are two expressions equal? The slow path of core.answers, for what is not a plain number: math-verify behind a guard.

Of math-verify its grammar is used and its comparison of sets, relations and matrices. Its search for a formula in a text is
not: it drops what it cannot read (`72 + \\mathrm{e}` is 72 to it). Nor is its rounding to six decimals: numbers are compared
exactly, and what else is too near to tell apart is not equal. sympy loads when the first expression is compared. Hostile
input is refused, not computed: a time limit alone cannot interrupt one power of a million digits.
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
from contextlib import contextmanager, suppress
from functools import lru_cache
from types import FrameType
from typing import Any

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
WRAPPED = re.compile(r"\\(?:text(?:bf|rm|it)?|math(?:rm|bf)|mbox)\s*\{([^{}]*)\}")
ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[a-z]*\}")
CHOICE = re.compile(r"\(?([A-Za-z])[).]?")
DECIMAL = re.compile(r"(?<![\d.^_])(\d{0,40})\.(\d{1,40})(?![\d.])")
WILD = re.compile(r"\d{10}|\.\d{7}|\^\{?[-+]?(?:\d{3}|[2-9]\d)")  # beside which a comparison that rounds cannot be trusted
BASE = re.compile(r"\d_")  # `12_{3}`, to the base of three: the grammar drops the base
NO_BRACES = str.maketrans("", "", "{}")
DIGITS = 80  # to which numbers are computed that are not fractions
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
    if TWO_NUMBERS.search(answer) or len(LISTS.findall(answer)) != len(LISTS.findall(gold)):
        return False  # several answers where one is asked for
    a, b = _compact(answer), _compact(gold)
    if a == b:
        return bool(a)
    if BASE.search(a) or BASE.search(b):
        return a.translate(NO_BRACES) == b.translate(NO_BRACES)
    if _words(a) or _words(b) or not (_harmless(a) and _harmless(b)):
        return False
    # A computation is ended by a signal, which only a main thread may set: elsewhere another process has one.
    if threading.current_thread() is threading.main_thread():
        return _verified(answer, gold)
    return _verified_elsewhere(answer, gold)


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
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns of being asked for no limit of its own
    import math_verify.parser

    del math_verify
    for answer, gold in (("\\sqrt[3]{5}", "\\frac{1}{2}"), ("x+1", "1+x"), ("x+1", "x+2"), ("(1,2)", "(1,3)"), ("x=1", "x=2"),
                         ("\\sqrt{8}", "2\\sqrt{2}"), ("\\sin x", "x"), ("0.5", "\\frac{1}{2}")):  # fmt: skip
        with suppress(Exception):
            _equal(_parsed(answer), _parsed(gold), exactly=False)


@lru_cache(maxsize=4096)
def _verified(answer: str, gold: str) -> bool:
    try:
        _load()
        with _ticking():
            return _compared(answer, gold)
    except (Exception, _OutOfTime):
        return False


def _compared(answer: str, gold: str) -> bool:
    _ends_at[0] = time.thread_time() + SECONDS
    exactly = WILD.search(answer) is not None or WILD.search(gold) is not None
    return _equal(_parsed(answer), _parsed(gold), exactly)


def _parsed(text: str) -> Any:
    """The whole text as a sympy object, decimals as fractions; an exception where the grammar does not read all of it."""
    from math_verify import parser
    from math_verify.grader import should_treat_as_complex

    text = DECIMAL.sub(lambda m: rf"\frac{{{int(m[1] + m[2])}}}{{{10 ** len(m[2])}}}", text)
    cleaning = parser.NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none", equations=False
    )
    clean = parser.normalize_latex(text, config=cleaning)
    is_real = not should_treat_as_complex(clean)
    return parser.latex2sympy(clean, is_real=is_real, convert_degrees=False, normalization_config=None)


def _equal(answer: Any, gold: Any, exactly: bool) -> bool:
    """Two parsed expressions mean the same. `exactly`: nothing that rounds may decide it."""
    import sympy
    from math_verify import verify

    answer, gold = (_value_of_name(one, other) for one, other in ((answer, gold), (gold, answer)))
    if isinstance(answer, sympy.Expr) and isinstance(gold, sympy.Expr):
        a, b = answer.doit(), gold.doit()
        if a.is_Rational and b.is_Rational:
            return bool(a == b)
        if _apart(a, b):
            return False
        if a == b or sympy.simplify(a - b) == 0:
            return True
        return not exactly and bool(verify(gold, answer, timeout_seconds=None))
    if exactly:
        return bool(answer == gold)
    return bool(verify(gold, answer, float_rounding=12, numeric_precision=30, timeout_seconds=None))


def _value_of_name(one: Any, other: Any) -> Any:
    """Of `x = 5` the 5, where the other side is no relation."""
    import sympy

    named = isinstance(one, sympy.Eq) and isinstance(one.lhs, sympy.Symbol) and isinstance(other, sympy.Expr)
    return one.rhs if named else one


def _apart(a: Any, b: Any) -> bool:
    """The two differ for certain: by their values, or by those at a point."""
    import sympy

    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    for point in range(1, 4):
        places = {symbol: sympy.Rational(7 * point + 3 * i, 5 + 2 * i) for i, symbol in enumerate(symbols)}
        x, y = (sympy.N(one.subs(places), DIGITS) for one in (a, b))
        if not (x.is_number and y.is_number and x.is_finite and y.is_finite):
            continue
        if abs(x - y) > abs(x) * sympy.Rational(1, 10 ** (DIGITS // 2)):
            return True
        if not symbols:
            break
    return False


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
