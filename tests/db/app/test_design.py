"""The design page as Streamlit runs it: drafts, templates, YAML, versions, curves. The browser's part is
in tests/e2e."""

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from app.data import draft, mix_trials
from app.views.design import curve_card, next_step, preflight, share_curve
from app.views.design import versions as versions_panel
from app.views.shared.term_settings import neighbour, rename
from app.widgets import html as prose_of
from app.widgets import jobs, schedule_widgets
from app.widgets import url_state as written
from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.grpo import GrpoConfig
from core.config.lint import cannot_act
from core.config.parsing import parse
from core.config.templates import Template, templates
from core.config.yaml_read import of_text
from core.config.yaml_write import brief, mix_yaml, to_yaml
from core.rewards.mix import Mix
from core.store.designs import drafts, mixes
from core.store.runs import lifecycle, queries
from core.store.schema import saved_mix
from core.store.session import writing
from tests.support.pages import elements, page, prose, weight_of
from tests.support.samples import run_config


def button(at: AppTest, label: str) -> Any:
    return next(b for b in at.button if b.label == label)


def mix_of(at: AppTest, arm: str = "hybrid") -> dict[str, Any]:
    found: dict[str, Any] = next(a["mix"] for a in at.session_state["draft"]["arms"] if a["name"] == arm)
    return found


def weights(draft_id: str) -> dict[str, float]:
    stored = drafts.load(draft_id)
    assert stored is not None
    terms = next(a["mix"]["terms"] for a in stored.config["arms"] if a["name"] == "hybrid")
    return {t["component"]: t["weight"] for t in terms}


def address(at: AppTest, name: str) -> str:
    found = at.query_params[name]
    return str(found if isinstance(found, str) else found[0])


def test_looking_writes_nothing_and_the_first_change_is_stored_and_undone(sqlite: Path) -> None:
    at = page("design", panel="YAML")
    assert drafts.recent() == [] and "draft" not in at.query_params
    at = page("design")
    assert drafts.recent() == [] and "The paper" in prose(at)  # templates first
    weight_of(at, "closeness").set_value(0.9).run()
    assert weights(address(at, "draft"))["closeness"] == 0.9
    weight_of(at, "perplexity").set_value(0.8).run()
    for wanted in ({"closeness": 0.9, "perplexity": 0.2}, {"closeness": 0.4, "perplexity": 0.2}):
        next(b for b in at.button if b.key == "undo").click().run()
        assert wanted.items() <= weights(address(at, "draft")).items()
    next(b for b in at.button if b.key == "redo").click().run()
    assert weight_of(at, "closeness").value == 0.9 and not at.exception


def test_a_link_shows_the_same_draft_arm_step_and_panel(sqlite: Path) -> None:
    at = page("design")
    weight_of(at, "closeness").set_value(0.9).run()
    there = page("design", draft=address(at, "draft"), arm="hybrid", step="60", panel="Versions")
    assert weight_of(there, "closeness").value == 0.9 and "Versions" in prose(there)
    assert "× 0.70 at step 60" in prose(there)
    lost = page("design", draft="0123456789ab")
    assert "There is no draft 0123456789ab. This is a new one" in prose(lost) and not lost.exception
    weight_of(lost, "closeness").set_value(0.8).run()  # stored, and under an address of its own
    lost.run()
    assert "There is no draft" not in prose(lost) and address(lost, "draft") != "0123456789ab"
    assert "There is no draft &lt;b&gt;" in prose(page("design", draft="<b>")), "what was typed is only text"


def test_another_experiment_begun_leaves_what_was_changed_under_its_own_address(sqlite: Path) -> None:
    at = page("design", panel="Templates")
    button(at, "tiny-structures").click().run()  # nothing was changed before: it is no draft to keep
    first = address(at, "draft")
    weight_of(at, "closeness").set_value(0.9).run()
    at.session_state["panel"] = "Templates"
    at.run()
    button(at, "tiny-hard").click().run()
    second, kept = address(at, "draft"), drafts.load(first)
    assert (
        second != first
        and kept is not None
        and len(kept.config["arms"]) == 7
        and "0.9" in json.dumps(kept.config)
    )
    at.session_state["panel"] = "Templates"
    at.run()
    button(at, "tiny-continuous").click().run()
    assert address(at, "draft") == second, "looking at one after another fills no list"
    assert {d.id for d in drafts.recent()} == {first, second} and not at.exception
    for _ in range(2):
        next(b for b in at.button if b.key == "undo").click().run()
    assert at.session_state["draft"] == kept.config


