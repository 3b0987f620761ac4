"""Components: a table of cases each, with a word on why; and what the catalogue demands of every one."""

import math
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.preflight import beaten
from core.common.config_model import descriptions
from core.common.errors import ConfigError
from core.config.parsing import parse
from core.config.presets import preset
from core.config.run import RunConfig
from core.problems import arithmetic
from core.rewards.advantage import RULES
from core.rewards.combination import COMBINATIONS
from core.rewards.component import FROM_OTHER_MODELS, FROM_POLICY, FROM_TEXT, Need, external_key
from core.rewards.components import COMPONENTS, SHIPPED, component
from core.rewards.engine import RewardEngine
from core.rewards.mix import Mix
from core.rewards.schedule import SCHEDULES
from core.rewards.shaping import SHAPINGS
from tests.conftest import REPO
from tests.support.samples import batch

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
    (
        "reasoning",
        {"steps": 0, "marker": 0, "repetition": 0},
        "10/4=2.5 and 1/3=0.33",
        1.0,
    ),  # to the digits written
    ("reasoning", {"steps": 0, "marker": 0, "repetition": 0}, "7/0=0", 0.0),
    (
        "reasoning",
        {"equations": 0, "marker": 0, "repetition": 0, "max_steps": 1},
        "1+1=2 1+1=2",
        0.0,
    ),  # too many
    ("reasoning", {"equations": 0, "steps": 0, "repetition": 0}, "#### 3", 1.0),
    (
        "reasoning",
        {"equations": 0, "steps": 0, "marker": 0},
        "a b c a b c a b c",
        1 - 4 / 7,
    ),  # 3 of 7 3-grams are new
    ("reasoning", {}, "3+4=7\n#### 7", 1.0),
    (
        "reasoning",
        {"steps": 0, "marker": 0, "repetition": 0},
        "2x = 10\nx = 5",
        NAN,
    ),  # equations, but none that is judged
    ("reasoning", {"marker": 0, "repetition": 0}, "2x = 10\nx = 5", NAN),  # nor is their number
    ("reasoning", {"equations": 0, "marker": 0, "repetition": 0}, "no equations", 0.0),
    ("reasoning", {"equations": 0, "marker": 0, "repetition": 0, "max_steps": 1}, "1+1=2\n2+2=4\nx = 1", 0.0),
    ("reasoning", {}, "2x = 10\nx = 5\n#### 5", 1.0),  # the checks that apply
    ("reasoning", {"steps": 0, "marker": 0, "repetition": 0}, "2x = 10\n3+4=8", 0.0),
    ("step_scores", {"form": "mean"}, "3+4=7\n2*5=11", 0.5),
    (
        "step_scores",
        {"form": "clip_delta"},
        "3+4=7\n2*5=10\n2*5=10",
        0.0,
    ),  # every step right: nothing to pay for, however often it is said
    ("step_scores", {"form": "clip_delta"}, "3+4=8\n2*5=10", -1.0),  # the return telescopes to the first step
    ("step_scores", {"form": "clip", "eta": 0.5}, "3+4=8\n2*5=10", -0.25),
    ("step_scores", {}, "3+4=7\n2*5=11", -0.5),
    ("step_scores", {}, "no equations", NAN),
    ("step_scores", {}, r"$5 \times 3 + 2 = 17$, $\frac{1}{2}(3+5) = 4$", 0.0),
    ("step_scores", {}, "2x = 10\nx = 5", NAN),  # not judged
    ("step_scores", {"form": "mean"}, "2x = 10\n3+4=7", 1.0),
    ("consistency", {}, "48/2 = 24\n$48 + 24 = \\boxed{72}$", 1.0),
    ("consistency", {}, "48/2 = 24\n48 + 24 = **72**\n#### 72", 1.0),
    ("consistency", {}, "48/2 = 24\n48 clips + 24 clips = 72 clips\n#### 72", 1.0),  # the value was read
    (
        "consistency",
        {},
        "48/2 = 24\n48 clips + 24 clips = 72 clips\n#### 24",
        NAN,
    ),  # not the expression: perhaps a slip
    ("consistency", {}, "48/2 = 24\n48 + x = 72x\n#### 72", NAN),  # neither was
    ("consistency", {}, "x = 72\n#### 72", NAN),  # nothing is computed
    ("consistency", {}, "48 + 24 = 72\nTotal = 72\n#### 72", 1.0),  # restates it
    ("consistency", {}, "48 + 24 = 72\nx = 71\n#### 72", NAN),
    (
        "consistency",
        {},
        "48 + 24 = 72\n#### 72\nCheck: 72 - 24 = 48",
        1.0,
    ),  # what counts stands before the answer
    (
        "consistency",
        {},
        "36/10 = 3.6, so he needs 4 trips\n#### 4",
        NAN,
    ),  # the answer follows from prose with numbers
    ("consistency", {}, "36/10 = 3.6 trips\n#### 4", 0.0),
    ("consistency", {}, "60% * 40% = 24%\n#### 24", 1.0),
    ("consistency", {}, "100 - 76 = 24\n#### 24%", 1.0),
    ("consistency", {}, ".50 - .25 = $0.25\n#### 25", NAN),  # perhaps cents
    ("consistency", {}, "48/2 = <<48/2=24>>24 clips\n#### 24", 1.0),
    ("consistency", {}, "48/2 = <<48/2=24>>24 clips\n#### 72", 0.0),
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
    ("strict_format", {}, "3+4=7\n#### 7", 1.0),
    ("strict_format", {}, "#### 7", 0.0),  # no work before it
    ("strict_format", {}, "3+4=7\n#### 7 toys", 0.0),
    ("strict_format", {"shape": "think"}, "<think>hm</think> 7", 1.0),
    ("strict_format", {"shape": "think"}, "hm</think> 7", 0.0),
    ("strict_format", {"shape": "think_answer"}, "<think>a</think>\n<answer>7</answer>", 1.0),
    ("strict_format", {"shape": "think_answer"}, "<think>a</think><answer>7</answer><answer>8</answer>", 0.0),
    ("majority_vote", {}, "#### 5", 1.0),  # alone it is the majority, gold answer or not
    ("majority_vote", {}, "none", NAN),  # nobody states an answer
    ("exact_string", {}, "work\n#### 72", 1.0),
    ("exact_string", {}, "#### 72.0", 0.0),  # equal in value, not in letters
    ("exact_string", {"prefix": ""}, "so\n72\n", 1.0),
    ("exact_string", {"prefix": "Answer:"}, "answer: 72", 0.0),
    ("key_points", {}, "48/2=24 and 24+48=72, 72", 1.0),  # 48 2 24 24 48 72 72, all in order
    ("key_points", {}, "72", 1 / 7),
    (
        "key_points",
        {},
        "48/2=24\n24+48=72\n#### 72 " * 2,
        7 / 14,
    ),  # the solution twice: divided by the longer of the two
    ("key_points", {}, "48/2=24\n24+48=72\n#### 72" + " 72" * 18, 7 / 25),
    (
        "key_points",
        {},
        "48/2=24\n24+48=72\n#### 72" + " 5 6" * 99,
        1.0,
    ),  # RLVRR looks for keywords: 5 and 6 are none
    ("key_points", {}, " ".join(map(str, range(100))), 4 / 7),  # 2 24 48 72: how it is gamed
    ("key_points", {}, "72 24 48", 1 / 7 * 2),  # out of order: 24 48
    ("key_points", {}, "no numbers", 0.0),
    ("key_points", {"least": 8}, "72", NAN),  # the solution has 7
    ("conciseness", {"limit": 10}, "a b c d #### 72", 0.4),  # 6 words of 10
    ("conciseness", {"limit": 2}, "a b c d #### 72", 0.1),  # the floor
    ("conciseness", {"form": "rank"}, "#### 71", NAN),  # wrong: shortness is no merit
    ("conciseness", {"form": "rank"}, "#### 72", 1.0),
    ("self_certainty", {}, "x", 1 - math.exp(-1)),
    ("self_certainty", {"scale": 5.0}, "x", 1 - math.exp(-2)),
    ("self_aligned", {}, "x", 1 - math.exp(-1)),  # (e^1.5 - e^0.5) / e^1.5
    ("self_aligned", {"form": "log"}, "x", 1.0),
    ("reference_probability", {}, "x", 0.5),
    ("reference_probability", {"baseline": False}, "x", 0.7),
    ("length", {"free": 2, "limit": 6}, "a b", 0.0),
    ("length", {"free": 2, "limit": 6}, "a b c d", -0.5),
    ("length", {"free": 2, "limit": 6}, "a b c d e f g", -1.0),
    ("length", {"form": "cosine", "free": 0, "limit": 2}, "#### 72", 0.5),  # right, but at the limit
    (
        "length",
        {"form": "cosine", "free": 0, "limit": 2},
        "#### 7",
        -0.5,
    ),  # wrong and long: cheaper than wrong and short
    ("length", {"form": "relative"}, "a b", 0.0),  # alone it is the mean
    ("repetition", {}, "a b c d e", 0.0),
    ("repetition", {"n": 1}, "a a a a", -0.75),
    ("repetition", {}, "a b", 0.0),  # too short to repeat
    ("judge", {"model": "asked"}, "x", 0.7),
    ("judge", {"model": "another"}, "x", NAN),  # nobody asked it: a score belongs to its params
    ("reward_model", {"path": "asked"}, "x", 0.3),
    ("reward_model", {"path": "asked", "shift": 1.0}, "x", NAN),
]
ASKED: list[tuple[str, dict[str, Any], float]] = [
    ("judge", {"model": "asked"}, 0.7),
    ("reward_model", {"path": "asked"}, 0.3),
]
EXTERNAL = {
    external_key(n, COMPONENTS[n].params.model_validate(params)): np.array([s]) for n, params, s in ASKED
}


