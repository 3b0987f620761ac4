"""Every page as Streamlit runs it, empty and full, and the logic behind its widgets. The browser's part is in tests/e2e."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import forms
from core import presets
from core.config import ExperimentConfig, parse
from core.store import queries, runs, workers
from core.store.states import Status
from core.store.workers import Gpu
from tests.conftest import REPO
from tests.samples import run_config

PAGES = ("runs", "design", "queue", "run", "workers")


def page(name: str, **query: str) -> AppTest:
    """A page, opened as through a link."""
    st.cache_data.clear()
    at = AppTest.from_file(str(REPO / "app" / "main.py"), default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    if name != "runs":
        at.switch_page(f"views/{name}.py").run()
    assert not at.exception, at.exception
    return at


def prose(at: AppTest) -> str:
    return " ".join(str(h.proto.body) for h in at.get("html"))


def elements(at: AppTest, name: str) -> list[Any]:
    """Our own elements on the page."""
    return [e for e in at.get("bidi_component") if e.proto.component_name.endswith(name)]


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_says_what_to_do(sqlite: Path, name: str) -> None:
    text = prose(page(name))
    wanted = {
        "runs": "No runs yet",
        "design": "Design a reward mix",
        "queue": "Nothing is queued",
        "run": "No such run",
        "workers": "No worker listens",
    }
    assert wanted[name] in text


def test_the_run_page_shows_charts_tiles_and_answers(trained: int) -> None:
    at = page("run", run=str(trained))
    assert len(elements(at, "chart_card")) == 13 and len(at.metric) == 6
    text = prose(at)
    assert "hybrid, seed 0" in text and "Done" in text and "Is it learning the right thing?" in text
    assert not [b for b in at.button if b.label in ("Stop", "Resume")]  # a finished run has nothing to stop


def test_the_samples_tab_shows_the_sum_and_the_group(trained: int) -> None:
    at = page("run", run=str(trained), tab="Samples", step="3")
    for name in ("step_bar", "sum_table", "group", "marked_text"):
        assert len(elements(at, name)) == 1, name
    assert "16 samples of step 3" in prose(at)
    first = at.query_params.get("sample")
    next(b for b in at.button if b.label == "Next").click().run()
    assert at.query_params["sample"] != first and not at.exception


def test_a_failed_run_says_why_and_can_be_resumed(sqlite: Path) -> None:
    run_id = runs.create_run(run_config())
    claim = runs.claim(run_id, "w", 60.0)
    assert claim
    runs.finish(run_id, claim.attempt, Status.FAILED, "ModelError", "no <b>model</b>", "last words")
    at = page("run", run=str(run_id))
    assert "no &lt;b&gt;model&lt;/b&gt;" in prose(at)  # escaped: an error text is never HTML
    next(b for b in at.button if b.label == "Resume").click().run()
    assert queries.run_detail(run_id).row.status == Status.QUEUED


def test_stop_on_the_page_stops_a_waiting_run(sqlite: Path) -> None:
    run_id = runs.create_run(run_config())
    at = page("run", run=str(run_id))
    assert "no worker listens" in prose(at)
    next(b for b in at.button if b.label == "Stop").click().run()
    assert queries.run_detail(run_id).row.status == Status.STOPPED


def weight_of(at: AppTest, term: str) -> Any:
    return next(n for n in at.number_input if n.label == f"weight of {term}")


def test_a_weight_moves_the_formula_the_composition_and_the_sum(sqlite: Path) -> None:
    at = page("design")
    assert "0.40 <span" in prose(at)
    weight_of(at, "closeness").set_value(0.9).run()
    assert "0.90 <span" in prose(at) and "<b>0.45</b>" in prose(at)  # half of it at step 50 of the blend


def test_a_draft_is_not_lost_by_changing_the_page(sqlite: Path) -> None:
    at = page("design")
    weight_of(at, "perplexity").set_value(0.7).run()
    at.switch_page("views/queue.py").run()
    next(t for t in at.text_input if t.label == "Seeds").set_value("0-2").run()
    at.switch_page("views/design.py").run()
    assert weight_of(at, "perplexity").value == 0.7 and "9 runs" in prose(at)


def test_an_experiment_is_launched_from_the_queue(sqlite: Path) -> None:
    at = page("queue")
    next(t for t in at.text_input if t.label == "Seeds").set_value("0, 1").run()
    next(b for b in at.button if b.label == "Queue 6 runs").click().run()
    assert not at.exception and len(queries.run_list()) == 6
    assert {r.seed for r in queries.run_list()} == {0, 1}
    assert any("stays queued" in t.value for t in at.toast)  # no broker here: said, and nothing lost


@pytest.mark.parametrize(
    ("label", "typed", "message"),
    [("Seeds", "one", "valid integer"), ("Seeds", "1, 1", "seed 1 is given twice"), ("Name", "", "at least 1 character")],
)
def test_bad_input_is_refused_beside_the_field(sqlite: Path, label: str, typed: str, message: str) -> None:
    at = page("queue")
    next(t for t in at.text_input if t.label == label).set_value(typed).run()
    assert message in prose(at) and 'role="alert"' in prose(at)
    assert next(b for b in at.button if b.label == "Queue").disabled
    assert queries.run_list() == []


def test_a_model_folder_that_is_not_there_is_refused_before_queueing(sqlite: Path) -> None:
    at = page("queue")
    at.session_state["draft"]["run"]["model"]["path"] = "/no/such/model"  # AppTest's selectbox knows listed ones only
    at.session_state["edition"] += 1
    at.run()
    next(b for b in at.button if b.label == "Queue 3 runs").click().run()
    assert "&#x27;/no/such/model&#x27; does not exist" in prose(at) and queries.run_list() == []


def test_every_preset_can_be_started_from(sqlite: Path) -> None:
    at = page("design")
    names = [b.label for b in at.button if b.label in presets.names()]
    assert names == presets.names()
    for name in names:
        next(b for b in at.button if b.label == name).click().run()
        assert not at.exception, name
        assert "cannot be computed" not in prose(at), name


def test_points_typed_wrong_are_named_and_the_page_lives(sqlite: Path) -> None:
    at = page("design")
    draft = at.session_state["draft"]
    hybrid = next(i for i, a in enumerate(draft["arms"]) if a["name"] == "hybrid")
    draft["arms"][hybrid]["mix"]["blend"] = {"type": "piecewise", "points": [[0, "zero"], [5]]}
    at.session_state["arm"] = hybrid
    at.session_state["edition"] += 1
    at.run()
    assert not at.exception and "cannot be computed yet" in prose(at)


def test_a_ramp_made_for_a_longer_run_is_kept(sqlite: Path) -> None:
    at = page("design")
    draft = at.session_state["draft"]
    before = [dict(a["mix"]["blend"] or {}) for a in draft["arms"]]
    draft["run"]["grpo"]["max_steps"] = 10
    at.session_state["edition"] += 1
    at.run()
    assert not at.exception
    assert [dict(a["mix"]["blend"] or {}) for a in at.session_state["draft"]["arms"]] == before


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("0-2, 7", [0, 1, 2, 7]), ("0-999999999", ["0-999999999"]), ("\u00b2", ["\u00b2"]), ("3-1", ["3-1"])],
)
def test_seeds_as_they_are_typed(typed: str, wanted: list[Any]) -> None:
    assert forms.seeds(typed) == wanted


def test_a_run_of_its_own_is_on_the_queue_page(sqlite: Path) -> None:
    run_id = runs.create_run(run_config())
    at = page("queue")
    assert "Runs of their own" in prose(at)
    next(b for b in at.button if b.key == f"stop-{run_id}").click().run()
    assert queries.run_detail(run_id).row.status == Status.STOPPED
    assert "Stopped" in prose(at)  # at once, not at the next tick


def test_opening_a_preset_on_the_design_page_changes_no_config(sqlite: Path) -> None:
    before = [r.hash() for r in presets.demo().runs()]
    at = page("design")
    assert [r.hash() for r in parse(ExperimentConfig, at.session_state["draft"]).runs()] == before


def test_the_workers_page_says_who_trains_and_why_runs_wait(sqlite: Path) -> None:
    assert "No worker listens" in prose(page("workers"))
    waiting = runs.create_run(run_config())
    assert "1 run waits: no worker listens" in prose(page("workers"))
    workers.beat("box-1", "box <1>", 42, 1, [Gpu(0, "H200", 140.0 * 2**30, 70.0 * 2**30, 0.9)])
    assert "1 run waits, and 1 slot free" in prose(page("workers"))
    claim = runs.claim(waiting, "box-1", 60.0)
    assert claim is not None
    runs.create_run(run_config(seed=1))
    text = prose(page("workers"))
    assert "1 run waits: 1 slot of 1 worker, all taken" in text
    assert "box &lt;1&gt;" in text and "GPU 0: H200" in text and "70.0 of 140 GiB" in text and "90% busy" in text
    assert f"run {waiting}: hybrid, seed 0" in text


def test_a_finished_run_is_extended_and_cloned_from_its_page(sqlite: Path) -> None:
    run_id = runs.create_run(run_config())
    claim = runs.claim(run_id, "w", 60.0)
    assert claim is not None and runs.finish(run_id, claim.attempt, Status.DONE)
    at = page("run", run=str(run_id))
    next(n for n in at.number_input if n.label == "Go on to step").set_value(9).run()
    next(b for b in at.button if b.label == "Extend").click().run()
    row = queries.run_detail(run_id).row
    assert not at.exception and (row.status, row.max_steps) == (Status.QUEUED, 9)
    next(n for n in at.number_input if n.label == "Priority").set_value(3).run()
    next(b for b in at.button if b.label == "Set priority").click().run()
    assert queries.run_detail(run_id).row.priority == 3
    next(b for b in at.button if b.label == "Clone to Design").click().run()
    assert (
        at.session_state["draft"]["arms"][0]["name"] == "hybrid" and at.session_state["draft"]["run"]["grpo"]["max_steps"] == 9
    )


def test_an_experiment_is_stopped_whole_from_the_queue(sqlite: Path) -> None:
    runs.create_experiment(presets.demo())
    at = page("queue")
    next(b for b in at.button if b.label == "Stop all").click().run()
    assert {r.status for r in queries.run_list()} == {Status.STOPPED} and not at.exception
