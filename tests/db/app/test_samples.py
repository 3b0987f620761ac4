"""The Samples page and tab as Streamlit runs them: filters from the URL, presets, notes, hostile texts,
empty states."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.data import reads
from app.views.samples import browser as samples
from app.views.samples import listing
from app.views.shared import links
from app.widgets import url_state
from core.store.runs import claims, lifecycle, queries
from core.store.samples import browse, notes
from core.store.samples.lines import Place, place_of
from core.store.steps import records
from core.store.steps.records import StepRecord
from tests.support import stored
from tests.support.pages import elements, page, prose
from tests.support.samples import HARD, run_config
from tests.support.stored import HOSTILE, STEPS


def data(at: AppTest, name: str = "sample_list") -> Any:
    (found,) = elements(at, name)
    return json.loads(found.proto.json)


def keys(at: AppTest) -> list[str]:
    return [r["key"] for r in data(at)["rows"]]


def click(at: AppTest, label: str) -> AppTest:
    next(b for b in at.button if b.label == label).click().run()
    assert not at.exception
    return at


@pytest.mark.parametrize(
    ("query", "count", "why"),
    [
        ({}, 48, "both arms, all steps"),
        ({"in_arm": "soft"}, 24, "one arm"),
        ({"seed": "0", "gold": "right", "from": "2", "to": "2"}, 8, "right ones of a step"),
        ({"show": "reward and gold disagree"}, 1, "the wrong one that pays"),
        ({"show": "dead groups", "cut": "cut"}, 1, "filters narrow a preset"),
        ({"term": "closeness", "low": "0.85"}, 1, "a score's range"),
        ({"text": "soft says"}, 4, "a text"),
        ({"problem": "p0", "dead": "alive"}, 24, "a problem"),
    ],
)
def test_a_link_shows_the_same_list(sqlite: Path, query: dict[str, str], count: int, why: str) -> None:
    stored.experiment()
    at = page("samples", **query)
    assert f"{count} sample{'' if count == 1 else 's'} of" in prose(at) and len(keys(at)) == count, why


def test_a_list_says_of_how_many_runs_it_is(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search reads the newest steps: an arm that is behind may have none of them."""
    experiment_id, ids = lifecycle.create_experiment(stored.arms())
    for run_id, arm, last in zip(ids, ("hard", "soft"), (1, STEPS), strict=True):
        assert claims.claim(run_id, "w", 60.0)
        for step in range(1, last + 1):
            rows = [
                stored.sample(arm, step, g, i, {}) for g in range(stored.GROUPS) for i in range(stored.SIZE)
            ]
            records.write_step(run_id, 1, StepRecord(step, {}, rows))
    assert "32 samples of 2 runs" in prose(page("samples"))
    monkeypatch.setattr(browse, "LOOK_TEXT", 2 * stored.GROUPS * stored.SIZE)  # one step of each run
    found = prose(page("samples", text="how many"))
    assert "8 samples of 1 of 2 runs" in found and "looked through steps 3–3, the newest" in found
    assert "None in the steps 3 to 3 of 1 of 2 runs" in prose(page("samples", text="nowhere"))


def test_presets_and_sorts_put_first_what_they_name(sqlite: Path) -> None:
    _, (_, soft) = stored.experiment()
    assert keys(page("samples", show="best"))[0] == f"{soft}.2.0.3"
    assert data(page("samples", show="worst"))["rows"][0]["total"] == pytest.approx(0.1)
    by_score = data(page("samples", sort="score: closeness", low_first="true"))["rows"]
    assert by_score[0]["key"].startswith(f"{soft}.")  # the arm that has the term; the others come last
    at = page("samples", show="random")
    before = keys(at)
    click(at, "Draw again")
    assert keys(at) != before and sorted(keys(at)) == sorted(before) and "1" in at.query_params["draw"]


def test_previous_and_next_walk_the_list_and_the_url_follows(sqlite: Path) -> None:
    _, (hard, _) = stored.experiment()
    at = page("run", run=str(hard), tab="Samples", step="2")
    order = keys(at)
    click(at, "Next")
    assert at.query_params["sample"] == order[1] and data(at)["chosen"] == order[1]
    click(at, "Previous")
    assert data(at)["chosen"] == order[0]
    click(at, "Next step")
    assert at.query_params["step"] == "3" and "8 samples of step 3" in prose(at)


