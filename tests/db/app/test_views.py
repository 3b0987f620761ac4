"""Every page as Streamlit runs it, empty and full, and the logic behind its widgets. The browser's part is
in tests/e2e."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.charts import run as figures
from app.charts.preflight import dead_before_after
from app.charts.shown import Shown, View
from app.data import reads
from app.live.feed import csv_of
from app.views.queue.launch import SECTIONS
from app.widgets import forms
from core.analysis.replay import run as replay_run
from core.analysis.sample_table import from_batch
from core.config import presets
from core.config.estimate import estimate
from core.config.experiment import ExperimentConfig
from core.config.grpo import GrpoConfig
from core.config.parsing import parse
from core.config.run import ModelConfig
from core.metrics.series import Series
from core.rewards.mix import Mix
from core.store import workers
from core.store.runs import claims, durations, lifecycle, queries
from core.store.status import Status
from core.store.workers import Gpu
from tests.support.grow import grow, growing
from tests.support.pages import elements, page, prose, weight_of
from tests.support.samples import HARD, batch, run_config

PAGES = ("home", "runs", "design", "queue", "run", "workers", "compare")


def opened(at: AppTest) -> AppTest:
    """The Queue page with every section of its form open."""
    for name, *_ in SECTIONS:
        at.session_state[f"open-{name}"] = True
    return at.run()


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_says_what_to_do(sqlite: Path, name: str) -> None:
    text = prose(page(name))
    wanted = {
        "home": "Nothing has been trained yet",
        "runs": "No runs yet",
        "design": "Design a reward mix",
        "queue": "Nothing is queued",
        "run": "No such run",
        "workers": "No worker listens",
        "compare": "Nothing to compare yet",
    }
    assert wanted[name] in text


@pytest.mark.parametrize(
    ("name", "title"), [("home", "Showdown"), ("runs", "Runs · Showdown"), ("run", "Run · Showdown")]
)
def test_a_tab_of_the_browser_says_what_is_in_it(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch, name: str, title: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr("streamlit.set_page_config", lambda page_title, **_: said.append(page_title))
    page(name)
    assert said[-1] == title


def test_the_run_page_shows_charts_tiles_and_answers(trained: int) -> None:
    at = page("run", run=str(trained))
    assert len(elements(at, "chart_card")) == 13 and len(at.metric) == 6
    text = prose(at)
    assert "hybrid, seed 0" in text and "Done" in text and "Is it learning the right thing?" in text
    # a finished run has nothing to stop
    assert not [b for b in at.button if b.label in ("Stop it now", "Resume")]


@pytest.mark.parametrize("tab", ["Overview", "All metrics", "Samples"])
def test_a_live_page_keeps_as_much_after_many_steps_as_after_one(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch, tab: str
) -> None:
    """The step bar was kept once for every step: 50 viewers of one run, and memory grew by 3 MB a minute."""
    monkeypatch.setattr(reads, "LIVE_SECONDS", 1e-6)  # every look is a fresh one
    (run_id,) = growing(max_steps=100)
    grow(run_id, 0, 5)
    at = page("run", run=str(run_id), tab=tab)
    kept = len(reads.memo())
    for step in range(6, 10):
        grow(run_id, step, step)
        at.run()
        assert not at.exception
    assert reads.run_detail(run_id).row.step == 9 and len(reads.memo()) == kept


def test_a_run_like_one_that_trained_is_estimated_from_it(trained: int) -> None:
    found = estimate(run_config(), durations.past_runs("tiny"), [], gpu=False)
    assert found.basis.startswith("from 1 run of tiny on ") and found.measured
    assert found.memory is not None and 0.1 < found.memory < 8  # GiB of a process with torch in it
    spent = queries.series(trained)["speed/step_seconds"].values
    assert found.seconds is not None and found.seconds > len(spent) * min(spent)


def test_a_term_on_both_sides_of_zero_is_one_column_and_percent_is_said() -> None:
    mix = parse(
        Mix,
        {"terms": [{"component": "correctness", "side": "hard"}, {"component": "format", "side": "hard"}]},
    )
    shares = {"correctness": [1.25, 0.5], "format": [-0.25, 0.5]}
    series = {f"signal/advantage_share/{term}": Series([1, 2], values) for term, values in shares.items()}
    card = figures.advantage_shares(Shown(series, mix, 2, 2, 1))
    assert csv_of(card).splitlines() == ["step,correctness (%),format (%)", "1,125,-25", "2,50,50"]


def test_a_log_axis_on_which_nothing_can_stand_says_so_and_has_no_ticks_of_its_own() -> None:
    view = View(log=True)
    mix = parse(Mix, {"terms": [{"component": "correctness", "side": "hard"}]})
    card = figures.single(
        Shown({"signal/dead_groups": Series([1, 2], [0.0, 0.0])}, mix, 2, 2, 1, view), "signal/dead_groups"
    )
    assert (
        card["sub"] == "2 values of 0 or below cannot stand on a log axis."
        and card["layout"]["yaxis"].get("type") != "log"
    )


def test_a_term_called_total_has_its_own_layer_and_column() -> None:
    mix = parse(Mix, {"terms": [{"component": "correctness", "name": "total", "side": "hard"}]})
    series = {"contribution/total": Series([1, 2], [0.5, 0.75]), "reward/total": Series([1, 2], [0.25, 1.0])}
    card = figures.contributions(Shown(series, mix, 2, 2, 1))
    assert csv_of(card).splitlines() == ["step,total,reward/total", "1,0.5,0.25", "2,0.75,1"]
    names = [entry["name"] for entry in card["legend"]]
    shown = [t.get("legendgroup", t["name"]) for t in card["traces"]]
    assert len(set(names)) == 2 and shown == [names[0], names[1], names[1]]  # a click hides one of them


@pytest.mark.parametrize(
    ("sides", "named"),
    [(["hard"], ["hard side"]), (["continuous"], ["continuous side"]),
     (["hard", "continuous"], ["hard side", "continuous side"]), (["always"], [])],
    ids=["hard", "continuous", "hybrid", "on no side"],
)  # fmt: skip
def test_a_legend_names_the_sides_that_have_terms(sides: list[str], named: list[str]) -> None:
    kinds = ("correctness", "closeness")
    terms = [{"component": c, "side": s} for c, s in zip(kinds, sides, strict=False)]
    mix = parse(
        Mix, {"terms": terms, **({"blend": {"type": "constant", "value": 0.5}} if len(sides) > 1 else {})}
    )
    card = figures.truth(Shown({"reward/total": Series([1, 2], [0.1, 0.2])}, mix, 2, 2, 1), [])
    assert [entry["name"] for entry in card["legend"]] == ["reward", "gold accuracy", *named]


def test_the_samples_tab_shows_the_sum_and_the_group(trained: int) -> None:
    at = page("run", run=str(trained), tab="Samples", step="3")
    for name in ("step_bar", "sample_list", "sum_table", "group", "problem_time"):
        assert len(elements(at, name)) == 1, name
    assert len(elements(at, "marked_text")) == 2  # prompt and completion
    assert "16 samples of step 3" in prose(at)
    first = at.query_params.get("sample")
    next(b for b in at.button if b.label == "Next").click().run()
    assert at.query_params["sample"] != first and not at.exception


def test_a_failed_run_says_why_and_can_be_resumed(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    claim = claims.claim(run_id, "w", 60.0)
    assert claim
    claims.finish(run_id, claim.attempt, Status.FAILED, "ModelError", "no <b>model</b>", "last words")
    at = page("run", run=str(run_id))
    assert "no &lt;b&gt;model&lt;/b&gt;" in prose(at)  # escaped: an error text is never HTML
    next(b for b in at.button if b.label == "Resume").click().run()
    assert queries.run_detail(run_id).row.status == Status.QUEUED


def test_the_log_tab_shows_the_log_as_text_and_what_went_wrong_first(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())

    def log() -> Any:
        (found,) = elements(page("run", run=str(run_id), tab="Log"), "log_view")
        return json.loads(found.proto.json)

    assert log()["text"] == "" and log()["empty"] == ["No line yet", "The run waits in the queue."]
    assert claims.claim(run_id, "box-1", 60.0)
    said = "--- attempt 1, now\n<b>no</b> **markdown**\n"
    claims.beat(run_id, 1, 60.0, log_tail=said)
    assert (log()["text"], log()["cause"], log()["note"]) == (said, None, "live, newest line last · box-1")
    chain = "Traceback (most recent call last):\n  File \"/me/a.py\", line 3, in f\nKeyError: '<i>'\n"
    claims.finish(run_id, 1, Status.FAILED, "DataError", "no answer", said + chain)
    wanted = {
        "head": "What went wrong first",
        "text": "KeyError: '<i>'",
        "where": "/me/a.py:3 in f",
        "line": 4,
    }
    assert log()["cause"] == wanted


def test_stop_on_the_page_stops_a_waiting_run(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    at = page("run", run=str(run_id))
    assert "no worker listens" in prose(at)
    next(b for b in at.button if b.label == "Stop it now").click().run()
    assert queries.run_detail(run_id).row.status == Status.STOPPED


def test_a_weight_moves_the_formula_the_composition_and_the_sum(sqlite: Path) -> None:
    at = page("design")
    assert "0.40 <span" in prose(at)
    weight_of(at, "closeness").set_value(0.9).run()
    assert "0.90 <span" in prose(at)
    closeness = json.loads(elements(at, "sum_table")[0].proto.json)["terms"][1]
    assert closeness["weight"] == pytest.approx(0.45)  # half of it at step 50 of the blend


def test_a_term_says_which_of_its_params_are_not_its_own_defaults(sqlite: Path) -> None:
    at = page("design")
    # of the four checks only one is left
    assert "no repetition. Set: steps 0, marker 0, repetition 0.</div>" in prose(at)
    at = on_hybrid(
        at,
        terms=[{"component": "reasoning", "side": "continuous", "weight": 1.0, "params": {"equations": 1.0}}],
    )
    assert "no repetition.</div>" in prose(at)


def test_a_pasted_text_is_compared_with_the_worked_solution(sqlite: Path) -> None:
    at = on_hybrid(page("design"), terms=[{"component": "key_points", "side": "continuous", "weight": 1.0}])
    for probe, raw in (("Right answer", 1.0), ("Empty", 0.0)):
        next(b for b in at.button if b.label == probe).click().run()
        (term,) = json.loads(elements(at, "sum_table")[0].proto.json)["terms"]
        assert (term["term"], term["raw"]) == ("key_points", raw)


def test_a_draft_is_not_lost_by_changing_the_page(sqlite: Path) -> None:
    at = page("design")
    weight_of(at, "perplexity").set_value(0.7).run()
    at.switch_page("views/queue/page.py").run()
    next(t for t in at.text_input if t.label == "Seeds").set_value("0-2").run()
    at.switch_page("views/design/page.py").run()
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
    [
        ("Seeds", "one", "must be a whole number (got &#x27;one&#x27;)"),
        ("Seeds", "1, 1", "seed 1 is given twice"),
        ("Name", "", "at least 1 character"),
    ],
)
def test_bad_input_is_refused_beside_the_field(sqlite: Path, label: str, typed: str, message: str) -> None:
    at = page("queue")
    next(t for t in at.text_input if t.label == label).set_value(typed).run()
    assert message in prose(at) and 'role="alert"' in prose(at)
    assert next(b for b in at.button if b.label == "Queue").disabled
    assert queries.run_list() == []


@pytest.mark.parametrize(("label", "typed"), [("max_steps", -5), ("learning_rate", -1e-4), ("beta", -0.5)])
def test_a_number_out_of_range_is_refused_and_both_pages_go_on(
    sqlite: Path, label: str, typed: float
) -> None:
    at = page("queue")
    next(n for n in at.number_input if n.label == label).set_value(typed).run()
    assert not at.exception and 'role="alert"' in prose(at) and "greater than" in prose(at)
    assert next(b for b in at.button if b.label == "Queue").disabled and queries.run_list() == []
    at.switch_page("views/design/page.py").run()
    assert not at.exception and "This cannot be queued yet" in prose(at)
    at.switch_page("views/queue/page.py").run()
    assert not at.exception
    box = next(n for n in at.number_input if n.label == label)
    assert box.value == typed and box.step > 0


def test_what_cannot_act_at_these_settings_is_said_before_it_is_queued(sqlite: Path) -> None:
    at = page("queue")
    assert "This cannot act" not in prose(at)
    next(n for n in at.number_input if n.label == "max_steps").set_value(20).run()
    assert (
        prose(at).count(
            "hybrid, blend: the blend stays at 0 for the whole training, so the hard side never acts"
        )
        == 1
    )
    assert not next(b for b in at.button if b.label == "Queue 3 runs").disabled


def test_a_model_folder_that_is_not_there_is_refused_before_queueing(sqlite: Path) -> None:
    at = page("queue")
    # AppTest's selectbox knows listed ones only
    at.session_state["draft"]["run"]["model"]["path"] = str(sqlite / "none")
    at.session_state["edition"] += 1
    at.run()
    next(b for b in at.button if b.label == "Queue 3 runs").click().run()
    assert "/none&#x27; does not exist" in prose(at) and queries.run_list() == []


def test_every_preset_can_be_started_from(sqlite: Path) -> None:
    at = page("design", panel="Templates")
    assert [b.label for b in at.button if b.label in presets.names()] == presets.names()
    for name in (
        "tiny-hard",
        "tiny-structures",
        "gsm8k-qwen3-4b-hybrid-to-hard",
    ):  # one run, an experiment, a big one
        next(b for b in at.button if b.label == name).click().run()
        assert not at.exception, name
        assert "cannot be computed" not in prose(at), name
        at.session_state["panel"] = "Templates"  # it closes when something was chosen
        at.run()


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


def test_every_setting_of_grpo_and_of_the_model_is_on_the_queue_page_once(sqlite: Path) -> None:
    at = opened(page("queue"))
    assert not at.exception
    drawn = [str(w.key) for kind in (at.toggle, at.number_input, at.selectbox, at.text_input) for w in kind]
    wanted = [f"-grpo-{n}" for n in GrpoConfig.model_fields]
    wanted += [f"-model-{n}" for n in ModelConfig.model_fields if n not in ("path", "chat_template_kwargs")]
    assert [n for n in wanted if sum(key.endswith(n) for key in drawn) != 1] == []
    next(w for w in at.toggle if w.label == "load_in_4bit").set_value(True).run()
    next(w for w in at.toggle if w.label == "use_vllm").set_value(True).run()
    assert at.session_state["draft"]["run"]["model"]["load_in_4bit"] is True
    assert "vLLM is sent base and adapter as one" in prose(at)


def test_a_run_of_its_own_is_on_the_queue_page(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    at = page("queue")
    assert "Runs of their own" in prose(at)
    (line,) = elements(at, "run_rows")
    assert [r["id"] for r in json.loads(line.proto.json)["rows"]] == [run_id]


def test_opening_a_preset_on_the_design_page_changes_no_config(sqlite: Path) -> None:
    before = [r.hash() for r in presets.demo().runs()]
    at = page("design")
    assert [r.hash() for r in parse(ExperimentConfig, at.session_state["draft"]).runs()] == before


def test_the_workers_page_says_who_trains_and_why_runs_wait(sqlite: Path) -> None:
    assert "No worker listens" in prose(page("workers"))
    waiting = lifecycle.create_run(run_config())
    assert "1 run waits: no worker listens" in prose(page("workers"))
    workers.beat("box-1", "box <1>", 42, 1, [Gpu(0, "H200", 140.0 * 2**30, 70.0 * 2**30, 0.9)])
    assert "1 run waits: 1 slot free, starts within seconds" in prose(page("workers"))
    claim = claims.claim(waiting, "box-1", 60.0)
    assert claim is not None
    lifecycle.create_run(run_config(seed=1))
    text = prose(page("workers"))
    assert "1 run waits: the only slot is taken" in text
    assert (
        "box &lt;1&gt;" in text
        and "GPU 0: H200" in text
        and "70.0 of 140 GiB" in text
        and "90 % busy" in text
    )
    assert f"run {waiting}: hybrid, seed 0" in text


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([], "1 run waits: 1 slot free, starts within seconds"),
        ([4], "it wants 4 GPUs of one machine, and none has more than 2"),
        ([2], "it wants 2 free GPUs of one machine, and none has more than 1"),
    ],
)
def test_why_a_run_that_wants_gpus_waits(sqlite: Path, wanted: list[int], said: str) -> None:
    cards = [Gpu(i, "H200", 1.0, 0.0, 0.0, f"GPU-{i}") for i in range(2)]
    workers.beat("box-1", "box", 42, 2, cards)
    held = claims.claim(lifecycle.create_run(run_config()), "box-1", 60.0, [c.uuid for c in cards])
    assert held is not None
    lifecycle.create_run(run_config(grpo={"num_processes": wanted[0]} if wanted else {}))
    text = prose(page("workers"))
    assert said in text and f"run {held.run_id}" in text and "free" in text


def test_a_finished_run_is_extended_and_cloned_from_its_page(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    claim = claims.claim(run_id, "w", 60.0)
    assert claim is not None and claims.finish(run_id, claim.attempt, Status.DONE)
    at = page("run", run=str(run_id))
    next(n for n in at.number_input if n.label == "Go on to step").set_value(1).run()
    next(b for b in at.button if b.label == "Extend").click().run()
    assert not at.exception and any("1 is not above the" in t.value for t in at.toast)
    assert queries.run_detail(run_id).row.status == Status.DONE
    next(n for n in at.number_input if n.label == "Go on to step").set_value(9).run()
    next(b for b in at.button if b.label == "Extend").click().run()
    row = queries.run_detail(run_id).row
    assert not at.exception and (row.status, row.max_steps) == (Status.QUEUED, 9)
    next(n for n in at.number_input if n.label == "Priority").set_value(3).run()
    next(b for b in at.button if b.label == "Set priority").click().run()
    assert queries.run_detail(run_id).row.priority == 3
    next(b for b in at.button if b.label == "Clone to Design").click().run()
    assert (
        at.session_state["draft"]["arms"][0]["name"] == "hybrid"
        and at.session_state["draft"]["run"]["grpo"]["max_steps"] == 9
    )


def test_an_experiment_is_stopped_whole_from_the_queue(sqlite: Path) -> None:
    lifecycle.create_experiment(presets.demo())
    at = page("queue")
    next(b for b in at.button if b.label == "Stop them").click().run()
    assert {r.status for r in queries.run_list()} == {Status.STOPPED} and not at.exception


def hybrid_of(at: AppTest) -> dict[str, Any]:
    arms = at.session_state["draft"]["arms"]
    found: dict[str, Any] = next(a["mix"] for a in arms if a["name"] == "hybrid")
    return found


def on_hybrid(at: AppTest, **changes: Any) -> AppTest:
    """The hybrid arm on the Design page, with changes as a colleague's YAML would bring them."""
    hybrid_of(at).update(changes)
    at.session_state["arm"] = next(
        i for i, a in enumerate(at.session_state["draft"]["arms"]) if a["name"] == "hybrid"
    )
    at.session_state["edition"] += 1
    at.run()
    assert not at.exception
    return at


