"""Majority vote: agreement with the most frequent answer of the group, without a gold answer."""

from collections import Counter

import numpy as np

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """How a tie between answers is judged."""

    ties_win: bool = True
    """Two answers equally frequent: both are paid (true) or neither (false)."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] 1[answer == mode of the group's answers]; NaN in a group in which nobody states one.

    Source: TTRL (arXiv 2504.16084; PRIME-RL/TTRL, ttt_metrics.py). There one mode wins, of equally
    frequent answers the one that came first; here all of them win or none (`ties_win`), since their order
    is chance.
    """
    votes: dict[int, Counter[object]] = {}
    for g, answer in zip(batch.group.tolist(), batch.answers, strict=True):
        if answer is not None:
            votes.setdefault(g, Counter())[answer.key] += 1
    winners: dict[int, set[object]] = {}
    for g, counted in votes.items():
        top_count = max(counted.values())
        tied = {key for key, count in counted.items() if count == top_count}
        winners[g] = tied if len(tied) == 1 or params.ties_win else set()
    return np.array(
        [
            np.nan if g not in winners else float(answer is not None and answer.key in winners[g])
            for g, answer in zip(batch.group.tolist(), batch.answers, strict=True)
        ]
    )


COMPONENT = Component(
    name="majority_vote",
    title="Majority vote",
    what="1 when the answer is the one most of the group gives; no gold answer is read.",
    how_it_is_gamed="All completions agree on the same wrong answer: it sharpens whatever the base believes.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="hard",
    needs=frozenset({"text", "group"}),
)
