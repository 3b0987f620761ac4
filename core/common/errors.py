"""Every error we raise on purpose, under one base class. Imports nothing.

An error names the thing, the value and the repair. A `ShowdownError` is shown to people as it is; anything
else that escapes is a bug and keeps its traceback.
"""

from collections.abc import Sequence


class ShowdownError(Exception):
    """Base class: the message is written for the person who made the input."""


class ConfigError(ShowdownError):
    """Bad input in a config.

    `problems` is a list of (field path, message), one per fault, for showing beside fields.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = list(problems)
        super().__init__(
            "\n".join(f"{path}: {message}" if path else message for path, message in self.problems)
        )


class DataError(ShowdownError):
    """A data set that cannot be used: names the file and line, or the set and problem."""


class ModelError(ShowdownError):
    """A model that cannot be loaded: names the path and what was looked for."""


class OutsideRoots(ShowdownError):
    """A path of a config that may not be read: names the data roots, and how to move them."""


class TrainingError(ShowdownError):
    """A training that cannot go on: says at which step and why."""


class NotFinite(TrainingError):
    """A reward, a loss or a gradient is NaN or infinite: names the step, the first bad one and its sample."""


class OutOfMemory(TrainingError):
    """The machine's or the GPU's memory is full: names the sizes of a step and which to lower."""


class DiskFull(TrainingError):
    """A file of the run could not be written: names the folder and the bytes that are free."""


class ComponentError(ShowdownError):
    """A reward component broke its own promise (raised, wrong shape, out of range).

    This is a bug, and stops the run.
    """


class NotFound(ShowdownError):
    """No such run, experiment or sample."""


class Fenced(ShowdownError):
    """This process no longer owns the run: a newer attempt has claimed it. Its writes are refused."""


class StoreUnavailable(ShowdownError):
    """The database does not answer, or is locked: the same call may work later."""


class PlaceUnavailable(StoreUnavailable):
    """The shared storage of checkpoints does not answer: the same call may work later."""


class BrokerError(ShowdownError):
    """The broker cannot be reached or started."""


class NoGpu(ShowdownError):
    """Fewer GPUs of this machine are free than the run needs: names both numbers."""


class SetupError(ShowdownError):
    """The machine is not ready: port taken, directory not writable, or a second instance running."""