CURVES: list[dict[str, Any]] = [
    {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 12.5, "to_step": 37.5, "unit": "percent"},
    {"type": "cosine", "start": 1.0, "end": 0.0, "from_step": 0.2, "to_step": 0.7},
    {"type": "sigmoid", "start": 0.0, "end": 1.0, "from_step": 5, "to_step": 400, "steepness": 3.0},
    {"type": "step", "start": 0.0, "end": 1.0, "at_step": 33.3},
    {"type": "cyclic", "low": 0.2, "high": 0.8, "period": 0.5},
    {"type": "piecewise", "points": [[0.0, 0.0], [12.5, 0.3], [80.0, 1.0]]},
    {"type": "warmup", "steps": 20.0, "then": {"type": "linear", "start": 1.0, "end": 0.0, "from_step": 30, "to_step": 120}},
    {"type": "adaptive", "signal": "spread", "when": "below", "threshold": 0.25, "start": 0.1, "end": 0.9, "rate": 0.02,
     "hysteresis": 0.01, "memory": 0.5, "returns": True},
    {"type": "exponential", "start": 0.0, "end": 1.0, "from_step": 0, "to_step": 50, "rate": -3.0},
]  # fmt: skip


@pytest.mark.parametrize("curve", CURVES, ids=[str(c["type"]) for c in CURVES])
def test_opening_the_page_changes_no_curve(sqlite: Path, curve: dict[str, Any]) -> None:
    at = on_hybrid(page("design"), blend=dict(curve))
    assert parse(Mix, hybrid_of(at)).blend == parse(Mix, {**hybrid_of(at), "blend": curve}).blend


