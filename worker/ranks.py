"""Several processes of one run: which of them writes, and how all of them agree.

Called by worker.train, .trainer, .evaluate and .recorder. worker.children (or `accelerate launch`) starts them and says who
is who; accelerate connects them when the trainer is made, and only then may anything but `count` and `first` be called.
With one process everything here gives back what it was given. Light: accelerate is imported where it is needed.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def count() -> int:
    """How many processes train this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is."""
    return int(os.environ.get("RANK", "0"))


def first() -> bool:
    """This process is the one that writes."""
    return rank() == 0


def agree(value: T) -> T:
    """The first process's value, in all of them."""
    if count() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    shared: list[T] = broadcast_object_list([value])
    return shared[0]


def from_first(make: Callable[[], T]) -> T:
    """What `make` returns in the first process, which alone calls it."""
    made: Any = make() if first() else None
    return agree(made)


def wait() -> None:
    """Until every process has come here."""
    if count() > 1:
        from accelerate.utils import wait_for_everyone

        wait_for_everyone()


def joined(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Lists, arrays and mappings of arrays, one entry a sample, of all processes behind each other, in all of them."""
    if count() == 1:
        return dict(fields)
    from accelerate.utils import gather_object

    return _joined(gather_object([dict(fields)]))


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for name, value in parts[0].items():
        every = [part[name] for part in parts]
        if isinstance(value, Mapping):
            whole[name] = _joined(every)
        elif isinstance(value, np.ndarray):
            whole[name] = np.concatenate(every)
        else:
            whole[name] = [x for part in every for x in part]
    return whole
