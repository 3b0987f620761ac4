"""Arms side by side: everything that a page, a table or a report says about some runs. Pure.

With a refusal nothing is averaged: `arms` and `pairs` are empty and `remarks` says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from core.common.groups import FloatArray
from core.compare.catalogue import SCORES
from core.compare.evidence import GOLD, OUTCOMES, Evidence, Outcome, by_arm, horizon
from core.compare.flags import Flag, flags
from core.compare.stats import thresholds as when
from core.compare.stats.bootstrap import RESAMPLES, SEED, Band, Interval, Spread, band, interval, iqm, spread
from core.compare.stats.corrections import holm
from core.compare.stats.curves import at
from core.compare.stats.mcnemar import Answers, GainedLost, mcnemar, together
from core.compare.stats.pairs import Paired, improvement, paired
from core.compare.stats.scores import Measured, measured, scores
from core.compare.stats.thresholds import Reach, Threshold
from core.compare.stats.time_to_threshold import Arrival, arrival
from core.compare.validity import Remark
from core.compare.warnings import remarks

# Scores chosen before looking; p-values are corrected over all of them together.
PRIMARY = ("gold/auc", "risk/drawdown_tail", "gold/final")
UNITS = ("steps", "tokens", "seconds")


@dataclass(frozen=True)
class ArmScore:
    """A score of an arm.

    `values`: seed -> value where defined; `undefined`: number of evaluated runs where it is not, which are in
    no mean. `worst`: the mean if runs that ended early got nothing right from then on.
    """

    values: Mapping[int, float]
    undefined: int
    mean: Interval
    iqm: Interval
    spread: Spread | None
    worst: float


@dataclass(frozen=True)
class Arm:
    """One arm over its runs.

    `seeds`: seed -> run id of all its runs; `last`: seed -> step of the last evaluation up to the horizon,
    where there is one. `curve`: mean gold accuracy on the comparison's grid. `arrivals`: (threshold's name,
    unit) -> how soon. `measured`: "gold/final" and "gold/best" -> seed -> how exactly the held-out problems
    know it.
    """

    name: str
    runs: tuple[int, ...]
    seeds: Mapping[int, int]
    last: Mapping[int, int]
    outcomes: Mapping[Outcome, int]
    scores: Mapping[str, ArmScore]
    arrivals: Mapping[tuple[str, str], Arrival]
    reaches: Mapping[tuple[str, str], Mapping[int, Reach | None]]
    """(threshold's name or score's key, unit) -> seed -> when; None: not known."""
    curve: Band
    measured: Mapping[str, Mapping[int, Measured]]


@dataclass(frozen=True)
class Pair:
    """`first` against `second` by one score; differences are first minus second.

    `p_holm` is corrected for all pairs and scores of the comparison together.
    """

    first: str
    second: str
    score: str
    improvement: Interval
    paired: Paired
    p_holm: float


@dataclass(frozen=True)
class HeldOut:
    """`first` against `second` on the held-out problems at the last evaluation.

    The answers of common seeds are taken together.
    """

    first: str
    second: str
    found: GainedLost
    p_holm: float


@dataclass(frozen=True)
class Comparison:
    """Everything that was computed about some runs.

    `grid` [s]: the steps of the curves, up to the horizon. `flags`: run id -> its flags.
    """

    horizon: int
    remarks: tuple[Remark, ...]
    thresholds: tuple[Threshold, ...]
    grid: FloatArray
    arms: tuple[Arm, ...]
    pairs: tuple[Pair, ...]
    held_out: tuple[HeldOut, ...]
    flags: Mapping[int, tuple[Flag, ...]]


def compare(
    runs: Sequence[Evidence],
    wanted: Sequence[Threshold] = (),
    answers: Mapping[int, Answers] | None = None,
    primary: Sequence[str] = PRIMARY,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compare some runs, arm by arm.

    `wanted`: thresholds in addition to the relative ones. `answers`: run id -> its last evaluation's
    problems, for `held_out`; empty: not compared.
    """
    runs = [run.counted for run in runs]
    last = horizon(runs)
    all_remarks = remarks(runs, last)
    flags_by_run = {run.run_id: tuple(flags(run, last)) for run in runs}
    if any(r.refused for r in all_remarks):
        return Comparison(last, tuple(all_remarks), (), np.zeros(0), (), (), (), flags_by_run)
    arms = by_arm(runs)
    marks = [*wanted, *when.relative(list(arms.values()), last)]
    lines = [run.line(GOLD, last)[0] for run in runs]
    grid = np.unique(np.concatenate([*lines, [0.0, float(last)]]))
    limits = {unit: _limit(runs, last, unit) for unit in UNITS}
    compared = tuple(
        _arm(name, arm_runs, last, marks, grid, limits, answers or {}, resamples, seed)
        for name, arm_runs in arms.items()
    )
    return Comparison(
        last,
        tuple(all_remarks),
        tuple(marks),
        grid,
        compared,
        _pairs(compared, primary, resamples, seed),
        _held_out(arms, answers or {}),
        flags_by_run,
    )


def _limit(runs: Sequence[Evidence], last: int, unit: str) -> float:
    """What every complete run spent up to the horizon: beyond it some runs were not watched.

    NaN where nobody knows.
    """
    if unit == "steps":
        return float(last)
    costs = [when.spent(run, last, unit) for run in runs if run.outcome in ("complete", "training")]
    return min((x for x in costs if np.isfinite(x)), default=float("nan"))


