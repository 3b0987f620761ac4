"""Stored runs compared, their held-out answers read with them. Called by app.compared and app.report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.compare.comparison import Comparison, compare
from core.compare.evidence import GOLD, Evidence, horizon
from core.compare.held_out import Answers
from core.compare.refusals import Remark
from core.compare.thresholds import absolute
from core.errors import DataError
from core.store.evidence import answers


def compared(
    runs: Sequence[Evidence], thresholds: Sequence[float], primary: Sequence[str], held_out: bool = True
) -> Comparison:
    """The comparison of these runs. `held_out`: problem by problem too; where some cannot be set against each other a remark
    says so."""
    marks = [absolute(t) for t in thresholds]
    try:
        return compare(runs, marks, _last_answers(runs) if held_out else {}, primary)
    except DataError as error:
        found = compare(runs, marks, None, primary)
        said = Remark("held-out", False, f"Held-out problems are not compared one by one: {error}")
        return replace(found, remarks=(*found.remarks, said))


def _last_answers(runs: Sequence[Evidence]) -> Mapping[int, Answers]:
    """Of each run's last evaluation up to the horizon; runs without problems of their own are left out."""
    last = horizon(runs)
    at = {r.run_id: int(r.line(GOLD, last)[0][-1]) for r in runs if len(r.line(GOLD, last)[0])}
    return {run_id: found for run_id, found in answers(at).items() if found}
