"""Our advantages equal TRL's, on random totals with rows that do not apply and groups that are dead.

The expected numbers come from TRL's own lines (trl 1.16, grpo_trainer.py), run here with TRL's own helper; the whole
trainer is compared in tests/worker/test_trainer.py.
"""

import numpy as np
import pytest
import torch
from trl.trainer.utils import nanstd

from core.advantage import Group, advantages, dead


def trl_advantages(rewards: torch.Tensor, num_generations: int, scale_rewards: str) -> tuple[torch.Tensor, torch.Tensor]:
    """TRL's computation for one objective: (advantages [n], is_std_zero [n])."""
    grouped = rewards.view(-1, num_generations)
    mean = torch.nanmean(grouped, dim=1).repeat_interleave(num_generations, dim=0)
    std = nanstd(grouped, dim=1).repeat_interleave(num_generations, dim=0)
    if scale_rewards == "batch":
        std = nanstd(rewards).expand_as(rewards)
    found = rewards - mean
    if scale_rewards != "none":
        found = found / (std + 1e-4)
    return torch.nan_to_num(found, nan=0.0), torch.isclose(std, torch.zeros_like(std))


@pytest.mark.parametrize("rule", ["group", "batch", "none"])
@pytest.mark.parametrize("seed", range(20))
def test_equal_on_random_totals(rule: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    total = rng.normal(size=(6, 8)).round(rng.integers(0, 4))  # rounding makes ties
    total[rng.random(total.shape) < 0.1] = np.nan
    total[0] = 0.3  # a dead group
    total[1] = np.nan  # a group to which nothing applies
    total = total.reshape(-1).astype(np.float32).astype(float)
    group = np.arange(48) // 8
    expected, zero = trl_advantages(torch.tensor(total, dtype=torch.float64), 8, rule)
    np.testing.assert_allclose(advantages(total, group, Group(type=rule)), expected.numpy(), atol=1e-9)  # type: ignore[arg-type]
    if rule == "group":
        ours, theirs = dead(total, group), zero.numpy().reshape(6, 8).all(axis=1)
        known = ~np.isnan(total.reshape(6, 8)).all(axis=1)  # TRL's std is NaN there; we call the group dead
        assert (ours[known] == theirs[known]).all() and ours[1]
