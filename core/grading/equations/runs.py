"""Finds how far arithmetic reaches from a place in a list of tokens, to the left and to the right."""

from core.grading.equations.tokens import INSIDE, Token
from core.grading.equations.words import OPERATORS

MAX_TOKENS = 40  # of one side
# Kinds that end a number: a unit or another factor may follow them.
NUMBERS = frozenset({"num", "close", "percent", "raised", "text", "degree"})


def skip(parts: list[Token], place: int, kinds: frozenset[str]) -> int:
    """The first place from `place` on with none of these kinds; the end of the parts if there is none."""
    while place < len(parts) and parts[place].kind in kinds:
        place += 1
    return place


def run_back(parts: list[Token], last: int) -> int | None:
    """Where the run of arithmetic that ends at `last` begins.

    None if one of its brackets is not opened, or if it is too long.
    """
    depth = 0
    first = last + 1
    while first > 0:
        kind = parts[first - 1].kind
        if kind == "of" and not is_share(parts, first - 1):
            break
        if kind not in INSIDE and kind != "of":
            break
        if kind in ("text", "degree") and not (first > 1 and parts[first - 2].kind in NUMBERS):
            break
        if kind == "num" and first <= last and parts[first].kind in ("num", "money"):
            break
        if kind == "open":
            if depth == 0:
                break
            depth -= 1
        depth += kind == "close"
        first -= 1
        if last - first > MAX_TOKENS:
            return None
    return None if depth else first


def run_on(parts: list[Token], first: int) -> tuple[list[Token], int]:
    """The run of arithmetic from `first`, and its end.

    Leaves out the words of a unit in braces (`\\boxed{72 clips}`).
    """
    run: list[Token] = []
    braces: list[str] = []
    last = first
    while last < len(parts) and last - first <= MAX_TOKENS:
        part = parts[last]
        if part.kind == "word" and braces and braces[-1] == "{" and run[-1].kind in NUMBERS:
            if not _is_unit(part):
                break
            last += 1
            continue
        if part.kind == "open" and part.text in "([" and run and is_remark(parts, last):
            break
        if part.kind not in INSIDE or (
            part.kind in ("text", "degree") and not (run and run[-1].kind in NUMBERS)
        ):
            break
        if part.kind in ("num", "money") and run and run[-1].kind == "num":
            break
        if part.kind == "open":
            braces.append(part.text[-1])
        if part.kind == "close":
            if not braces:
                break
            braces.pop()
        run.append(part)
        last += 1
    return run, last


def is_share(parts: list[Token], place: int) -> bool:
    r"""Whether the `of` at `place` multiplies: `20% of 50`, `1/4 of 48`, `\frac{1}{4} of 48`."""
    if place < 1 or place + 1 >= len(parts) or parts[place + 1].kind not in ("num", "money", "open"):
        return False
    previous = parts[place - 1]
    if previous.kind == "percent" or (previous.kind == "close" and previous.text == "}"):
        return True
    return previous.kind == "num" and ("/" in previous.text or (place > 1 and parts[place - 2].text == "/"))


def is_remark(parts: list[Token], place: int) -> bool:
    """Whether the bracket at `place` holds words: `72 (in total)`."""
    if place + 1 >= len(parts) or parts[place - 1].end == parts[place].start:
        return False
    inside = parts[place + 1]
    return inside.kind in ("word", "text") and len(inside.text) > 1 and is_plain(inside.text)


def is_plain(words: str) -> bool:
    return not any(c.isdigit() for c in words) and not OPERATORS.intersection(words.lower().split())


def _is_unit(part: Token) -> bool:
    return len(part.text) > 1 and part.text.lower() not in OPERATORS
