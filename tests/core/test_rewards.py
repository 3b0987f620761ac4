"""Components: a table of cases each, with a word on why; and what the catalogue demands of every one."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.rewards import COMPONENTS, component
from tests.samples import batch

NAN = math.nan
# component, params, completion, score; gold is 72
CASES: list[tuple[str, dict[str, Any], str, float]] = [
    ("correctness", {}, "#### 72", 1.0),
    ("correctness", {}, "#### 71", 0.0),
    ("correctness", {}, "72", 0.0),  # strict: no marker, no answer
    ("closeness", {}, "#### 72", 1.0),
    ("closeness", {}, "#### 79.2", math.exp(-1)),  # scale max(5, 0.1 x 72) = 7.2
    ("closeness", {"floor": 20.0}, "#### 52", math.exp(-1)),
    ("closeness", {}, "no answer", 0.0),  # judged worthless, not "does not apply"
    ("perplexity", {}, "any", math.exp(-0.5)),  # the batch says mean NLL 0.5
    ("perplexity", {"form": "inverse_log"}, "any", 1 / 1.5),
    ("reasoning", {"steps": 0, "marker": 0, "repetition": 0}, "3+4=7\n2*5=11", 0.5),  # one of two is true
    ("reasoning", {"steps": 0, "marker": 0, "repetition": 0}, "no equations", 0.0),
    ("reasoning", {"steps": 0, "marker": 0, "repetition": 0}, "10/4=2.5 and 1/3=0.33", 1.0),  # to the digits written
    ("reasoning", {"steps": 0, "marker": 0, "repetition": 0}, "7/0=0", 0.0),
    ("reasoning", {"equations": 0, "marker": 0, "repetition": 0, "max_steps": 1}, "1+1=2 1+1=2", 0.0),  # too many
    ("reasoning", {"equations": 0, "steps": 0, "repetition": 0}, "#### 3", 1.0),
    ("reasoning", {"equations": 0, "steps": 0, "marker": 0}, "a b c a b c a b c", 1 - 4 / 7),  # 3 of 7 3-grams are new
    ("reasoning", {}, "3+4=7\n#### 7", 1.0),
    ("consistency", {}, "3+4=7\n#### 7", 1.0),
    ("consistency", {}, "3+4=7\n#### 8", 0.0),
    ("consistency", {}, "3+4=7", 0.0),  # computed, but never stated
    ("consistency", {}, "#### 8", NAN),  # nothing computed: does not apply
    ("format", {}, "3+4=7\n#### 7", 1.0),
    ("format", {}, "#### 7\nbecause", 0.0),  # text behind it
    ("format", {}, "#### 5\n#### 7", 0.0),  # two answers
    ("format", {}, r"\boxed{7}", 0.0),  # the other marker
    ("format", {"marker": "boxed"}, r"so \boxed{7}.", 1.0),
    ("format", {"marker": "either"}, r"\boxed{7}", 1.0),
]


@pytest.mark.parametrize(("name", "params", "completion", "expected"), CASES)
def test_score(name: str, params: dict[str, Any], completion: str, expected: float) -> None:
    made = component(name)
    (score,) = made.score(batch([completion]), made.params.model_validate(params))
    assert score == pytest.approx(expected, nan_ok=True)


def test_consistency_across_the_group_is_the_share_of_the_same_answer() -> None:
    made = component("consistency")
    texts = ["#### 1", "#### 1.0", "#### 2", "none", "#### 1", "#### 1", "#### 1", "#### 3"]
    scores = made.score(batch(texts, group_size=4), made.params.model_validate({"within": "group"}))
    assert scores.tolist() == [0.5, 0.5, 0.25, 0.0, 0.75, 0.75, 0.75, 0.25]  # two groups, never mixed


def test_perplexity_without_log_probs_does_not_apply() -> None:
    made = component("perplexity")
    assert np.isnan(made.score(batch(["x"], mean_nll=np.array([np.nan])), made.params())).all()


TEXT = st.text(alphabet=st.sampled_from("0123456789+-*/= \n#.,abcboxed\\{}"), max_size=120)


@given(st.lists(TEXT, min_size=1, max_size=6), st.sampled_from(sorted(COMPONENTS)))
def test_scores_stay_in_their_range_and_follow_their_samples(texts: list[str], name: str) -> None:
    made = COMPONENTS[name]
    scores = made.score(batch(texts), made.params())
    low, high = made.range
    known = scores[~np.isnan(scores)]
    assert ((known >= low) & (known <= high)).all()
    # Turning the group round turns the scores round: a score belongs to its sample, not to its place.
    turned = made.score(batch(texts[::-1]), made.params())
    np.testing.assert_array_equal(turned[::-1], scores)


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_every_component_is_documented_and_tabled(name: str) -> None:
    made = COMPONENTS[name]
    assert made.title and made.what.endswith(".") and made.how_it_is_gamed.endswith(".")
    assert made.score.__doc__ and "[n]" in made.score.__doc__, "the docstring of score gives shapes"
    for field, info in made.params.model_fields.items():
        assert info.description, f"{name}.{field} has no help text"
    assert sum(case[0] == name for case in CASES) >= 2, f"{name} has no table of cases in tests/core/test_rewards.py"


def test_an_unknown_component_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'brevity'; known: closeness, consistency, correctness"):
        component("brevity")
