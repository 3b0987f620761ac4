"""What was computed for one viewer, kept for the others. Called by app.cache.

`st.cache_resource` does the same and more, at 0.3 ms a look: it hashes every argument and reads the function's signature. A
tick looks two dozen times.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

T = TypeVar("T")


class Memo:
    """The `most` newest values by key. Safe to use from the threads of many sessions; a value may be made twice at once."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._lock, self._most = Lock(), most

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made when it is not there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(T, self._kept[key])
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made
