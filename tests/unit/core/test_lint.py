"""What is legal but cannot act is said; what can act is not complained of."""

from typing import Any

import pytest

from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.grpo import GrpoConfig
from core.config.lint import cannot_act, cannot_act_in
from core.config.parsing import parse
from core.rewards.mix import Mix
from tests.support.samples import CONTINUOUS, HARD, HYBRID

AFFINE = {"type": "affine", "scale": 2.0}
WORST = {"type": "worst_case"}
CONSTANT = {"type": "clip", "low": 1, "high": 2}
SHIFT = {"type": "affine", "shift": 1.0}


def ramp(**more: Any) -> dict[str, Any]:
    return {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 10, "to_step": 50, **more}


@pytest.mark.parametrize(
    ("mix", "place", "message"),
    [
        ({"terms": [{**HARD[0], "shaping": AFFINE}]}, "terms.0.shaping", "the scale of correctness cancels"),
        ({"terms": [*HARD, {**CONTINUOUS[0], "side": "hard", "shaping": SHIFT}]}, "terms.1.shaping", "the shift of closeness"),
        ({"terms": [*HARD, {**CONTINUOUS[0], "side": "hard", "shaping": {"type": "affine", "scale": 0}}]}, "terms.1.shaping",
         "the same for every sample"),
        ({"terms": [*HARD, {**CONTINUOUS[0], "side": "hard", "shaping": CONSTANT}]},
         "terms.1.shaping", "to one value"),
        ({**HYBRID, "blend": ramp(to_step=150)}, "blend", "ends at step 150, but training ends at 100: it gets as far as"),
        ({**HYBRID, "blend": {"type": "step", "start": 0, "end": 1, "at_step": 100.5}}, "blend", "it never jumps"),
        ({**HYBRID, "blend": {"type": "constant", "value": 0}}, "blend", "so the hard side never acts"),
        ({"blend": ramp(), "terms": [{**HARD[0], "weight": 0}, CONTINUOUS[0]]}, "terms", "every weight on the hard side is 0"),
        ({"terms": [*HARD, {**CONTINUOUS[0], "side": "always", "weight": 0}]}, "terms.1.weight", "trains nothing"),
        ({"terms": HARD, "advantage": {"type": "filtered", "n": 8}}, "advantage.n", "nothing is filtered"),
        ({"terms": HARD, "advantage": {"type": "mixed"}}, "advantage", "the mix has one"),
        ({"terms": [{**HARD[0], "weight": 0.4}], "advantage": {"type": "w_reinforce"}}, "advantage.above", "none is right"),
        ({"terms": [{**HARD[0], "weight": 5}], "advantage": {"type": "noisy_verifier"}}, "advantage", "verdict of 0 or 1"),
        ({"terms": [*HARD, {**CONTINUOUS[0], "side": "hard"}], "rule": {"type": "lexicographic", "order": ["correctness"]}},
         "rule.order", "closeness is not in the order"),
        ({"terms": HARD, "rule": {"type": "stratified", "verifier": "correctness"}}, "rule", "is the only one"),
        ({**HYBRID, "blend": ramp(start=1.0)}, "blend", "from beginning to end"),
        ({**HYBRID, "blend": {"type": "adaptive", "signal": "accuracy", "threshold": 2}}, "blend", "it never is above 1"),
        ({**HYBRID, "blend": {"type": "adaptive", "signal": "plateau", "threshold": 500}}, "blend", "but training has 100"),
        ({"terms": [*HARD, {**CONTINUOUS[0], "side": "hard", "weight": 0}], "rule": {**WORST, "terms": ["closeness"]}},
         "rule.terms", "has no say"),
        ({**HYBRID, "advantage": {"type": "w_reinforce"}}, "advantage", "hardly acts"),
        ({"terms": [{**HARD[0], "weight": 2}], "rule": {"type": "lexicographic", "order": ["correctness"]}}, "rule",
         "weights and the blend"),
        ({**HYBRID, "advantage": {"type": "mixed"}, "rule": {"type": "gate", "order": ["correctness"]}}, "rule", "is not used"),
        ({"terms": [{**HARD[0], "weight": ramp(start=0.5)}]}, "terms.0.weight", "the schedule of the only term cancels"),
    ],
)  # fmt: skip
def test_what_cannot_act_is_said(mix: dict[str, Any], place: str, message: str) -> None:
    found = cannot_act(parse(Mix, mix), GrpoConfig(max_steps=100))
    assert [m for p, m in found if p == place and message in m], found