def test_a_template_is_taken_also_where_the_panel_closes_in_that_moment(sqlite: Path) -> None:
    """A browser that was slow to open the panel says with the press that it is closed: the press was lost."""
    at = page("design")
    button(at, "Use").click()
    at.session_state["panel"] = None
    at.run()
    assert len(at.session_state["draft"]["arms"]) == 1 and address(at, "draft") and not at.exception


def test_an_address_of_a_draft_that_was_left_opens_it_again(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = page("design")
    weight_of(at, "closeness").set_value(0.9).run()
    first = address(at, "draft")
    at.session_state["panel"] = "Templates"
    at.run()
    button(at, "tiny-hard").click().run()
    second = address(at, "draft")
    at.query_params["draft"] = first  # late: the browser had not heard of the second one
    at.run()
    assert address(at, "draft") == second != first
    monkeypatch.setattr(written, "LATE", 0.0)
    for wanted, arms in ((first, 3), (second, 1), (first, 3)):  # Back, Forward, Back
        at.query_params["draft"] = wanted
        at.run()
        assert address(at, "draft") == wanted and len(at.session_state["draft"]["arms"]) == arms
        monkeypatch.setattr(written, "LATE", 600.0)  # the next comes at once, and is heard all the same
    assert not at.exception


def test_what_the_draft_says_already_begins_nothing(sqlite: Path) -> None:
    assert drafts.save("0123456789ab", draft._preset("tiny-hard"), {}, 0)
    at = page("design", draft="0123456789ab", panel="Templates")
    button(at, "tiny-hard").click().run()
    weight_of(at, "correctness").set_value(0.7).run()
    assert address(at, "draft") == "0123456789ab" and len(drafts.recent()) == 1
    assert weight_of(at, "correctness").value == 0.7 and not at.exception


def test_the_order_of_a_sweep_is_that_of_its_runs_and_survives_a_reload(sqlite: Path) -> None:
    swept = {"lora.r": [8, 16], "grpo.beta": [0.0, 0.04]}
    assert drafts.save("0123456789ab", {**draft._preset(presets.DEMO), "sweep": swept}, {}, 0)
    at = page("queue", draft="0123456789ab")
    next(t for t in at.text_input if t.label == "Name").set_value("another").run()
    stored = drafts.load("0123456789ab")
    assert (
        stored is not None
        and stored.config["name"] == "another"
        and list(stored.config["sweep"]) == list(swept)
    )


def test_two_windows_do_not_overwrite_each_other(sqlite: Path) -> None:
    first = page("design")
    weight_of(first, "closeness").set_value(0.55).run()
    shared = address(first, "draft")
    second = page("design", draft=shared)
    weight_of(second, "perplexity").set_value(0.77).run()
    weight_of(first, "closeness").set_value(0.11).run()
    assert any("goes on as a copy" in t.value for t in first.toast)
    copy = address(first, "draft")
    assert copy != shared and address(second, "draft") == shared
    assert (weights(copy)["closeness"], weights(copy)["perplexity"]) == (0.11, 0.2)
    assert (weights(shared)["closeness"], weights(shared)["perplexity"]) == (0.55, 0.77)


def test_a_window_in_which_nothing_is_typed_shows_what_another_wrote(sqlite: Path) -> None:
    first = page("design")
    weight_of(first, "closeness").set_value(0.55).run()
    second = page("design", draft=address(first, "draft"))
    weight_of(first, "closeness").set_value(0.66).run()
    second.run()
    assert weight_of(second, "closeness").value == 0.66 and address(second, "draft") == address(
        first, "draft"
    )


@pytest.mark.parametrize("template", templates(), ids=lambda t: t.name)
def test_every_template_acts(template: Template) -> None:
    assert cannot_act(template.mix, GrpoConfig()) == []


def test_a_template_replaces_the_arms_or_is_added_and_can_be_undone(sqlite: Path) -> None:
    at = page("design")
    next(b for b in at.button if b.key == "use-gate").click().run()
    assert [a["name"] for a in at.session_state["draft"]["arms"]] == ["gate"]
    assert "Beyond a weighted sum" not in prose(at)  # something was chosen: the panel closes
    next(b for b in at.button if b.key == "undo").click().run()
    assert [a["name"] for a in at.session_state["draft"]["arms"]] == ["hard", "continuous", "hybrid"]
    at.session_state["panel"] = "Templates"
    at.run()
    for name in ("hard", "adaptive", "worst-case"):
        next(b for b in at.button if b.key == f"add-{name}").click().run()
        assert not at.exception and "cannot be computed" not in prose(at), name
    assert [a["name"] for a in at.session_state["draft"]["arms"]][3:] == ["hard-2", "adaptive", "worst-case"]
    assert address(at, "arm") == "worst-case" and "6 runs will be queued" in prose(at)
    # how many, as beside it: "seeds 0" read as none
    assert "<span>seeds <b>1</b></span><span>runs <b>6</b></span>" in prose(at)


@pytest.mark.parametrize("name", [*presets.names(), *(t.name for t in templates())])
def test_yaml_without_defaults_says_the_same(name: str) -> None:
    """What is left out has its default, so the hashes of the runs are equal."""
    if name in presets.names():
        values = draft._preset(name)
        back = of_text(to_yaml(brief(values)))
        config, _ = draft.check(values)
        assert config is not None and [r.hash() for r in back.runs()] == [r.hash() for r in config.runs()]  # type: ignore[union-attr]
    else:
        mix = next(t.mix for t in templates() if t.name == name)
        found = of_text(mix_yaml(mix))
        assert isinstance(found, Mix) and found.hash() == mix.hash()


def test_yaml_says_every_field_of_an_experiment() -> None:
    said: dict[str, Any] = {"name": "KL?", "question": "Does KL help?", "seeds": [3, 5]}
    said |= {"sweep": {"grpo.beta": [0.0, 1e-05], "model.dtype": ["float32", "bfloat16"]}}
    said |= {"arms": [{"name": "a", "mix": {"terms": TWO_SIDES[:1]}}], "run": {"lora": {"r": 16}}}
    said |= {"primary": ["gold/final"], "thresholds": [0.6]}
    config = parse(ExperimentConfig, said)
    assert set(said) == set(ExperimentConfig.model_fields)
    back = of_text(to_yaml(brief(draft.of_experiment(config))))
    assert isinstance(back, ExperimentConfig)
    assert [(p.name, p.config.hash()) for p in back.planned()] == [
        (p.name, p.config.hash()) for p in config.planned()
    ]
    for field in set(said) - {"run"}:  # which says more when every default is filled in; the hashes hold it
        assert getattr(back, field) == getattr(config, field), field


@pytest.mark.parametrize(
    ("run", "swept", "beta"),
    [
        ({"grpo": {"beta": 0.02}}, {"grpo.beta": [0.0, 0.04]}, 0.02),
        (
            {"grpo": {"beta": -1.0}},
            {"grpo.beta": [0.0, 0.04]},
            0.0,
        ),  # refused by itself: that of the first run
    ],
)
def test_a_swept_setting_keeps_its_own_value_in_a_draft_and_in_yaml(
    run: dict[str, Any], swept: dict[str, Any], beta: float
) -> None:
    arms = [{"name": "a", "mix": {"terms": TWO_SIDES[:1]}}]
    config = parse(ExperimentConfig, {"name": "KL?", "arms": arms, "sweep": swept, "run": run})
    values = draft.of_experiment(config)
    back = of_text(to_yaml(brief(values)))
    assert isinstance(back, ExperimentConfig) and values["sweep"] == swept
    assert values["run"]["grpo"]["beta"] == draft.of_experiment(back)["run"]["grpo"]["beta"] == beta


def yaml_box(at: AppTest) -> Any:
    return next(t for t in at.text_area if t.label == "Experiment as YAML")


WRONG_YAML = [
    ("arms: [", "line 1, column 8"),
    ("- 1", "holds no settings"),
    ("terms: [{component: corectness, side: hard}]", "corectness"),
    ("arms: []", "arms: "),
    ("a: &a [1, 2]\nb: &b [*a, *a]\nterms: *b", "terms"),
    (
        "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)),
        "20,000",
    ),
    ("a: &a [*a]", "20,000"),
    ("<script>alert(1)</script>: [1]", "&lt;script&gt;"),
]


def test_wrong_yaml_is_named_beside_the_box_and_changes_nothing(sqlite: Path) -> None:
    at = page("design", panel="YAML")
    before = json.dumps(at.session_state["draft"])
    for typed, said in WRONG_YAML:
        yaml_box(at).set_value(typed).run()
        button(at, "Apply").click().run()
        assert not at.exception and said in prose(at) and 'role="alert"' in prose(at), typed[:40]
        assert json.dumps(at.session_state["draft"]) == before and yaml_box(at).value == typed


def test_yaml_is_applied_follows_the_draft_and_keeps_what_is_typed(sqlite: Path) -> None:
    at = page("design", panel="YAML")
    text = yaml_box(at).value
    yaml_box(at).set_value(text.replace("weight: 0.4", "weight: 0.45"))
    assert not button(at, "Apply").disabled
    button(at, "Apply").click().run()  # one press, which leaves the box
    assert weight_of(at, "closeness").value == 0.45 and "weight: 0.45" in yaml_box(at).value
    weight_of(at, "closeness").set_value(0.5).run()
    assert "weight: 0.5}" in yaml_box(at).value  # kept in sync
    half = yaml_box(at).value + "\n# not finis"
    yaml_box(at).set_value(half).run()
    weight_of(at, "closeness").set_value(0.6).run()
    assert yaml_box(at).value == half  # an edit here is not overwritten by one there
    again = page("design", draft=address(at, "draft"), panel="YAML")
    assert yaml_box(again).value == half  # nor lost by a reload
    yaml_box(again).set_value("terms: [{component: format, side: hard}]").run()
    button(again, "Apply").click().run()
    assert [t["component"] for t in mix_of(again)["terms"]] == ["format"]
    # a mix replaces one arm's alone
    assert [t["component"] for t in mix_of(again, "hard")["terms"]] == ["correctness"]


def test_versions_are_saved_compared_loaded_and_never_changed(sqlite: Path) -> None:
    at = page("design", panel="Versions")
    assert "No mix is saved yet" in prose(at)
    button(at, "Save").click().run()
    (first,) = mixes.saved()
    assert first.title == "hybrid v1" and 'sd-accent plain">hybrid v1' in prose(at)
    weight_of(at, "closeness").set_value(0.9).run()
    assert 'sd-accent plain">hybrid v1' not in prose(at)
    (diff,) = [c.value for c in at.code if c.value.startswith("---")]
    assert "weight: 0.4}" in diff and "weight: 0.9}" in diff
    button(at, "Save as v2").click().run()
    newest, oldest = mixes.saved()
    assert (newest.version, newest.parent_id, oldest) == (2, first.id, first)
    next(s for s in at.selectbox if s.label == "Version").set_value(first.id).run()
    button(at, "Load hybrid v1 here").click().run()
    assert weight_of(at, "closeness").value == 0.4 and not at.exception


def test_the_name_of_a_saved_mix_is_text_in_what_is_said_of_it(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(versions_panel.st, "toast", lambda text, **_: said.append(text))
    at = page("design", panel="Versions")
    next(t for t in at.text_input if t.label == "Save this arm's mix as").set_value("a-_b_").run()
    button(at, "Save").click().run()
    assert mixes.saved()[0].title == "a-_b_ v1" and said == [f"Saved as {prose_of.plain('a-_b_ v1')}."]
    assert "a-_b_" not in said[0]  # which would be read as a slanted b


def test_a_loaded_version_is_the_parent_in_its_own_draft_alone(sqlite: Path) -> None:
    first = mixes.save("mine", parse(Mix, {"terms": TWO_SIDES[:1]}))
    assert drafts.save("0123456789ab", draft._preset(presets.DEMO), {}, 0)
    at = page("design", arm="hybrid", panel="Versions")
    button(at, "Load mine v1 here").click().run()
    weight_of(at, "correctness").set_value(0.7).run()
    button(at, "Save").click().run()
    at.query_params["draft"] = "0123456789ab"
    at.run()
    next(t for t in at.text_input if t.label == "Save this arm's mix as").set_value("other").run()
    button(at, "Save").click().run()
    assert {s.name: s.parent_id for s in mixes.saved()} == {"mine": None, "hybrid": first.id, "other": None}


def test_a_version_says_which_runs_train_it_and_equal_mixes_are_one_version(database: str) -> None:
    made = lifecycle.create_run(run_config())
    mix = parse(Mix, queries.run_detail(made).config["mix"])
    first = mixes.save("mine", mix)
    assert mixes.save("mine", mix) == first and mixes.save("other", mix).version == 1
    assert mixes.used_by()[first.hash] == (made,)
    assert drafts.save("0123456789ab", {"a": "\x00 \ud800"}, {}, 0) and not drafts.save(
        "0123456789ab", {}, {}, 0
    )
    assert not drafts.save("0123456789ab", {}, {}, 7) and drafts.save("0123456789ab", {}, {"t": "x"}, 1)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "linear", "start": 0.0, "end": 0.8, "from_step": 10, "to_step": 20},
        {"type": "step", "start": 0.1, "end": 0.8, "at_step": 5},
        {"type": "cyclic", "low": 0.2, "high": 0.8, "period": 4.0},
        {"type": "piecewise", "points": [[0, 0.1], [5, 0.9], [9, 0.4]]},
        {
            "type": "warmup",
            "steps": 2.0,
            "then": {"type": "linear", "start": 0.2, "end": 0.6, "from_step": 1, "to_step": 2},
        },
    ],
)
def test_a_curve_turned_twice_is_itself_and_every_kind_becomes_every_other(value: dict[str, Any]) -> None:
    turned = schedule_widgets.turned(value)
    assert (
        schedule_widgets.rises(value) is True
        and schedule_widgets.rises(turned) is False
        and schedule_widgets.turned(turned) == value
    )
    for kind in schedule_widgets.KINDS:
        made = schedule_widgets.as_kind(value, kind, 100)
        blend = parse(Mix, {"blend": made, "terms": TWO_SIDES}).blend
        assert blend is not None and blend.type == kind
    assert isinstance(schedule_widgets.as_kind(value, schedule_widgets.NUMBER, 100), float)