@pytest.mark.parametrize(("name", "params", "completion", "expected"), CASES)
def test_score(name: str, params: dict[str, Any], completion: str, expected: float) -> None:
    made = component(name)
    (score,) = made.score(batch([completion], external=EXTERNAL), made.params.model_validate(params))
    assert score == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("shape", "begun", "completion", "expected"),
    [
        ("think", "<think>\n", "a\n</think>\n\n#### 72", 1.0),
        ("think", "", "a\n</think>\n\n#### 72", 0.0),
        ("think", "<think>\n", "<think>a</think> #### 72", 0.0),  # opened twice
        ("think", "<think>\n\n</think>\n\n", "#### 72", 1.0),  # thinking is switched off
        ("think", "<think>\n", "a", 0.0),
        ("think_answer", "<think>", "a</think>\n<answer>7</answer>", 1.0),
    ],
)
def test_what_the_template_wrote_is_part_of_the_shape(
    shape: str, begun: str, completion: str, expected: float
) -> None:
    made = component("strict_format")
    (score,) = made.score(batch([completion], begun=[begun]), made.params.model_validate({"shape": shape}))
    assert score == expected


def test_a_right_solution_in_latex_is_not_worth_less_than_a_plain_one_with_false_lines() -> None:
    config = preset("gsm8k-qwen3-4b-continuous")
    assert isinstance(config, RunConfig)
    texts = [
        "April: $48$ clips.\n\\[ \\frac{48}{2} = 24 \\]\n\\[ 48 + 24 = \\boxed{72} \\]",
        r"\begin{align*} 48 \div 2 &= 24 \\ 48 \text{ clips} + 24 \text{ clips} &= \boxed{72 \text{ clips}} \end{align*}",
        r"Let $x$ be the clips in May: $2x = 48$, so $x = 24$, and $48 + x = \boxed{72}$.",  # nothing of it is judged
        "48/2 = 25\n48 + 25 = 72\n#### 72",
    ]
    scored = RewardEngine(config.mix).score(batch(texts, answer_rule="lenient"), 1)
    assert min(scored.advantage[:3]) > scored.advantage[3]


