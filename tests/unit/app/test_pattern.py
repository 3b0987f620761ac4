"""The filter of a run's metrics: what an address may bring, from anybody."""

import pytest
import re2

from app.views.run.all_metrics import MOST_CHARACTERS, pattern

# a component of one's own may be called anything
KEYS = ("score/correctness", "eval/accuracy", "policy/kl", "a" * 20_000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", set(KEYS), id="nothing asked for"),
        pytest.param("^score/|kl", {"score/correctness", "policy/kl"}, id="an alternative"),
        pytest.param("EVAL/.*acc", {"eval/accuracy"}, id="case ignored"),
        pytest.param(r"\.", set(), id="a dot that is meant as such"),
    ],
)
def test_keys_are_found_by_a_regular_expression(text: str, found: set[str]) -> None:
    wanted = pattern(text)
    assert {key for key in KEYS if wanted.search(key)} == found


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        ".?" * 26 + "~",
        "(.|..)" * 22 + "~",
        "(a+)+b",
        r"(\w|\w)*!",
        "a*" * 100 + "b",
        "(a|aa)*" * 20 + "~",
        "(.*)(.*)(.*)(.*)(.*)~",
    ],
)
def test_no_expression_looks_for_long(text: str) -> None:
    """Each takes a backtracking engine ages on one of the keys. RE2 does not go back."""
    wanted = pattern(text)
    assert not any(wanted.search(key) for key in KEYS)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("score/(", id="a bracket left open"),
        pytest.param("*", id="nothing to repeat"),
        pytest.param(r"(a)\1", id="a backreference"),
        pytest.param("(?=a)a", id="lookaround"),
        pytest.param("a{9999}", id="a number of repeats too large"),
        pytest.param("((((a{99}){99}){99}){99})", id="repeats that multiply"),
        pytest.param("(" * 150 + "a{9}" + "){9}" * 50 + ")" * 100, id="deep"),
        pytest.param("a" * (MOST_CHARACTERS + 1), id="long"),
    ],
)
def test_what_is_no_expression_of_re2_is_refused(text: str) -> None:
    with pytest.raises(re2.error):
        pattern(text)