@pytest.mark.parametrize(
    ("value", "levels"),
    [
        ({"type": "piecewise", "points": [[0, 1.0], [50, 0.5], [90, 0.2]]}, (1.0, 0.2)),
        ({"type": "piecewise", "points": [[5, 0.4]]}, (0.4, 0.4)),
        (
            {"type": "piecewise", "points": [[0, 1.0], ["x", 0.2]]},
            (0.0, 1.0),
        ),  # while they are typed: as of a new one
        (
            {
                "type": "warmup",
                "steps": 9.0,
                "then": {"type": "cyclic", "low": 0.9, "high": 0.1, "period": 5.0},
            },
            (0.9, 0.1),
        ),
        ({"type": "warmup", "steps": 9.0, "then": {"type": "constant", "value": 0.4}}, (0.0, 0.4)),
    ],
)
def test_a_curve_of_another_kind_begins_and_ends_where_the_one_before_did(
    value: dict[str, Any], levels: tuple[float, float]
) -> None:
    for kind in ("linear", "step", "adaptive"):
        made = schedule_widgets.as_kind(value, kind, 100)
        assert made["start"] == levels[0] and made["end"] == (
            levels[1] if kind != "adaptive" or len({*levels}) > 1 else 1.4
        )
    assert schedule_widgets.as_kind(value, schedule_widgets.NUMBER, 100) == levels[1]


