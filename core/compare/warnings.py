"""What may be compared, but with a warning shown next to the numbers. Pure."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from core.common.groups import FloatArray
from core.compare.evidence import GOLD, OUTCOMES, REWARD, Evidence, by_arm
from core.compare.stats.bootstrap import ENOUGH, FEWEST, holds
from core.compare.stats.scores import missing
from core.compare.validity import Remark, differing, ids_of, refused, some
from core.metrics import count

SAID_APART = ("grpo.max_steps", "grpo.prompts_per_step", "grpo.num_generations", "evaluation.every")
EVALUATIONS = 3  # so many equal ones are not chance
Line = tuple[FloatArray, FloatArray]  # steps and values


def remarks(runs: Sequence[Evidence], horizon: int) -> list[Remark]:
    """Everything that a reader must know before believing a comparison; refusals alone if there are any."""
    if refusals := refused(runs, horizon):
        return refusals
    return [
        *_budget(runs), *_between(runs), *_same(runs), *_machines(runs), *_seeds(runs), *_outcomes(runs),
        *_missing(runs, horizon),
    ]  # fmt: skip


def _budget(runs: Sequence[Evidence]) -> list[Remark]:
    notes = []
    steps = sorted({r.max_steps for r in runs})
    if len(steps) > 1:
        message = (
            f"Budgets differ: {some([str(s) for s in steps])} steps. Compared up to step {steps[0]}; "
            "schedules in percent "
        )
        notes.append(
            Remark(
                "budget",
                False,
                message + "and learning rates that fall have another shape in each.",
                ids_of(runs),
            )
        )
    sizes = sorted({r.completions_per_step for r in runs})
    if len(sizes) > 1:
        message = (
            f"A step trains on {some([str(s) for s in sizes])} completions: compare by tokens, not by steps."
        )
        notes.append(Remark("budget", False, message, ids_of(runs)))
    every = sorted({r.config.get("evaluation", {}).get("every", 0) for r in runs})
    if len(every) > 1:
        message = (
            f"Evaluated every {some([str(e) for e in every])} steps: drops, jitter and times to a threshold "
            "are finer in one."
        )
        notes.append(Remark("evaluation.every", False, message, ids_of(runs)))
    return notes


def _between(runs: Sequence[Evidence]) -> list[Remark]:
    paths = [p for p in differing(runs, mixes=False) if p not in SAID_APART]
    if not paths:
        return []
    return [
        Remark(
            paths[0],
            False,
            f"Arms differ in more than their mix: {some(paths)}. A difference may come from there.",
            ids_of(runs),
        )
    ]


def _same(runs: Sequence[Evidence]) -> list[Remark]:
    """A warning for arms that trained the same thing: what tells their mixes apart had no effect."""
    arms = by_arm(runs)
    lines = {
        arm: {r.seed: (r.line(GOLD), r.line(REWARD)) for r in arm_runs} for arm, arm_runs in arms.items()
    }
    pairs = [
        (first, second) for first, second in combinations(arms, 2) if _equal(lines[first], lines[second])
    ]
    if not pairs:
        return []
    names = some([f"{first} and {second}" for first, second in pairs])
    message = (
        f"{names} have equal curves in every common seed: they trained the same thing. Look for what cannot "
        "act."
    )
    return [
        Remark("mix", False, message, ids_of([r for arm in dict.fromkeys(sum(pairs, ())) for r in arms[arm]]))
    ]


def _equal(one: Mapping[int, tuple[Line, Line]], two: Mapping[int, tuple[Line, Line]]) -> bool:
    """Whether gold accuracy and reward are exactly equal in every common seed.

    Compared as far as both were evaluated; False without a common seed.
    """
    common = one.keys() & two.keys()
    return bool(common) and all(_equal_seed(*one[seed], *two[seed]) for seed in common)


def _equal_seed(gold: Line, reward: Line, other_gold: Line, other_reward: Line) -> bool:
    evaluated = min(len(gold[0]), len(other_gold[0]))
    if evaluated < EVALUATIONS:
        return False
    last = min(gold[0][-1], other_gold[0][-1])
    lines, other_lines = (
        [_until(line, last) for line in pair] for pair in ((gold, reward), (other_gold, other_reward))
    )
    # A reward that never moves, or was not read, tells nothing: any mix without a right answer has one.
    return len(np.unique(lines[1][1])) > 1 and all(
        np.array_equal(a, b) for a, b in zip(lines, other_lines, strict=True)
    )


def _until(line: Line, last: float) -> FloatArray:
    """[2, n] steps and values up to a step."""
    return np.array(line)[:, line[0] <= last]


def _machines(runs: Sequence[Evidence]) -> list[Remark]:
    machines = sorted(
        {
            f"{r.environment['device']} of {r.environment.get('host', '')}"
            for r in runs
            if r.environment.get("device")
        }
    )
    if len(machines) < 2:
        return []
    return [
        Remark(
            "machine",
            False,
            f"Trained on {len(machines)} kinds of machine ({some(machines)}): seconds are not comparable.",
            ids_of(runs),
        )
    ]


def _seeds(runs: Sequence[Evidence]) -> list[Remark]:
    arms = by_arm(runs)
    notes = []
    as_many: dict[int, list[str]] = {}
    for arm, arm_runs in arms.items():
        as_many.setdefault(sum(bool(len(r.line(GOLD)[0])) for r in arm_runs), []).append(arm)
    for n, names in sorted(as_many.items()):
        who = some(names)
        seeds = f"{count(n, 'seed')}{' each' * (len(names) > 1)}"
        has = "has" if len(names) == 1 else "have"
        affected = [r for name in names for r in arms[name]]
        if n < FEWEST:
            message = (
                f"{who} {has} {seeds}: too few for an interval; only points are shown. Train {FEWEST} or "
                "more."
            )
            notes.append(Remark("seeds", False, message, ids_of(affected)))
        elif n < 2 * ENOUGH:
            more = f" {ENOUGH} or more would carry a claim." if n < ENOUGH else ""
            message = (
                f"{who} {has} {seeds}: a 95 % interval of so few holds the truth in about {holds(n)} of 100 "
                f"cases.{more}"
            )
            notes.append(Remark("seeds", False, message, ids_of(affected)))
    if len({tuple(r.seed for r in arm_runs) for arm_runs in arms.values()}) > 1:
        message = "Arms do not have the same seeds: differences by seed are of the common ones only."
        notes.append(Remark("seeds", False, message, ids_of(runs)))
    return notes


def _outcomes(runs: Sequence[Evidence]) -> list[Remark]:
    consequences = {
        "failed": "counted with the gold accuracy they had (worst case: zero), and as reaching nothing more",
        "stopped": "counted with the gold accuracy they had; how soon they would have got there is not known",
        "training": "compared up to the step at which all are",
        "waiting": "not evaluated twice yet, in no number",
    }
    notes = []
    for outcome in OUTCOMES:
        affected = [r for r in runs if r.outcome == outcome]
        if outcome != "complete" and affected:
            names = some([f"{r.arm} seed {r.seed}" for r in affected])
            notes.append(
                Remark(
                    "outcome",
                    False,
                    f"{len(affected)} of {len(runs)} runs {outcome} ({names}): {consequences[outcome]}.",
                    ids_of(affected),
                )
            )
    never = [r for r in runs if r.outcome in ("failed", "stopped") and not len(r.line(GOLD)[0])]
    if never:
        names = some([f"{r.arm} seed {r.seed}" for r in never])
        message = f"Ended before the first evaluation: {names}; in no mean, but in every count."
        notes.append(Remark("outcome", False, message, ids_of(never)))
    return notes


def _missing(runs: Sequence[Evidence], horizon: int) -> list[Remark]:
    counts = {r.run_id: missing(r, horizon) for r in runs}
    bad = [r for r in runs if counts[r.run_id]]
    if not bad:
        return []
    steps = sum(counts.values())
    steps_and_runs = f"{count(steps, 'step')} of {count(len(bad), 'run')} {'has' if steps == 1 else 'have'}"
    message = f"{steps_and_runs} a reward, loss or gradient norm that is no number."
    return [Remark("missing", False, message, ids_of(bad))]
