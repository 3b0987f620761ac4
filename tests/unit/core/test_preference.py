"""Which two of a group make a pair, and how surprising a sample is: cases checked by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from core.analysis.agreement import surprise
from core.analysis.preference import Rule, pair
from core.common.groups import Groups


@dataclass(frozen=True)
class S:
    correct: bool
    total: float | None
    advantage: float | None = None


A, B, C, D = S(True, 0.7, 0.3), S(True, 0.9, 0.5), S(False, 0.2, -0.6), S(False, 0.8, -0.2)


@pytest.mark.parametrize(
    ("group", "rule", "wanted", "why"),
    [
        ([A, B, C, D], "gold", (B, C), "the largest gap between a right and a wrong one"),
        ([A, B], "gold", None, "nothing is wrong"),
        ([C, D], "gold", None, "nothing is right"),
        (
            [S(True, None), S(False, None)],
            "gold",
            (S(True, None), S(False, None)),
            "held-out samples have no total",
        ),
        ([C, D], "advantage", (D, C), "a group of wrong ones still has a better and a worse"),
        ([S(True, 1.0, 0.0), S(True, 1.0, 0.0)], "advantage", None, "a dead group prefers nothing"),
        ([S(True, None, None)], "advantage", None, "no advantage"),
        ([], "advantage", None, "no sample"),
    ],
)
def test_a_group_gives_this_pair(group: list[S], rule: Rule, wanted: tuple[S, S] | None, why: str) -> None:
    assert pair(group, rule) == wanted, why


def test_surprise_compares_a_sample_with_the_other_kind_of_its_group() -> None:
    total = np.array([1.0, 0.2, 0.6, 0.5, 0.5, 0.3, np.nan])
    right = np.array([True, True, False, False, False, True, False])
    groups = Groups.of(np.array([0, 0, 0, 1, 1, 2, 2]))
    found = surprise(total, right, groups)
    assert found[:3] == pytest.approx([0.6 - 1.0, 0.6 - 0.2, 0.6 - 0.6])
    assert np.isnan(found[3:]).all()  # all wrong; and one whose only wrong one has no total