BEYOND = [  # the box of a curve, a number outside what the class allows, what is said beside it
    ("Before", -1.0, "the blend reaches -1"),
    ("After", 2.0, "the blend reaches 2"),
    ("From step", -3.0, "greater than or equal to 0 (got -3.0)"),
]


@pytest.mark.parametrize(("box", "number", "said"), BEYOND, ids=[box for box, *_ in BEYOND])
def test_a_number_outside_its_bounds_is_refused_and_not_dropped(
    sqlite: Path, box: str, number: float, said: str
) -> None:
    at = page("design")
    on_hybrid(at, blend={**CURVES[0], "unit": "step", "from_step": 25, "to_step": 75})
    next(n for n in at.number_input if n.label == box).set_value(number).run()
    assert said in prose(at) and number in hybrid_of(at)["blend"].values()


@pytest.mark.parametrize("curve", [CURVES[6], {**CURVES[0], "unit": "step", "from_step": 25, "to_step": 75}])
def test_percent_and_back_is_the_same_curve(sqlite: Path, curve: dict[str, Any]) -> None:
    at = page("design")
    at.session_state["draft"]["run"]["grpo"]["max_steps"] = 200
    on_hybrid(at, blend=dict(curve))
    before = parse(Mix, hybrid_of(at))
    unit = next(b for b in at.get("button_group") if b.proto.label == "Steps in")
    unit.set_value("percent").run()
    there = parse(Mix, hybrid_of(at)).in_steps(200)
    assert [there.hard_share(s) for s in range(0, 200, 7)] == pytest.approx(
        [before.hard_share(s) for s in range(0, 200, 7)]
    )
    next(b for b in at.get("button_group") if b.proto.label == "Steps in").set_value("step").run()
    back = parse(Mix, hybrid_of(at))
    assert not at.exception and [back.hard_share(s) for s in (0, 30, 60, 199)] == pytest.approx(
        [before.hard_share(s) for s in (0, 30, 60, 199)]
    )


