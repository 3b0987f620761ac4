"""The catalogue describes every key; verdicts follow their stated rules."""

import pytest

from core.metrics import FAMILIES, METRICS, describe, described, verdict
from core.metrics.series import Series


@pytest.mark.parametrize("key", sorted(METRICS))
def test_every_metric_has_its_words(key: str) -> None:
    found = METRICS[key]
    family, _, name = key.partition("/")
    assert family and name and found.title and found.what.endswith(".")


def test_families_take_the_terms_name() -> None:
    assert describe("score/correctness").title == "correctness: score"
    assert describe("signal/advantage_share/format").key == "signal/advantage_share/format"
    for prefix in FAMILIES:
        assert "{term}" not in describe(prefix + "x").what


@pytest.mark.parametrize("key", ["reward", "score/", "score/a/b", "eval/nothing"])
def test_an_undescribed_key_is_an_error(key: str) -> None:
    with pytest.raises(KeyError, match="core/metrics/catalogue.py"):
        describe(key)
    assert not described(key) and described("score/a")


def series(values: list[float], first: int = 1) -> Series:
    return Series(range(first, first + len(values)), values)


@pytest.mark.parametrize(
    ("dead", "chip"),
    [
        ([0.4] * 20, "Yes"),
        ([0.0] * 10 + [0.6] * 10, "Yes, in some groups"),
        ([0.9] * 20, "Hardly"),
        ([0.1], None),
    ],
)
def test_signal(dead: list[float], chip: str | None) -> None:
    found = verdict.signal({"signal/dead_groups": series(dead)})
    assert (found.chip if found else None) == chip


@pytest.mark.parametrize(
    ("gold", "reward", "chip"),
    [
        ([0.1, 0.6], [0.1, 0.5], "Yes, so far"),
        ([0.42, 0.17], [0.5, 0.8], "flag: reward up, gold down"),  # regimes.md 4: short and plausible
        ([0.42, 0.17], [0.8, 0.5], "No"),
        ([0.42, 0.43], [0.5, 0.8], "Not yet"),  # within two standard errors of 256 completions
        ([0.42], [0.5, 0.8], None),
    ],
)
def test_learning(gold: list[float], reward: list[float], chip: str | None) -> None:
    steps = [v for r in reward for v in [r] * 10]
    found = verdict.learning({"eval/accuracy": series(gold), "reward/total": series(steps)}, n_eval=256)
    assert (found.chip if found else None) == chip


def test_the_first_and_last_rewards_of_a_short_run_are_not_the_same() -> None:
    found = verdict.learning(
        {"eval/accuracy": series([0.9, 0.1]), "reward/total": series([0.0] * 3 + [1.0] * 3)}, n_eval=256
    )
    assert found and found.chip == "flag: reward up, gold down" and "moved by +1.00" in found.answer


@pytest.mark.parametrize(
    ("norm", "chip"),
    [
        ([1.0] * 30, "Yes"),
        ([1.0] * 20 + [6.0] + [1.0] * 9, "Look once"),
        ([9.0] + [1.0] * 20, "Yes"),
        ([1.0] * 5, None),
    ],
)
def test_stability(norm: list[float], chip: str | None) -> None:
    found = verdict.stability({"policy/grad_norm": series(norm)})
    assert (found.chip if found else None) == chip
