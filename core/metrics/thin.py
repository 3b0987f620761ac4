"""Which points of a long line to draw: the lowest and the highest of every bucket, so that no spike is lost.

Called by app.wire. Buckets have a power of two as width and begin at the line's first point: while a line grows, the
buckets before its last ones stay as they are, so a page that has them needs only what follows. Pure.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

MOST = 500  # points drawn of one line: about one a pixel of half a screen

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


@lru_cache(maxsize=512)  # every line of a chart asks several times
def bucket_width(n: int, most: int = MOST) -> int:
    """Points per bucket for a line of n points: the smallest power of two that leaves at most `most` points; 1: all."""
    if n <= most:
        return 1
    width = 2
    while 2 * -(-n // width) + 2 > most:  # two of each bucket, the first point and the last
        width *= 2
    return width


def kept(values: Floats, most: int = MOST) -> Positions:
    """Positions [m] of the points to draw of `values` [n], rising; m <= most.

    Of every bucket its lowest and its highest finite value; the line's first point and its last. A bucket without a finite
    value keeps one position, so that a gap stays a gap. (The "min-max" of Jugel et al., M4, VLDB 2014, section 4.)
    """
    return kept_of_each([values], most)[0]


def kept_of_each(lines: Sequence[Floats], most: int = MOST, starts: Sequence[int] | None = None) -> list[Positions]:
    """The same for several lines; those of one length together, which costs hardly more than one of them.

    `starts`: of each line where a bucket begins, before which the caller knows the positions; only those from there on are
    returned.
    """
    found: dict[int, Positions] = {}
    alike: dict[tuple[int, int], list[int]] = {}
    for k, values in enumerate(lines):
        alike.setdefault((len(values), starts[k] if starts else 0), []).append(k)
    for (n, start), same in alike.items():
        ends = np.array([lines[k][start:] for k in same])
        found |= zip(same, _of_one_length(ends, start, bucket_width(n, most)), strict=True)
    return [found[k] for k in range(len(lines))]


def _of_one_length(lines: Floats, start: int, width: int) -> list[Positions]:
    """[k, n] -> k times [m], counted from `start` before the first."""
    count, n = lines.shape
    if width == 1:
        return [start + np.arange(n)] * count
    rows = -(-n // width)
    padded = np.full((count, rows * width), np.nan)
    padded[:, :n] = lines
    table = padded.reshape(count, rows, width)
    gone = ~np.isfinite(table)
    low = np.where(gone, np.inf, table).argmin(axis=2)
    high = np.where(gone, -np.inf, table).argmax(axis=2)
    found = np.empty((count, 2 * rows + 2), dtype=np.int64)
    first = np.arange(rows) * width
    found[:, 0], found[:, -1] = -1 if start else 0, n - 1  # the first of a rest is not the line's first: left out below
    found[:, 1:-1:2] = first + np.minimum(low, high)
    found[:, 2:-1:2] = first + np.maximum(low, high)
    new = np.diff(found, axis=1, prepend=-1) != 0  # they rise already
    return [start + at[keep] for at, keep in zip(found, new, strict=True)]