@pytest.mark.parametrize(
    "mix",
    [
        {"terms": HARD},
        HYBRID,
        {**HYBRID, "blend": ramp(to_step=100, unit="percent")},  # ends with the last step, whatever floats make of it
        {"terms": [{**HARD[0], "shaping": {"type": "affine", "scale": -1}}]},  # it turns the advantage round
        {"terms": [{**HARD[0], "shaping": AFFINE}], "advantage": {"type": "group", "std_floor": 0.5}},
        {"terms": [{**HARD[0], "weight": ramp()}]},  # nothing is paid at first: that does act
        {"terms": [*HARD, {**CONTINUOUS[0], "side": "hard", "shaping": AFFINE}]},  # beside another term a scale is a weight
        {**HYBRID, "blend": {"type": "adaptive", "signal": "accuracy", "threshold": 0.3}},
        # A weight of 0 under a rule that reads the score itself.
        {"terms": [*HARD, {"component": "conciseness", "side": "hard", "weight": 0}],
         "rule": {"type": "conciseness", "outcome": "correctness", "concise": "conciseness"}},
    ],
)  # fmt: skip
def test_what_acts_is_left_in_peace(mix: dict[str, Any]) -> None:
    assert cannot_act(parse(Mix, mix), GrpoConfig(max_steps=100)) == []


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_acts(name: str) -> None:
    made = presets.preset(name)
    for run in made.runs() if isinstance(made, ExperimentConfig) else [made]:
        assert cannot_act(run.mix, run.grpo) == []


RATIO = "the policy ratio is 1 while num_iterations is 1"


@pytest.mark.parametrize(
    ("grpo", "place", "message"),
    [
        ({"epsilon": 0.1}, "epsilon", f"0.1 cannot act: {RATIO}, so nothing is clipped"),
        ({"epsilon_high": 0.28}, "epsilon_high", RATIO),
        ({"delta": 1.5}, "delta", RATIO),
        ({"importance_sampling_level": "sequence"}, "importance_sampling_level", f"sequence cannot act: {RATIO}"),
        ({"loss_type": "sapo"}, "loss_type", f"sapo cannot act: trains as grpo here: {RATIO}"),
        ({"loss_type": "vespo"}, "loss_type", "trains as dapo here"),
        ({"loss_type": "cispo"}, "loss_type", "trains as dapo here"),
        ({"loss_type": "cispo", "epsilon_high": 0.2}, "epsilon_high", "0.2 bounds the ratio itself under loss_type cispo"),
        ({"loss_type": "cispo", "num_iterations": 2, "epsilon": 0.1}, "epsilon", "by epsilon_high alone"),
        ({"loss_type": "sapo", "num_iterations": 2, "delta": 1.5}, "delta", "loss_type sapo does not clip"),
        ({"loss_type": "bnpo"}, "loss_type", "trains as dapo here: they differ only between micro-batches"),
        ({"lr_scheduler_type": "constant_with_warmup"}, "lr_scheduler_type", "trains as constant here: warmup_steps is 0"),
        ({"num_iterations": 200}, "num_iterations", "trains as 100 here: max_steps ends the first rollout"),
        ({"entropy_target": 0.5}, "entropy_target", "only under use_adaptive_entropy"),
        ({"vllm_importance_sampling_clip_max": 2.0}, "vllm_importance_sampling_clip_max", "only under use_vllm"),
        # vLLM writes the completions, but the ratio compares the policy with itself; only vespo's holds
        # vLLM's part too.
        ({"use_vllm": True, "epsilon": 0.1}, "epsilon", RATIO),
        ({"use_vllm": True, "vllm_server_base_url": "http://box:8000"}, "vllm_server_base_url", "under vllm_mode colocate"),
        ({"use_vllm": True, "vllm_importance_sampling_correction": False, "vllm_importance_sampling_clip_max": 2.0},
         "vllm_importance_sampling_clip_max", "only under vllm_importance_sampling_correction"),
    ],
)  # fmt: skip
def test_a_grpo_setting_that_was_changed_for_nothing_is_named(
    grpo: dict[str, Any], place: str, message: str
) -> None:
    found = cannot_act(parse(Mix, {"terms": HARD}), parse(GrpoConfig, {"max_steps": 100, **grpo}))
    assert [m for p, m in found if p == f"grpo.{place}" and message in m], found


