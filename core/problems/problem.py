"""The one record that every data source is turned into. Imports nothing of ours."""

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
