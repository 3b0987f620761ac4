"""Home, Queue, Runs and Workers with several runs on them: what they say, what can be done, and text from
strangers."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.data import reads, visits
from app.live.feed import Version, known
from app.text import queue_reasons, theme
from app.views.queue.sweep import values
from app.views.runs import table as run_table
from app.views.runs.filters import NOT_SET, groups, setting
from app.views.runs.table import HEADS, _csv
from app.views.shared import run_actions
from app.widgets import html as prose_module
from core.common.errors import NotFound
from core.store import workers
from core.store.recent_activity import news
from core.store.runs import claims, lifecycle, queries
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import StepRecord
from core.store.workers import Gpu, Machine
from tests.support.cards import shown
from tests.support.experiments import HOSTILE, experiment, train
from tests.support.grow import grow, growing
from tests.support.pages import elements, page, prose
from tests.support.samples import run_config


@pytest.fixture
def mixed(sqlite: Path) -> Iterator[list[int]]:
    """Six runs of a sweep: done, done, failed, running, and two that wait; and a worker with one slot."""
    _, ids = experiment()
    train(ids[0], [0.1, 0.5], Status.DONE)
    train(ids[1], [0.1, 0.7], Status.DONE)
    train(ids[2], [0.1], Status.FAILED, kind="DataError", message="problem 7 has no gold answer\nsecond line")
    train(ids[3], [0.1, 0.3])
    workers.beat("box-1", "box", 42, 1)
    yield ids


def drawn(at: AppTest, name: str) -> list[dict[str, Any]]:
    found = [json.loads(e.proto.json) for e in elements(at, name)]
    return [shown(said["token"]) if name == "chart_card" else said for said in found]


def test_the_queue_says_who_is_next_and_why_it_waits(mixed: list[int]) -> None:
    at = page("queue")
    (line,) = drawn(at, "run_rows")
    assert [(r["id"], r["place"], r["why"]) for r in line["rows"]] == [
        (mixed[3], "", "10 of 100 · gold 30 %"), (mixed[4], "1.", "the only slot is taken"), (mixed[5], "2.", "behind 1 run"),
    ]  # fmt: skip
    assert [a["name"] for a in line["rows"][0]["actions"]] == ["stop", "clone"] and line["rows"][0][
        "actions"
    ][0]["ask"]
    (bar,) = drawn(at, "run_cells")
    assert [c["state"] for c in bar["cells"]] == ["done", "done", "failed", "running", "queued", "queued"]
    assert bar["cells"][1]["name"] == "continuous, beta 0, seed 0"
    assert "2 of 6 done, 1 running, 2 waiting, 1 failed" in prose(at)
    lifecycle.set_priority(mixed[5], 1)
    assert drawn(page("queue"), "run_rows")[0]["rows"][1]["id"] == mixed[5]


def test_the_runs_of_an_experiment_are_read_one_by_one_with_what_can_be_done(mixed: list[int]) -> None:
    at = page("queue")
    at.session_state["rows-open-1"] = True
    at.run()
    rows = {r["id"]: r for r in drawn(at, "run_rows")[1]["rows"]}
    assert rows[mixed[2]]["why"] == "DataError: problem 7 has no gold answer\nsecond line"
    assert [a["name"] for a in rows[mixed[2]]["actions"]] == ["requeue", "clone"]
    next(b for b in at.button if b.label == "Requeue").click().run()
    assert queries.run_detail(mixed[2]).row.status == Status.QUEUED and not at.exception
    next(b for b in at.button if b.label == "Clone").click().run()
    draft = at.session_state["draft"]
    assert (draft["name"], draft["sweep"]) == (
        "Does KL help? again",
        {"grpo.beta": [0.0, 0.04]},
    ) and not at.exception


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        ("stop", (Status.STOPPED, 0)),
        ("up", (Status.QUEUED, 1)),
        ("down", (Status.QUEUED, -1)),
        ("clone", (Status.QUEUED, 0)),
    ],
)
def test_what_the_buttons_of_a_row_do(sqlite: Path, action: str, wanted: tuple[Status, int]) -> None:
    run_id = lifecycle.create_run(run_config())
    assert action in [a["name"] for a in run_actions.offered(queries.run_detail(run_id).row)]

    def press(run_id: int, action: str) -> None:
        from app.views.shared import run_actions

        run_actions.do(run_id, action)

    at = AppTest.from_function(press, args=(run_id, action), default_timeout=60).run()
    row = queries.run_detail(run_id).row
    assert (row.status, row.priority) == wanted and not at.exception
    if action == "clone":
        assert at.session_state["draft"]["arms"][0]["name"] == "hybrid"


def test_a_row_whose_run_is_gone_says_so(sqlite: Path) -> None:
    with pytest.raises(NotFound):
        run_actions.do(99, "stop")


def machine(slots: int = 1, gpus: int = 0, leased: int = 0) -> Machine:
    cards = tuple(Gpu(i, "H200", 1.0, 0.0, None, f"GPU-{i}") for i in range(gpus))
    return Machine("w", "box", 1, slots, 0.0, 0.0, cards, (), {f"GPU-{i}": 9 for i in range(leased)})


@pytest.mark.parametrize(
    ("wanted", "machines", "said"),
    [
        ([1, 1], [], ["no worker listens; start one: showdown worker"] * 2),
        ([1, 1, 1], [machine()], ["1 slot free, starts within seconds", "behind 1 run", "behind 2 runs"]),
        ([1], [machine(2, 2, 2)], ["every GPU is taken"]),
        ([2], [machine(2, 2, 1)], ["wants 2 free GPUs of one machine, and none has more than 1"]),
        ([4], [machine(2, 2)], ["wants 4 GPUs of one machine, and none has more than 2"]),
        ([], [], []),
    ],
)
def test_why_each_run_waits(wanted: list[int], machines: list[Machine], said: list[str]) -> None:
    assert queue_reasons.reasons(wanted, machines) == said


def test_a_sweep_is_typed_seen_as_runs_and_queued(sqlite: Path) -> None:
    at = page("queue")

    def box(label: str) -> Any:
        return next(w for kind in (at.text_input, at.selectbox) for w in kind if w.label == label)

    box("Sweep a setting").set_value("grpo.beta").run()
    box("Sweep grpo.beta").set_value("0.0, -1").run()
    assert (
        "3 of 6 runs a seed, first hard, beta -1: " in prose(at)
        and next(b for b in at.button if b.label == "Queue").disabled
    )
    box("Sweep grpo.beta").set_value("0.0, 0.04").run()
    assert not at.exception and "6 runs will be queued" in prose(at)
    assert "no run of tiny-sparse has trained yet" in prose(at)
    planned = next(d.value for d in at.dataframe if "config" in d.value)
    assert list(planned["run"])[3] == "hard, beta 0.04, seed 0" and planned["config"].nunique() == 6
    next(b for b in at.button if b.label == "Queue 6 runs").click().run()
    assert {r.name for r in queries.run_list()} >= {"hybrid, beta 0.04, seed 0", "hybrid, beta 0, seed 0"}
    next(b for b in at.button if b.key.endswith("unsweep-grpo.beta")).click().run()
    assert at.session_state["draft"]["sweep"] == {} and not at.exception


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0, 0.5", [0, 0.5]),
        ("true,FALSE", [True, False]),
        (" dapo ,empty", ["dapo", None]),
        ("1e-5", [1e-5]),
        ("1 4  8.5", [1, 4, 8.5]),
        ("two words", ["two words"]),
        (" , ", []),
        ("nan, 1e999,-inf", ["nan", "1e999", "-inf"]),
    ],
)
def test_values_of_a_sweep_as_they_are_typed(text: str, wanted: list[Any]) -> None:
    assert values(text) == wanted and [type(v) for v in values(text)] == [type(v) for v in wanted]


def test_a_swept_run_is_compared_with_the_arms_that_have_its_settings(mixed: list[int]) -> None:
    for run_id in (mixed[0], mixed[3]):  # hard with beta 0, and with beta 0.04
        at = page("run", run=str(run_id), tab="Config")
        assert "Against the other arms" in prose(at) and "More than the mix differs" not in prose(at)


def test_the_runs_page_is_what_its_link_says(mixed: list[int]) -> None:
    table = runs_table(page("runs"))
    assert list(table["id"]) == mixed[::-1] and list(table["gold"])[-2] == pytest.approx(70.0)
    assert list(list(table["curve"])[-1]) == [0.1, 0.5]
    at = page("runs", state="Done", find="beta continuous", group="grpo.beta", runs=f"{mixed[1]}-{mixed[0]}")
    assert list(runs_table(at)["id"]) == [mixed[1]] and "1 of 6 runs" in prose(at)
    assert (
        at.selectbox(key="group").value == "grpo.beta" and at.query_params["runs"] == f"{mixed[1]}-{mixed[0]}"
    )


def test_what_is_nothing_in_one_run_is_grouped_by_what_it_is_in_another(sqlite: Path) -> None:
    _, (hard, _, hybrid) = experiment(sweep={}, seeds=[0])
    settings = reads.settings_of(((hard, 100), (hybrid, 100)))
    by_id = {r.id: r for r in queries.run_list()}
    assert setting(by_id[hard], settings, "mix.blend") is None
    assert "start 0, end 1, from_step 25" in str(setting(by_id[hybrid], settings, "mix.blend"))
    assert setting(by_id[hybrid], settings, "mix.nowhere") == NOT_SET


def test_the_file_of_the_runs_has_times_and_percent() -> None:
    heads = [{"key": k, "kind": HEADS[k][0], "title": HEADS[k][1]} for k in ("age", "progress", "gold")]
    cells = [[0.0, "20000 d ago"], [0.5, "50 %"], [12.5, "12.5 %"]]
    found = list(csv.reader(_csv(heads, [{"name": "one", "cells": cells}]).splitlines()))
    assert found == [
        ["run", "Queued", "Progress (%)", "Gold (%)"],
        ["one", "1970-01-01T00:00:00+00:00", "50.0", "12.5"],
    ]


# what happens to a list of five runs that train, 2,000 steps each, at step 12; is the table drawn again?
MOVES = [
    ("nothing", lambda ids: None, False),
    ("a step that no cell shows", lambda ids: grow(ids[0], 13, 13), False),
    ("a whole percent of progress", lambda ids: grow(ids[0], 13, 19) or grow(ids[1], 13, 19), True),
    ("a gold accuracy", lambda ids: grow(ids[0], 13, 20), True),
    ("a state", lambda ids: claims.finish(ids[2], 1, Status.DONE), True),
    ("a new run", lambda ids: lifecycle.create_run(run_config()), True),
]


@pytest.mark.parametrize(("happens", "drawn_again"), [m[1:] for m in MOVES], ids=[m[0] for m in MOVES])
def test_the_table_of_runs_is_drawn_again_when_it_shows_something_else(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch, happens: Any, drawn_again: bool
) -> None:
    monkeypatch.setattr(reads, "minute", lambda: 0)  # for ages it is drawn each minute
    ids = growing(("hard",), range(5), 1900)
    for run_id in ids:
        grow(run_id, 0, 12)
    (pulse,) = (json.loads(e.proto.json) for e in elements(page("runs"), "pulse"))
    happens(ids)
    reads.forget_all()
    reads.forget_runs()
    found = known(pulse["token"])
    assert isinstance(found, Version) and (found.text != pulse["drawn"]) == drawn_again


def test_a_table_of_runs_that_have_ended_asks_for_nothing(sqlite: Path) -> None:
    for run_id in growing(("hard",), range(2)):
        grow(run_id, 0, 3)
        assert claims.finish(run_id, 1, Status.DONE)
    assert not elements(page("runs"), "pulse")


def runs_table(at: AppTest) -> Any:
    """The table of runs as it sorts: the values of its cells, not their words."""
    assert not at.exception
    (said,) = drawn(at, "run_table")

    def worth(cell: Any, kind: str) -> Any:
        return cell[0] if isinstance(cell, list) and kind != "curve" else cell

    return pd.DataFrame(
        {"run": r["name"]}
        | {h["key"]: worth(c, h["kind"]) for h, c in zip(said["heads"], r["cells"], strict=True)}
        for r in said["rows"]
    )


def test_chosen_runs_are_laid_over_each_other(mixed: list[int]) -> None:
    at = page("runs", runs=f"{mixed[0]}-{mixed[1]}-{mixed[3]}", metrics="reward/total", smooth="0.0")
    (card,) = drawn(at, "chart_card")
    assert card["title"] == "Reward" and [t["name"] for t in card["traces"]] == [
        "hard, beta 0, seed 0", "continuous, beta 0, seed 0", "hard, beta 0.04, seed 0",
    ]  # fmt: skip
    looks = [(t["line"]["color"], t["line"]["dash"]) for t in card["traces"]]
    assert looks == [("@hard", "solid"), ("@continuous", "solid"), ("@hard", "dash")]
    assert "hard, beta 0, seed 0 0.25" in card["alt"]


@pytest.mark.parametrize(
    ("over", "x", "axis", "end"),
    [
        ("step", [0.0, 10.0, 20.0], "step", 100.0),
        (
            "tokens",
            [0.0, 227.0, 463.0],
            "tokens",
            5 * 463.0,
        ),  # of one completion a step, each of 20 + step % 7; step 20 of 100
        ("time", [0.0, 1 / 6, 1 / 3], "minutes", 5 / 3),
    ],
)
def test_curves_of_runs_lie_over_steps_tokens_or_time(
    sqlite: Path, over: str, x: list[float], axis: str, end: float
) -> None:
    ids = growing(seeds=(0, 1), max_steps=100)
    for run_id in ids:
        grow(run_id, 0, 20)
    (card,) = drawn(
        page("runs", runs="-".join(map(str, ids)), metrics="eval/accuracy", over=over, log="true"),
        "chart_card",
    )
    scale = reads.config(ids[0]).grpo.completions_per_step if over == "tokens" else 1
    assert len(card["traces"]) == 2
    for trace in card["traces"]:
        np.testing.assert_allclose(trace["x"], [scale * v for v in x], rtol=1e-6)
    assert card["axis"] == axis and card["layout"]["yaxis"]["type"] == "log"
    np.testing.assert_allclose(card["layout"]["xaxis"]["range"], [0.0, scale * end])


def test_any_setting_and_any_metric_is_a_column(mixed: list[int]) -> None:
    at = page("runs")
    at.multiselect(key="columns").set_value(
        ["gold", "lora.r", "mix.terms.closeness.weight", "metric reward/total"]
    ).run()
    table = runs_table(at)
    assert list(table.columns) == [
        "run",
        "id",
        "gold",
        "lora.r",
        "mix.terms.closeness.weight",
        "metric reward/total",
    ]
    by_id = table.set_index("id")
    assert (
        by_id.loc[mixed[1], "metric reward/total"] == 0.35
        and by_id.loc[mixed[0], "mix.terms.closeness.weight"] == "not set"
    )


def test_a_metric_of_a_newer_version_is_named_and_breaks_nothing(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    claim = claims.claim(run_id, "box-1", 3600.0)
    assert claim and claims.mark_running(run_id, claim.attempt)
    records.write_step(run_id, claim.attempt, StepRecord(1, {"foo/bar": 1.0, "reward/total": 0.5}))
    at = page("runs", runs=str(run_id))
    assert "metric reward/total" in at.multiselect(key="columns").options
    assert not any("foo/bar" in o for m in at.multiselect for o in m.options)
    at = page("run", run=str(run_id), tab="All metrics")
    assert "no words for them: foo/bar." in prose(at) and [c["title"] for c in drawn(at, "chart_card")] == [
        "Reward"
    ]


def test_groups_have_the_mean_of_those_that_were_evaluated(mixed: list[int]) -> None:
    rows = queries.run_list()
    settings = {r.id: {"grpo.beta": queries.run_detail(r.id).config["grpo"]["beta"]} for r in rows}
    del settings[mixed[5]]
    found = groups(rows, settings, "grpo.beta")
    assert [(g.value, len(g.runs), sorted(g.gold)) for g in found] == [
        (0.0, 3, [0.1, 0.5, 0.7]), (0.04, 2, [0.3]), ("not set", 1, []),
    ]  # fmt: skip
    at = page("runs", group="structure")
    table = next(d.value for d in at.dataframe if "mean" in d.value)
    assert dict(zip(table["value"], table["mean"], strict=True)) == pytest.approx(
        {"hard": 40.0, "continuous": 70.0, "hybrid": 10.0}
    )


def test_the_rows_of_a_group_stand_under_its_name_in_the_colour_of_their_arm(mixed: list[int]) -> None:
    at = page("runs", group="structure")
    (said,) = drawn(at, "run_table")
    assert [(r["group"], r["role"]) for r in said["rows"]] == [
        (f"structure: {s} · 2 runs", s) for s in ("continuous", "hard", "hybrid") for _ in range(2)
    ]
    assert "3 values · their runs stand below, value by value" in prose(at)
    assert not any(r["group"] for r in drawn(page("runs"), "run_table")[0]["rows"])


@pytest.mark.parametrize(
    ("said", "chosen"),
    [("2-1", [2, 1]), ("1-1-x-99", [1, 99]), ("", [])],
    ids=["in the order of the address", "none twice; a run that is not shown stays", "none"],
)
def test_the_ticks_are_those_of_the_address(mixed: list[int], said: str, chosen: list[int]) -> None:
    at = page("runs", runs=said)
    assert drawn(at, "run_table")[0]["chosen"] == chosen and not at.exception
    at.query_params["runs"] = "3"
    assert drawn(at.run(), "run_table")[0]["chosen"] == [3] and not at.exception


def test_a_long_curve_is_given_to_its_cell_with_both_ends(sqlite: Path) -> None:
    (run_id,) = growing(max_steps=900)
    grow(run_id, 0, 0)
    assert list(runs_table(page("runs"))["curve"]) == [[0.05]]
    assert run_table._points([0.1] * 500 + [0.25]) == [*[0.1] * 59, 0.25]
    assert run_table._points([float("nan")]) is None


def test_lines_of_one_hue_are_told_apart_by_dashes() -> None:
    looks = theme.looks([(1, "hard"), (2, "hard"), (3, "hybrid"), (4, "hard")])
    assert looks == {
        1: ("hard", "solid", 0),
        2: ("hard", "dash", 0),
        3: ("hybrid", "solid", 0),
        4: ("hard", "dot", 0),
    }


def test_what_is_new_since_a_moment(mixed: list[int]) -> None:
    rows = queries.run_list()
    found = news(rows, 0.0)
    assert [r.id for r in found.done] == [mixed[1], mixed[0]] and [r.id for r in found.failed] == [mixed[2]]
    assert [(b.run.id, b.before) for b in found.best] == [(mixed[1], None)]
    first_end = next(r.finished_at for r in rows if r.id == mixed[0])
    assert first_end is not None and [(b.run.id, b.before) for b in news(rows, first_end).best] == [
        (mixed[1], 0.5)
    ]
    assert not news(rows, max(r.finished_at or 0.0 for r in rows))


@pytest.mark.parametrize(
    ("gold", "best", "why"),
    [
        ([(0.5, Status.DONE), (0.6, Status.DONE)], 2, "higher than the other"),
        ([(0.6, Status.DONE), (0.6, Status.DONE)], None, "of two with the same none is the best"),
        ([(0.6, Status.DONE), (0.1, Status.STOPPED)], None, "one alone is the best of nothing"),
        (
            [(0.5, Status.DONE), (0.9, Status.STOPPED), (0.4, Status.DONE)],
            1,
            "one that was stopped was not trained for as long",
        ),
    ],
)
def test_the_best_is_said_of_what_can_be_compared(
    sqlite: Path, gold: list[tuple[float, Status]], best: int | None, why: str
) -> None:
    _, every = experiment(seeds=list(range(len(gold))))
    ids = every[: len(gold)]
    for run_id, (accuracy, end) in zip(ids, gold, strict=True):
        train(run_id, [0.1, accuracy], end)
    found = news(queries.run_list(), 0.0).best
    assert [(b.run.id, b.of) for b in found] == ([] if best is None else [(ids[best - 1], 2)]), why


def test_home_launches_the_first_showdown_and_then_shows_it(sqlite: Path) -> None:
    at = page("home")
    assert "Three next steps" in prose(at) and "No worker listens" in at.info[0].value
    next(b for b in at.button if b.label == "Launch the first showdown").click().run()
    assert not at.exception and len(queries.run_list()) == 3 and "0 of 3 done, 3 waiting" in prose(at)
    train(queries.run_list()[-1].id, [0.1, 0.4])
    at = page("home")
    (card,) = drawn(at, "chart_card")
    assert (
        card["title"] == "Gold accuracy: First showdown"
        and len(card["traces"]) == 3
        and "hard: 40 %" in prose(at)
    )


def test_home_says_at_which_step_arms_that_are_not_equally_far_are(sqlite: Path) -> None:
    _, ids = experiment(sweep={}, seeds=[0, 1])
    said = {r.id: r.arm for r in queries.run_list()}
    first, second = (next(i for i in ids if said[i] == arm) for arm in ("hard", "continuous"))
    train(first, [0.1, 0.4])
    train(second, [0.1, 0.3])
    assert "hard: 40 % · continuous: 30 %<" in prose(page("home"))
    train(next(i for i in ids if said[i] == "continuous" and i != second), [0.1, 0.2, 0.5])
    assert "hard: 40 % at step 10 · continuous: 40 % at steps 10–20<" in prose(page("home"))


def test_home_says_what_happened_since_the_last_visit(mixed: list[int]) -> None:
    at = page("home")
    at.session_state["visit"] = visits.Visit(1.0, {})
    at.run()
    text = prose(at)
    assert (
        "Since your last visit" in text
        and "has the highest gold accuracy of the 2 done in Does KL help?: 70 %" in text
    )
    assert (
        "failed at step 0: DataError: problem 7 has no gold answer</span>" in text
        and "second line" not in text
    )
    assert "1 running" in text and "Three next steps" not in text and not at.exception


def test_the_workers_page_says_what_it_stands_on(sqlite: Path) -> None:
    text = prose(page("workers"))
    assert "SQLite, schema " in text and "streamlit 1." in text
    assert "Broker" in text and "does not answer" in text and "look here" in text  # none runs here


def test_names_and_errors_from_strangers_are_text_on_every_page(database: str) -> None:
    """Scripts, markdown, escape codes, reversed text, NUL and a megabyte, as names and as errors, on both
    databases."""
    _, ids = experiment(HOSTILE[:100], question=HOSTILE)
    train(ids[0], [0.1], Status.FAILED, kind="<img src=x>", message=HOSTILE + "x" * 1_000_000)
    train(ids[1], [0.2])
    workers.beat("box-1", "<b>box</b>", 42, 1, [Gpu(0, HOSTILE.replace("\x00", ""), 2.0, 1.0, 0.5)])
    for name in ("home", "queue", "runs", "workers"):
        at = page(name, **({"runs": f"{ids[0]}-{ids[1]}"} if name == "runs" else {}))
        if name == "home":
            at.session_state["visit"] = visits.Visit(1.0, {})
            at.run()
        if name == "queue":
            at.session_state["rows-open-1"] = True
            at.run()
        assert not at.exception, name
        text = prose(at)
        assert (
            "<script>" not in text and "<img" not in text and "\x00" not in text and "\u202e" not in text
        ), name
        if name != "runs":
            assert "&lt;script&gt;" in text or "&lt;b&gt;box" in text, name
        assert "\\u202e" not in "".join(e.proto.json for e in at.get("bidi_component")), name
        shown = len(text) + sum(len(e.proto.json) for e in at.get("bidi_component"))
        assert shown < 60_000, (name, shown)  # lists are given the beginning of an error only


def test_a_label_is_never_markdown() -> None:
    assert prose_module.plain("**a** [x](y) :red[b] `c`\n#d") == r"\*\*a\*\* \[x\]\(y\) \:red\[b\] \`c\` \#d"


def test_pages_follow_each_other_in_any_order(mixed: list[int]) -> None:
    """Streamlit keeps a bound value under its key when the page changes, also for another widget of that key."""
    at = page("runs")
    arms = next(m for m in at.multiselect if m.label == "Arm")
    arms.set_value(arms.options[:1]).run()
    for name in ("design", "samples", "runs", "queue"):
        at.switch_page(f"views/{name}/page.py").run()
        assert not at.exception, name
