"""Progress of long work: a callback that receives the share done, and may raise to end the work."""

from collections.abc import Callable

Progress = Callable[[float], None]


def nothing(_share: float) -> None:
    """Ignores progress."""


def between(progress: Progress, first: float, last: float) -> Progress:
    """Progress of a part of the work: its shares, from 0 to 1, become those from `first` to `last`."""
    return lambda share: progress(first + (last - first) * share)
