"""Consistency: does the text agree with itself, or the group with each other? Called through core.rewards.COMPONENTS."""

from collections import Counter
from typing import Literal

import numpy as np

from core.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """Where agreement is looked for."""

    within: Literal["completion", "group"] = "completion"
    """completion: the last computed value is the final answer. group: share of the group with the same answer."""


def _with_itself(batch: RolloutBatch) -> FloatArray:
    scores = np.zeros(len(batch))
    for i, (results, answer) in enumerate(zip(batch.equations, batch.answers, strict=True)):
        if not results:
            scores[i] = np.nan
        elif answer is not None:
            scores[i] = float(results[-1].value == answer.value)
    return scores


def _with_its_group(batch: RolloutBatch) -> FloatArray:
    votes = Counter((g, a.key) for g, a in zip(batch.group.tolist(), batch.answers, strict=True) if a is not None)
    sizes = Counter(batch.group.tolist())
    pairs = zip(batch.group.tolist(), batch.answers, strict=True)
    return np.array([0.0 if a is None else votes[(g, a.key)] / sizes[g] for g, a in pairs])


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] in [0, 1]. completion: 1[last computed value == answer], NaN when nothing was computed.

    group: share of the group's completions with the same parsed answer (the majority-vote signal; no gold needed).
    Our reconstruction of "consistency" (arXiv 2511.13016).
    """
    return _with_itself(batch) if params.within == "completion" else _with_its_group(batch)


COMPONENT = Component(
    name="consistency",
    title="Consistency",
    what="The final answer is the last value computed, or the one most of the group gives.",
    how_it_is_gamed="Within a completion: repeat any equation at the end. Across the group: all give the same wrong answer.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"text", "group"}),
)
