"""What a real run leaves behind: the sum shown is the sum trained on, and the same seed gives the same run."""

import json
import os
from pathlib import Path

import pytest

from core.analysis import replay
from core.analysis import sources as stored_samples
from core.common.settings import settings
from core.config.run import RunConfig
from core.metrics import describe
from core.store.runs import lifecycle, queries
from core.store.status import Status
from core.store.steps import evaluations
from migrations import upgrade
from tests.conftest import GSM8K, forget_settings, wait_for
from tests.support.children import is_told, standing, started
from tests.support.gate import at_gate, gated, gated_run
from tests.support.samples import BRIEF, HARD, run_config
from tests.support.trainings import STEPS, record, same, train
from worker.supervise import supervisor


def test_every_stored_total_is_the_rule_over_its_contributions(trained: int) -> None:
    mix = RunConfig.model_validate(queries.run_detail(trained).config).mix
    seen = 0
    for step in range(1, STEPS + 1):
        samples = queries.samples_at(trained, step)
        assert len(samples) == 16
        for s in samples:
            assert [x.term for x in s.scores] == list(mix.labels)
            for x, term in zip(s.scores, mix.terms, strict=True):
                assert x.weight == mix.factor(term, step)  # the blend of this very step
                if x.shaped is not None:
                    assert x.contribution == x.weight * x.shaped
            assert s.total == pytest.approx(
                sum(x.contribution for x in s.scores if x.contribution is not None), abs=1e-12
            )
            seen += 1
    assert seen == 16 * STEPS
    table = stored_samples.of_run(trained, mix)
    again = replay.run(table, mix)
    assert again.total == pytest.approx(
        [s.total for step in range(1, STEPS + 1) for s in queries.samples_at(trained, step)]
    )
    trl = [s.advantage for step in range(1, STEPS + 1) for s in queries.samples_at(trained, step)]
    assert trl == pytest.approx(again.advantage, abs=2e-3)  # TRL's own, in float32


def test_every_metric_is_in_the_catalogue_and_every_step_has_it(trained: int) -> None:
    series = queries.series(trained)
    for name, found in series.items():
        assert describe(name).what
        steps = [0, 3, 6] if name.startswith("eval/") else list(range(1, STEPS + 1))
        assert found.steps == steps, name
    terms = ("correctness", "closeness", "perplexity", "reasoning", "format")
    for step in range(STEPS):
        parts = sum(series[f"contribution/{t}"].values[step] for t in terms)
        assert parts == pytest.approx(series["reward/total"].values[step])
    assert series["blend/hard"].values == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert series["eval/kl"].values[0] == 0.0


def test_held_out_samples_are_stored_and_agree_with_the_accuracy(trained: int) -> None:
    series = queries.series(trained)["eval/accuracy"]
    for step, accuracy in zip(series.steps, series.values, strict=True):
        samples = queries.samples_at(trained, step, "eval")
        assert len(samples) == 8 and accuracy == sum(s.correct for s in samples) / 8


def test_the_adapter_and_the_newest_checkpoints_are_kept(trained: int) -> None:
    folder = settings().run_folder(trained)
    assert (folder / "adapter" / "adapter_model.safetensors").is_file()
    assert sorted(p.name for p in folder.glob("checkpoint-*")) == ["checkpoint-4", "checkpoint-6"]
    state = json.loads((folder / "checkpoint-6" / "trainer_state.json").read_text())
    # every step is in the database, none twice on the disk
    assert state["global_step"] == 6 and state["log_history"] == []


