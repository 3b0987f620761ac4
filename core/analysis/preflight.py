"""Pre-flight: what a mix does with stored samples and with probes, before a GPU is used.

Pure arithmetic; NaN means "not defined here".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.analysis.agreement import auroc, spearman
from core.analysis.probes import RIGHT, probes
from core.analysis.sample_table import SampleTable, from_batch
from core.common.groups import FloatArray
from core.common.progress import Progress, between, nothing
from core.grading.answers import AnswerRule
from core.problems.problem import Problem
from core.rewards import engine
from core.rewards.advantage import DEAD_TOLERANCE, dead, shares
from core.rewards.batch import of_problem
from core.rewards.component import FROM_TEXT
from core.rewards.engine import combine
from core.rewards.mix import Mix

BINS = 24
CURVE_POINTS = 21
MOST_FOR_CURVE = 20_000  # samples on which the curve along the schedule is computed
# approximate shares of the work done after `step`, the curve and the distributions; the probes are last
SHARES = (0.1, 0.5, 0.7)


@dataclass(frozen=True)
class Distribution:
    """How one term's raw scores, or the totals, are distributed.

    `applies`: share of samples that have a score. `quantiles`: 0, 25, 50, 75, 100 %. `counts`, `edges`: a
    histogram.
    """

    name: str
    applies: float
    mean: float
    quantiles: tuple[float, ...]
    counts: tuple[int, ...]
    edges: tuple[float, ...]
    spearman: float
    auroc: float


@dataclass(frozen=True)
class Beaten:
    """A probe that is worth more than the gold solution of its problem."""

    probe: str
    step: int
    problem: str
    text: str
    total: float
    right_total: float
    share: float


@dataclass(frozen=True)
class Report:
    """Everything a user should know before launching.

    `curve_steps` [p], `shares` [p, K] and `dead` [p] run along the schedule on the same samples. `unprobed`:
    terms that say nothing about probes. `constant`: terms that are equal inside every group.
    """

    samples: int
    groups: int
    accuracy: float
    step: int
    terms: tuple[str, ...]
    distributions: tuple[Distribution, ...]
    curve_steps: tuple[int, ...]
    shares: FloatArray
    dead: FloatArray
    blend: FloatArray
    beaten: tuple[Beaten, ...]
    probed: int
    unprobed: tuple[str, ...]
    constant: tuple[str, ...]


def _distribution(name: str, values: FloatArray, table: SampleTable) -> Distribution:
    defined = values[~np.isnan(values)]
    if not len(defined):
        nan = float("nan")
        return Distribution(name, 0.0, nan, (nan,) * 5, (), (), nan, nan)
    flat = np.ptp(defined) <= 1e-9 * max(1.0, float(np.abs(defined).max()))
    # numpy cannot divide so narrow a range into bins
    counts, edges = np.histogram(np.full(len(defined), defined[0]) if flat else defined, BINS)
    right = table.correct.astype(float)
    return Distribution(
        name=name,
        applies=len(defined) / len(values),
        mean=float(defined.mean()),
        quantiles=tuple(float(q) for q in np.quantile(defined, [0, 0.25, 0.5, 0.75, 1])),
        counts=tuple(int(c) for c in counts),
        edges=tuple(float(e) for e in edges),
        spearman=spearman(values, right, table.groups),
        auroc=auroc(values, table.correct, table.groups),
    )


def report(
    table: SampleTable,
    mix: Mix,
    max_steps: int,
    problems: Sequence[Problem],
    step: int | None = None,
    answer_rule: AnswerRule = "strict",
    progress: Progress = nothing,
) -> Report:
    """Evaluate a mix (schedules in steps) on a table of samples, and on the probes of some problems.

    Distributions are those at `step` (the middle of training unless given). Adaptive schedules stand at their
    start.
    """
    step = max(1, max_steps // 2) if step is None else step
    raw = table.matrix(mix)
    current = at_step(table, mix, raw, step)
    progress(SHARES[0])
    thin = table.thinned(MOST_FOR_CURVE)
    thin_raw = thin.matrix(mix)
    points = sorted({max(1, round(x)) for x in np.linspace(1, max_steps, CURVE_POINTS)})
    shares_by_point = []
    dead_by_point = []
    for index, point in enumerate(points):
        between(progress, *SHARES[:2])(index / len(points))
        combined = at_step(thin, mix, thin_raw, point)
        linear = mix.rule.type == "sum"
        shares_by_point.append(
            shares(mix.advantage, combined.totals) if linear else np.full(len(mix.terms), np.nan)
        )
        dead_by_point.append(float(dead(mix.advantage, combined.totals, combined.advantage).mean()))
    columns = [*((t.label, raw[:, k]) for k, t in enumerate(mix.terms)), ("total", current.total)]
    distributions = []
    for index, (name, values) in enumerate(columns):
        between(progress, *SHARES[1:3])(index / len(columns))
        distributions.append(_distribution(name, values, table))
    beaten_probes = beaten(
        mix, problems, sorted({1, step, max_steps}), answer_rule, between(progress, SHARES[2], 1.0)
    )
    return Report(
        samples=len(table),
        groups=table.groups.count,
        accuracy=float(table.correct.mean()) if len(table) else float("nan"),
        step=step,
        terms=mix.labels,
        distributions=tuple(distributions),
        curve_steps=tuple(points),
        shares=np.array(shares_by_point),
        dead=np.array(dead_by_point),
        blend=np.array([mix.hard_share(p) for p in points]),
        beaten=beaten_probes,
        probed=len(problems),
        # no policy wrote the probes
        unprobed=tuple(t.label for t in mix.terms if t.definition.needs - FROM_TEXT),
        constant=tuple(
            n
            for n, v in zip(mix.labels, current.shaped.T, strict=True)
            if (table.groups.std(v) <= DEAD_TOLERANCE).all()
        ),
    )


def at_step(table: SampleTable, mix: Mix, raw: FloatArray, step: int) -> engine.Combined:
    """All samples as if they had been made at one step; running statistics start empty."""
    steps = np.full(len(table), float(step))
    return combine(mix, raw, steps, table.groups, table.batches, table.correct, table.mean_nll)


def beaten(
    mix: Mix,
    problems: Sequence[Problem],
    steps: Sequence[int],
    answer_rule: AnswerRule = "strict",
    progress: Progress = nothing,
) -> tuple[Beaten, ...]:
    """Probes that beat the gold solution at any of the steps.

    Each comes with its worst example, and the share of problems in which it wins. The probes of a problem are
    one group. Terms that need a policy (log-probabilities) do not apply to them.
    """
    worst: dict[tuple[str, int], Beaten] = {}
    hits: dict[tuple[str, int], int] = {}
    for index, problem in enumerate(problems):
        progress(index / len(problems))
        texts = probes(problem)
        # scored once, weighed at each step
        table = from_batch(of_problem(problem, [p.text for p in texts], answer_rule), mix)
        for step in steps:
            total = np.nan_to_num(at_step(table, mix, table.matrix(mix), step).total, nan=-np.inf)
            for i, probe in enumerate(texts):
                if probe.name == RIGHT or total[i] <= total[0] + 1e-9:
                    continue
                key = (probe.name, step)
                hits[key] = hits.get(key, 0) + 1
                if key not in worst or total[i] - total[0] > worst[key].total - worst[key].right_total:
                    worst[key] = Beaten(
                        probe.name, step, problem.question, probe.text, float(total[i]), float(total[0]), 0.0
                    )
    progress(1.0)
    return tuple(
        Beaten(b.probe, b.step, b.problem, b.text, b.total, b.right_total, hits[key] / len(problems))
        for key, b in sorted(worst.items(), key=lambda item: (-hits[item[0]], item[0]))
    )
