"""The contract with the pinned TRL: with a plain mix and the default rule we train exactly what stock TRL trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.advantage import by_token
from core.engine import score
from tests.support.samples import HARD, HYBRID, run_config
from tests.support.trainers import history, ours, stock
from worker.trainer import Rollout, ShowdownTrainer


@pytest.mark.parametrize("rule", ["group", "batch", "none"])
def test_losses_rewards_and_weights_equal_stock_trl(tmp_path: Path, rule: str) -> None:
    config = run_config(mix={"terms": HARD, "advantage": {"type": rule}}, grpo={"max_steps": 3})
    a = stock(config, tmp_path / "a")
    a.train()
    b = ours(config, tmp_path / "b")  # built after the other has trained: both then begin with the same random state
    b.train()
    assert len(history(a)) == 3 and history(a) == history(b)
    theirs = dict(a.model.named_parameters())
    for name, weight in b.model.named_parameters():
        assert torch.equal(weight, theirs[name]), name


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
def test_rules_that_trl_does_not_know_reach_the_loss_as_they_are(tmp_path: Path, rule: dict[str, Any]) -> None:
    """Not through TRL's scaling, which would undo them: what the loss is given is the rule's own, token by token."""
    config = run_config(grpo={"max_steps": 1}, mix={**HYBRID, "blend": {"type": "constant", "value": 0.5}, "advantage": rule})
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
        tokens = by_token(config.mix.advantage, scored.advantage, trainer.rollout.batch.n_tokens, given[0].shape[1])
        assert tokens is not None and given[0].shape == tokens.shape
        expected = tokens
    else:
        expected = scored.advantage
    # TRL shuffles the samples of a generation before it trains on them.
    assert sorted(given[0].flatten().tolist()) == pytest.approx(sorted(expected.flatten().tolist()), abs=1e-6)
    assert np.abs(scored.advantage).max() > 0


def test_a_micro_batch_changes_memory_not_the_samples(tmp_path: Path) -> None:
    whole, parts = run_config(grpo={"max_steps": 1}), run_config(grpo={"max_steps": 1, "per_device_train_batch_size": 4})
    a = ours(whole, tmp_path / "a")
    a.train()
    b = ours(parts, tmp_path / "b")
    b.train()
    assert a.rollout and b.rollout
    assert a.rollout.batch.completions == b.rollout.batch.completions
    assert a.rollout.advantages == pytest.approx(b.rollout.advantages, abs=1e-4)
    assert history(a)[0]["loss"] == pytest.approx(history(b)[0]["loss"], abs=1e-5)
