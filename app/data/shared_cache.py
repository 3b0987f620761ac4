"""A cache of what was computed for one viewer, shared with all others.

`st.cache_resource` does this and more, at 0.3 ms a lookup: it hashes every argument and reads the function's
signature. A tick makes two dozen lookups.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import TypeVar, cast

T = TypeVar("T")


class Memo:
    """The newest value of each key; all together weigh at most `most` bytes by `weigh`.

    The least recently used values are evicted. Safe to use from the threads of many sessions: a request for
    what another thread is making waits for it. What makes a value may request others, but not in a circle.
    """

    def __init__(self, most: int, weigh: Callable[[object], int]) -> None:
        self._kept: OrderedDict[Hashable, tuple[Hashable, object, int]] = OrderedDict()
        self._making: dict[tuple[Hashable, Hashable], Event] = {}
        self._lock = Lock()
        self._most = most
        self._weigh = weigh
        self._weight = 0

    def __len__(self) -> int:
        return len(self._kept)

    def has(self, key: Hashable, version: Hashable) -> bool:
        """Whether the value of a key is there as of this version."""
        with self._lock:
            entry = self._kept.get(key)
            return entry is not None and entry[0] == version

    def last(self, key: Hashable) -> object | None:
        """The value of a key as of any version; None where there is none."""
        with self._lock:
            return self._kept.get(key, (None, None, 0))[1]

    def get(self, key: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """The value of a key as of a version; made when it is missing, in place of an older one."""
        while True:
            with self._lock:
                entry = self._kept.get(key)
                if entry is not None and entry[0] == version:
                    self._kept.move_to_end(key)
                    return cast(T, entry[1])
                made_elsewhere = self._making.get((key, version))
                if made_elsewhere is None:
                    made_here = self._making[key, version] = Event()
                    break
            made_elsewhere.wait()  # and look again: it may have failed there, or be evicted already
        try:
            value = make()
            self._keep(key, version, value)
            return value
        finally:
            with self._lock:
                del self._making[key, version]
            made_here.set()

    def _keep(self, key: Hashable, version: Hashable, made: object) -> None:
        weight = self._weigh(made)
        with self._lock:
            self._weight += weight - self._kept.pop(key, (None, None, 0))[2]
            self._kept[key] = (version, made, weight)
            while self._weight > self._most and len(self._kept) > 1:
                self._weight -= self._kept.popitem(last=False)[1][2]
