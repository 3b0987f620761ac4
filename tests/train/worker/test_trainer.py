"""The contract with the pinned TRL: with a plain mix and the default rule we train exactly what stock TRL
trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trl import GRPOTrainer

from core.common.errors import TrainingError
from core.rewards.advantage import by_token
from core.rewards.engine import score
from tests.support.samples import HARD, HYBRID, run_config
from tests.support.trainers import history, ours, stock
from worker.training.trainer import Rollout, ShowdownTrainer

CLIPPED = "clip_ratio/region_mean"


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("group", {}),
        ("batch", {}),
        ("none", {}),
        ("group", {"num_iterations": 2}),  # the third step begins the second rollout
        (
            "group",
            {
                "num_iterations": 2,
                "loss_type": "cispo",
                "epsilon_high": 1.05,
                "per_device_train_batch_size": 8,
            },
        ),
    ],
)
def test_losses_rewards_and_weights_equal_stock_trl(tmp_path: Path, rule: str, more: dict[str, Any]) -> None:
    config = run_config(mix={"terms": HARD, "advantage": {"type": rule}}, grpo={"max_steps": 3, **more})
    a = stock(config, tmp_path / "a")
    a.train()
    # built after the other has trained: both then begin with the same random state
    b = ours(config, tmp_path / "b")
    b.train()
    assert len(history(a)) == 3 and history(a) == history(b)
    theirs = dict(a.model.named_parameters())
    for name, weight in b.model.named_parameters():
        assert torch.equal(weight, theirs[name]), name


def adapter(trainer: GRPOTrainer) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters() if p.requires_grad}


def test_three_steps_train_on_one_rollout_and_their_ratio_leaves_one(tmp_path: Path) -> None:
    """Whether it goes on from between two of them or was never interrupted, it trains the same to the last
    bit."""
    grpo = {
        "max_steps": 7,
        "num_iterations": 3,
        "per_device_train_batch_size": 8,
        "epsilon": 0.05,
        "learning_rate": 2e-3,
    }
    config = run_config(grpo=grpo, checkpoint={"every": 1})
    straight = ours(config, tmp_path)
    straight.__class__ = Watching
    straight.rollouts = []  # type: ignore[attr-defined]
    straight.train()
    assert [r.step for r in straight.rollouts] == [1, 4, 7]  # type: ignore[attr-defined]
    whole = history(straight)
    assert [i for i, row in enumerate(whole, 1) if "reward" in row] == [1, 4, 7]
    clipped = [row[CLIPPED] for row in whole]
    assert [clipped[i] for i in (0, 3, 6)] == [0, 0, 0]  # fresh completions: the ratio is 1
    assert all(clipped[i] > 0 for i in (1, 2, 4, 5))
    files = {step: (tmp_path / f"checkpoint-{step}" / "rollout_0.pt").is_file() for step in range(1, 8)}
    assert files == {1: True, 2: True, 3: False, 4: True, 5: True, 6: False, 7: True}
    for step in (2, 3, 4):  # before the last iteration, between two rollouts, after the first iteration
        again = ours(config, tmp_path / f"again{step}")
        again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
        assert history(again)[-7 + step :] == whole[step:], step
        assert all(torch.equal(p, adapter(straight)[name]) for name, p in adapter(again).items()), step


def test_a_retry_with_a_smaller_micro_batch_goes_on_with_the_same_rollout(tmp_path: Path) -> None:
    grpo = {"max_steps": 2, "num_iterations": 2}
    straight = ours(run_config(grpo=grpo, checkpoint={"every": 1}), tmp_path)
    straight.train()
    smaller = ours(run_config(grpo={**grpo, "per_device_train_batch_size": 4}), tmp_path / "smaller")
    smaller.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))
    assert smaller.rollout is None  # nothing was generated
    assert history(smaller)[-1]["loss"] == pytest.approx(history(straight)[-1]["loss"], abs=1e-5)
    (tmp_path / "checkpoint-1" / "rollout_0.pt").unlink()
    broken = ours(run_config(grpo=grpo), tmp_path / "broken")
    with pytest.raises(TrainingError, match=r"checkpoint-1 .* rollout_0.pt is not in it"):
        broken.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))


def test_a_run_that_goes_on_in_a_later_epoch_has_its_order_of_problems(tmp_path: Path) -> None:
    """8 problems are two steps: the third step draws a new order, which a resumed run must find again."""
    config = run_config(
        mix={"terms": HARD}, grpo={"max_steps": 4, "max_completion_length": 8}, checkpoint={"every": 1}
    )
    straight = ours(config, tmp_path, problems=8)
    straight.train()
    for step in (1, 2, 3):
        again = ours(config, tmp_path / f"again{step}", problems=8)
        again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
        assert again.rollout and straight.rollout
        assert again.rollout.batch.problem_ids == straight.rollout.batch.problem_ids, step
        assert all(torch.equal(p, adapter(straight)[name]) for name, p in adapter(again).items()), step


class Watching(ShowdownTrainer):
    """Keeps every rollout."""

    rollouts: list[Rollout]

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        assert self.rollout is not None
        self.rollouts.append(self.rollout)
        return output


@pytest.mark.parametrize("rule", ["group", "batch", "none"])
def test_the_advantages_that_train_are_those_of_the_engine(tmp_path: Path, rule: str) -> None:
    config = run_config(grpo={"max_steps": 3}, mix={**HYBRID, "advantage": {"type": rule}})
    trainer = ours(config, tmp_path)
    trainer.__class__ = Watching
    trainer.rollouts = []  # type: ignore[attr-defined]
    trainer.train()
    assert [r.step for r in trainer.rollouts] == [1, 2, 3]  # type: ignore[attr-defined]
    for rollout in trainer.rollouts:  # type: ignore[attr-defined]
        # TRL computes in float32, and divides a spread of float dust by 1e-4.
        assert rollout.advantages == pytest.approx(rollout.scored.advantage, abs=2e-3)
        again = score(rollout.batch, config.mix, rollout.step)
        assert (again.advantage == rollout.scored.advantage).all()
        assert ((rollout.batch.mean_nll > 0) & (rollout.batch.mean_nll < 10)).all()


OWN_RULES: list[dict[str, Any]] = [
    {"type": "mixed"},
    {"type": "w_reinforce"},
    {"type": "group", "std_floor": 0.5},
    {"type": "group", "positive_only": True},
    {"type": "group", "position_gamma": 0.2},
]


@pytest.mark.parametrize("rule", OWN_RULES)
def test_rules_that_trl_does_not_know_reach_the_loss_as_they_are(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    """Not through TRL's scaling, which would undo them: what the loss is given is the rule's own, token by
    token."""
    config = run_config(
        grpo={"max_steps": 1}, mix={**HYBRID, "blend": {"type": "constant", "value": 0.5}, "advantage": rule}
    )
    trainer = ours(config, tmp_path)
    given: list[torch.Tensor] = []
    compute = trainer._compute_loss

    def watched(model: Any, inputs: dict[str, Any]) -> Any:
        given.append(inputs["advantages"].detach().clone())
        return compute(model, inputs)

    trainer._compute_loss = watched
    trainer.train()
    assert trainer.rollout is not None and len(given) == 1
    scored = trainer.rollout.scored
    if "position_gamma" in rule:
        tokens = by_token(
            config.mix.advantage, scored.advantage, trainer.rollout.batch.n_tokens, given[0].shape[1]
        )
        assert tokens is not None and given[0].shape == tokens.shape
        expected = tokens
    else:
        expected = scored.advantage
    # TRL shuffles the samples of a generation before it trains on them.
    assert sorted(given[0].flatten().tolist()) == pytest.approx(sorted(expected.flatten().tolist()), abs=1e-6)
    assert np.abs(scored.advantage).max() > 0


def test_a_micro_batch_changes_memory_not_the_samples(tmp_path: Path) -> None:
    whole, parts = (
        run_config(grpo={"max_steps": 1}),
        run_config(grpo={"max_steps": 1, "per_device_train_batch_size": 4}),
    )
    a = ours(whole, tmp_path / "a")
    a.train()
    b = ours(parts, tmp_path / "b")
    b.train()
    assert a.rollout and b.rollout
    assert a.rollout.batch.completions == b.rollout.batch.completions
    assert a.rollout.advantages == pytest.approx(b.rollout.advantages, abs=1e-4)
    assert history(a)[0]["loss"] == pytest.approx(history(b)[0]["loss"], abs=1e-5)
