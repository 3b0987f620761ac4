"""An experiment whose samples are written straight into the store: two arms, three steps of two groups of
four.

Group 0 asks problem `p0` in every step, group 1 another each step. In arm `soft` the reward prefers a
wrong answer once.
"""

from collections.abc import Mapping

from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store.runs import claims, lifecycle
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import SampleRow, ScoreRow, StepRecord
from tests.support.samples import CONTINUOUS, HARD

STEPS, GROUPS, SIZE = 3, 2, 4
BOTH = {"blend": {"type": "constant", "value": 0.5}, "terms": HARD + CONTINUOUS[:1]}
HOSTILE = {
    "script": "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "markdown": "**bold** [link](javascript:alert(1)) :material/bomb: $x^2$ # head",
    "ansi": "\x1b[31mred\x1b[0m \x07 bell",
    "right to left": "answer \u202e27 ####\u202c end",
    "nul": "before\x00after",
    "one long line": "x" * 1_000_000 + "#### 7",
    "surrogate": "half \ud83d of a pair",
}


def arms() -> ExperimentConfig:
    """Not queued with a broker: rows alone."""
    return parse(ExperimentConfig, {
        "name": "stored", "seeds": [0],
        "run": {"model": {"path": "tiny"}, "data": {"instruction": "Think."},
                "grpo": {"max_steps": STEPS, "num_generations": SIZE, "prompts_per_step": GROUPS}},
        "arms": [{"name": "hard", "mix": {"terms": HARD}}, {"name": "soft", "mix": BOTH}],
    })  # fmt: skip


def sample(arm: str, step: int, group: int, index: int, texts: Mapping[int, str]) -> SampleRow:
    """Right are the first `step` of a group; all of group 1 of step 3 in `hard` has one total, and is dead."""
    right = index < step
    wrong_pays = arm == "soft" and (step, group, index) == (2, 0, 3)
    total = 0.9 if wrong_pays else 0.5 * right + 0.1 * index
    dead = arm == "hard" and (step, group) == (3, 1)
    total = 0.5 if dead else total
    text = (
        texts.get(index, f"{arm} says 3+4={index + 4}\n#### {7 if right else index}")
        if (step, group) == (1, 0)
        else "#### 7"
    )
    terms = ("correctness",) if arm == "hard" else ("correctness", "closeness")
    return SampleRow(
        split="train", problem_id="p0" if group == 0 else f"p{step}", group_index=group, index_in_group=index,
        prompt="How many?", completion=text, gold="7", parsed="7" if right else str(index), parsed_by="marker",
        parsed_start=None, parsed_end=None, correct=right, n_tokens=10 * step + index, truncated=index == 3, mean_nll=0.5,
        total=total, advantage=0.0 if dead else total - 0.4, dead=dead,
        surprise=0.5 if wrong_pays else -0.3, token_nll="[[4,1],[2,310]]",
        scores=tuple(ScoreRow(t, k, total if k else float(right), total, 0.5, total / 2) for k, t in enumerate(terms)),
    )  # fmt: skip


def write(
    run_id: int, arm: str, attempt: int = 1, first: int = 1, texts: Mapping[int, str] | None = None
) -> None:
    for step in range(first, STEPS + 1):
        rows = [sample(arm, step, g, i, texts or {}) for g in range(GROUPS) for i in range(SIZE)]
        records.write_step(run_id, attempt, StepRecord(step, {"reward/total": 0.1 * step}, rows))


def swept() -> list[int]:
    """An experiment of one arm with two values of a setting: the ids of its runs."""
    values = arms().model_dump(mode="json", by_alias=True)
    config = parse(
        ExperimentConfig, {**values, "arms": values["arms"][:1], "sweep": {"grpo.beta": [0.0, 0.04]}}
    )
    _, ids = lifecycle.create_experiment(config)
    for run_id in ids:
        assert claims.claim(run_id, "w", 60.0)
        write(run_id, "hard")
        claims.finish(run_id, 1, Status.DONE)
    return ids


def experiment(texts: Mapping[int, str] | None = None) -> tuple[int, list[int]]:
    """Store it; the experiment's id and the ids of the runs `hard` and `soft`, which have ended."""
    experiment_id, ids = lifecycle.create_experiment(arms())
    for run_id, arm in zip(ids, ("hard", "soft"), strict=True):
        assert claims.claim(run_id, "w", 60.0)
        write(run_id, arm, texts=texts)
        claims.finish(run_id, 1, Status.DONE)
    return experiment_id, ids
