"""The one record every data source is turned into. Called by every module of core.problems; imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its gold answer.

    `id` is stable across runs (`tiny-arithmetic/train/17`), so that results can be compared item by item.
    `gold` is the final answer alone; `solution` is the worked text where the source has one.
    """

    id: str
    question: str
    gold: str
    solution: str = ""
