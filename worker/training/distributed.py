"""Several processes of one run: which of them writes, and how all of them agree.

worker.supervise.process_group (or `accelerate launch`) starts them and sets their ranks; accelerate connects
them when the trainer is made, and nothing but `count`, `rank` and `first` may be called before. With one
process every function here returns its input. Light: accelerate is imported where it is needed.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def count() -> int:
    """The number of processes that train this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The rank of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def first() -> bool:
    """Whether this is the first process, the one that writes."""
    return rank() == 0


def agree(value: T) -> T:
    """The first process's value, in every process."""
    if count() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    shared: list[T] = broadcast_object_list([value])
    return shared[0]


def from_first(make: Callable[[], T]) -> T:
    """The result of `make`, in every process; only the first one calls it."""
    result: Any = make() if first() else None
    return agree(result)


def wait() -> None:
    """Wait until every process has reached this call."""
    if count() > 1:
        from accelerate.utils import wait_for_everyone

        wait_for_everyone()


def joined(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of all processes concatenated in order of rank, in every process.

    Fields are lists, arrays and mappings of arrays, with one entry per sample.
    """
    if count() == 1:
        return dict(fields)
    from accelerate.utils import gather_object

    return _joined(gather_object([dict(fields)]))


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name, value in parts[0].items():
        values = [part[name] for part in parts]
        if isinstance(value, Mapping):
            merged[name] = _joined(values)
        elif isinstance(value, np.ndarray):
            merged[name] = np.concatenate(values)
        else:
            merged[name] = [x for part in values for x in part]
    return merged
