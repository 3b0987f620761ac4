"""The only writer: create, stop, put back. Called by pages on a click; each returns what to tell the person."""

from collections.abc import Sequence

from core import queue
from core.config import ExperimentConfig
from core.errors import BrokerError, TrainingError
from core.launch import settled
from core.revision import revision
from core.store import notes, runs
from core.store.lines import Place


def launch(config: ExperimentConfig) -> tuple[int, list[int], str]:
    """Queue an experiment: (its id, run ids, a warning or ""). ConfigError when it cannot work on this machine."""
    config = settled(config)
    experiment_id, run_ids = runs.create_experiment(config, revision())
    return experiment_id, run_ids, _send(run_ids)


def stop(run_id: int) -> str:
    """Ask a run to stop."""
    state = runs.request_stop(run_id)
    return "It writes a checkpoint at the next step boundary, then ends." if state.claimed else f"It is {state} now."


def requeue(run_id: int) -> str:
    """Put a stopped or failed run back; it goes on from its last checkpoint."""
    try:
        if not runs.requeue(run_id):
            return "It cannot be put back: it is not stopped or failed any more."
    except TrainingError as error:  # imported, without a checkpoint
        return str(error)
    return _send([run_id]) or "Queued; it goes on from its last checkpoint."


def stop_experiment(experiment_id: int) -> str:
    """Ask every run of an experiment to stop."""
    stopped = runs.request_stop_experiment(experiment_id)
    return f"{len(stopped)} runs stop; those that train write a checkpoint first."


def extend(run_id: int, max_steps: int) -> str:
    """Let an ended run go on to more steps. ConfigError when that is not more than it has."""
    try:
        if not runs.extend(run_id, max_steps):
            return "It cannot be extended: it has not ended."
    except TrainingError as error:  # imported, without a checkpoint
        return str(error)
    return _send([run_id]) or f"Queued; it goes on to step {max_steps}."


def set_priority(run_id: int, priority: int) -> str:
    """Runs with a higher priority are taken first."""
    runs.set_priority(run_id, priority)
    return f"Priority {priority}."


def mark(place: Place, note: str, labels: Sequence[str]) -> None:
    """Put a note and labels on a sample, in place of those it has. DataError for what is too long."""
    notes.write(place, note, labels)


def _send(run_ids: list[int]) -> str:
    try:
        for run_id in run_ids:
            queue.enqueue(run_id)
    except BrokerError as error:
        return str(error)
    return ""
