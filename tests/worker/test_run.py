"""What a real run leaves behind: the sum shown is the sum trained on, and the same seed gives the same run."""

from pathlib import Path

import numpy as np
import pytest

from core.advantage import advantages
from core.config import RunConfig
from core.metrics import describe
from core.settings import settings
from core.store import queries
from core.store.states import Status
from tests.conftest import GSM8K
from tests.samples import run_config
from tests.worker.conftest import STEPS, record, same, train


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
            assert s.total == pytest.approx(sum(x.contribution for x in s.scores if x.contribution is not None), abs=1e-12)
            seen += 1
        total = np.array([s.total for s in samples], dtype=float)
        group = np.array([s.group_index for s in samples])
        trl = [s.advantage for s in samples]
        assert trl == pytest.approx(advantages(total, group, mix.advantage), abs=2e-3)  # TRL's own, in float32
    assert seen == 16 * STEPS


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


def test_two_starts_of_one_config_give_the_same_run(trained: int) -> None:
    again = train(run_config(grpo={"max_steps": STEPS}))
    (samples, metrics), (samples_again, metrics_again) = record(trained), record(again)
    assert len(samples) == 16 * STEPS + 3 * 8
    assert same(samples, samples_again) and metrics == metrics_again


def test_another_seed_gives_another_run(trained: int) -> None:
    other = train(run_config(seed=1, grpo={"max_steps": STEPS}))
    assert not same(record(trained)[0], record(other)[0])


@pytest.mark.skipif(not GSM8K.is_dir(), reason=f"GSM8K is not at {GSM8K}")
def test_real_gsm8k_problems_train_end_to_end(sqlite: Path) -> None:
    source = {"train": {"path": str(GSM8K / "train.jsonl")}, "eval": {"path": str(GSM8K / "test.jsonl"), "size": 8}}
    instruction = 'End with a line "#### <number>".'
    run_id = train(
        run_config(
            data={**source, "answer_rule": "lenient", "instruction": instruction},
            grpo={"max_steps": 2, "max_completion_length": 16},
        )
    )
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, detail.log_tail
    samples = queries.samples_at(run_id, 2)
    assert len(samples) == 16 and all(s.problem_id.startswith("train/") for s in samples)
    assert len({s.prompt for s in samples}) == 4
