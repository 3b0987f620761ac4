"""pass@k against counting every draw by hand, maj@k with its ties."""

from itertools import combinations

import pytest

from core.metrics.passk import ks, majority_is_right, pass_at_k


@pytest.mark.parametrize("n", range(1, 7))
def test_pass_at_k_counts_every_draw(n: int) -> None:
    for right in range(n + 1):
        outcomes = [True] * right + [False] * (n - right)
        for k in range(1, n + 1):
            draws = list(combinations(outcomes, k))
            assert pass_at_k(n, right, k) == pytest.approx(sum(any(d) for d in draws) / len(draws))


def test_pass_at_k_of_many_completions_does_not_overflow() -> None:
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "right", "k"), [(4, 1, 0), (4, 1, 5), (4, 5, 1), (4, -1, 1)])
def test_what_cannot_be_is_refused(n: int, right: int, k: int) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        pass_at_k(n, right, k)


@pytest.mark.parametrize(("n", "expected"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8])])
def test_reported_ks(n: int, expected: list[int]) -> None:
    assert ks(n) == expected


@pytest.mark.parametrize(
    ("answers", "right", "expected"),
    [
        ([7, 7, 3], [True, True, False], 1.0),
        ([7, 3, 3], [True, False, False], 0.0),  # the majority is wrong, though one is right
        ([7, 3], [True, False], 0.5),  # a tie is half right
        ([None, None, 7], [False, False, True], 1.0),  # who says nothing does not vote
        ([None, None], [False, False], 0.0),
    ],
)
def test_majority(answers: list[int | None], right: list[bool], expected: float) -> None:
    assert majority_is_right(answers, right) == expected
