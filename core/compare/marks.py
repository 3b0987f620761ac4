"""What may be compared, but with a word of warning beside the numbers. Called by `comparison` before it averages. Pure."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from core.compare.evidence import GOLD, OUTCOMES, REWARD, Evidence, by_arm
from core.compare.refusals import Remark, differing, ids_of, refused, some
from core.compare.scores import missing
from core.compare.seeds import ENOUGH, FEWEST, holds
from core.groups import FloatArray
from core.metrics import count

SAID_APART = ("grpo.max_steps", "grpo.prompts_per_step", "grpo.num_generations", "evaluation.every")
EVALUATIONS = 3  # as many equal ones are no chance
Line = tuple[FloatArray, FloatArray]  # steps and values


def remarks(runs: Sequence[Evidence], horizon: int) -> list[Remark]:
    """Everything that a reader must know before believing a comparison. With a refusal nothing else is said."""
    if found := refused(runs, horizon):
        return found
    return [
        *_budget(runs), *_between(runs), *_same(runs), *_machines(runs), *_seeds(runs), *_outcomes(runs),
        *_missing(runs, horizon),
    ]  # fmt: skip


def _budget(runs: Sequence[Evidence]) -> list[Remark]:
    found = []
    steps = sorted({r.max_steps for r in runs})
    if len(steps) > 1:
        said = f"Budgets differ: {some([str(s) for s in steps])} steps. Compared up to step {steps[0]}; schedules in percent "
        found.append(Remark("budget", False, said + "and learning rates that fall have another shape in each.", ids_of(runs)))
    sizes = sorted({r.completions_per_step for r in runs})
    if len(sizes) > 1:
        said = f"A step trains on {some([str(s) for s in sizes])} completions: compare by tokens, not by steps."
        found.append(Remark("budget", False, said, ids_of(runs)))
    every = sorted({r.config.get("evaluation", {}).get("every", 0) for r in runs})
    if len(every) > 1:
        said = (
            f"Evaluated every {some([str(e) for e in every])} steps: drops, jitter and times to a threshold are finer in one."
        )
        found.append(Remark("evaluation.every", False, said, ids_of(runs)))
    return found


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
    """Arms that trained the same thing: what tells their mixes apart did not act."""
    arms = by_arm(runs)
    lines = {arm: {r.seed: (r.line(GOLD), r.line(REWARD)) for r in same} for arm, same in arms.items()}
    pairs = [(one, two) for one, two in combinations(arms, 2) if _equal(lines[one], lines[two])]
    if not pairs:
        return []
    names = some([f"{one} and {two}" for one, two in pairs])
    said = f"{names} have equal curves in every common seed: they trained the same thing. Look for what cannot act."
    return [Remark("mix", False, said, ids_of([r for arm in dict.fromkeys(sum(pairs, ())) for r in arms[arm]]))]


def _equal(one: Mapping[int, tuple[Line, Line]], two: Mapping[int, tuple[Line, Line]]) -> bool:
    """Gold accuracy and reward are equal to the digit in every common seed, as far as both were evaluated."""
    common = one.keys() & two.keys()
    return bool(common) and all(_equal_seed(*one[seed], *two[seed]) for seed in common)


def _equal_seed(gold: Line, reward: Line, other_gold: Line, other_reward: Line) -> bool:
    evaluated = min(len(gold[0]), len(other_gold[0]))
    if evaluated < EVALUATIONS:
        return False
    last = min(gold[0][-1], other_gold[0][-1])
    found, other = ([_until(line, last) for line in lines] for lines in ((gold, reward), (other_gold, other_reward)))
    # A reward that never moves, or was not read, tells nothing: any mix in which nothing is ever right has it.
    return len(np.unique(found[1][1])) > 1 and all(np.array_equal(a, b) for a, b in zip(found, other, strict=True))


def _until(line: Line, last: float) -> FloatArray:
    """[2, n] steps and values up to a step."""
    return np.array(line)[:, line[0] <= last]


def _machines(runs: Sequence[Evidence]) -> list[Remark]:
    seen = sorted(
        {f"{r.environment['device']} of {r.environment.get('host', '')}" for r in runs if r.environment.get("device")}
    )
    if len(seen) < 2:
        return []
    return [
        Remark(
            "machine",
            False,
            f"Trained on {len(seen)} kinds of machine ({some(seen)}): seconds are not comparable.",
            ids_of(runs),
        )
    ]


def _seeds(runs: Sequence[Evidence]) -> list[Remark]:
    arms, found = by_arm(runs), []
    as_many: dict[int, list[str]] = {}
    for arm, same in arms.items():
        as_many.setdefault(sum(bool(len(r.line(GOLD)[0])) for r in same), []).append(arm)
    for n, names in sorted(as_many.items()):
        who, seeds = some(names), f"{count(n, 'seed')}{' each' * (len(names) > 1)}"
        has, those = "has" if len(names) == 1 else "have", [r for name in names for r in arms[name]]
        if n < FEWEST:
            said = f"{who} {has} {seeds}: too few for an interval; only points are shown. Train {FEWEST} or more."
            found.append(Remark("seeds", False, said, ids_of(those)))
        elif n < 2 * ENOUGH:
            more = f" {ENOUGH} or more would carry a claim." if n < ENOUGH else ""
            said = f"{who} {has} {seeds}: a 95 % interval of so few holds the truth in about {holds(n)} of 100 cases.{more}"
            found.append(Remark("seeds", False, said, ids_of(those)))
    if len({tuple(r.seed for r in same) for same in arms.values()}) > 1:
        said = "Arms do not have the same seeds: differences by seed are of the common ones only."
        found.append(Remark("seeds", False, said, ids_of(runs)))
    return found


def _outcomes(runs: Sequence[Evidence]) -> list[Remark]:
    what = {
        "failed": "counted with the gold accuracy they had (worst case: zero), and as reaching nothing more",
        "stopped": "counted with the gold accuracy they had; how soon they would have got there is not known",
        "training": "compared up to the step at which all are",
        "waiting": "not evaluated twice yet, in no number",
    }
    found = []
    for outcome in OUTCOMES:
        those = [r for r in runs if r.outcome == outcome]
        if outcome != "complete" and those:
            names = some([f"{r.arm} seed {r.seed}" for r in those])
            found.append(
                Remark(
                    "outcome", False, f"{len(those)} of {len(runs)} runs {outcome} ({names}): {what[outcome]}.", ids_of(those)
                )
            )
    never = [r for r in runs if r.outcome in ("failed", "stopped") and not len(r.line(GOLD)[0])]
    if never:
        names = some([f"{r.arm} seed {r.seed}" for r in never])
        said = f"Ended before the first evaluation: {names}; in no mean, but in every count."
        found.append(Remark("outcome", False, said, ids_of(never)))
    return found


def _missing(runs: Sequence[Evidence], horizon: int) -> list[Remark]:
    counts = {r.run_id: missing(r, horizon) for r in runs}
    bad = [r for r in runs if counts[r.run_id]]
    if not bad:
        return []
    steps = sum(counts.values())
    those = f"{count(steps, 'step')} of {count(len(bad), 'run')} {'has' if steps == 1 else 'have'}"
    said = f"{those} a reward, loss or gradient norm that is no number."
    return [Remark("missing", False, said, ids_of(bad))]