def test_a_config_trains_the_same_run_in_another_home_and_with_another_seed_another(
    trained: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, metrics = record(trained)
    assert len(samples) == 16 * STEPS + 3 * 8
    monkeypatch.setenv("SHOWDOWN_HOME", str(tmp_path / "another"))  # it takes over no evaluation of the base
    forget_settings()
    upgrade()
    samples_again, metrics_again = record(train(run_config(grpo={"max_steps": STEPS})))
    assert same(samples, samples_again) and metrics == metrics_again
    other = train(run_config(seed=1, grpo={"max_steps": 1}))
    assert not same([s for s in samples if (s.step, s.split) == (1, "train")], queries.samples_at(other, 1))


@pytest.mark.skipif(not GSM8K.is_dir(), reason=f"GSM8K is not at {GSM8K}")
def test_real_gsm8k_problems_train_end_to_end(sqlite: Path) -> None:
    source = {
        "train": {"path": str(GSM8K / "train.jsonl")},
        "eval": {"path": str(GSM8K / "test.jsonl"), "size": 8},
    }
    instruction = 'End with a line "#### <number>".'
    run_id = train(
        run_config(
            data={**source, "answer_rule": "lenient", "instruction": instruction},
            grpo={"max_steps": 1, "prompts_per_step": 2, "max_completion_length": 16},
        )
    )
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, detail.log_tail
    samples = queries.samples_at(run_id, 1)
    assert len(samples) == 8 and all(s.problem_id.startswith("train/") for s in samples)
    assert len({s.prompt for s in samples}) == 2


ADAPTIVE = {
    "blend": {
        "type": "adaptive",
        "signal": "dead_groups",
        "when": "below",
        "threshold": 0.9,
        "start": 1.0,
        "end": 0.0,
        "rate": 0.3,
        "memory": 0.5,
    },
    "terms": [*HARD, {"component": "closeness", "side": "continuous", "shaping": {"type": "zscore"}}],
}


def test_every_held_out_problem_is_stored_and_agrees_with_the_accuracy(sqlite: Path) -> None:
    few = {"prompts_per_step": 2, "num_generations": 2, "max_steps": 1}
    first = train(run_config(grpo=few, evaluation={"every": 1, "num_samples": 4, "greedy": True}))
    series = queries.series(first)
    for step in (0, 1):
        at = series["eval/accuracy"].steps.index(step)
        items = evaluations.items(first, step)
        assert len(items) == 8 and all(i.n == 4 for i in items)
        assert series["eval/accuracy"].values[at] == pytest.approx(sum(i.right for i in items) / 32)
        assert series["eval/pass@1"].values[at] == pytest.approx(series["eval/accuracy"].values[at])
        assert series["eval/pass@4"].values[at] == pytest.approx(sum(i.right > 0 for i in items) / 8)
        assert (
            series["eval/pass@1"].values[at]
            <= series["eval/pass@2"].values[at]
            <= series["eval/pass@4"].values[at]
        )
        assert series["eval/greedy"].values[at] == pytest.approx(sum(bool(i.greedy_right) for i in items) / 8)
        assert series["eval/majority"].values[at] == pytest.approx(sum(i.majority_right for i in items) / 8)
        for key in ("eval/pass@4", "eval/greedy", "eval/majority"):
            assert describe(key).what


def test_the_base_is_evaluated_once_for_runs_that_share_it(sqlite: Path) -> None:
    config = run_config(grpo={**BRIEF, "max_steps": 1})
    first, second = train(config), train(config.model_copy(update={"seed": 1}))
    other = train(run_config(grpo={**BRIEF, "max_steps": 1}, evaluation={"every": 3, "num_samples": 2}))
    events = {i: [e.detail for e in queries.events(i) if e.kind == "base"] for i in (first, second, other)}
    assert events == {first: [], second: [f"evaluation of the base model taken from run {first}"], other: []}
    assert same(queries.samples_at(first, 0, "eval"), queries.samples_at(second, 0, "eval"))
    assert evaluations.items(first, 0) == evaluations.items(second, 0)
    assert (
        queries.series(second)["eval/accuracy"].steps == [0, 1]
        and queries.series(second)["eval/kl"].values[0] == 0.0
    )


def test_the_circumstances_of_a_run_are_kept(trained: int) -> None:
    made = queries.run_detail(trained).environment
    assert made["versions"]["trl"] and made["versions"]["torch"] and made["device"].startswith("cpu")
    assert made["device"] == f"cpu, {made['threads']} threads"
    assert made["config_hash"] == queries.run_detail(trained).config_hash
    assert len(made["model"]["fingerprint"]) == len(made["data"]["train"]) == len(made["data"]["eval"]) == 16


@pytest.mark.parametrize(
    ("recorded", "variable", "threads"),
    [
        (None, "3", 3),  # of the first attempt: what the supervisor, or its user, says
        (None, "3,2", 3),  # of nested regions: the outermost
        (None, "many", None),
        (2, "3", 2),  # of those after it
        (100_000, "3", 3),  # begun on a machine that is not like this one
    ],
)
def test_the_threads_of_an_attempt(
    monkeypatch: pytest.MonkeyPatch, recorded: int | None, variable: str, threads: int | None
) -> None:
    import torch

    from worker.training import provenance

    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    try:
        assert provenance.set_threads(recorded) == torch.get_num_threads() == (threads or before)
        # accelerate chooses one where there is none
        assert os.environ["OMP_NUM_THREADS"] == str(threads or before)
    finally:
        torch.set_num_threads(before)


def test_the_log_has_a_line_a_step_and_nothing_its_reader_cannot_change(trained: int) -> None:
    text = (settings().run_folder(trained) / "train.log").read_text()
    lines = [line for line in text.splitlines() if "showdown.recorder step" in line]
    assert len(lines) == STEPS and "step 3 of 6: reward " in lines[2] and "held-out accuracy" in lines[2]
    assert "Warning" not in text and "Failed" not in text


def test_steps_on_one_rollout_store_its_samples_once_and_go_on_from_between_them(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """num_iterations 2: steps 2 and 4 train on the samples of 1 and 3. The run is stopped between those of
    the second; what the reward engine remembers is part of the checkpoint, to the last bit.
    """
    gate = gated(sqlite, monkeypatch, 1)  # of rollouts
    grpo = {"max_steps": 5, "num_iterations": 2, "epsilon": 0.05, "learning_rate": 2e-3}
    config = gated_run(
        ADAPTIVE, grpo=grpo, checkpoint={"every": 2}, evaluation={"every": 2, "num_samples": 1}
    )
    stopped, thread = started(config)
    at_gate(gate)
    with standing(stopped) as child:
        lifecycle.request_stop(stopped)
        wait_for("the child to be told", lambda: is_told(child))
    gate.unlink()
    thread.join()
    row = queries.run_detail(stopped).row
    assert (row.status, row.step, row.checkpoint_step) == (Status.STOPPED, 3, 3)
    assert lifecycle.requeue(stopped)
    supervisor.supervise("test")

    straight = train(config)
    detail = queries.run_detail(straight)
    assert detail.row.status == Status.DONE, detail.log_tail
    assert [len(queries.samples_at(straight, step)) for step in range(1, 6)] == [16, 0, 16, 0, 16]
    assert [len(queries.samples_at(straight, step, "eval")) for step in range(6)] == [8, 0, 8, 0, 8, 8]
    series = queries.series(straight)
    for name, line in series.items():
        each_step = name.startswith(("policy/", "memory/")) or name == "speed/step_seconds"
        expected = [0, 2, 4, 5] if name.startswith("eval/") else [1, 2, 3, 4, 5] if each_step else [1, 3, 5]
        assert line.steps == expected, name
    clipped = series["policy/clip_ratio"].values
    assert [clipped[i] for i in (0, 2, 4)] == [0, 0, 0] and clipped[1] > 0 and clipped[3] > 0
    switches = [e.step for e in queries.events(straight) if e.kind == "switched"]
    # once, when the rollout was scored
    assert len(switches) == len(set(switches)) and set(switches) <= {1, 3, 5}
    blend = series["blend/hard"].values
    assert blend[0] == 1.0 and blend[-1] < 1.0  # it did move

    assert same(record(straight)[0], record(stopped)[0]) and record(straight)[1] == record(stopped)[1]
    switched = [
        [(e.step, e.detail) for e in queries.events(i) if e.kind == "switched"] for i in (straight, stopped)
    ]
    assert switched[0] == switched[1] and switched[0][0][1] == "blend"

    mix = config.trained_mix
    again = replay.run(stored_samples.of_run(straight, mix), mix)  # adaptive: step by step, as it was scored
    assert again.total == pytest.approx(
        [s.total for step in (1, 3, 5) for s in queries.samples_at(straight, step)]
    )
    assert again.steps.tolist() == [1, 3, 5]
