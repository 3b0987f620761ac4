"""Which characters of a completion each of its tokens wrote. Called by worker.trainer; knows no model."""

from collections.abc import Sequence
from typing import Any

PART = "\ufffd"  # what a tokenizer writes for bytes that are no whole character
LONGEST = 8  # tokens that one character may be spread over


class Pieces:
    """Remembers what each token id writes: a step has tens of thousands of tokens, of few kinds."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, str] = {}

    def _alone(self, token: int) -> str:
        if token not in self._known:
            self._known[token] = self._tokenizer.decode([token], skip_special_tokens=True)
        return self._known[token]

    def lengths(self, ids: Sequence[int], text: str) -> list[int] | None:
        """Characters of each token, 0 for one that ends inside a character. None where the pieces do not make the text:
        some tokenizers write a token differently alone."""
        found, pieces, held = [], [], list[int]()
        for token in ids:
            piece = self._alone(token)
            if held or PART in piece:
                held.append(token)
                piece = self._tokenizer.decode(held, skip_special_tokens=True)
                if PART in piece and len(held) < LONGEST:
                    found.append(0)
                    continue
                held = []
            found.append(len(piece))
            pieces.append(piece)
        return found if "".join(pieces) == text else None
