"""Swept settings: what they expand to, what they are called, and what is refused beside which field."""

from typing import Any

import pytest

from core.common import setting_paths
from core.common.config_diff import flat
from core.common.errors import ConfigError
from core.config import presets, sweep
from core.config.experiment import ExperimentConfig
from core.config.local_checks import settled
from core.config.parsing import parse
from core.config.run import RunConfig

DEMO = presets.demo().model_dump(mode="json", by_alias=True)


def experiment(**changes: Any) -> ExperimentConfig:
    return parse(ExperimentConfig, {**DEMO, **changes})


def test_a_sweep_is_a_product_with_arms_and_seeds_in_the_order_of_the_queue() -> None:
    made = experiment(sweep={"grpo.beta": [0.0, 0.04], "lora.r": [8]}, seeds=[0, 1]).planned()
    assert len(made) == 3 * 2 * 2
    assert [p.name for p in made[:4]] == [
        "hard, beta 0, r 8, seed 0", "continuous, beta 0, r 8, seed 0", "hybrid, beta 0, r 8, seed 0",
        "hard, beta 0.04, r 8, seed 0",
    ]  # fmt: skip
    assert {p.config.seed for p in made[:6]} == {0}  # the first seed of everything before the next one
    assert (made[3].config.grpo.beta, made[3].config.lora.r, made[3].config.grpo.max_steps) == (0.04, 8, 100)
    assert len({p.config.hash() for p in made}) == len(made)


def test_a_weight_is_swept_by_its_terms_name() -> None:
    made = experiment(
        sweep={"mix.terms.correctness.weight": [0.5, 2]}, arms=[DEMO["arms"][0], DEMO["arms"][2]]
    ).planned()
    assert [(p.config.name, p.config.mix.terms[0].weight) for p in made] == [
        ("hard", 0.5), ("hybrid", 0.5), ("hard", 2), ("hybrid", 2),
    ]  # fmt: skip
    assert made[0].name == "hard, correctness weight 0.5, seed 0"


def test_an_experiment_without_a_sweep_is_what_it_was() -> None:
    assert [p.swept for p in experiment().planned()] == [{}] * 3
    assert experiment().runs()[0].hash() == presets.demo().runs()[0].hash()


@pytest.mark.parametrize(
    ("swept", "where", "said"),
    [
        ({"grpo.num_generations": [1, 8]}, "sweep.grpo.num_generations", "TRL wants at least 2"),
        (
            {"grpo.num_processes": [1, 3]},
            "sweep.grpo.num_processes",
            "num_processes 3 does not divide the 64 completions",
        ),
        (
            {"lora.r": [8], "grpo.loss_type": ["luspo"]},
            "sweep.grpo.loss_type",
            "needs importance_sampling_level sequence",
        ),
        ({"lora.target_modules": ["lm_head"]}, "sweep.lora.target_modules", "TRL refuses"),
        ({"grpo.beta": [-1.0]}, "sweep.grpo.beta", "3 of 3 runs a seed, first hard, beta -1: "),
        ({"grpo.betta": [1]}, "sweep.grpo.betta", "did you mean grpo.beta?"),
        ({"mix.blend": [1]}, "sweep.mix.blend", "give a path such as"),
        ({"seed": [1]}, "sweep.seed", "no setting that can be swept"),
        ({"grpo.beta": []}, "sweep.grpo.beta", "has no value"),
        ({"grpo.beta": [0.0, 0.0]}, "sweep.grpo.beta", "the value 0 is given twice"),
        ({"grpo.beta": [i / 100 for i in range(200)]}, "sweep", "makes 600 runs, more than 512"),
        ({"mix.terms.closeness.weight": [1]}, "sweep.mix.terms.closeness.weight", "has no term 'closeness'"),
    ],
)
def test_an_illegal_combination_is_refused_beside_its_setting(
    swept: dict[str, Any], where: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        experiment(sweep=swept)
    assert where in [place for place, _ in caught.value.problems], caught.value
    assert said in str(caught.value)


def test_what_is_wrong_without_the_sweep_is_said_at_its_own_place() -> None:
    with pytest.raises(ConfigError) as caught:
        experiment(sweep={"grpo.beta": [0.0, 0.1]}, run={"grpo": {"max_steps": 0}})
    assert [place for place, _ in caught.value.problems] == ["grpo.max_steps"]


def test_a_folder_of_a_sweep_that_is_not_there_is_refused_before_queueing(home: object) -> None:
    with pytest.raises(ConfigError, match="/no/such/model"):
        settled(experiment(sweep={"model.path": ["tiny", "/no/such/model"]}))
    assert settled(experiment(sweep={"model.path": ["tiny", "tiny-sparse"]})).sweep["model.path"] == (
        "tiny",
        "tiny-sparse",
    )


@pytest.mark.parametrize(
    ("swept", "said"),
    [
        ({"grpo.beta": 0.04, "lora.r": 8}, "beta 0.04, r 8"),
        (
            {"grpo.temperature": 1.0, "evaluation.temperature": 0.5},
            "grpo.temperature 1, evaluation.temperature 0.5",
        ),
        ({"model.load_in_4bit": True, "grpo.delta": None}, "load_in_4bit true, delta empty"),
        (None, ""),
    ],
)
def test_what_tells_a_run_from_its_siblings(swept: dict[str, Any] | None, said: str) -> None:
    assert sweep.said(swept) == said


def test_a_path_means_the_same_setting_both_ways() -> None:
    config = presets.demo().runs()[2].resolved()
    flat = setting_paths.flatten(config)
    assert (
        flat["mix.terms.closeness.weight"] == 0.4
        and flat["mix.blend.from_step"] == 25
        and flat["guards"] == []
    )
    changed = setting_paths.put(config, "mix.terms.closeness.weight", 0.7)
    assert (
        setting_paths.flatten(changed) == flat | {"mix.terms.closeness.weight": 0.7}
        and setting_paths.flatten(config) == flat
    )
    assert all(path in flat for path in sweep.settings(RunConfig))


def test_differences_name_a_setting_as_a_sweep_does() -> None:
    config = presets.demo().runs()[2].resolved() | {"guards": [{"metric": "eval/kl", "above": 1.0}, 3]}
    found = flat(config)
    assert {k: v for k, v in found.items() if not k.startswith("guards")} == {
        k: v for k, v in setting_paths.flatten(config).items() if k != "guards"
    }
    guards = {k: v for k, v in found.items() if k.startswith("guards")}
    assert guards == {"guards.eval/kl.metric": "eval/kl", "guards.eval/kl.above": 1.0, "guards.1": 3}
