"""Limits how often a password can be guessed from one address."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_address, ip_network

MAX_FAILURES = 10
WINDOW_SECONDS = 300.0
MAX_ADDRESSES = 10_000  # remembered at once; the one that was not heard of for longest is forgotten


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 network of an IPv6 one.

    Whoever has one address of such a network has all of them.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if ip.version == 6:
        return str(ip.ipv4_mapped or ip_network((ip, 64), strict=False))
    return str(ip)


class Attempts:
    """Failed attempts of the last five minutes by source.

    An attempt counts as failed until `succeeded` takes it back, so that many at once do not get around
    the limit.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times_by_source: OrderedDict[str, deque[float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """Count an attempt and return 0, or return how long this source has to wait first."""
        source = source_of(address)
        times = self._times_by_source.setdefault(source, deque())
        self._times_by_source.move_to_end(source)
        while len(self._times_by_source) > MAX_ADDRESSES:
            self._times_by_source.popitem(last=False)
        now_seconds = self._clock()
        while times and now_seconds - times[0] >= WINDOW_SECONDS:
            times.popleft()
        if len(times) >= MAX_FAILURES:
            return WINDOW_SECONDS - (now_seconds - times[0])
        times.append(now_seconds)
        return 0.0

    def succeeded(self, address: str) -> None:
        """Take back the last attempt of this source: its password was right."""
        times = self._times_by_source.get(source_of(address))
        if times:
            times.pop()
