"""What is said of bad input: the thing, the value and the repair, in words, for the pages and the command
line alike."""

from typing import Any

import pytest

from core.common.errors import ConfigError
from core.common.messages import shown
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse

TERM = {"component": "correctness", "side": "hard"}
MIX = {"terms": [TERM]}
RULE = "use lower case letters, digits, - and _, a letter first, 40 at most"
# what is changed in a right experiment, where the message belongs, what it says
CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"seeds": []}, "seeds", "seeds is empty; give it at least 1 item"),
    ({"seeds": list(range(70))}, "seeds", "seeds has 70 items, more than 64; take some away"),
    ({"seeds": ["one"]}, "seeds.0", "an item of seeds must be a whole number (got 'one')"),
    ({"seeds": [1.5]}, "seeds.0", "an item of seeds must be a whole number (got 1.5)"),
    ({"seeds": [-1]}, "seeds.0", "an item of seeds must be greater than or equal to 0 (got -1)"),
    # pydantic reads it as the number -100000
    (
        {"seeds": ["0-100000"]},
        "seeds",
        "seeds 0-100000 would be 100,001, more than 64 of an experiment; take fewer",
    ),
    ({"seeds": ["4-0"]}, "seeds", "seeds 4-0 goes down; write 0-4"),
    ({"seeds": ["0-4"]}, "seeds", "seeds 0-4 is a range; write its numbers one by one"),  # in a file
    ({"name": ""}, "name", "name is empty; give it at least 1 character"),
    ({"name": "x" * 130}, "name", "name has 130 characters, more than 120; shorten it"),
    ({"name": 3}, "name", "name must be text (got 3)"),
    ({"arms": [{"name": "A b", "mix": MIX}]}, "arms.0.name", f"name 'A b': {RULE}; try a-b"),
    ({"arms": [{"name": "?", "mix": MIX}]}, "arms.0.name", f"name '?': {RULE}"),  # nothing of it can stay
    ({"run": 5}, "run", "run must hold settings by their names (got 5)"),
    ({"run": {"grpo": {"max_steps": "a"}}}, "grpo.max_steps", "max_steps must be a whole number (got 'a')"),
    (
        {"run": {"grpo": {"learning_rate": "a"}}},
        "grpo.learning_rate",
        "learning_rate must be a number (got 'a')",
    ),
    ({"run": {"grpo": {"beta": float("nan")}}}, "grpo.beta", "beta must be a finite number (got nan)"),
    (
        {"run": {"grpo": {"use_vllm": "maybe"}}},
        "grpo.use_vllm",
        "use_vllm must be true or false (got 'maybe')",
    ),
    ({"thresholds": [2]}, "thresholds.0", "an item of thresholds must be less than or equal to 1 (got 2)"),
    (
        {"run": {"grpo": {"vllm_mode": "far"}}},
        "grpo.vllm_mode",
        "vllm_mode must be 'colocate' or 'server' (got 'far')",
    ),
]
IN_A_MIX: list[tuple[dict[str, Any], str, str]] = [
    ({"terms": 3}, "terms", "terms must be a list (got 3)"),
    ({"terms": [5]}, "terms.0", "an item of terms must hold settings by their names (got 5)"),
    (
        {"terms": [{**TERM, "name": "x y<script>"}]},
        "terms.0.name",
        f"name 'x y<script>': {RULE}; try x-y-script",
    ),
    (
        {"terms": [{**TERM, "weight": {"type": "constant"}}]},
        "terms.0.weight.value",
        "is missing; give it a value",
    ),
    ({"rule": {}}, "rule", "rule does not say which it is; give it a `type`"),
    ({"rule": {"type": "gate", "order": []}}, "rule.order", "order is empty; give it at least 1 item"),
    (
        {"terms": [{**TERM, "shaping": {"type": "zz"}}]},
        "terms.0.shaping",
        "shaping has no type 'zz'; choose one of 'plain', ",
    ),
]
ALL = [
    *CASES,
    *(
        ({"arms": [{"name": "a", "mix": {**MIX, **m}}]}, f"arms.0.mix.{where}", text)
        for m, where, text in IN_A_MIX
    ),
]


@pytest.mark.parametrize(
    ("change", "where", "text"), ALL, ids=[f"{i}-{where}" for i, (_, where, _) in enumerate(ALL)]
)
def test_bad_input_is_named_with_its_value_and_the_repair(
    change: dict[str, Any], where: str, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(ExperimentConfig, {"name": "x", "arms": [{"name": "a", "mix": MIX}], **change})
    ((path, message),) = caught.value.problems
    assert path == where and message.startswith(text) and "Input" not in message and "pattern" not in message


def test_a_long_value_is_cut() -> None:
    assert len(shown("x" * 1000)) < 70
