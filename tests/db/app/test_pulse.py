"""Pulses of live pages: what one says in the moment of a press, which Streamlit makes one run of the page
with it."""

import json
from pathlib import Path

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from app.data import reads
from tests.support.grow import grow, growing
from tests.support.pages import elements, page


def told(at: AppTest) -> AppTest:
    """The page after what was pressed and the word of every pulse on it, in one run."""
    states = at._tree.get_widget_states()
    heard = at.session_state._state._state._new_widget_state.widget_metadata
    for pulse in elements(at, "pulse"):
        word, name = (
            json.dumps([{"event": "moved", "value": True}]),
            f"$$STREAMLIT_INTERNAL_KEY_{pulse.proto.id}__events",
        )
        assert heard[name].fragment_id, (
            "it stands in a fragment: elsewhere its word would have the whole page drawn"
        )
        states.widgets.append(WidgetState(id=name, json_trigger_value=word))
    return at._run(states)


@pytest.mark.parametrize(
    ("tab", "named", "pulses"),
    [
        ("All metrics", "metric-eval/kl", {"pulse-run-head", "pulse-run-metrics"}),
        ("Config", "", {"pulse-run-head"}),
        ("Overview", "chart-eval/kl", {"pulse-run-head", "pulse-run-overview"}),
    ],
    ids=["a tab not drawn before", "one that has nothing live", "the tab that is open"],
)
def test_a_press_and_a_pulse_do_not_undo_one_another(
    sqlite: Path, tab: str, named: str, pulses: set[str]
) -> None:
    """A tab that was pressed is drawn, and its parts look for new steps from the one that is drawn."""
    (run_id,) = growing(max_steps=100)
    grow(run_id, 0, 20)
    at = page("run", run=str(run_id))
    grow(run_id, 21, 30)
    reads.forget_all()
    at.session_state["tab"] = tab
    told(at)
    assert not at.exception, at.exception
    assert any(named in e.proto.id for e in elements(at, "chart_card")) == bool(named)
    found = elements(at, "pulse")
    assert {next(p for p in pulses if p in e.proto.id) for e in found} == pulses
    assert {json.loads(e.proto.json)["drawn"].split(".")[1] for e in found} == {"30"}


def test_a_choice_and_a_pulse_of_a_live_comparison_do_not_undo_one_another(sqlite: Path) -> None:
    for run_id in growing(["hard", "hybrid", "continuous"], [0], 100):
        grow(run_id, 0, 20)
    at = page("compare")
    next(box for box in at.selectbox if box.label == "Against").set_value("hard")
    told(at)
    assert not at.exception, at.exception
    assert at.query_params["base"] == "hard"
    (head, body) = elements(at, "pulse")
    assert "pulse-compare-head" in head.proto.id and "pulse-compare-body" in body.proto.id