def test_rules_that_share_their_settings_keep_them_and_a_lost_name_stays_visible(sqlite: Path) -> None:
    at = on_hybrid(
        page("design"),
        advantage={"type": "group", "std_floor": 0.3},
        rule={"type": "gate", "order": ["gone"]},
    )
    assert "gone" in prose(at)  # not silently another term
    next(s for s in at.selectbox if s.label == "Advantage").set_value("batch").run()
    assert hybrid_of(at)["advantage"]["type"] == "batch" and hybrid_of(at)["advantage"]["std_floor"] == 0.3
    next(s for s in at.selectbox if s.label == "Combination rule").set_value("uncertainty").run()
    assert hybrid_of(at)["rule"] == {"type": "uncertainty", "lambda": 0.1, "terms": []} and not at.exception


def test_a_blend_outlives_a_side_without_terms(sqlite: Path) -> None:
    at = page("design")
    blend, terms = dict(hybrid_of(at)["blend"]), hybrid_of(at)["terms"]
    on_hybrid(at, terms=[t for t in terms if t["side"] == "hard"])
    assert "Only the hard side has terms" in " ".join(c.value for c in at.caption)
    on_hybrid(at, terms=terms)
    assert {k: hybrid_of(at)["blend"][k] for k in blend} == blend


def test_the_replay_tab_compares_two_mixes_step_by_step(trained: int) -> None:
    at = page("run", run=str(trained), tab="Replay")
    assert "Another mix over the samples of this run" in prose(at) and not at.exception
    assert {"Dead groups", "AUROC with gold", "Ranks agree"} <= {m.label for m in at.metric}
    names = next(s for s in at.selectbox if s.label == "Mix").options
    assert "design: hard" in names and "tiny-structures: heron" in names
    next(s for s in at.selectbox if s.label == "Mix").set_value("tiny-structures: heron").run()
    assert not at.exception and len(elements(at, "chart_card")) == 1


