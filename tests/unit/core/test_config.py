"""Configs: bad input is refused with its place, its value and the repair; presets load; YAML goes in and out."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from core.common.config_model import Frozen, descriptions
from core.common.errors import ConfigError
from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.grpo import GrpoConfig
from core.config.parsing import parse
from core.config.run import RunConfig
from core.config.yaml_read import load, read_yaml
from tests.support.samples import CONTINUOUS, HARD, HYBRID, run_config

MIX = {"terms": HARD}
VLLM = {"use_vllm": True}


@pytest.mark.parametrize(
    ("values", "where", "message"),
    [
        (
            {"mix": {"terms": [{"component": "nope", "side": "hard"}]}},
            "mix.terms.0.component",
            "no component is called 'nope'",
        ),
        (
            {"mix": {"terms": [{**HARD[0], "weight": "heavy"}]}},
            "mix.terms.0.weight",
            "'heavy' is not a number",
        ),
        ({"mix": {"terms": [{**HARD[0], "weight": True}]}}, "mix.terms.0.weight", "True is not a number"),
        ({"mix": {"terms": [{**HARD[0], "weight": float("nan")}]}}, "mix.terms.0.weight", "finite number"),
        (
            {"mix": {"terms": [{**HARD[0], "weight": {"type": "constant"}}]}},
            "mix.terms.0.weight.value",
            "is missing",
        ),
        (
            {"mix": {"terms": [{**CONTINUOUS[0], "params": {"floor": -1}}]}},
            "mix.terms.0.params.floor",
            "greater than 0 (got -1)",
        ),
        (
            {"mix": {"terms": [{**CONTINUOUS[0], "params": {"flor": 1}}]}},
            "mix.terms.0.params.flor",
            "no such setting",
        ),
        ({"mix": {"terms": []}}, "mix.terms", "at least 1 item"),
        *(
            ({"mix": MIX, "data": {"train": {"name": name}}}, "data.train", "is no name on the hub")
            for name in (
                "/etc",
                "../data",
                "~/data",
                ".",
                "a b",
                "openai/gsm8k/main",
                "https://x.example/a",
                "a\\b",
                "a/",
                "x" * 200,
            )
        ),
        ({"mix": {"terms": HARD + HARD}}, "mix.terms", "two terms are called 'correctness'"),
        ({"mix": {"terms": HARD + CONTINUOUS}}, "mix", "hard and continuous terms but no blend"),
        ({"mix": {**HYBRID, "blend": {"type": "constant", "value": 1.5}}}, "mix", "the blend reaches 1.5"),
        (
            {"mix": MIX, "grpo": {"generation_batch_size": 60}},
            "grpo",
            "60 is not divisible by num_generations 8",
        ),
        (
            {"mix": MIX, "grpo": {"per_device_train_batch_size": 7}},
            "grpo",
            "7 does not divide the 64 completions of a step",
        ),
        ({"mix": MIX, "grpo": {"warmup_steps": 5}}, "grpo", "choose constant_with_warmup, or warmup_steps 0"),
        (
            {"mix": MIX, "grpo": {**VLLM, "vllm_mode": "server"}},
            "grpo",
            "server needs vllm_server_base_url (got '')",
        ),
        (
            {"mix": MIX, "grpo": {**VLLM, "vllm_mode": "server", "vllm_server_base_url": "box:8000"}},
            "grpo",
            "(got 'box:8000'); give one, e.g. http://localhost:8000",
        ),
        (
            {"mix": MIX, "grpo": {**VLLM, "vllm_max_model_length": 256}},
            "grpo",
            "256 has no room for a prompt",
        ),
        (
            {"mix": MIX, "grpo": {**VLLM, "loss_type": "vespo"}},
            "grpo",
            "token_truncate or token_mask, not sequence_mask",
        ),
        (
            {"mix": MIX, "grpo": {"vllm_gpu_memory_utilization": 1.5}},
            "grpo.vllm_gpu_memory_utilization",
            "equal to 1 (got 1.5)",
        ),
        ({"mix": MIX, "grpo": VLLM, "model": {"load_in_4bit": True}}, "", "turn one of them off"),
        (
            {"mix": MIX, "model": {"attn_implementation": "flash_attention_2", "dtype": "float32"}},
            "model",
            "set dtype bfloat16, or choose sdpa",
        ),
        (
            {"mix": {**HYBRID, "blend": {"type": "piecewise", "points": [[0, float("nan")]]}}},
            "mix.blend.points.0.1",
            "finite",
        ),
        (
            {"mix": {"terms": [{**HARD[0], "shaping": {"type": "clip", "low": float("-inf")}}]}},
            "mix.terms.0.shaping.low",
            "finite",
        ),
        ({"mix": MIX, "grpo": {"num_generations": 1}}, "grpo.num_generations", "TRL wants at least 2"),
        ({"mix": MIX, "grpo": {"lr": 1}}, "grpo.lr", "no such setting"),
        ({"mix": MIX, "model": {"path": ""}}, "model.path", "at least 1 character"),
        ({"mix": MIX, "data": {"train": {"name": "a", "path": "b"}}}, "data.train", "give exactly one"),
        ({"mix": MIX, "seed": -1}, "seed", "greater than or equal to 0"),
        ({"mix": MIX, "name": "Two Words"}, "name", "a letter first, 40 at most; try two-words"),
        ({}, "mix", "is missing"),
    ],
)
def test_bad_input_is_refused_beside_its_field(values: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(RunConfig, values)
    assert [path for path, _ in caught.value.problems] == [where], caught.value
    assert message in caught.value.problems[0][1]


def test_several_faults_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(RunConfig, {"mix": MIX, "seed": -1, "grpo": {"max_steps": 0}})
    assert {path for path, _ in caught.value.problems} == {"seed", "grpo.max_steps"}


def test_params_left_out_and_params_given_as_their_defaults_are_one_config() -> None:
    bare, full = (
        {"terms": [{**CONTINUOUS[0], "params": params}]} for params in ({}, {"floor": 5, "share": 0.1})
    )
    assert parse(RunConfig, {"mix": bare}).hash() == parse(RunConfig, {"mix": full}).hash()


def test_generation_batch_size_is_taken_for_prompts_per_step() -> None:
    made = parse(RunConfig, {"mix": MIX, "grpo": {"generation_batch_size": 32, "num_generations": 4}})
    assert made.grpo.prompts_per_step == 8


def test_an_experiment_is_arms_times_seeds() -> None:
    arms = [{"name": "hard", "mix": MIX}, {"name": "hybrid", "mix": HYBRID}]
    made = parse(
        ExperimentConfig, {"name": "x", "arms": arms, "seeds": [3, 5], "run": {"grpo": {"max_steps": 7}}}
    )
    assert [(r.name, r.seed, r.grpo.max_steps) for r in made.runs()] == [
        ("hard", 3, 7), ("hybrid", 3, 7), ("hard", 5, 7), ("hybrid", 5, 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": [1, 1]}, "seed 1 is given twice"),
        ({"arms": [{"name": "a", "mix": MIX}] * 2}, "arm a is given twice"),
        ({"run": {"seed": 3}}, "run.seed comes from the arms and seeds"),
        ({"run": {"grpo": {"max_steps": 0}}}, "greater than or equal to 1"),
    ],
)
def test_bad_experiments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(ExperimentConfig, {"name": "x", "arms": [{"name": "a", "mix": MIX}], **change})


@pytest.mark.parametrize(
    "grpo",
    [
        {**VLLM, "vllm_max_model_length": 257},
        {**VLLM, "loss_type": "vespo", "vllm_importance_sampling_mode": "token_mask"},
        {**VLLM, "loss_type": "vespo", "vllm_importance_sampling_correction": False},
        {
            "loss_type": "vespo",
            "vllm_mode": "server",
            "vllm_max_model_length": 1,
        },  # of no account without use_vllm
    ],
)
def test_what_vllm_can_do_is_not_refused(grpo: dict[str, Any]) -> None:
    assert parse(RunConfig, {"mix": MIX, "grpo": grpo})


def test_a_config_stored_before_these_settings_were_known_still_loads() -> None:
    now = run_config()
    old = now.resolved()
    old["model"] = {k: old["model"][k] for k in ("path", "dtype", "chat_template_kwargs")}
    old["grpo"] = {k: v for k, v in old["grpo"].items() if "vllm" not in k and "liger" not in k}
    assert parse(RunConfig, old) == now


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_loads_and_survives_yaml(name: str) -> None:
    made = presets.preset(name)
    for run in made.runs() if isinstance(made, ExperimentConfig) else [made]:
        again = parse(RunConfig, yaml.safe_load(run.to_yaml()))
        assert again == run and again.hash() == run.hash()


def test_the_hash_changes_with_anything() -> None:
    assert len({run_config().hash(), run_config(seed=1).hash(), run_config(grpo={"beta": 0.1}).hash()}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "is not YAML"),
        ("name: x\nname: y", "'name' is given twice; remove one"),
        ("name: 2024-13-45", "is not YAML"),
        ("mix: " + "[" * 3000, "is not YAML"),
        ("", "holds no settings"),
        ("name: x", "mix: is missing"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "missing.yaml")


def test_what_a_merge_brings_into_a_mapping_may_be_given_anew(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml"
    path.write_text(
        "base: &b {x: 1}\nlist: [{deep: {a: &a {<<: *b, x: 2}}}]\nother: {<<: *a, 1: one, '1': text}\n"
    )
    assert read_yaml(path)["other"] == {"x": 2, 1: "one", "1": "text"}


@pytest.mark.parametrize(
    ("terms", "structure"), [(HARD, "hard"), (CONTINUOUS, "continuous"), (HARD + CONTINUOUS, "hybrid")]
)
def test_structure_is_the_sides_in_use(terms: list[dict[str, Any]], structure: str) -> None:
    assert run_config(mix={**HYBRID, "terms": terms}).mix.structure == structure


@pytest.mark.parametrize(
    ("grpo", "hashed"),
    [
        ({}, "e554157bd55f2202"),
        ({"max_steps": 7, "epsilon": 0.1}, "75e96709faf13747"),
        ({"loss_type": "cispo"}, "f4a613156d93f5a8"),
    ],
)
def test_num_iterations_left_at_1_moves_no_hash(grpo: dict[str, Any], hashed: str) -> None:
    """Hashes as they were before the setting was there."""
    mix = {"terms": [{"component": "correctness", "side": "hard", "weight": 1.0}]}
    assert parse(RunConfig, {"mix": mix, "grpo": grpo}).hash() == hashed
    assert parse(RunConfig, {"mix": mix, "grpo": {**grpo, "num_iterations": 2}}).hash() != hashed


@pytest.mark.parametrize(
    ("grpo", "high"),
    [
        ({}, None),
        ({"loss_type": "cispo"}, 5.0),  # epsilon would scale every gradient
        ({"loss_type": "cispo", "epsilon_high": 3.0}, 3.0),
        ({"epsilon_high": 0.28}, 0.28),
    ],
)
def test_the_upper_epsilon_that_trl_is_given(grpo: dict[str, Any], high: float | None) -> None:
    assert parse(GrpoConfig, grpo).upper_epsilon == high


def test_the_step_at_which_a_rollout_was_made() -> None:
    made = parse(GrpoConfig, {"max_steps": 7, "num_iterations": 3})
    assert [made.rollout_step(step) for step in range(1, 8)] == [1, 1, 1, 4, 4, 4, 7] and made.rollouts == 3


class Base(Frozen):
    kept: int = 1
    """Said by the base,
    on two lines."""
    silent: int = 2
    other: int = 3
    """Said by the base."""


class Derived(Base):
    """Of the class, not of a field."""

    other: int = Field(4, description="Said by the field.")
    own: str = ""
    """Said here."""

    class Inner(Frozen):
        deep: int = 0
        """Not of the class around it."""


def test_a_docstring_below_a_field_is_its_help() -> None:
    said = {"kept": "Said by the base,\non two lines.", "other": "Said by the field.", "own": "Said here."}
    assert descriptions(Derived) == said
    assert descriptions(Derived.Inner) == {"deep": "Not of the class around it."}
    assert descriptions(type("Typed", (Base,), {}))["kept"] == said["kept"], (
        "a class without source has what its bases say"
    )
