"""Arms side by side: everything that a page, a table or a report says about some runs. Called by these. Pure.

With a refusal nothing is averaged: `arms` and `pairs` are empty and `remarks` says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from core.compare import thresholds as when
from core.compare.catalogue import SCORES
from core.compare.corrections import holm
from core.compare.curves import at
from core.compare.evidence import GOLD, OUTCOMES, Evidence, Outcome, by_arm, horizon
from core.compare.flags import Flag, flags
from core.compare.held_out import Answers, GainedLost, mcnemar, together
from core.compare.marks import remarks
from core.compare.pairs import Paired, improvement, paired
from core.compare.refusals import Remark
from core.compare.scores import Measured, measured, scores
from core.compare.seeds import RESAMPLES, SEED, Band, Interval, Spread, band, interval, iqm, spread
from core.compare.survival import Arrival, arrival
from core.compare.thresholds import Reach, Threshold
from core.groups import FloatArray

PRIMARY = ("gold/auc", "risk/drawdown_tail", "gold/final")  # chosen before looking; corrected for together
UNITS = ("steps", "tokens", "seconds")


@dataclass(frozen=True)
class ArmScore:
    """A score of an arm. `values`: seed -> value where defined; `undefined`: evaluated runs where it is not, in no mean.
    `worst`: the mean if runs that ended early got nothing right from then on."""

    values: Mapping[int, float]
    undefined: int
    mean: Interval
    iqm: Interval
    spread: Spread | None
    worst: float


@dataclass(frozen=True)
class Arm:
    """`seeds`: seed -> run id of all its runs; `last`: seed -> step of the last evaluation up to the horizon, where there is
    one. `curve`: mean gold accuracy on the comparison's grid. `arrivals`: (threshold's name, unit) -> how soon. `measured`:
    "gold/final" and "gold/best" -> seed -> how exactly the held-out problems know it."""

    name: str
    runs: tuple[int, ...]
    seeds: Mapping[int, int]
    last: Mapping[int, int]
    outcomes: Mapping[Outcome, int]
    scores: Mapping[str, ArmScore]
    arrivals: Mapping[tuple[str, str], Arrival]
    reaches: Mapping[tuple[str, str], Mapping[int, Reach | None]]
    """The same, seed by seed; None: not known."""
    curve: Band
    measured: Mapping[str, Mapping[int, Measured]]


@dataclass(frozen=True)
class Pair:
    """`first` against `second` by one score; differences are first minus second. `p_holm` is right for all pairs and scores
    of the comparison together."""

    first: str
    second: str
    score: str
    improvement: Interval
    paired: Paired
    p_holm: float


@dataclass(frozen=True)
class HeldOut:
    """`first` against `second` on the held-out problems at the last evaluation, the answers of common seeds together."""

    first: str
    second: str
    found: GainedLost
    p_holm: float


@dataclass(frozen=True)
class Comparison:
    """Everything. `grid` [s]: the steps of the curves, up to the horizon. `flags`: run id -> its flags."""

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
    """Some runs, arm by arm. `wanted`: thresholds beside the relative ones. `answers`: run id -> its last evaluation's
    problems, for `held_out`; empty: not compared."""
    runs = [run.counted for run in runs]
    last = horizon(runs)
    said = remarks(runs, last)
    found_flags = {run.run_id: tuple(flags(run, last)) for run in runs}
    if any(r.refused for r in said):
        return Comparison(last, tuple(said), (), np.zeros(0), (), (), (), found_flags)
    arms = by_arm(runs)
    marks = [*wanted, *when.relative(list(arms.values()), last)]
    lines = [run.line(GOLD, last)[0] for run in runs]
    grid = np.unique(np.concatenate([*lines, [0.0, float(last)]]))
    limits = {unit: _limit(runs, last, unit) for unit in UNITS}
    made = tuple(_arm(name, same, last, marks, grid, limits, answers or {}, resamples, seed) for name, same in arms.items())
    return Comparison(
        last, tuple(said), tuple(marks), grid, made, _pairs(made, primary, resamples, seed),
        _held_out(arms, answers or {}), found_flags,
    )  # fmt: skip


def _limit(runs: Sequence[Evidence], last: int, unit: str) -> float:
    """What every complete run spent up to the horizon: behind it some were not watched. NaN where nobody knows."""
    if unit == "steps":
        return float(last)
    known = [when.spent(run, last, unit) for run in runs if run.outcome in ("complete", "training")]
    return min((x for x in known if np.isfinite(x)), default=float("nan"))


def _arm(
    name: str, runs: Sequence[Evidence], last: int, marks: Sequence[Threshold], grid: FloatArray, limits: Mapping[str, float],
    answers: Mapping[int, Answers], resamples: int, seed: int,
) -> Arm:  # fmt: skip
    evaluated = [run for run in runs if len(run.line(GOLD, last)[0])]
    best = [scores(run, last) for run in evaluated]
    ended = ("failed", "stopped")  # only these have a worse case
    lost = [scores(r, last, 0.0) if r.outcome in ended else whole for r, whole in zip(evaluated, best, strict=True)]
    keys = list(scores(runs[0], last))
    watched = [run for run in runs if run in evaluated or run.outcome == "failed"]  # one that failed at once never gets there
    reaches = _reaches(watched, last, marks, limits)
    curves = np.array([at(*run.line(GOLD, last), grid) for run in evaluated]).reshape(len(evaluated), len(grid))
    return Arm(
        name=name,
        runs=tuple(run.run_id for run in runs),
        seeds={run.seed: run.run_id for run in runs},
        last={run.seed: int(run.line(GOLD, last)[0][-1]) for run in evaluated},
        outcomes={o: sum(run.outcome == o for run in runs) for o in OUTCOMES},
        scores={key: _arm_score(key, evaluated, best, lost, resamples, seed) for key in keys},
        arrivals={what: arrival(list(found.values()), limits[what[1]], resamples, seed) for what, found in reaches.items()},
        reaches=reaches,
        curve=band(curves, resamples, seed),
        measured={
            "gold/final": _measured(evaluated, last, False, answers), "gold/best": _measured(evaluated, last, True, {}),
        },
    )  # fmt: skip


def _measured(runs: Sequence[Evidence], last: int, best: bool, answers: Mapping[int, Answers]) -> dict[int, Measured]:
    found = {run.seed: measured(run, last, best, answers.get(run.run_id)) for run in runs}
    return {seed: m for seed, m in found.items() if m is not None}


def _reach(run: Evidence, value: float, last: int, unit: str) -> Reach | None:
    """A reach in steps, tokens or seconds; None where a step was not recorded, so that nobody knows what it cost."""
    found = when.steps_to(run, value, last)
    if unit == "steps":
        return found
    if not found.reached and run.outcome == "failed":
        return Reach(float("inf"), False)  # it never gets there, whatever is spent
    cost = when.spent(run, found.time, unit)
    return Reach(cost, found.reached) if np.isfinite(cost) else None


def _reaches(
    runs: Sequence[Evidence], last: int, marks: Sequence[Threshold], limits: Mapping[str, float]
) -> dict[tuple[str, str], dict[int, Reach | None]]:
    """(threshold's name or score's key, unit) -> seed -> when."""
    found = {
        (m.name, unit): {r.seed: _reach(r, m.value, last, unit) for r in runs}
        for m in marks
        for unit in UNITS
        if np.isfinite(limits[unit])
    }
    own = {"entropy/half_life": when.half_life, "collapse/step": when.collapse_step}
    return found | {(key, "steps"): {r.seed: measure(r, last) for r in runs} for key, measure in own.items()}


def _arm_score(
    key: str, runs: Sequence[Evidence], best: Sequence[Mapping[str, float]], lost: Sequence[Mapping[str, float]],
    resamples: int, seed: int,
) -> ArmScore:  # fmt: skip
    values = {run.seed: found[key] for run, found in zip(runs, best, strict=True) if np.isfinite(found[key])}
    worst = [found[key] for found in lost if np.isfinite(found[key])]
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
    found = []
    for key in primary:
        for one, two in combinations(arms, 2):
            x, y = one.scores[key].values, two.scores[key].values
            wins = improvement(
                np.array(list(x.values())), np.array(list(y.values())), SCORES[key].better, resamples, seed
            )  # fmt: skip
            found.append(Pair(one.name, two.name, key, wins, paired(x, y, resamples, seed), float("nan")))
    adjusted = holm(np.array([pair.paired.p for pair in found]))
    return tuple(replace(pair, p_holm=float(p)) for pair, p in zip(found, adjusted, strict=True))


def _held_out(arms: Mapping[str, Sequence[Evidence]], answers: Mapping[int, Answers]) -> tuple[HeldOut, ...]:
    """Arm by arm on the seeds that both have answers of."""
    known = {name: {r.seed: answers[r.run_id] for r in runs if r.run_id in answers} for name, runs in arms.items()}
    found = []
    for one, two in combinations(known, 2):
        both = sorted(set(known[one]) & set(known[two]))
        if both:
            sides = [together([known[name][s] for s in both]) for name in (one, two)]
            found.append(HeldOut(one, two, mcnemar(*sides), float("nan")))
    adjusted = holm(np.array([h.found.p for h in found]))
    return tuple(replace(h, p_holm=float(p)) for h, p in zip(found, adjusted, strict=True))
