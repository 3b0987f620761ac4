"""Rows of a step as the recorder writes them, with hostile text."""

from core.store.steps.records import SampleRow, ScoreRow

NASTY = "<script>alert(1)</script> **md** \x1b[31m \u202e reversed \x00 nul " + "x" * 1000


def sample_row(index: int = 0, group: int = 0) -> SampleRow:
    score = ScoreRow("correctness", 0, raw=None, shaped=None, weight=0.5, contribution=None)
    return SampleRow(
        split="train", problem_id="p", group_index=group, index_in_group=index, prompt=NASTY, completion=NASTY, gold="7",
        parsed=None, parsed_by=None, parsed_start=None, parsed_end=None, correct=False, n_tokens=3, truncated=True,
        mean_nll=None, total=None, advantage=0.0, scores=(score,),
    )  # fmt: skip
