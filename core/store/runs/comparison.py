"""Compares stored runs, including their held-out answers and samples."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.common.errors import DataError
from core.compare.comparison import Comparison, compare
from core.compare.evidence import GOLD, Evidence, horizon
from core.compare.flags import Flag
from core.compare.preference import looked_at, prefers_wrong
from core.compare.stats.mcnemar import Answers
from core.compare.stats.thresholds import absolute
from core.compare.validity import Remark
from core.store.runs.evidence import answers, rewarded


def compared(
    runs: Sequence[Evidence], thresholds: Sequence[float], primary: Sequence[str], whole: bool = True
) -> Comparison:
    """The comparison of these runs.

    `whole`: also compare held-out problems one by one, and compute the flags that read samples. When the
    problems of some runs cannot be compared with each other, a remark says so.
    """
    marks = [absolute(t) for t in thresholds]
    if not whole:
        return compare(runs, marks, {}, primary)
    try:
        comparison = compare(runs, marks, _last_answers(runs), primary)
    except DataError as error:
        comparison = compare(runs, marks, None, primary)
        remark = Remark("held-out", False, f"Held-out problems are not compared one by one: {error}")
        comparison = replace(comparison, remarks=(*comparison.remarks, remark))
    return replace(
        comparison,
        flags={
            run.run_id: (*comparison.flags[run.run_id], *_sampled(run, comparison.horizon)) for run in runs
        },
    )


def _sampled(run: Evidence, last: int) -> Sequence[Flag]:
    """The flags that need the run's samples."""
    flag = prefers_wrong(rewarded(run.run_id, looked_at(last)))
    return (flag,) if flag else ()


def _last_answers(runs: Sequence[Evidence]) -> Mapping[int, Answers]:
    """The answers of each run's last evaluation up to the horizon; runs without any are left out."""
    last = horizon(runs)
    step_by_run = {r.run_id: int(r.line(GOLD, last)[0][-1]) for r in runs if len(r.line(GOLD, last)[0])}
    return {
        run_id: answers_by_problem
        for run_id, answers_by_problem in answers(step_by_run).items()
        if answers_by_problem
    }
