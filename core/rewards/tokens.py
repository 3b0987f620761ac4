"""How likely each token of a completion was, packed small for storage next to its text.

The packed form is JSON: [characters of each token, hundredths of a nat of -log p of each token]. A token
that ends inside a character (bytes of an emoji) has 0 characters; the token that ends the character has
them all.
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
    """Pack the tokens of a text: `lengths` in code points, `nll` in nats, one of each per token."""
    return json.dumps([list(lengths), [round(100 * x) for x in nll]], separators=(",", ":"))


def unpack(packed: str) -> list[Token]:
    """The tokens of a packed text, in order, without those that have no characters."""
    tokens = []
    start = 0
    for length, hundredths in zip(*json.loads(packed), strict=True):
        if length:
            tokens.append(Token(start, start + length, hundredths / 100))
        start += length
    return tokens
