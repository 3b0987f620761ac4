"""Compares two formulas in a process of its own: `python -m core.grading.formulas`.

A formula comes from a model or a file. Comparing even a short one may take hours, which no exception
interrupts, or all memory. Here the kernel bounds both, and ends this process and no other.

Uses math-verify's grammar and its comparison of sets, relations and matrices. Does not use its search for a
formula in a text, which drops what it cannot read (it reads `72 + \\mathrm{e}` as 72), nor its rounding to
six decimals: numbers are compared exactly, and anything else too close to tell apart is not equal.
"""

import json
import logging
import math
import re
import resource
import sys
from contextlib import suppress
from typing import Any

# CPU seconds for a pair of formulas, so that a stalled machine makes no answer wrong
SECONDS = 2.0
MOST_BYTES = 2**31  # of address space
DECIMAL = re.compile(r"(?<![\d.^_])(\d{0,40})\.(\d{1,40})(?![\d.])")
# numbers with which a comparison that rounds cannot be trusted
WILD = re.compile(r"\d{10}|\.\d{7}|\^\{?[-+]?(?:\d{3}|[2-9]\d)")
DIGITS = 80  # precision of numbers that are not fractions
SAME = b"1"
DIFFERENT = b"0"


def load() -> None:
    """Load what the first comparisons need, so that it does not use up a formula's time."""
    # it warns when it gets no time limit of its own
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    import math_verify.parser

    del math_verify
    for answer, gold in (("\\sqrt[3]{5}", "\\frac{1}{2}"), ("x+1", "1+x"), ("x+1", "x+2"),
                         ("(1,2)", "(1,3)"), ("x=1", "x=2"),
                         ("\\sqrt{8}", "2\\sqrt{2}"), ("\\sin x", "x"), ("0.5", "\\frac{1}{2}")):  # fmt: skip
        with suppress(Exception):
            _equal(_parsed(answer), _parsed(gold), exactly=False)


def same(answer: str, gold: str) -> bool:
    """Whether the two formulas mean the same; False if the grammar cannot read one of them."""
    exactly = WILD.search(answer) is not None or WILD.search(gold) is not None
    try:
        return _equal(_parsed(answer), _parsed(gold), exactly)
    except Exception:  # MemoryError is one
        return False


def _parsed(text: str) -> Any:
    """Parse the whole text into a sympy object, with decimals as fractions.

    Raises an exception if the grammar does not read all of it.
    """
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
    """Whether two parsed expressions mean the same. `exactly`: nothing that rounds may decide it."""
    import sympy
    from math_verify import verify

    answer, gold = (_value_of_name(side, opposite) for side, opposite in ((answer, gold), (gold, answer)))
    if isinstance(answer, sympy.Expr) and isinstance(gold, sympy.Expr):
        a = answer.doit()
        b = gold.doit()
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
    """The 5 of `x = 5`, if the other side is not a relation; else the expression unchanged."""
    import sympy

    named = isinstance(one, sympy.Eq) and isinstance(one.lhs, sympy.Symbol) and isinstance(other, sympy.Expr)
    return one.rhs if named else one


def _apart(a: Any, b: Any) -> bool:
    """Whether the two certainly differ: in their values, or in their values at some point."""
    import sympy

    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    for point in range(1, 4):
        places = {symbol: sympy.Rational(7 * point + 3 * i, 5 + 2 * i) for i, symbol in enumerate(symbols)}
        x, y = (sympy.N(expression.subs(places), DIGITS) for expression in (a, b))
        if not (x.is_number and y.is_number and x.is_finite and y.is_finite):
            continue
        if abs(x - y) > abs(x) * sympy.Rational(1, 10 ** (DIGITS // 2)):
            return True
        if not symbols:
            break
    return False


def main() -> None:
    """Answer each line, a pair of formulas, with one byte, until input ends or a pair takes too long."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # the limit is lower already, or the system has none
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    load()
    for line in sys.stdin:
        _give_time()
        answer, gold = json.loads(line)
        sys.stdout.buffer.write(SAME if same(answer, gold) else DIFFERENT)
        sys.stdout.buffer.flush()


def _give_time() -> None:
    """Let SIGXCPU end this process after SECONDS more of CPU time. The limit counts whole seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit_seconds = math.ceil(used.ru_utime + used.ru_stime + SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (limit_seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