def test_a_page_is_turned_by_next(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.views.samples import browser as samples
    from app.views.samples import listing

    stored.experiment()
    for module in (listing, samples):
        monkeypatch.setattr(module, "PAGE", 10)
    at = page("samples")
    first = keys(at)
    for _ in range(10):
        click(at, "Next")
    assert len(set(first) & set(keys(at))) == 0 and data(at)["chosen"] == keys(at)[0]
    click(at, "Previous")
    assert data(at)["chosen"] == first[-1]
    next(t for t in at.text_input if t.label == "Find in text").set_value("soft says").run()
    assert len(keys(at)) == 4 and data(at)["chosen"] == keys(at)[0]  # another list begins at its beginning


def test_filters_are_named_and_cleared(sqlite: Path) -> None:
    stored.experiment()
    at = page("samples", gold="wrong", problem="nowhere")
    assert "No sample fits" in prose(at) and "problem nowhere" in prose(at)
    click(at, "Clear filters")
    assert "48 samples" in prose(at) and not {"gold", "problem"} & set(at.query_params)
    # the list decides; nothing to clear, and what is not heard is said
    at = page("samples", show="dead groups", dead="alive")
    assert "the filter “group alive” is not in force" in prose(at) and "Clear filters" not in [
        b.label for b in at.button
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"from": "3", "to": "1"}, "From step 3 lies after to step 1"),
        ({"term": "closeness", "low": "2", "high": "1"}, "At least 2 is more than at most 1"),
        ({"sample": "1.99.0.0"}, "No such sample"),
        ({"experiment": "77"}, "There is no experiment 77"),
        ({"run": "99"}, "There is no run 99"),
        ({"run": "9" * 25}, "There is no run 999"),
        ({"run": "99", "experiment": "1"}, "There is no run 99"),
    ],
)
def test_what_cannot_be_is_said(sqlite: Path, query: dict[str, str], said: str) -> None:
    stored.experiment()
    assert said in prose(page("samples", **query))


def test_a_run_in_the_address_leads_to_its_experiment(sqlite: Path) -> None:
    _, (hard, _) = stored.experiment()
    newest, _ = stored.experiment()
    at = page("samples", run=str(hard))
    assert "48 samples of 2 runs" in prose(at) and {k.split(".")[0] for k in keys(at)} == {"1", "2"}
    assert at.query_params["experiment"] == "1" and "run" not in at.query_params
    alone = lifecycle.create_run(run_config())
    at = page("samples", run=str(alone))
    assert f"Run {alone} belongs to no experiment" in prose(at) and at.selectbox[0].value == newest


def test_a_click_beside_a_run_that_does_not_exist_stays_on_the_page(sqlite: Path) -> None:
    stored.experiment()
    at = page("samples", run="99")

    def click_in_list() -> None:
        from app.views.samples.navigation import to_sample

        to_sample("1.2.0.3")

    left = AppTest.from_function(click_in_list, default_timeout=60)
    left.query_params["run"] = "99"
    left.run()
    assert not left.exception and left.query_params["run"] == "99" and "step" not in left.query_params
    assert "There is no run 99" in prose(at) and len(keys(at)) == 48


@pytest.mark.parametrize(
    "text", ["", "1", "1.2.3", "a.b.c.d", "1.2.3.4.train.x", "9999999999.1.1.1", "1.2.3.-4", "1.2.3.4.test"]
)
def test_a_mistyped_place_is_none(text: str) -> None:
    assert links.from_url(text) is None


def test_a_place_comes_back_from_its_url() -> None:
    for place in (Place(3, "train", 60, 4, 2), Place(3, "eval", 0, 1, 0)):
        assert links.from_url(links.to_url(place)) == place


def test_a_note_and_labels_are_saved_shown_and_found(sqlite: Path) -> None:
    _, (hard, _) = stored.experiment()
    place = Place(hard, "train", 1, 0, 3)
    at = page("samples", sample=links.to_url(place))
    next(t for t in at.text_area if t.label == "Note").set_value("it <b>guesses</b>").run()
    next(m for m in at.multiselect if m.label == "Labels").set_value(["odd"]).run()
    click(at, "Save")
    assert notes.marks(place) == notes.Marks("it <b>guesses</b>", ("odd",))
    next(t for t in at.text_area if t.label == "Note").set_value("it <b>guesses</b> again")
    assert not next(b for b in at.button if b.label == "Save").disabled
    click(at, "Save")  # one press, which leaves the field
    assert notes.marks(place).note == "it <b>guesses</b> again"
    (row,) = data(page("samples", label="odd"))["rows"]
    assert row["key"] == links.to_url(place) and row["tags"][:2] == [["odd", "accent"], ["note", "warn"]]