def test_the_row_of_a_term_shows_the_kind_of_weight_chosen_at_its_curve(sqlite: Path) -> None:
    at = page("design", arm="hybrid", curve="closeness")
    kinds = next(
        b for b in at.get("button_group") if "closeness" in str(b.key) and str(b.key).endswith("-kind")
    )
    kinds.set_value("cosine").run()
    assert any(b.label == "cosine" for b in at.button) and not any(
        n.label == "weight of closeness" for n in at.number_input
    )
    kinds = next(
        b for b in at.get("button_group") if "closeness" in str(b.key) and str(b.key).endswith("-kind")
    )
    kinds.set_value(schedule_widgets.NUMBER).run()
    assert weight_of(at, "closeness").value == 0.4 and not at.exception


TWO_SIDES = [{"component": "correctness", "side": "hard"}, {"component": "closeness", "side": "continuous"}]


@pytest.mark.parametrize(
    ("typed", "wanted"), [("0 0, 50 1", [[0, 0], [50, 1]]), ("0 nan, 1e999 1", [[0, "nan"], ["1e999", 1]])]
)
def test_points_as_they_are_typed(typed: str, wanted: list[Any]) -> None:
    # what is no finite number stays text: a database holds no NaN
    assert schedule_widgets.typed_points(typed) == wanted


