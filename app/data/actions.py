"""The only writer: create, stop, requeue, save.

Functions that act on runs return a message for the user.
"""

from collections.abc import Sequence
from typing import Any

from app.data import reads
from app.sign_in import current
from core.common.errors import BrokerError, ConfigError, TrainingError
from core.common.revision import revision
from core.config.experiment import ExperimentConfig
from core.config.local_checks import refuse_outside, settled
from core.config.parsing import parse
from core.config.run import RunConfig
from core.rewards.mix import Mix
from core.store import broker
from core.store.designs import drafts, mixes
from core.store.designs.mixes import SavedMix
from core.store.runs import lifecycle, queries
from core.store.samples import notes
from core.store.samples.lines import Place
from core.store.samples.notes import Marks


def launch(config: ExperimentConfig) -> tuple[int, list[int], str]:
    """Queue an experiment; returns its id, the run ids, and a warning or "".

    Raises ConfigError when the experiment cannot work on this machine.
    """
    config = settled(config)
    experiment_id, run_ids = lifecycle.create_experiment(config, revision(), current.name())
    return experiment_id, run_ids, _send(run_ids)


def stop(run_id: int) -> str:
    """Ask a run to stop."""
    state = lifecycle.request_stop(run_id, current.name())
    return (
        "It writes a checkpoint at the next step boundary, then ends."
        if state.claimed
        else f"It is {state} now."
    )


def requeue(run_id: int) -> str:
    """Put a stopped or failed run back; it continues from its last checkpoint."""
    try:
        _refuse_outside(run_id)
        if not lifecycle.requeue(run_id, current.name()):
            return "It cannot be put back: it is not stopped or failed any more."
    except (ConfigError, TrainingError) as error:  # outside the data roots; imported, without a checkpoint
        return str(error)
    return _send([run_id]) or "Queued; it goes on from its last checkpoint."


def requeue_all(run_ids: list[int]) -> str:
    """Put several stopped or failed runs back."""
    answers = {run_id: requeue(run_id) for run_id in run_ids}
    refusals = {text for text in answers.values() if not text.startswith("Queued")}
    queued_count = sum(text.startswith("Queued") for text in answers.values())
    return " ".join([f"{queued_count} of {len(run_ids)} runs are queued again.", *sorted(refusals)])


def stop_experiment(experiment_id: int) -> str:
    """Ask every run of an experiment to stop."""
    stopped = lifecycle.request_stop_experiment(experiment_id, current.name())
    return f"{len(stopped)} runs stop; those that train write a checkpoint first."


def extend(run_id: int, max_steps: int) -> str:
    """Let an ended run train more steps.

    Returns a message where `max_steps` is not more than the run has.
    """
    try:
        _refuse_outside(run_id)
        if not lifecycle.extend(run_id, max_steps, current.name()):
            return "It cannot be extended: it has not ended."
    # too few steps, outside the data roots; imported, without a checkpoint
    except (ConfigError, TrainingError) as error:
        return str(error)
    return _send([run_id]) or f"Queued; it goes on to step {max_steps}."


def set_priority(run_id: int, priority: int) -> str:
    """Set a run's priority; runs with a higher one are taken first."""
    lifecycle.set_priority(run_id, priority, current.name())
    return f"Priority {priority}."


def keep_draft(draft_id: str, config: dict[str, Any], typed: dict[str, str], version: int) -> bool:
    """Store a draft over its `version`; False when someone else did so in between."""
    stored = drafts.save(draft_id, config, typed, version)
    reads.forget_drafts()
    return stored


def save_mix(name: str, mix: Mix, parent_id: int | None) -> SavedMix:
    """Save the mix as a version of `name`; returns the newest version where the mix has not changed."""
    saved_mix = mixes.save(name, mix, parent_id)
    reads.saved_mixes.clear()
    return saved_mix


def mark(place: Place, note: str, labels: Sequence[str], shown: Marks) -> None:
    """Put a note and labels on a sample, in place of those that were shown.

    Raises DataError for what is too long.
    """
    notes.write(place, note, labels, shown)


def _refuse_outside(run_id: int) -> None:
    """Raise ConfigError where a stored run names paths that this machine would not read."""
    refuse_outside(parse(RunConfig, queries.run_detail(run_id).config))


def _send(run_ids: list[int]) -> str:
    try:
        for run_id in run_ids:
            broker.enqueue(run_id)
    except BrokerError as error:
        return str(error)
    return ""
