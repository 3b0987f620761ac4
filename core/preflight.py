"""Pre-flight: what a mix does with stored samples and with probes, before a GPU is spent. Called by the CLI and the design
page. Pure arithmetic; NaN means "not defined here".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import engine
from core.advantage import DEAD_TOLERANCE, dead, shares
from core.agreement import auroc, spearman
from core.answers import AnswerRule
from core.batch import of_problem
from core.engine import combine
from core.groups import FloatArray
from core.mix import Mix
from core.probes import RIGHT, probes
from core.problems.problem import Problem
from core.progress import Progress, between, nothing
from core.rewards.component import FROM_TEXT
from core.table import SampleTable, from_batch

BINS = 24
CURVE_POINTS = 21
MOST_FOR_CURVE = 20_000  # samples on which the curve along the schedule is computed
SHARES = (0.1, 0.5, 0.7)  # of the work, about: done with the step looked at, the curve, the distributions; the probes are last


@dataclass(frozen=True)
class Distribution:
    """Of one term's raw scores, or of the total: quantiles 0, 25, 50, 75, 100 %, and a histogram."""

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
    """Everything a user should know before launching. `curve_steps` [p], `shares` [p, K], `dead` [p] run along the
    schedule on the same samples. `unprobed`: terms that say nothing of probes; `constant`: terms equal inside every group."""

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
    known = values[~np.isnan(values)]
    if not len(known):
        nan = float("nan")
        return Distribution(name, 0.0, nan, (nan,) * 5, (), (), nan, nan)
    flat = np.ptp(known) <= 1e-9 * max(1.0, float(np.abs(known).max()))
    counts, edges = np.histogram(np.full(len(known), known[0]) if flat else known, BINS)  # numpy cannot split a speck of dust
    right = table.correct.astype(float)
    return Distribution(
        name=name,
        applies=len(known) / len(values),
        mean=float(known.mean()),
        quantiles=tuple(float(q) for q in np.quantile(known, [0, 0.25, 0.5, 0.75, 1])),
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
    """A mix (schedules in steps) on a table of samples, and on the probes of some problems.

    Distributions are as of `step` (the middle of training unless given). Adaptive schedules stand at their start.
    """
    step = max(1, max_steps // 2) if step is None else step
    raw = table.matrix(mix)
    now = at_step(table, mix, raw, step)
    progress(SHARES[0])
    thin = table.thinned(MOST_FOR_CURVE)
    thin_raw = thin.matrix(mix)
    points = sorted({max(1, round(x)) for x in np.linspace(1, max_steps, CURVE_POINTS)})
    found_shares, found_dead = [], []
    for done, point in enumerate(points):
        between(progress, *SHARES[:2])(done / len(points))
        made = at_step(thin, mix, thin_raw, point)
        linear = mix.rule.type == "sum"
        found_shares.append(shares(mix.advantage, made.totals) if linear else np.full(len(mix.terms), np.nan))
        found_dead.append(float(dead(mix.advantage, made.totals, made.advantage).mean()))
    columns = [*((t.label, raw[:, k]) for k, t in enumerate(mix.terms)), ("total", now.total)]
    distributions = []
    for done, (name, values) in enumerate(columns):
        between(progress, *SHARES[1:3])(done / len(columns))
        distributions.append(_distribution(name, values, table))
    found = beaten(mix, problems, sorted({1, step, max_steps}), answer_rule, between(progress, SHARES[2], 1.0))
    return Report(
        samples=len(table),
        groups=table.groups.count,
        accuracy=float(table.correct.mean()) if len(table) else float("nan"),
        step=step,
        terms=mix.labels,
        distributions=tuple(distributions),
        curve_steps=tuple(points),
        shares=np.array(found_shares),
        dead=np.array(found_dead),
        blend=np.array([mix.hard_share(p) for p in points]),
        beaten=found,
        probed=len(problems),
        unprobed=tuple(t.label for t in mix.terms if t.definition.needs - FROM_TEXT),  # no policy wrote the probes
        constant=tuple(
            n for n, v in zip(mix.labels, now.shaped.T, strict=True) if (table.groups.std(v) <= DEAD_TOLERANCE).all()
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
    """Probes that beat the gold solution at any of the steps: for each the worst example, and the share of problems.

    The probes of a problem are one group. What needs a policy (log-probabilities) does not apply to them.
    """
    worst: dict[tuple[str, int], Beaten] = {}
    hits: dict[tuple[str, int], int] = {}
    for done, problem in enumerate(problems):
        progress(done / len(problems))
        texts = probes(problem)
        table = from_batch(of_problem(problem, [p.text for p in texts], answer_rule), mix)  # scored once, weighed at each step
        for step in steps:
            total = np.nan_to_num(at_step(table, mix, table.matrix(mix), step).total, nan=-np.inf)
            for i, probe in enumerate(texts):
                if probe.name == RIGHT or total[i] <= total[0] + 1e-9:
                    continue
                key = (probe.name, step)
                hits[key] = hits.get(key, 0) + 1
                if key not in worst or total[i] - total[0] > worst[key].total - worst[key].right_total:
                    worst[key] = Beaten(probe.name, step, problem.question, probe.text, float(total[i]), float(total[0]), 0.0)
    progress(1.0)
    return tuple(
        Beaten(b.probe, b.step, b.problem, b.text, b.total, b.right_total, hits[key] / len(problems))
        for key, b in sorted(worst.items(), key=lambda item: (-hits[item[0]], item[0]))
    )
