"""Our advantages equal TRL's, on random scores with rows that do not apply and groups that are dead.

The expected numbers come from TRL's own lines (trl 1.16, grpo_trainer.py), run here with TRL's own helper;
the whole trainer is compared in tests/train/worker/test_trainer.py.
"""

import numpy as np
import pytest
import torch
from trl.trainer.utils import nanstd

from core.rewards.advantage import Group, NormalizeThenSum, advantages, dead
from tests.support.totals import totals_of


def trl_advantages(
    rewards: torch.Tensor, num_generations: int, scale_rewards: str
) -> tuple[torch.Tensor, torch.Tensor]:
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


def trl_normalize_then_sum(
    rewards_per_func: torch.Tensor, reward_weights: torch.Tensor, num_generations: int
) -> torch.Tensor:
    """TRL's computation for `multi_objective_aggregation="normalize_then_sum"`: advantages [n] of scores
    [n, K]."""
    unscorable_mask = torch.isnan(rewards_per_func).all(dim=1)
    grouped = rewards_per_func.view(-1, num_generations, rewards_per_func.shape[1])
    mean_k = torch.nanmean(grouped, dim=1, keepdim=True)
    std_k = nanstd(grouped, dim=1, keepdim=True)
    reward_k = (grouped - mean_k) / (std_k + 1e-4)
    reward_k = reward_k.view(-1, rewards_per_func.shape[1])
    rewards = (reward_k * reward_weights.unsqueeze(0)).nansum(dim=1)
    rewards[unscorable_mask] = torch.nan
    std_rewards = nanstd(rewards).expand_as(rewards)
    found = (rewards - torch.nanmean(rewards)) / (std_rewards + 1e-4)
    return torch.nan_to_num(found, nan=0.0)


@pytest.mark.parametrize("rule", ["group", "batch", "none"])
@pytest.mark.parametrize("seed", range(20))
def test_equal_on_random_totals(rule: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    total = rng.normal(size=(6, 8)).round(rng.integers(0, 4))  # rounding makes ties
    total[rng.random(total.shape) < 0.1] = np.nan
    total[0] = 0.3  # a dead group
    total[1] = np.nan  # a group to which nothing applies
    total = total.reshape(-1).astype(np.float32).astype(float)
    expected, zero = trl_advantages(torch.tensor(total, dtype=torch.float64), 8, rule)
    made = Group(type=rule)  # type: ignore[arg-type]
    np.testing.assert_allclose(advantages(made, totals_of(total, size=8)), expected.numpy(), atol=1e-9)
    if rule == "group":
        t = totals_of(total, size=8)
        ours, theirs = dead(made, t, advantages(made, t)), zero.numpy().reshape(6, 8).all(axis=1)
        known = ~np.isnan(total.reshape(6, 8)).all(axis=1)  # TRL's std is NaN there; we call the group dead
        assert (ours[known] == theirs[known]).all() and ours[1]


@pytest.mark.parametrize("seed", range(20))
def test_normalize_then_sum_is_equal_on_random_scores(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(6, 8, 3)).round(rng.integers(0, 4))  # rounding makes ties
    scores[rng.random(scores.shape) < 0.1] = np.nan
    scores[rng.random((6, 8)) < 0.1] = np.nan  # rows to which nothing applies
    scores[0] = 0.3  # a group in which nothing varies
    scores[1, :, 0] = 1.0  # one in which one term does not
    scores[2, 1:, 1] = np.nan  # one in which a term applies to one sample
    scores[3, :, 2] = np.nan  # and to none
    scores = scores.reshape(48, 3)
    weights = rng.uniform(-0.5, 2, size=3) * (rng.random(3) < 0.8)  # also negative, also 0
    expected = trl_normalize_then_sum(torch.tensor(scores), torch.tensor(weights), 8)
    found = advantages(NormalizeThenSum(), totals_of(scores, weights=weights.tolist(), size=8))
    # TRL's nanstd divides integer counts, which torch does in float32: its digits end at 1e-7.
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_normalize_then_sum_where_nothing_applies_or_varies() -> None:
    for value in (np.nan, 0.5):
        scores = np.full((16, 2), value)
        expected = trl_normalize_then_sum(torch.tensor(scores), torch.ones(2, dtype=torch.float64), 8)
        assert (
            expected.tolist()
            == [0.0] * 16
            == advantages(NormalizeThenSum(), totals_of(scores, size=8)).tolist()
        )