def test_consistency_across_the_group_is_the_share_of_the_same_answer() -> None:
    made = component("consistency")
    texts = ["#### 1", "#### 1.0", "#### 2", "none", "#### 1", "#### 1", "#### 1", "#### 3"]
    scores = made.score(batch(texts, group_size=4), made.params.model_validate({"within": "group"}))
    assert scores.tolist() == [0.5, 0.5, 0.25, 0.0, 0.75, 0.75, 0.75, 0.25]  # two groups, never mixed


def test_majority_ties_and_groups() -> None:
    made = component("majority_vote")
    texts = ["#### 1", "#### 1.0", "#### 2", "none", "#### 1", "#### 1", "#### 2", "#### 2"]
    assert made.score(batch(texts, group_size=4), made.params()).tolist() == [1, 1, 0, 0, 1, 1, 1, 1]
    strict = made.params.model_validate({"ties_win": False})
    assert made.score(batch(texts, group_size=4), strict).tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


def test_rank_orders_right_completions_by_length() -> None:
    made = component("conciseness")
    texts = ["#### 72", "a #### 72", "b #### 72", "a b c #### 72", "#### 71"]
    scores = made.score(batch(texts), made.params.model_validate({"form": "rank"}))
    # ties share the better place
    assert scores[:4].tolist() == pytest.approx([1.0, 0.7, 0.7, 0.1]) and np.isnan(scores[4])


