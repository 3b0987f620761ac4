"""Which points of a long line to draw: the lowest and the highest of every bucket, so that no spike is lost.

A bucket's width is a power of two, and the first bucket begins at the line's first point. While a line grows,
all buckets before its last ones stay as they are, so a page that has them needs only what follows. Pure.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

MOST = 500  # points drawn per line: about one per pixel on half a screen

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


@lru_cache(maxsize=512)  # each line of a chart asks several times
def bucket_width(n: int, most: int = MOST) -> int:
    """Points per bucket for a line of n points; 1 means that every point is drawn.

    The smallest power of two that leaves at most `most` points.
    """
    if n <= most:
        return 1
    width = 2
    while 2 * -(-n // width) + 2 > most:  # two per bucket, the first point and the last
        width *= 2
    return width


def kept(values: Floats, most: int = MOST) -> Positions:
    """Positions [m] of the points of `values` [n] to draw, rising; m <= most.

    These are the lowest and the highest finite value of every bucket, and the line's first and last point. A
    bucket without a finite value keeps one position, so that a gap stays a gap. (The "min-max" of Jugel et
    al., M4, VLDB 2014, section 4.)
    """
    return kept_of_each([values], most)[0]


def kept_of_each(
    lines: Sequence[Floats], most: int = MOST, starts: Sequence[int] | None = None
) -> list[Positions]:
    """Positions of the points to draw, as in `kept`, for each of several lines.

    Lines of equal length are handled together, which costs hardly more than one of them. `starts`: for each
    line, where a bucket begins before which the caller already knows the positions; only positions from there
    on are returned.
    """
    positions: dict[int, Positions] = {}
    alike: dict[tuple[int, int], list[int]] = {}
    for k, values in enumerate(lines):
        alike.setdefault((len(values), starts[k] if starts else 0), []).append(k)
    for (n, start), members in alike.items():
        ends = np.array([lines[k][start:] for k in members])
        positions |= zip(members, _of_one_length(ends, start, bucket_width(n, most)), strict=True)
    return [positions[k] for k in range(len(lines))]


def _of_one_length(lines: Floats, start: int, width: int) -> list[Positions]:
    """[k, n] -> k times [m], for lines of one length; positions are offset by `start`."""
    count, n = lines.shape
    if width == 1:
        return [start + np.arange(n)] * count
    rows = -(-n // width)
    padded = np.full((count, rows * width), np.nan)
    padded[:, :n] = lines
    table = padded.reshape(count, rows, width)
    missing = ~np.isfinite(table)
    low = np.where(missing, np.inf, table).argmin(axis=2)
    high = np.where(missing, -np.inf, table).argmax(axis=2)
    positions = np.empty((count, 2 * rows + 2), dtype=np.int64)
    first = np.arange(rows) * width
    # a tail does not begin with the line's first point: -1 is left out below
    positions[:, 0] = -1 if start else 0
    positions[:, -1] = n - 1
    positions[:, 1:-1:2] = first + np.minimum(low, high)
    positions[:, 2:-1:2] = first + np.maximum(low, high)
    new = np.diff(positions, axis=1, prepend=-1) != 0  # they already rise, so only repeats are dropped
    return [start + line[keep] for line, keep in zip(positions, new, strict=True)]
