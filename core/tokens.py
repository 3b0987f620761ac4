"""How likely each token of a completion was, packed small beside its text. Called by worker.forwards and the pages.

The packed form is JSON: [characters of each token, hundredths of a nat of -log p of each token]. A token that ends inside a
character (bytes of an emoji) has 0 characters; the one that ends the character has them all.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple


class Token(NamedTuple):
    """A token's place in the completion, in code points, and -log p in nats."""

    start: int
    end: int
    nll: float


def pack(lengths: Sequence[int], nll: Sequence[float]) -> str:
    """`lengths` in code points, `nll` in nats, one each a token."""
    return json.dumps([list(lengths), [round(100 * x) for x in nll]], separators=(",", ":"))


def unpack(packed: str) -> list[Token]:
    """The tokens of a packed text, in their order; those without characters are left out."""
    tokens, at = [], 0
    for length, hundredths in zip(*json.loads(packed), strict=True):
        if length:
            tokens.append(Token(at, at + length, hundredths / 100))
        at += length
    return tokens