def test_a_renamed_term_keeps_its_rules() -> None:
    mix = {"terms": [dict(t) for t in TWO_SIDES], "rule": {"type": "gate", "order": ["closeness"]}}
    rename(mix, 1, "near")
    assert mix["rule"] == {"type": "gate", "order": ["near"]} and mix["terms"][1]["name"] == "near"
    rename(mix, 1, "closeness")
    assert mix["rule"] == {"type": "gate", "order": ["closeness"]} and mix["terms"][1]["name"] == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {},
            "begins at 0.1 and moves to 0.9 (dashed) while training accuracy is above 0.3, at most 0.05 at a step.",
        ),
        (
            {"signal": "kl", "when": "below", "returns": True},
            "while the KL to the start is below 0.3, at most 0.05 at an evaluation",
        ),
        (
            {"signal": "plateau", "threshold": 20},
            "while training accuracy has stood still for 20 steps, at most",
        ),
    ],
)
def test_an_adaptive_curve_is_said_in_words(more: dict[str, Any], said: str) -> None:
    curve = {"type": "adaptive", "signal": "accuracy", "threshold": 0.3, "start": 0.1, "end": 0.9, **more}
    mix = parse(Mix, {"terms": TWO_SIDES, "blend": curve})
    note = curve_card.data(mix, curve, "blend", 100, 50, 0)["note"]
    assert said in note and "signals of the run" in note and "stand at their start" not in note