def test_the_chart_of_a_replay_has_one_point_a_step() -> None:
    table = from_batch(batch(["#### 72", "#### 1"] * 8, group_size=4), mix := parse(Mix, {"terms": HARD}))
    table = replace(table, step=np.repeat([1, 3], 8))
    alive = replay_run(table, mix)
    dead = replay_run(replace(table, raw={"correctness": np.zeros(16)}), mix)
    before, after = dead_before_after(alive, dead, 5)["traces"]
    assert (before["x"].tolist(), before["y"].tolist()) == ([1, 3], [0.0, 0.0])  # four groups, but two steps
    assert (after["x"].tolist(), after["y"].tolist()) == ([1, 3], [100.0, 100.0])


def test_probes_nobody_can_judge_are_not_said_to_hold(sqlite: Path) -> None:
    perplexity = {"component": "perplexity", "side": "continuous", "weight": 1.0}
    at = on_hybrid(page("design"), terms=[perplexity])
    text = prose(at)
    assert "cannot be judged" in text and "Holds" not in text
    assert "perplexity needs a policy or another model" in text
    beside = on_hybrid(
        page("design"), terms=[perplexity, {"component": "closeness", "side": "continuous", "weight": 1.0}]
    )
    assert "perplexity needs a policy or another model" in prose(beside) and "Holds" in prose(beside)


def test_evaluation_checkpoints_and_processes_are_set_on_the_queue_page(sqlite: Path) -> None:
    at = opened(page("queue"))
    labels = {w.label for kind in (at.number_input, at.toggle) for w in kind}
    assert {
        "every",
        "num_samples",
        "greedy",
        "keep",
        "best",
        "num_processes",
        "smaller_micro_batch",
    } <= labels
    next(n for n in at.number_input if n.key.endswith("-checkpoint-keep")).set_value(5).run()
    next(n for n in at.number_input if n.key.endswith("-evaluation-num_samples")).set_value(4).run()
    draft = at.session_state["draft"]["run"]
    assert draft["checkpoint"]["keep"] == 5 and draft["evaluation"]["num_samples"] == 4


def test_a_run_that_failed_before_its_first_step_is_not_said_to_be_loading(sqlite: Path) -> None:
    claim = claims.claim(lifecycle.create_run(run_config()), "w", 60.0)
    assert claim and claims.finish(claim.run_id, 1, Status.FAILED, "ModelError", "no such model")
    text = prose(page("run", run=str(claim.run_id)))
    assert "ended before its first step" in text and "being loaded" not in text
