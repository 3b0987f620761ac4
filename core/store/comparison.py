"""Stored runs compared, with what only their held-out answers and samples say. Called by app.compared and app.report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.compare.comparison import Comparison, compare
from core.compare.evidence import GOLD, Evidence, horizon
from core.compare.flags import Flag
from core.compare.held_out import Answers
from core.compare.preference import looked_at, prefers_wrong
from core.compare.refusals import Remark
from core.compare.thresholds import absolute
from core.errors import DataError
from core.store.evidence import answers, rewarded


def compared(runs: Sequence[Evidence], thresholds: Sequence[float], primary: Sequence[str], whole: bool = True) -> Comparison:
    """The comparison of these runs. `whole`: held-out problems one by one too, and the flags that read samples; where some
    runs' problems cannot be set against each other a remark says so."""
    marks = [absolute(t) for t in thresholds]
    if not whole:
        return compare(runs, marks, {}, primary)
    try:
        found = compare(runs, marks, _last_answers(runs), primary)
    except DataError as error:
        found = compare(runs, marks, None, primary)
        said = Remark("held-out", False, f"Held-out problems are not compared one by one: {error}")
        found = replace(found, remarks=(*found.remarks, said))
    return replace(found, flags={run.run_id: (*found.flags[run.run_id], *_sampled(run, found.horizon)) for run in runs})


def _sampled(run: Evidence, last: int) -> Sequence[Flag]:
    """The flags that read samples."""
    found = prefers_wrong(rewarded(run.run_id, looked_at(last)))
    return (found,) if found else ()


def _last_answers(runs: Sequence[Evidence]) -> Mapping[int, Answers]:
    """Of each run's last evaluation up to the horizon; runs without problems of their own are left out."""
    last = horizon(runs)
    at = {r.run_id: int(r.line(GOLD, last)[0][-1]) for r in runs if len(r.line(GOLD, last)[0])}
    return {run_id: found for run_id, found in answers(at).items() if found}
