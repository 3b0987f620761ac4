"""Are two expressions equal? math-verify behind a guard: the slow path of core.answers, for what is no plain number.

Called by core.answers only. sympy loads when the first expression is compared. Hostile input is refused, not computed: a
time limit alone cannot interrupt one power of a million digits.
"""

import re
import subprocess
import sys
import threading
from functools import lru_cache
from math import prod

MAX_LENGTH = 120
MAX_POWER = 1000  # of all exponents together, as `((10^9)^9)^9` multiplies them
SECONDS = 1
START_SECONDS = 8  # for a process to load sympy on a busy machine
LOAD_SECONDS = 60  # for this process to do so, where that ends nothing
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
    """The two texts mean the same. Never raises; False where that cannot be known within SECONDS."""
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
    # math-verify's time limit is an alarm signal, which only a main thread may set: elsewhere another process has one.
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
    return all(e and EXPONENT.fullmatch(e) for e in exponents) and prod(n for n in sizes if n) <= MAX_POWER


@lru_cache(maxsize=1)
def _load() -> None:
    """What the first formulas load, which on a busy machine takes longer than a formula has: it would count as wrong."""
    from math_verify import parse, verify

    parsed = [parse(f"${text}$", parsing_timeout=LOAD_SECONDS) for text in (r"\sqrt[3]{5}", r"\frac{1}{2}", "x+1", "(1,2)")]
    for one in parsed[1:]:
        verify(parsed[0], one, timeout_seconds=LOAD_SECONDS)


@lru_cache(maxsize=4096)
def _verified(answer: str, gold: str) -> bool:
    from math_verify import parse, verify

    try:
        _load()
        parsed = [parse(f"${text}$", parsing_timeout=SECONDS, raise_on_error=False) for text in (gold, answer)]
        return bool(parsed[0] and parsed[1] and verify(*parsed, timeout_seconds=SECONDS, raise_on_error=False))
    except Exception:
        return False


@lru_cache(maxsize=4096)
def _verified_elsewhere(answer: str, gold: str) -> bool:
    command = [sys.executable, "-m", "core.symbolic", answer, gold]
    try:
        return subprocess.run(command, timeout=SECONDS + START_SECONDS, capture_output=True, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if _verified(sys.argv[1], sys.argv[2]) else 1)
