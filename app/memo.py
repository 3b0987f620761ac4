"""What was computed for one viewer, kept for the others. Called by app.cache.

`st.cache_resource` does the same and more, at 0.3 ms a look: it hashes every argument and reads the function's signature. A
tick looks two dozen times.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import TypeVar, cast

T = TypeVar("T")


class Memo:
    """The newest value of each key, as long as all together weigh at most `most` bytes by `weigh`; the least recently used are
    let go. Safe to use from the threads of many sessions: who asks for what another thread is making waits for it. What makes
    a value may ask for others, but not in a circle."""

    def __init__(self, most: int, weigh: Callable[[object], int]) -> None:
        self._kept: OrderedDict[Hashable, tuple[Hashable, object, int]] = OrderedDict()
        self._making: dict[tuple[Hashable, Hashable], Event] = {}
        self._lock, self._most, self._weigh, self._weight = Lock(), most, weigh, 0

    def __len__(self) -> int:
        return len(self._kept)

    def has(self, key: Hashable, version: Hashable) -> bool:
        """The value of a key is there as of this version."""
        with self._lock:
            found = self._kept.get(key)
            return found is not None and found[0] == version

    def last(self, key: Hashable) -> object | None:
        """The value of a key as of whatever version; None where there is none."""
        with self._lock:
            return self._kept.get(key, (None, None, 0))[1]

    def get(self, key: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """The value of a key as of a version; made when that is not there, in place of an older one."""
        while True:
            with self._lock:
                found = self._kept.get(key)
                if found is not None and found[0] == version:
                    self._kept.move_to_end(key)
                    return cast(T, found[1])
                made_elsewhere = self._making.get((key, version))
                if made_elsewhere is None:
                    made_here = self._making[key, version] = Event()
                    break
            made_elsewhere.wait()  # and look again: it may have failed there, or be let go already
        try:
            made = make()
            self._keep(key, version, made)
            return made
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