def test_a_note_that_is_not_saved_yet_is_there_again_when_its_sample_is(sqlite: Path) -> None:
    _, (hard, _) = stored.experiment()
    at = page("samples", sample=links.to_url(Place(hard, "train", 1, 0, 3)))
    next(m for m in at.multiselect if m.label == "Labels").set_value(["odd"]).run()
    next(t for t in at.text_area if t.label == "Note").set_value("half a thought")
    click(at, "Next")  # in one run of the page: the field was left by the press
    assert next(t for t in at.text_area if t.label == "Note").value == "" and not at.exception
    click(at, "Previous")
    assert next(t for t in at.text_area if t.label == "Note").value == "half a thought"
    assert "Note and labels (not saved yet)" in [e.label for e in at.expander]
    click(at, "Save")
    click(at, "Next")
    click(at, "Previous")
    assert notes.marks(Place(hard, "train", 1, 0, 3)) == notes.Marks("half a thought", ("odd",))
    assert "Note and labels: odd, a note" in [e.label for e in at.expander]


def test_next_leads_from_a_sample_that_is_not_listed_to_the_first_that_is(sqlite: Path) -> None:
    _, (hard, _) = stored.experiment()
    at = page("samples", sample=links.to_url(Place(hard, "train", 1, 0, 3)), **{"from": "3"})
    first = keys(at)[0]
    assert "Next goes to the first that is" in prose(at)
    click(at, "Next")
    assert (
        at.query_params["sample"] == first and "Next goes to the first" not in prose(at) and not at.exception
    )


def test_a_save_keeps_what_another_wrote_meanwhile(sqlite: Path) -> None:
    _, (hard, _) = stored.experiment()
    place = Place(hard, "train", 1, 0, 3)
    at = page("samples", sample=links.to_url(place))
    notes.write(place, "", ["**theirs**"])
    time.sleep(1.5 * reads.LIVE_SECONDS)
    next(m for m in at.multiselect if m.label == "Labels").set_value(["mine"]).run()
    click(at, "Save")
    assert notes.marks(place).labels == ("**theirs**", "mine")
    assert next(m for m in at.multiselect if m.label == "Labels").value == ["**theirs**", "mine"]
    assert "Note and labels: \\*\\*theirs\\*\\*, mine" in [e.label for e in at.expander]


def test_hostile_texts_go_only_where_text_is_text(sqlite: Path) -> None:
    """The elements set textContent, shown in tests/e2e; here: nothing of a text is HTML or markdown of
    Streamlit's."""
    for some in (dict(enumerate(list(HOSTILE.values())[:4])), dict(enumerate(list(HOSTILE.values())[4:]))):
        experiment_id, (hard, _) = stored.experiment(some)
        for index in some:
            at = page("samples", experiment=str(experiment_id), sample=f"{hard}.1.0.{index}", problem="p0")
            shown = prose(at) + " ".join(str(x.value) for x in (*at.markdown, *at.caption, *at.text))
            assert not [x for x in ("onerror", "javascript:", "\x1b", "\u202e") if x in shown]
            assert len(at.get("html")) < 25
    assert data(at, "problem_time")["rows"][0]["groups"][0]["size"] == stored.SIZE


def test_the_sum_the_tokens_and_the_problem_through_time_are_there(sqlite: Path) -> None:
    _, (hard, soft) = stored.experiment()
    at = page("samples", sample=f"{soft}.2.0.3", tokens="true")
    text = next(
        json.loads(e.proto.json) for e in elements(at, "marked_text") if "tokens" in json.loads(e.proto.json)
    )
    assert text["tokens"] == [[0, 4, 0.02], [4, 5, 3.1]] and ["parsed", "3", "", ""] in text["facts"]
    assert "Reward and gold disagree: +0.50" in prose(at)
    rows = data(at, "problem_time")["rows"]
    assert [(r["name"], len(r["groups"])) for r in rows] == [("soft, seed 0", STEPS), ("hard, seed 0", STEPS)]
    assert data(at, "sum_table")["total"] == pytest.approx(0.9)


