"""What charts compute of their lines: the moving average, from the beginning and gone on with; and what
happened when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.charts import base, marks
from core.config.parsing import parse
from core.rewards.mix import Mix
from core.store.runs.queries import Event
from tests.support.samples import HARD


def by_the_formula(values: base.Floats, weight: float) -> list[float]:
    """The docstring of `base.smoothed`, value by value."""
    found = []
    for i in range(len(values)):
        seen = [k for k in range(i + 1) if np.isfinite(values[i - k])]
        below = sum(weight**k for k in seen)
        found.append(sum(weight**k * values[i - k] for k in seen) / below if seen else np.nan)
    return found


@given(st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.99]), st.floats(0, 0.6), st.integers(0, 2**32 - 1))
def test_an_average_is_what_its_formula_says_also_over_gaps(
    n: int, weight: float, gaps: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n)
    values[rng.random(n) < gaps] = np.nan
    np.testing.assert_allclose(
        base.smoothed(values, weight), by_the_formula(values, weight), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(
    ("known", "n", "gap", "why"),
    [
        (0, 50, None, "nothing was known"),
        (49, 50, None, "one step more"),
        (50, 50, None, "nothing new"),
        (10, 42, None, "as many as are gone on with"),
        (10, 43, None, "more than that: made anew"),
        (40, 50, 45, "a gap among the new ones"),
        (40, 50, 5, "a gap long ago"),
    ],
)
def test_an_average_is_gone_on_with_as_if_made_anew(known: int, n: int, gap: int | None, why: str) -> None:
    values = np.random.default_rng(1).normal(size=n)
    if gap is not None:
        values[gap] = np.nan
    before = base.smoothed(values[:known])
    other = np.arange(7.0)  # another line beside it, of another length and not known
    found, beside = base.smoothed_all([values, other], 0.8, [before, None])
    np.testing.assert_allclose(found, base.smoothed(values), rtol=1e-12, err_msg=why)
    np.testing.assert_allclose(beside, base.smoothed(other), rtol=1e-12)
    assert (found[:known] == before).all(), "what a browser has already is not changed in its last digit"


def test_a_line_that_became_shorter_is_averaged_anew() -> None:
    values = np.random.default_rng(2).normal(size=20)
    assert (
        base.smoothed_all([values[:8]], 0.8, [base.smoothed(values)])[0] == base.smoothed(values[:8])
    ).all()


STOP = ("stop_requested", 102)
RESUMED = (100, "resumed, attempt 2")


@pytest.mark.parametrize(
    ("history", "wanted", "why"),
    [
        ([STOP], [(102, "stop asked")], "it is asked, and the step is still being trained"),
        ([STOP, ("stopped", 103)], [(103, "stopped")], "the run stopped: one label says it"),
        (
            [STOP, ("queued", None), ("stopped", 104)],
            [(102, "stop asked"), (104, "stopped")],
            "put back means go on",
        ),
        (
            [STOP, ("failed", 102)],
            [(102, "failed"), (102, "stop asked")],
            "it never stopped: it failed before",
        ),
        (
            [("stop_requested", None)],
            [(100, "stop asked")],
            "of an older version: at the last step that was known",
        ),
    ],
)
def test_a_stop_lies_at_its_step_and_is_said_once(
    history: list[tuple[str, int | None]], wanted: list[tuple[int, str]], why: str
) -> None:
    events = [
        Event(0.0, 100, "resumed", "attempt 2"),
        *(Event(0.0, step, kind, "") for kind, step in history),
    ]
    found = marks.marks(events, parse(Mix, {"terms": HARD}), 200)
    assert sorted((m.step, m.text) for m in found) == sorted([RESUMED, *wanted]), why


def test_the_label_of_a_resume_is_not_hidden_by_a_stop() -> None:
    events = [
        Event(0.0, step, kind, "attempt 2")
        for kind, step in (("resumed", 100), ("stop_requested", None), ("stopped", 103))
    ]
    found = marks.marks(events, parse(Mix, {"terms": HARD}), 200)
    assert [m.text for m in marks.spread(found, 24)] == [RESUMED[1]]