@pytest.mark.parametrize(
    ("i", "by", "wanted"),
    [(0, -1, None), (0, 1, 2), (2, -1, 0), (2, 1, None), (1, -1, None), (1, 1, 3), (3, 1, None)],
)
def test_the_neighbour_of_a_term_is_of_its_side(i: int, by: int, wanted: int | None) -> None:
    sides = ("hard", "continuous", "hard", "continuous")
    assert neighbour({"terms": [{"component": "format", "side": s} for s in sides]}, i, by) == wanted


def test_a_term_is_moved_down_and_up_and_that_is_undone(sqlite: Path) -> None:
    def order(at: AppTest) -> list[str]:
        return [t["component"] for t in mix_of(at)["terms"]]

    def press(at: AppTest, key: str) -> AppTest:
        return next(b for b in at.button if str(b.key).endswith(key)).click().run()

    at = page("design")
    before = order(at)
    assert before[:3] == ["correctness", "closeness", "perplexity"]
    ends = {
        str(b.key).split("-", 3)[-1]: b.disabled
        for b in at.button
        if str(b.key).endswith(("-move-up", "-move-down"))
    }
    assert ends["correctness-move-up"] and ends["correctness-move-down"] and ends["closeness-move-up"]
    assert not ends["closeness-move-down"]
    press(at, "closeness-move-down")
    assert order(at)[:3] == ["correctness", "perplexity", "closeness"] and not at.exception
    assert weight_of(at, "closeness").value == 0.4  # its numbers moved with it
    press(at, "undo")
    assert order(at) == before
    press(press(at, "perplexity-move-up"), "closeness-move-up")
    assert order(at) == before