def test_runs_of_a_sweep_are_told_apart_and_chosen(sqlite: Path) -> None:
    none, some = stored.swept()
    at = page("samples", swept="beta 0.04", sample=f"{none}.1.0.0")
    assert {k.split(".")[0] for k in keys(at)} == {str(some)} and not at.exception
    assert [r["name"] for r in data(at, "problem_time")["rows"]] == [
        "hard, beta 0, seed 0",
        "hard, beta 0.04, seed 0",
    ]
    at = page("samples", sample=f"{some}.1.0.0")
    assert {f"{r['whose']} {r['at']}" for r in data(at)["rows"]} >= {
        "hard, beta 0, seed 0 · 3",
        "hard, beta 0.04, seed 0 · 3",
    }
    assert "hard, beta 0.04, seed 0 · step 1" in prose(at)
    box = next(s for s in page("design").selectbox if s.label == "Samples looked at")
    assert {f"run {none}: hard, beta 0, seed 0", f"run {some}: hard, beta 0.04, seed 0"} < set(box.options)


def test_empty_states_say_what_comes(sqlite: Path) -> None:
    assert "No experiment yet" in prose(page("samples"))
    lifecycle.create_experiment(stored.arms())
    assert "No run of this choice has finished a step" in prose(page("samples"))
    run_id = lifecycle.create_run(run_config())
    assert "No samples yet" in prose(page("run", run=str(run_id), tab="Samples"))
    assert claims.claim(run_id, "w", 60.0)
    records.write_step(run_id, 1, StepRecord(1, {"reward/total": 0.5}))
    assert "None is stored yet" in prose(page("run", run=str(run_id), tab="Samples"))


def test_the_list_becomes_a_file(sqlite: Path) -> None:
    stored.experiment()
    at = click(page("samples", gold="right"), "Make the file of 24 samples")
    (found,) = at.get("download_button")
    assert found.proto.label.startswith("Download 24 rows")


@pytest.mark.parametrize("number", ["\u00b2", "9" * 25, "-1", "1.5"])
def test_a_number_nobody_can_mean_is_no_run_and_no_step(sqlite: Path, number: str) -> None:
    _, (hard, _) = stored.experiment()
    assert "No such run" in prose(page("run", run=number))
    assert "8 samples of step 3" in prose(page("run", run=str(hard), tab="Samples", step=number, page=number))
    assert f"no experiment {number}" in prose(page("samples", experiment=number))


def test_a_click_shows_the_sample_that_was_clicked(sqlite: Path) -> None:
    """From another tab, and from another list than the one that is shown there."""
    _, (hard, _) = stored.experiment()
    at = page("run", run=str(hard), tab="Samples", steps="all steps")
    at.session_state["tab"] = "Replay"
    at.run()
    clicked = place_of(queries.samples_by_id([1])[0])

    def click_in_replay(run: int) -> None:
        from types import SimpleNamespace

        import streamlit as st

        from app.views.run import replay
        from core.store.runs import queries

        st.query_params["run"] = str(run)
        st.session_state.table = SimpleNamespace(selection=SimpleNamespace(rows=[0]))
        replay._open("table", queries.samples_by_id([1]))

    left = AppTest.from_function(click_in_replay, args=(hard,), default_timeout=60).run()
    assert not left.exception
    for key in ("steps", "keep_sample", "tab"):
        at.session_state[key] = left.session_state[key]
    for key in ("step", "sample"):
        at.query_params[key] = left.query_params[key]
    at.run()
    assert (
        not at.exception
        and data(at)["chosen"] == links.to_url(clicked)
        and "8 samples of step 1" in prose(at)
    )


def test_filters_of_a_run_do_not_reach_another_run_or_a_link(sqlite: Path) -> None:
    _, (hard, soft) = stored.experiment()
    at = page("run", run=str(hard), tab="Samples", steps="all steps", to="2", gold="wrong")
    assert "to step 2" in prose(at) and "answer wrong" in prose(at)

    def follow(**query: str) -> None:
        at.switch_page("views/home/page.py").run()
        at.query_params.clear()
        for key, value in query.items():
            at.query_params[key] = value
        at.switch_page("views/run/page.py").run()
        assert not at.exception

    follow(run=str(hard), tab="Samples", steps="all steps", **{"from": "3"})
    assert "from step 3" in prose(at) and "to step 2" not in prose(at) and len(keys(at)) == 8
    follow(run=str(soft), tab="Samples", steps="all steps")
    assert "from step 3" not in prose(at) and len(keys(at)) == 24


def rewound(run_id: int, step: int) -> int:
    """A run that ended goes on, from this step; its new attempt."""
    assert lifecycle.extend(run_id, STEPS + 1)
    claim = claims.claim(run_id, "w2", 60.0)
    assert claim
    records.rewind(run_id, claim.attempt, step)
    return claim.attempt


