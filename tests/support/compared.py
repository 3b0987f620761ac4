"""Experiments whose runs are written straight into the store, with curves that a comparison can tell apart.

`learned` makes one: arm -> the gold accuracy it climbs to.
"""

import math
import random
from collections.abc import Mapping, Sequence

from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store.runs import claims, lifecycle, queries
from core.store.status import Status
from core.store.steps.records import EvaluationRow, ItemRow, SampleRow, StepRecord, write_step

EVERY, PROBLEMS = 10, 128
HARD = {"component": "correctness", "side": "hard"}
NEAR = {"component": "closeness", "side": "continuous", "weight": 0.5}
MIXES = {
    "hard": {"terms": [HARD]},
    "continuous": {"terms": [NEAR]},
    "hybrid": {"blend": {"type": "constant", "value": 0.5}, "terms": [HARD, NEAR]},
}


def made(arms: Sequence[str], seeds: Sequence[int], steps: int, **more: object) -> ExperimentConfig:
    """Arms named after MIXES, or after one with something behind a dash: hard-2."""
    return parse(ExperimentConfig, {
        "name": "compared", "question": "Which structure learns best?", "seeds": list(seeds),
        "run": {"model": {"path": "tiny"}, "grpo": {"max_steps": steps, "num_generations": 4, "prompts_per_step": 4}},
        "arms": [{"name": a, "mix": MIXES[a.split("-")[0]]} for a in arms], **more,
    })  # fmt: skip


def sampled(wrong_pays: bool) -> list[SampleRow]:
    """Two groups of two right and two wrong completions; `wrong_pays`: the wrong ones are rewarded more."""
    return [
        SampleRow(
            split="train", problem_id=f"p{group}", group_index=group, index_in_group=index, prompt="?", completion="#### 7",
            gold="7", parsed="7", parsed_by="marker",
            parsed_start=None, parsed_end=None, correct=index < 2, n_tokens=3, truncated=False,
            mean_nll=None, total=float((index < 2) != wrong_pays), advantage=0.0, scores=(),
        )
        for group in range(2) for index in range(4)
    ]  # fmt: skip


def write(
    run_id: int,
    height: float,
    seed: int,
    last: int,
    fall: float = 0.0,
    first: int = 0,
    samples: Sequence[SampleRow] = (),
) -> None:
    """Steps first..last of a run that climbs to about `height`; with `fall` it sinks from the middle on
    while rewards rise."""
    rng = random.Random(1000 * run_id + first)
    lift = 0.02 * math.sin(7 * seed + run_id)
    for step in range(first, last + 1):
        x = step / 40
        found: dict[str, float] = {}
        evaluation = None
        if step:
            found = {
                "reward/total": 0.2 + 0.6 * x / (1 + x) + 0.02 * rng.random(), "reward/accuracy": min(1.0, 0.1 + 0.3 * x),
                "signal/dead_groups": 0.2 + 0.1 * rng.random(), "policy/entropy": 0.5 + 0.5 / (1 + x),
                "policy/loss": rng.random(),
                "policy/grad_norm": 0.5 + 0.1 * rng.random(), "length/mean": 20 + rng.random(), "length/truncated": 0.0,
                "speed/step_seconds": 1.0,
            }  # fmt: skip
        if step % EVERY == 0:
            sunk = fall * max(0.0, step - last / 2) / last
            truth = 0.05 + (height + lift - 0.05) * (1 - math.exp(-1.4 * x)) - sunk
            right = [rng.random() < truth for _ in range(PROBLEMS)]
            accuracy = sum(right) / PROBLEMS
            items = tuple(ItemRow(f"p{i}", 1, int(r), None, float(r)) for i, r in enumerate(right))
            evaluation = EvaluationRow(PROBLEMS, 1, 0.0, accuracy, 1.0, items=items)
            found |= {"eval/accuracy": accuracy, "eval/kl": 0.001 * step + 0.002 * rng.random()}
        write_step(run_id, 1, StepRecord(step, found, samples if step else (), evaluation=evaluation))


def learned(
    arms: Mapping[str, float], seeds: Sequence[int] = (0, 1, 2), steps: int = 60, fall: Mapping[str, float] | None = None,
    wrong_pays: Mapping[str, bool] | None = None, **more: object,
) -> tuple[int, list[int]]:  # fmt: skip
    """An experiment whose runs have all ended: its id and theirs, seed by seed and there arm by arm.
    `wrong_pays`: of the arms that store samples, whether these reward the wrong ones."""
    experiment_id, ids = lifecycle.create_experiment(made(list(arms), seeds, steps, **more), "test")
    for r in queries.rows(ids):
        assert claims.claim(r.id, "w", 36_000.0)
        assert claims.mark_running(r.id, 1)
        samples = sampled(wrong_pays[r.arm]) if wrong_pays and r.arm in wrong_pays else ()
        write(r.id, arms[r.arm], r.seed, steps, (fall or {}).get(r.arm, 0.0), samples=samples)
        claims.finish(r.id, 1, Status.DONE)
    return experiment_id, ids
