"""How far long work is: a function that is told the share that is done, and may raise to end the work. Called by whatever
takes long.
"""

from collections.abc import Callable

Progress = Callable[[float], None]


def nothing(_share: float) -> None:
    """Progress nobody watches."""


def between(progress: Progress, first: float, last: float) -> Progress:
    """Progress of a part of the work: its shares, from 0 to 1, are told as those from `first` to `last`."""
    return lambda share: progress(first + (last - first) * share)