def _arm(
    name: str,
    runs: Sequence[Evidence],
    last: int,
    marks: Sequence[Threshold],
    grid: FloatArray,
    limits: Mapping[str, float],
    answers: Mapping[int, Answers],
    resamples: int,
    seed: int,
) -> Arm:
    evaluated = [run for run in runs if len(run.line(GOLD, last)[0])]
    best = [scores(run, last) for run in evaluated]
    ended = ("failed", "stopped")  # only these have a worse case
    lost = [
        scores(r, last, 0.0) if r.outcome in ended else observed
        for r, observed in zip(evaluated, best, strict=True)
    ]
    keys = list(scores(runs[0], last))
    # a run that failed at once never gets there
    watched = [run for run in runs if run in evaluated or run.outcome == "failed"]
    reaches = _reaches(watched, last, marks, limits)
    curves = np.array([at(*run.line(GOLD, last), grid) for run in evaluated]).reshape(
        len(evaluated), len(grid)
    )
    return Arm(
        name=name,
        runs=tuple(run.run_id for run in runs),
        seeds={run.seed: run.run_id for run in runs},
        last={run.seed: int(run.line(GOLD, last)[0][-1]) for run in evaluated},
        outcomes={o: sum(run.outcome == o for run in runs) for o in OUTCOMES},
        scores={key: _arm_score(key, evaluated, best, lost, resamples, seed) for key in keys},
        arrivals={
            mark_and_unit: arrival(list(reach_by_seed.values()), limits[mark_and_unit[1]], resamples, seed)
            for mark_and_unit, reach_by_seed in reaches.items()
        },
        reaches=reaches,
        curve=band(curves, resamples, seed),
        measured={
            "gold/final": _measured(evaluated, last, False, answers),
            "gold/best": _measured(evaluated, last, True, {}),
        },
    )


def _measured(
    runs: Sequence[Evidence], last: int, best: bool, answers: Mapping[int, Answers]
) -> dict[int, Measured]:
    measured_by_seed = {run.seed: measured(run, last, best, answers.get(run.run_id)) for run in runs}
    return {seed: m for seed, m in measured_by_seed.items() if m is not None}


def _reach(run: Evidence, value: float, last: int, unit: str) -> Reach | None:
    """A reach in steps, tokens or seconds.

    None where a step was not recorded, so that nobody knows what it cost.
    """
    reach = when.steps_to(run, value, last)
    if unit == "steps":
        return reach
    if not reach.reached and run.outcome == "failed":
        return Reach(float("inf"), False)  # it never gets there, whatever is spent
    cost = when.spent(run, reach.time, unit)
    return Reach(cost, reach.reached) if np.isfinite(cost) else None


def _reaches(
    runs: Sequence[Evidence], last: int, marks: Sequence[Threshold], limits: Mapping[str, float]
) -> dict[tuple[str, str], dict[int, Reach | None]]:
    """(threshold's name or score's key, unit) -> seed -> when."""
    reach_by_mark = {
        (m.name, unit): {r.seed: _reach(r, m.value, last, unit) for r in runs}
        for m in marks
        for unit in UNITS
        if np.isfinite(limits[unit])
    }
    events = {"entropy/half_life": when.half_life, "collapse/step": when.collapse_step}
    return reach_by_mark | {
        (key, "steps"): {r.seed: measure(r, last) for r in runs} for key, measure in events.items()
    }


def _arm_score(
    key: str,
    runs: Sequence[Evidence],
    best: Sequence[Mapping[str, float]],
    lost: Sequence[Mapping[str, float]],
    resamples: int,
    seed: int,
) -> ArmScore:
    values = {
        run.seed: run_scores[key]
        for run, run_scores in zip(runs, best, strict=True)
        if np.isfinite(run_scores[key])
    }
    worst = [run_scores[key] for run_scores in lost if np.isfinite(run_scores[key])]
    numbers = np.array(list(values.values()), dtype=float)
    return ArmScore(
        values=values,
        undefined=len(runs) - len(values),
        mean=interval(numbers, resamples=resamples, seed=seed),
        iqm=interval(numbers, iqm, resamples, seed),
        spread=spread(numbers) if len(numbers) else None,
        worst=float(np.mean(worst)) if worst else float("nan"),
    )


def _pairs(arms: Sequence[Arm], primary: Sequence[str], resamples: int, seed: int) -> tuple[Pair, ...]:
    pairs = []
    for key in primary:
        for arm_x, arm_y in combinations(arms, 2):
            x = arm_x.scores[key].values
            y = arm_y.scores[key].values
            wins = improvement(
                np.array(list(x.values())), np.array(list(y.values())), SCORES[key].better, resamples, seed
            )
            pairs.append(Pair(arm_x.name, arm_y.name, key, wins, paired(x, y, resamples, seed), float("nan")))
    adjusted = holm(np.array([pair.paired.p for pair in pairs]))
    return tuple(replace(pair, p_holm=float(p)) for pair, p in zip(pairs, adjusted, strict=True))


def _held_out(arms: Mapping[str, Sequence[Evidence]], answers: Mapping[int, Answers]) -> tuple[HeldOut, ...]:
    """Pairs of arms on the held-out problems, over the seeds for which both have answers."""
    answers_by_arm = {
        name: {r.seed: answers[r.run_id] for r in runs if r.run_id in answers} for name, runs in arms.items()
    }
    results = []
    for first, second in combinations(answers_by_arm, 2):
        common_seeds = sorted(set(answers_by_arm[first]) & set(answers_by_arm[second]))
        if common_seeds:
            sides = [together([answers_by_arm[name][s] for s in common_seeds]) for name in (first, second)]
            results.append(HeldOut(first, second, mcnemar(*sides), float("nan")))
    adjusted = holm(np.array([h.found.p for h in results]))
    return tuple(replace(h, p_holm=float(p)) for h, p in zip(results, adjusted, strict=True))