def test_a_term_moves_to_the_other_side_and_its_weight_gets_a_curve(sqlite: Path) -> None:
    at = page("design")
    side = next(b for b in at.get("button_group") if str(b.key or "").endswith("closeness-side"))
    side.set_value("hard").run()
    assert {t["component"]: t["side"] for t in mix_of(at)["terms"]}["closeness"] == "hard"
    next(b for b in at.button if str(b.key).endswith("perplexity-move")).click().run()
    kinds = next(b for b in at.get("button_group") if b.proto.label == "Curve")
    kinds.set_value("linear").run()
    weight = {t["component"]: t["weight"] for t in mix_of(at)["terms"]}["perplexity"]
    assert (weight["type"], weight["start"], weight["end"]) == ("linear", 0.0, 0.2) and address(
        at, "curve"
    ) == "perplexity"
    (editor,) = elements(at, "curve_editor")
    data = json.loads(editor.proto.json)
    assert data["target"] == "perplexity" and data["curve"]["end"] == 0.2 and not at.exception


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("hybrid-to_hard 2", "hybrid-to_hard 2"),
        ("a-_b_ v1", r"a\-\_b\_ v1"),
        ("**a** [b](c) :red[d]", r"\*\*a\*\* \[b\]\(c\) \:red\[d\]"),
    ],
)
def test_a_name_where_markdown_is_read_is_itself(name: str, shown: str) -> None:
    assert prose_of.plain(name) == shown


def test_a_term_whose_component_is_gone_is_named_and_can_be_removed(sqlite: Path) -> None:
    values = draft._preset(presets.DEMO)
    term = {
        **values["arms"][2]["mix"]["terms"][0],
        "component": "mine",
        "name": "",
        "side": "hard",
        "params": {"deep": 2},
    }
    values["arms"][2]["mix"]["terms"].append(term)
    assert drafts.save("0123456789ab", values, {}, 0)
    mix = parse(Mix, {"terms": TWO_SIDES[:1]})
    gone = {**mix.resolved(), "terms": [term]}
    with writing() as c:
        c.execute(insert(saved_mix).values(name="old", version=1, hash="0" * 16, config=gone, created_at=0.0))
    at = page("design", draft="0123456789ab", arm="hybrid", panel="Versions")
    assert 'role="alert"' in prose(at) and "mine" in prose(at) and "is not installed here" in prose(at)
    next(b for b in at.button if str(b.key).endswith("mine-remove")).click().run()
    assert not at.exception and "mine" not in {t["component"] for t in mix_of(at)["terms"]}
    (diff,) = [c.value for c in at.code if c.value.startswith("---")]
    assert "deep: 2" in diff and "cannot be computed" not in prose(at)


def test_hostile_names_are_text_and_named_as_faults(sqlite: Path) -> None:
    at = page("design", panel="Versions")
    at.session_state["draft"]["arms"][2]["name"] = "<img src=x> ![a](http://x/y)"
    at.session_state["draft"]["arms"][2]["mix"]["terms"][1]["name"] = "\u202e**x**\x00\x1b[31m"
    at.session_state["edition"] += 1
    at.run()
    assert not at.exception and "cannot be computed yet" in prose(at)
    # the arm's and the term's, once each
    assert "<img" not in prose(at) and prose(at).count("use lower case letters") == 2
    kept = page("design", draft=address(at, "draft"))
    # wrong, and not lost
    assert not kept.exception and kept.session_state["draft"]["arms"][2]["name"].startswith("<img")


