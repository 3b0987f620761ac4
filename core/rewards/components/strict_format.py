"""Strict format: whether the completion has the required shape, from its first character to its last."""

import re
from typing import Literal

import numpy as np

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams

MAX_TEXT = 100_000  # characters; longer text has no shape worth checking
ANY = r"(?:(?!</?think>|</?answer>).)*"  # text without the tags themselves: each may stand once
SHAPES = {
    "think": re.compile(rf"<think>{ANY}</think>{ANY}", re.DOTALL),
    "think_answer": re.compile(rf"<think>{ANY}</think>\s*<answer>{ANY}</answer>\s*", re.DOTALL),
    "work_hashes": re.compile(r"(?:(?!####).)*\n#### *\$?[-\d.,]+\s*", re.DOTALL),
}


class Params(ComponentParams):
    """Which shape is asked for."""

    shape: Literal["think", "think_answer", "work_hashes"] = "work_hashes"
    """think: <think>..</think> then text. think_answer: ..then <answer>..</answer>. work_hashes: work,
    then `#### N` alone."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] 1 where the whole text matches the shape, else 0.

    As trl/rewards/format_rewards.py, with other shapes. What the chat template already wrote of the
    completion (`<think>` at the prompt's end) belongs to the text.
    """
    pattern = SHAPES[params.shape]
    texts = [begun + text for begun, text in zip(batch.begun, batch.completions, strict=True)]
    return np.array([float(len(text) <= MAX_TEXT and pattern.fullmatch(text) is not None) for text in texts])


COMPONENT = Component(
    name="strict_format",
    title="Strict format",
    what="1 when the whole completion has the asked shape, from first to last character.",
    how_it_is_gamed="Empty tags, or any number behind the marker: shape says nothing of content.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="hard",
)
