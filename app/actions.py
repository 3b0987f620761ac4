"""The only writer: create, stop, put back. Called by pages on a click; each returns what to tell the person."""

from collections.abc import Sequence
from typing import Any

from app import cache
from app.sign_in import current
from core import queue
from core.config import RunConfig
from core.errors import BrokerError, ConfigError, TrainingError
from core.experiment import ExperimentConfig
from core.launch import refuse_outside, settled
from core.mix import Mix
from core.parsing import parse
from core.revision import revision
from core.store import drafts, mixes, notes, queries, runs
from core.store.lines import Place
from core.store.mixes import SavedMix
from core.store.notes import Marks


def launch(config: ExperimentConfig) -> tuple[int, list[int], str]:
    """Queue an experiment: (its id, run ids, a warning or ""). ConfigError when it cannot work on this machine."""
    config = settled(config)
    experiment_id, run_ids = runs.create_experiment(config, revision(), current.name())
    return experiment_id, run_ids, _send(run_ids)


def stop(run_id: int) -> str:
    """Ask a run to stop."""
    state = runs.request_stop(run_id, current.name())
    return "It writes a checkpoint at the next step boundary, then ends." if state.claimed else f"It is {state} now."


def requeue(run_id: int) -> str:
    """Put a stopped or failed run back; it goes on from its last checkpoint."""
    try:
        _refuse_outside(run_id)
        if not runs.requeue(run_id, current.name()):
            return "It cannot be put back: it is not stopped or failed any more."
    except (ConfigError, TrainingError) as error:  # outside the data roots; imported, without a checkpoint
        return str(error)
    return _send([run_id]) or "Queued; it goes on from its last checkpoint."


def requeue_all(run_ids: list[int]) -> str:
    """Put several stopped or failed runs back."""
    said = {run_id: requeue(run_id) for run_id in run_ids}
    kept = {text for text in said.values() if not text.startswith("Queued")}
    done = sum(text.startswith("Queued") for text in said.values())
    return " ".join([f"{done} of {len(run_ids)} runs are queued again.", *sorted(kept)])


def stop_experiment(experiment_id: int) -> str:
    """Ask every run of an experiment to stop."""
    stopped = runs.request_stop_experiment(experiment_id, current.name())
    return f"{len(stopped)} runs stop; those that train write a checkpoint first."


def extend(run_id: int, max_steps: int) -> str:
    """Let an ended run go on to more steps; says so where that is not more than it has."""
    try:
        _refuse_outside(run_id)
        if not runs.extend(run_id, max_steps, current.name()):
            return "It cannot be extended: it has not ended."
    except (ConfigError, TrainingError) as error:  # too few steps, outside the data roots; imported, without a checkpoint
        return str(error)
    return _send([run_id]) or f"Queued; it goes on to step {max_steps}."


def set_priority(run_id: int, priority: int) -> str:
    """Runs with a higher priority are taken first."""
    runs.set_priority(run_id, priority, current.name())
    return f"Priority {priority}."


def keep_draft(draft_id: str, config: dict[str, Any], typed: dict[str, str], version: int) -> bool:
    """Store a draft over its `version`; False when somebody else did so in between."""
    stored = drafts.save(draft_id, config, typed, version)
    cache.forget_drafts()
    return stored


def save_mix(name: str, mix: Mix, parent_id: int | None) -> SavedMix:
    """The mix as a version of `name`; the newest one where it is the same."""
    made = mixes.save(name, mix, parent_id)
    cache.saved_mixes.clear()
    return made


def mark(place: Place, note: str, labels: Sequence[str], shown: Marks) -> None:
    """Put a note and labels on a sample, in place of those that were shown. DataError for what is too long."""
    notes.write(place, note, labels, shown)


def _refuse_outside(run_id: int) -> None:
    """ConfigError where this machine would not read what a stored run names."""
    refuse_outside(parse(RunConfig, queries.run_detail(run_id).config))


def _send(run_ids: list[int]) -> str:
    try:
        for run_id in run_ids:
            queue.enqueue(run_id)
    except BrokerError as error:
        return str(error)
    return ""
