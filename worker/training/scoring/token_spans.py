"""Which characters of a completion each of its tokens wrote. Knows nothing of models."""

from collections.abc import Sequence
from typing import Any

PART = "\ufffd"  # a tokenizer's output for bytes that are not a whole character
LONGEST = 8  # tokens that one character may span


class Pieces:
    """Caches the text of each token id: a step has tens of thousands of tokens, of few kinds."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, str] = {}

    def _alone(self, token: int) -> str:
        if token not in self._known:
            self._known[token] = self._tokenizer.decode([token], skip_special_tokens=True)
        return self._known[token]

    def lengths(self, ids: Sequence[int], text: str) -> list[int] | None:
        """The number of characters of each token, 0 for a token that ends inside a character.

        None where the pieces do not add up to the text: some tokenizers write a token differently on its own.
        """
        lengths = []
        pieces = []
        pending = list[int]()
        for token in ids:
            piece = self._alone(token)
            if pending or PART in piece:
                pending.append(token)
                piece = self._tokenizer.decode(pending, skip_special_tokens=True)
                if PART in piece and len(pending) < LONGEST:
                    lengths.append(0)
                    continue
                pending = []
            lengths.append(len(piece))
            pieces.append(piece)
        return lengths if "".join(pieces) == text else None