def test_the_versions_that_are_compared_are_in_the_address(sqlite: Path) -> None:
    mixes.save("mine", parse(Mix, {"terms": TWO_SIDES[:1]}))
    mixes.save("other", parse(Mix, {"terms": [{**TWO_SIDES[0], "weight": 0.7}]}))
    mixes.save("third", parse(Mix, {"terms": [{**TWO_SIDES[0], "weight": 0.6}]}))
    at = page("design", panel="Versions", **{"mix-old": "mine v1", "mix-new": "other v1"})
    (diff,) = [c.value for c in at.code if c.value.startswith("---")]
    assert diff.startswith("--- mine v1\n+++ other v1") and "0.7" in diff and not at.exception


def test_the_problem_that_is_tried_is_kept_with_the_draft(sqlite: Path) -> None:
    def chosen(at: AppTest) -> Any:
        return next(s for s in at.selectbox if s.label == "Problem")

    at = page("design")
    weight_of(at, "closeness").set_value(0.9).run()
    for problem in ("tiny-arithmetic/eval/0-3", "own"):
        chosen(at).set_value(problem).run()
        if problem == "own":
            next(t for t in at.text_area if t.label == "Question").set_value("What is 6 times 7?").run()
            next(t for t in at.text_input if t.label == "Gold answer").set_value(" 42 ").run()
            next(b for b in at.button if b.label == "Right answer").click().run()
            assert "gold 42" in prose(at) and "Right answer</span>" in prose(at)
        again = page("design", draft=address(at, "draft"))
        assert chosen(again).value == problem
    assert next(t for t in again.text_area if t.label == "Question").value == "What is 6 times 7?"
    assert "gold 42" in prose(again) and not again.exception
    # a version before had it
    assert drafts.save("0123456789ab", draft._preset(presets.DEMO), {"try-problem": "gone/7"}, 0)
    assert chosen(page("design", draft="0123456789ab")).index == 0


def test_a_press_that_leaves_a_field_which_has_the_page_drawn_anew_is_not_lost(sqlite: Path) -> None:
    """The name of an arm, typed and left by the press at the end of the page: one run, which begins again
    at the name."""
    at = page("design")
    name = next(t for t in at.text_input if str(t.key).startswith("arm-name-"))
    name.set_value("renamed")
    button(at, "To the queue").click().run()
    assert not at.exception and at.session_state["page-shown"] == "queue"
    assert at.session_state["draft"]["arms"][-1]["name"] == "renamed"
    at.switch_page("views/design/page.py").run()
    assert at.session_state["page-shown"] == "design"  # once


def test_a_press_whose_page_was_left_before_it_was_answered_is_forgotten(sqlite: Path) -> None:
    at = page("design")
    at.session_state[next_step.PRESSED] = (
        "To the queue"  # as the press leaves it, and a press on a link right after
    )
    at.switch_page("views/runs/page.py").run()
    at.switch_page("views/design/page.py").run()
    assert at.session_state["page-shown"] == "design"


def test_the_page_keeps_room_for_what_is_being_made_of_its_samples(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands below must not move away under the pointer when the work is done."""
    go = Event()
    real = mix_trials.read_samples
    monkeypatch.setattr(jobs, "QUICK", 0.0)
    monkeypatch.setattr(mix_trials, "read_samples", lambda *asked: go.wait(60) and real(*asked))
    at = page("design")
    rooms = [
        b.proto.height_config.pixel_height
        for b in at.get("flex_container")
        if b.proto.height_config.pixel_height
    ]
    assert rooms == [share_curve.TALL, preflight.TALL]
    assert "As soon as the samples are scored." in prose(at)
    go.set()
    assert at.session_state[f"job-{share_curve.SCORING}"].ended(60)
    monkeypatch.setattr(jobs, "QUICK", 60.0)
    assert "samples in" in prose(at.run()) and "As soon as" not in prose(at)
