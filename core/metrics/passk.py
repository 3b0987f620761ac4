"""pass@k and maj@k from repeated answers to one problem. Pure.

k is never above n, the number of completions of the problem.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import prod


def pass_at_k(n: int, right: int, k: int) -> float:
    """Unbiased pass@k: the probability that at least one of k completions drawn from the n is right.

    1 - C(n - right, k) / C(n, k), drawn without replacement. Unbiased for the policy's own pass@k (Chen et
    al. 2021, arXiv 2107.03374, eq. 1), computed as a product that never overflows. ValueError unless 1 <= k
    <= n and 0 <= right <= n.
    """
    if not 1 <= k <= n or not 0 <= right <= n:
        raise ValueError(f"pass@{k} of {right} right in {n}: k must lie in 1..n and right in 0..n")
    if n - right < k:
        return 1.0
    return 1.0 - prod(1.0 - k / i for i in range(n - right + 1, n + 1))


def ks(n: int) -> list[int]:
    """The values of k that are reported for n completions: 1, 2, 4, ... and n itself."""
    powers = [2**i for i in range(n.bit_length()) if 2**i <= n]
    return powers if powers[-1] == n else [*powers, n]


def majority_is_right(answers: Sequence[Hashable | None], right: Sequence[bool]) -> float:
    """maj@n: 1 if the most frequent answer is right; for ties, the share of the tied answers that are right.

    Completions without an answer do not vote; 0 if no completion has one.
    """
    votes = Counter(a for a in answers if a is not None)
    if not votes:
        return 0.0
    top = max(votes.values())
    tied = [answer for answer, count in votes.items() if count == top]
    verdict = {
        answer: is_right for answer, is_right in zip(answers, right, strict=True) if answer is not None
    }
    return sum(verdict[answer] for answer in tied) / len(tied)