@pytest.mark.parametrize(
    "grpo",
    [
        {
            "num_iterations": 2,
            "epsilon": 0.1,
            "epsilon_high": 0.28,
            "delta": 1.5,
            "importance_sampling_level": "sequence",
        },
        {"num_iterations": 2, "loss_type": "cispo"},
        {"num_iterations": 2, "loss_type": "sapo"},
        {"loss_type": "dr_grpo"},
        {"loss_type": "bnpo", "per_device_train_batch_size": 8},
        {"loss_type": "luspo", "importance_sampling_level": "sequence"},  # which it is refused without
        {"importance_sampling_level": "sequence", "top_entropy_quantile": 0.2},  # tokens differ, ratio or not
        {"use_vllm": True, "loss_type": "vespo", "vllm_importance_sampling_mode": "token_mask"},
        {"use_adaptive_entropy": True, "entropy_target": 0.5},
        {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 5},
    ],
)
def test_a_grpo_setting_that_acts_is_left_in_peace(grpo: dict[str, Any]) -> None:
    assert cannot_act(parse(Mix, {"terms": HARD}), parse(GrpoConfig, {"max_steps": 100, **grpo})) == []


@pytest.mark.parametrize(
    ("sweep", "grpo", "expected"),
    [
        ({"grpo.epsilon": [0.1, 0.3]}, {}, [("", "sweep.grpo.epsilon", f"0.1, 0.3 train the same: {RATIO}")]),
        (
            {"grpo.epsilon": [0.1, 0.2, 0.3], "grpo.beta": [0.0, 0.1]},
            {},
            [("", "sweep.grpo.epsilon", "0.1, 0.2, 0.3 train")],
        ),
        (
            {"grpo.loss_type": ["dapo", "grpo", "vespo"]},
            {},
            [("", "sweep.grpo.loss_type", "dapo, vespo train the same")],
        ),
        ({"grpo.epsilon": [0.1, 0.3]}, {"num_iterations": 2}, []),
        (
            {"grpo.num_iterations": [1, 2]},
            {"epsilon": 0.1},
            [("hard, num_iterations 1", "grpo.epsilon", "0.1 cannot act")],
        ),
        (
            {"grpo.beta": [0.0, 0.1]},
            {"epsilon": 0.1},
            [("", "grpo.epsilon", "0.1 cannot act")],
        ),  # of every run: said once
    ],
)
def test_a_sweep_over_what_cannot_act_is_named_once(
    sweep: dict[str, Any], grpo: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    made = parse(ExperimentConfig, {
        "name": "x", "seeds": [0, 1], "sweep": sweep, "run": {"grpo": grpo}, "arms": [{"name": "hard", "mix": {"terms": HARD}}],
    })  # fmt: skip
    found = cannot_act_in(made)
    assert [f[:2] for f in found] == [e[:2] for e in expected], found
    assert all(message in f[2] for f, (_, _, message) in zip(found, expected, strict=True)), found