def test_relative_length_is_against_the_groups_mean() -> None:
    made = component("length")
    texts = [" ".join(["a"] * n) for n in (10, 30, 20, 40, 7, 7, 7, 0)]
    scores = made.score(batch(texts, group_size=4), made.params.model_validate({"form": "relative"}))
    # amazon-science's code, mean 25: -(10 - 25) / 10 is clipped to 1, -(30 - 25) / 30, -(20 - 25) / 20, -(40
    # - 25) / 40
    assert scores[:4].tolist() == pytest.approx([1.0, -1 / 6, 0.25, -0.375])
    # mean 5.25; nothing written is the shortest
    assert scores[4:].tolist() == pytest.approx([-0.25] * 3 + [1.0])


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
    assert descriptions(made.params).keys() == made.params.model_fields.keys(), "each field has a help text"
    assert sum(case[0] == name for case in CASES) >= 2, (
        f"{name} has no table of cases in tests/unit/core/test_rewards.py"
    )


def test_every_need_has_one_source() -> None:
    """Else a new need would be taken for known: of a pasted text, of a stored sample, in an exported script."""
    assert sorted([*FROM_TEXT, *FROM_POLICY, *FROM_OTHER_MODELS]) == sorted(get_args(Need))


def test_an_unknown_component_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match="'brevity'; known: closeness, conciseness, consistency, correctness"
    ):
        component("brevity")


def test_the_documentation_says_what_the_docstrings_say() -> None:
    text = " ".join((REPO / "docs" / "rewards.md").read_text().replace("\\|", "|").split())
    docs = {name: COMPONENTS[name].score.__doc__ for name in SHIPPED}
    for classes in (SHAPINGS, SCHEDULES, COMBINATIONS, RULES):
        docs |= {name: kind.__doc__ for name, kind in classes.items()}
    for name, doc in docs.items():
        assert " ".join((doc or "").split()) in text, (
            f"docs/rewards.md says something else of {name} than its docstring"
        )
    for name in SHIPPED:
        assert f"| {COMPONENTS[name].what} | {COMPONENTS[name].how_it_is_gamed} |" in text, name


def test_the_documentation_has_every_name() -> None:
    text = (REPO / "docs" / "rewards.md").read_text()
    for name in (*SHIPPED, *SHAPINGS, *SCHEDULES, *COMBINATIONS, *RULES):
        assert f"`{name}`" in text, f"docs/rewards.md lacks {name}"


# What a component alone pays more for than for the gold solution of a one-step problem. A new component is
# given its set here: run it, look at what it falls for, and say so in its `how_it_is_gamed`.
FALLS_FOR: dict[str, set[str]] = {
    "correctness": set(),
    "format": set(),
    "strict_format": set(),
    "majority_vote": {
        "Near miss",
        "Repeated steps",
        "True but useless equations",
        "Very long",
        "Wrong answer only",
    },
    "exact_string": set(),
    "closeness": set(),
    "perplexity": set(),
    "reasoning": set(),
    "step_scores": set(),
    "consistency": set(),
    "key_points": set(),
    "conciseness": {"Empty", "Gold answer without reasoning", "Wrong answer only"},
    "self_certainty": set(),
    "self_aligned": set(),
    "reference_probability": set(),
    "length": set(),
    "repetition": set(),
    "judge": set(),
    "reward_model": set(),
}


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_component_has_its_probe_set(name: str) -> None:
    assert name in FALLS_FOR, f"{name} has no probe set in tests/unit/core/test_rewards.py"
    (problem,) = [p for p in arithmetic.problems(10, "train") if p.solution.count("=") == 1][:1]
    mix = parse(Mix, {"terms": [{"component": name, "side": "continuous"}]})
    found = {b.probe for b in beaten(mix, [problem], [1])}
    assert found == FALLS_FOR[name]
