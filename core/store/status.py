"""The states of a run and the one table of legal transitions."""

from enum import StrEnum


class Status(StrEnum):
    """The state of a run; the value is what `run.status` holds."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"
    UNKNOWN = "unknown"
    """The status of a row that this version cannot read; never written."""

    @classmethod
    def _missing_(cls, _value: object) -> "Status":
        return cls.UNKNOWN

    @property
    def finished(self) -> bool:
        """Whether nothing more happens without user action."""
        return self in (Status.DONE, Status.FAILED, Status.STOPPED, Status.UNKNOWN)

    @property
    def claimed(self) -> bool:
        """Whether a worker holds the run."""
        return self in (Status.STARTING, Status.RUNNING)


_S = Status
TRANSITIONS: dict[Status, frozenset[Status]] = {
    # From a claimed state back to QUEUED: the worker was asked to shut down and gives the run back.
    _S.QUEUED: frozenset({_S.STARTING, _S.STOPPED, _S.FAILED}),
    _S.STARTING: frozenset({_S.RUNNING, _S.DONE, _S.FAILED, _S.STOPPED, _S.LOST, _S.QUEUED}),
    _S.RUNNING: frozenset({_S.DONE, _S.FAILED, _S.STOPPED, _S.LOST, _S.QUEUED}),
    _S.LOST: frozenset({_S.QUEUED, _S.STOPPED, _S.FAILED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.STOPPED: frozenset({_S.QUEUED}),
    _S.DONE: frozenset({_S.QUEUED}),  # only to be extended: with more steps than it has
}


def sources(to: Status) -> list[Status]:
    """The states from which `to` can be reached."""
    return [state for state, targets in TRANSITIONS.items() if to in targets]
