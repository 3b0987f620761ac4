"""Numbers of comparisons as people read them: shares in percent, their differences in points. Pure."""

import math

from core.compare.table import NONE
from core.metrics import percent

SMALL = 0.0005


def value(number: float, unit: str) -> str:
    """A number in the unit of its score: 66.9 %, 0.065, 1,204."""
    if not math.isfinite(number):
        return NONE
    if unit == "share":
        return percent(number, 1)
    if unit in ("steps", "tokens", "seconds"):
        return f"{number:,.0f}"
    return f"{number:.1f}" if unit == "per 100 steps" else f"{number:.3g}"


def interval(low: float, high: float, unit: str) -> str:
    """An interval in the unit of its score: [61.1, 66.6]; empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{bare(low, unit)}, {bare(high, unit)}]"


def bare(number: float, unit: str) -> str:
    """A number without its unit."""
    return value(number, unit).removesuffix(" %")


def difference(number: float, unit: str) -> str:
    """A difference with its sign: +2.7 points, -0.003."""
    if not math.isfinite(number):
        return NONE
    if unit == "share":
        return f"{round(100 * number, 1) + 0.0:+.1f} points"  # + 0.0 turns -0.0 into 0.0
    return f"{number:+,.0f} {unit}" if unit in ("steps", "tokens", "seconds") else f"{number:+.3g}"


def difference_interval(low: float, high: float, unit: str) -> str:
    """An interval of a difference: [+1.0, +5.1]; empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{difference(low, unit).split(' ')[0]}, {difference(high, unit).split(' ')[0]}]"


def size(number: float, unit: str) -> str:
    """A difference without its sign, for sentences that say who is ahead: 2.7 points."""
    return difference(abs(number), unit).removeprefix("+")


def p(number: float) -> str:
    """A p-value: 0.031 or < 0.001."""
    if not math.isfinite(number):
        return NONE
    return "< 0.001" if number < SMALL else f"{number:.3f}"