def test_the_problem_through_time_follows_the_other_runs(sqlite: Path) -> None:
    _, (hard, soft) = stored.experiment()
    at = page("run", run=str(hard), tab="Samples", step="1")
    assert [len(r["groups"]) for r in data(at, "problem_time")["rows"]] == [STEPS, STEPS]
    rewound(soft, 1)
    time.sleep(1.5 * reads.LIVE_SECONDS)
    at.run()
    assert [len(r["groups"]) for r in data(at, "problem_time")["rows"]] == [STEPS, 1]


def test_samples_that_a_rewind_took_are_not_listed_in_replay(sqlite: Path) -> None:
    _, (hard, _) = stored.experiment()

    def movers(run: int) -> None:
        from types import SimpleNamespace
        from typing import Any

        from app.data import reads
        from app.views.run import replay

        sums: Any = SimpleNamespace(advantage=[0.0, 1.0])
        replay._movers(
            "Gain most", "gains", [0, 1], sums, sums, [1, 999], reads.version(reads.run_detail(run).row)
        )

    st.cache_data.clear()
    at = AppTest.from_function(movers, args=(hard,), default_timeout=60).run()
    assert not at.exception and at.dataframe[0].value["step"].tolist() == [1]
    rewound(hard, 0)
    time.sleep(1.5 * reads.LIVE_SECONDS)
    at.run()
    assert not at.exception and [c.value for c in at.caption] == ["None."]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"experiment": "1", "in_arm": "soft", "seed": "0", "problem": "p0"}, "filters that are drawn"),
        (
            {"experiment": "3", "in_arm": "soft", "problem": "p0", "page": "2"},
            "of an experiment without samples none are",
        ),
    ],
)
def test_another_experiment_begins_without_the_filters_of_the_one_before(
    sqlite: Path, query: dict[str, str], why: str
) -> None:
    stored.experiment({})
    stored.experiment({})
    lifecycle.create_experiment(stored.arms())
    at = page("samples", **query)
    box = next(b for b in at.selectbox if b.label == "Experiment")
    box.select_index([o.endswith("(2)") for o in box.options].index(True)).run()
    assert not at.exception and {name: at.query_params[name] for name in at.query_params} == {
        "experiment": "2"
    }
    assert {k.split(".")[0] for k in keys(at)} == {"3", "4"} and len(keys(at)) == 48, why


def test_back_to_a_list_shows_the_page_and_the_sample_of_its_address(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.experiment()
    for part in (listing, samples):
        monkeypatch.setattr(part, "PAGE", 16)
    at = page("samples", page="2")
    second = keys(at)
    monkeypatch.setattr(url_state, "went", lambda: True)
    at.query_params["page"], at.query_params["sample"] = "1", "1.1.0.0"
    at.run()
    assert keys(at) != second and len(keys(at)) == 16
    # another list, and what was looked at in it
    at.query_params["show"], at.query_params["sample"] = ("worst", "1.2.0.0")
    at.run()
    assert at.query_params["sample"] == "1.2.0.0" and not at.exception


def test_a_step_that_trained_on_an_earlier_rollout_shows_that(sqlite: Path) -> None:
    """num_iterations 2: samples lie at steps 1 and 3, held-out ones where it was evaluated."""
    run_id = lifecycle.create_run(run_config(mix={"terms": HARD}, grpo={"max_steps": 4, "num_iterations": 2}))
    assert claims.claim(run_id, "w", 60.0)
    for step in range(1, 5):
        samples = (
            [stored.sample("hard", step, g, i, {}) for g in range(2) for i in range(4)]
            if step in (1, 3)
            else []
        )
        rewards = {"reward/total": 0.1 * step} if samples else {}
        held_out = [replace(stored.sample("hard", 1, 0, 0, {}), split="eval")] if step == 4 else []
        records.write_step(run_id, 1, StepRecord(step, {"policy/loss": 0.0, **rewards}, samples + held_out))
    at = page("run", run=str(run_id), tab="Samples")
    assert "8 samples of steps 3 to 4" in prose(at)  # the newest step has none of its own
    bar = data(at, "step_bar")
    assert [cell[2] for cell in bar["cells"]] == pytest.approx([0.1, 0.1, 0.3, 0.3]) and bar["chosen"] == 3
    click(at, "Previous step")
    assert at.query_params["step"] == "1" and "8 samples of steps 1 to 2" in prose(at)
    held = page("run", run=str(run_id), tab="Samples", step="4", of="held-out")
    assert "1 sample of steps 3 to 4" in prose(held)
    for tab in ("Overview", "All metrics", "Replay"):
        page("run", run=str(run_id), tab=tab)  # raises nothing
