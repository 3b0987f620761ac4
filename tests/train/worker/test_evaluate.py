"""Evaluations: that of an untrained policy is that of the model it starts from, and one that nobody waits
for is given up."""

from pathlib import Path

from core.problems import arithmetic
from tests.support.samples import run_config
from tests.support.trainers import ours
from worker.training.evaluate import Evaluator


def test_before_the_first_step_the_adapter_changes_nothing_and_stays_trainable(tmp_path: Path) -> None:
    """It is left out then, which saves its time."""
    config = run_config(evaluation={"num_samples": 2, "greedy": True}, grpo={"max_completion_length": 16})
    trainer = ours(config, tmp_path)
    evaluator = Evaluator(trainer, arithmetic.problems(4, "test"), config)
    trained = [name for name, weight in trainer.model.named_parameters() if weight.requires_grad]
    with_adapter, without = evaluator(), evaluator(untrained=True)
    assert with_adapter is not None and without is not None
    assert (
        without.batch.completions == with_adapter.batch.completions and without.kl == with_adapter.kl == 0.0
    )
    assert without.row.items == with_adapter.row.items
    assert (
        [name for name, weight in trainer.model.named_parameters() if weight.requires_grad] == trained != []
    )


def test_an_evaluation_is_given_up_between_two_batches(tmp_path: Path) -> None:
    config = run_config(grpo={"max_completion_length": 8}, evaluation={"num_samples": 2, "batch_size": 4})
    trainer = ours(config, tmp_path)
    evaluator = Evaluator(trainer, arithmetic.problems(8, "eval"), config)
    looks = iter([False, False, True])  # it fails at a fourth
    assert evaluator(lambda: next(looks)) is None and next(looks, None) is None
    whole = evaluator()
    assert whole is not None and (whole.row.problems, len(whole.batch)) == (8, 16)
