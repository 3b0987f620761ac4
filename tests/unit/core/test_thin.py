"""Thinned lines: what is kept of a line, for any line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metrics.thin import MOST, bucket_width, kept, kept_of_each

LENGTHS = st.integers(0, 5000)


@given(LENGTHS, st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_no_spike_is_lost_and_no_line_is_long(n: int, seed: int, gaps: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_cauchy(n)
    values[rng.random(n) < gaps] = np.nan
    at = kept(values)
    assert len(at) <= MOST and (np.diff(at) > 0).all()
    if n:
        assert at[0] == 0 and at[-1] == n - 1  # a line begins and ends where it does
    if np.isfinite(values).any():
        assert np.nanmax(values[at]) == np.nanmax(values) and np.nanmin(values[at]) == np.nanmin(values)


@given(st.integers(1, 4000), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_what_is_settled_stays_while_the_line_grows(n: int, more: int, seed: int) -> None:
    values = np.random.default_rng(seed).random(n + more)
    width = bucket_width(n)
    if bucket_width(n + more) != width:
        return  # wider buckets: another history, and pages are told so
    whole = (n - 1) // width * width  # the last point is kept only because it is the last
    before, after = kept(values[:n]), kept(values)
    assert before[before < whole].tolist() == after[after < whole].tolist()


@given(st.integers(0, 4000), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_the_rest_of_a_line_is_what_the_whole_has_there(n: int, bucket: int, seed: int) -> None:
    values = np.random.default_rng(seed).random(n)
    start = min(bucket, n // bucket_width(n)) * bucket_width(n)
    whole, (rest,) = kept(values), kept_of_each([values], starts=[start])
    assert rest.tolist() == whole[whole >= start].tolist()


@pytest.mark.parametrize(
    ("n", "width"),
    [(0, 1), (1, 1), (500, 1), (501, 4), (996, 4), (997, 8), (2000, 16), (1_000_000, 4096)],
    ids=["empty", "one", "all fit", "two would be 502", "just", "over", "a usual run", "a long run"],
)
def test_width_of_buckets(n: int, width: int) -> None:
    assert bucket_width(n) == width
