"""The Compare page in every state, its address, its tables and files, and text from strangers. The
browser's part is in tests/e2e."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from app.charts import compare as figures
from app.charts import compare_truth as truth
from app.data import comparisons, reads
from app.data.comparisons import EvidenceStore, Question
from app.live import feed
from app.live.chart_protocol import Message
from app.live.feed import csv_of
from app.report import document
from app.text import theme
from core.common.errors import DataError
from core.compare.catalogue import MEASURED, SCORES
from core.compare.comparison import Comparison, compare
from core.compare.evidence import GOLD, READ, Evidence
from core.compare.stats.thresholds import absolute
from core.store.runs import claims, lifecycle, queries
from core.store.runs import comparison as stored
from core.store.schema import run as run_table
from core.store.session import writing
from core.store.status import Status
from tests.conftest import wait_for
from tests.support.cards import card_of, shown
from tests.support.compared import learned, made, write
from tests.support.evidence import run_of
from tests.support.grow import grow, growing
from tests.support.pages import elements, page, prose

HOSTILE = "<script>alert(1)</script> **bold** [x](http://y) :red[no] $x$ <img src=x onerror=alert(2)>"
ARMS = {"hybrid": 0.7, "hard": 0.4}


def cards(at: AppTest) -> dict[str, dict[str, Any]]:
    found = (shown(json.loads(e.proto.json)["token"]) for e in elements(at, "chart_card"))
    return {card["title"]: card for card in found}


def table(at: AppTest) -> dict[str, Any]:
    (found,) = elements(at, "arms_table")
    data: dict[str, Any] = json.loads(found.proto.json)
    return data


def change(run_id: int, path: str, value: object) -> None:
    """One setting of a stored run."""
    part, _, name = path.partition(".")
    with writing() as c:
        config = c.execute(select(run_table.c.config).where(run_table.c.id == run_id)).scalar_one()
        changed = {**config, part: {**config[part], name: value}}
        c.execute(update(run_table).where(run_table.c.id == run_id).values(config=changed))


@pytest.fixture
def three(sqlite: Path) -> int:
    """Two arms of three seeds that have ended, the better one first by nothing but its numbers."""
    experiment_id, _ = learned(ARMS, (0, 1, 2), 40)
    return experiment_id


def test_nothing_to_compare_says_what_to_do(sqlite: Path) -> None:
    assert "Nothing to compare yet" in prose(page("compare"))


def test_arms_are_compared_with_intervals_and_seeds(three: int) -> None:
    at = page("compare", experiment=str(three))
    text = prose(at)
    assert "<b>hybrid</b> leads <b>hard</b> with <b>" in text and "better in 3 of 3 common seeds" in text
    assert "3 pairs of seeds cannot show less than p = 0.250" in text and "75 of 100 cases" in text
    data = table(at)
    assert [r["arm"] for r in data["rows"]] == ["hybrid", "hard"]  # the best first
    first = data["rows"][0]
    assert (
        first["seeds"] == "3 seeds"
        and len(first["points"]) == 3
        and first["low"] < first["mean"] < first["high"]
    )
    assert [h["head"] for h in data["heads"]][:2] == ["area under the curve", "steps to"]
    titles = list(cards(at))
    assert titles[:3] == ["Gold accuracy", "Steps to 50 % of the way", "Probability of improvement"]
    assert {"Difference to hard, seed by seed", "Performance profile", "Gold accuracy per KL spent"} <= set(
        titles
    )
    assert {"Trained reward against the truth", "Dead groups"} <= set(titles)
    for card in cards(at).values():
        if card["title"] != "Probability of improvement" and "legend" in card:
            assert [e["name"] for e in card["legend"]] in (["hybrid", "hard"], ["hybrid"])  # table order
    assert "No rule raised a flag" in text and "mix.terms.closeness.weight" in text


def test_one_seed_one_arm_and_neither_look_finished(sqlite: Path) -> None:
    seed, _ = learned(ARMS, (0,), 40, name="one seed")
    alone, _ = learned({"hard": 0.4}, (0, 1), 40, name="one arm")
    text = prose(page("compare", experiment=str(seed)))
    assert "stands first in area under the curve" in text and "difference of runs and not of arms" in text
    at = page("compare", experiment=str(alone))
    assert "It is the only arm" in prose(at) and "Probability of improvement" not in cards(at)
    assert "The arms have the same settings" in prose(at)


def test_what_may_not_be_averaged_is_refused_with_the_reason(three: int) -> None:
    change(runs_of(three)[0], "evaluation.num_samples", 4)
    at = page("compare", experiment=str(three))
    text = prose(at)
    assert "Nothing is averaged" in text and "evaluation.num_samples differs" in text
    assert not elements(at, "arms_table") and not cards(at)


def test_what_else_differs_is_a_warning(three: int) -> None:
    for run_id in runs_of(three)[::2]:
        change(run_id, "lora.r", 4)
    text = prose(page("compare", experiment=str(three)))
    assert (
        "Arms differ in more than their mix: lora.r" in text and "More than the mix differs: lora.r" in text
    )


def runs_of(experiment_id: int) -> list[int]:
    return sorted(r.id for r in queries.run_list(experiment_id))


def test_runs_that_train_wait_or_crashed_are_counted(sqlite: Path) -> None:
    experiment_id, ids = lifecycle.create_experiment(made(["hard", "hybrid"], [0, 1], 100))
    for run_id, last in zip(ids[:3], (40, 30, 20), strict=True):
        assert claims.claim(run_id, "w", 3600.0) and claims.mark_running(run_id, 1)
        write(run_id, 0.5, 0, last)
    claims.finish(ids[2], 1, Status.FAILED, "DataError", HOSTILE)
    at = page("compare", experiment=str(experiment_id))
    text = prose(at)
    assert (
        "2 running" in text
        and "1 waiting" in text
        and "1 failed" in text
        and "compared up to <b>step 30</b>" in text
    )
    assert "1 of 4 runs failed (hard seed 1)" in text and "<script>" not in text
    chips = {r["arm"]: [c[0] for c in r["chips"]] for r in table(at)["rows"]}
    assert chips == {"hard": ["1 failed", "1 training"], "hybrid": ["1 training", "1 waiting"]}
    assert elements(at, "pulse")  # looks for a new evaluation


def test_before_the_second_evaluation_there_is_nothing_to_compare(sqlite: Path) -> None:
    experiment_id, ids = lifecycle.create_experiment(made(["hard"], [0], 100))
    assert claims.claim(ids[0], "w", 3600.0) and claims.mark_running(ids[0], 1)
    write(ids[0], 0.5, 0, 5)
    assert "Nothing to compare yet" in prose(page("compare", experiment=str(experiment_id)))


def test_the_address_says_everything(three: int) -> None:
    query = {
        "score": "gold/final",
        "base": "hybrid",
        "reach": "30",
        "show": "hard~kl/spent",
        "table": "pairs",
    }
    at = page("compare", experiment=str(three), **query)
    data, drawn = table(at), cards(at)
    assert data["heads"][0]["head"] == "final accuracy" and data["chosen"] == "hard~kl/spent"
    assert (
        "Steps to 30 %" in drawn and "Difference to hybrid, seed by seed" in drawn and "KL to start" in drawn
    )
    assert "Probability of improvement" in prose(at)  # the table of pairs
    assert {b.label for b in at.button} >= {"Gold accuracy of all arms"}
    next(b for b in at.button if b.label == "Gold accuracy of all arms").click().run()
    assert "show" not in at.query_params and "Gold accuracy" in cards(at)


@pytest.mark.parametrize(
    "query",
    [
        {"experiment": "999"}, {"experiment": "<b>"}, {"score": "no/score"}, {"base": "nobody"}, {"reach": "-3"},
        {"reach": "many"}, {"show": "nobody~gold/auc"},
        {"show": "~"}, {"table": "none"}, {"runs": "1,1,999"}, {"runs": "x"}, {"reach": "1e999"},
    ],
)  # fmt: skip
def test_a_mistyped_address_is_no_error(three: int, query: dict[str, str]) -> None:
    # one run has a table of no arm
    assert elements(page("compare", **query), "arms_table") or "runs" in query


def test_every_score_can_be_looked_at(three: int) -> None:
    for score in [k for k in MEASURED if SCORES[k].better]:
        at = page("compare", experiment=str(three), score=score)
        assert not at.exception


def test_chosen_runs_are_compared_too(three: int) -> None:
    ids = runs_of(three)
    for sign in (",", "-"):
        at = page("compare", runs=sign.join(map(str, ids[:4])))
        assert "Chosen runs" in prose(at) and [r["seeds"] for r in table(at)["rows"]] == [
            "2 seeds",
            "2 seeds",
        ]


def test_a_choice_goes_into_the_address(three: int) -> None:
    at = page("compare", experiment=str(three))
    at.selectbox(key="compare-score-gold/auc").select("gold/late").run()
    assert at.query_params["score"] == "gold/late" and table(at)["heads"][0]["head"] == "late accuracy"
    at.selectbox(key="compare-base-").select("hybrid").run()
    assert at.query_params["base"] == "hybrid" and not at.exception


def test_what_was_fixed_before_the_runs_comes_first(sqlite: Path) -> None:
    experiment_id, _ = learned(ARMS, (0, 1, 2), 40, primary=["gold/late", "gold/final"], thresholds=[0.25])
    at = page("compare", experiment=str(experiment_id))
    text, heads = prose(at), [h["head"] for h in table(at)["heads"]]
    assert "fixed before the runs <b>late accuracy, final accuracy</b>" in text
    assert heads[0] == "late accuracy" and heads[2] == "final accuracy" and "Steps to 25 %" in cards(at)


def test_flags_lead_to_their_samples(sqlite: Path) -> None:
    experiment_id, _ = learned({"continuous": 0.9, "hard": 0.5}, (0,), 100, {"continuous": 1.6})
    at = page("compare", experiment=str(experiment_id))
    text = prose(at)
    assert "flag: reward up, gold down" in text and 'href="run?run=1&amp;tab=Samples&amp;step=' in text
    (row,) = [r for r in table(at)["rows"] if r["arm"] == "continuous"]
    assert ["flag: reward up, gold down", "warn"] in row["chips"]


def test_a_reward_that_prefers_wrong_samples_is_flagged(sqlite: Path) -> None:
    """Its points are those of the other arm: only the samples say so. Of a long run every k-th step's are
    read."""
    experiment_id, ids = learned(
        {"continuous": 0.6, "hard": 0.6}, (0,), 120, wrong_pays={"continuous": True, "hard": False}
    )
    at = page("compare", experiment=str(experiment_id))
    flagged = {
        row["arm"] for row in table(at)["rows"] if ["flag: reward prefers wrong", "warn"] in row["chips"]
    }
    assert flagged == {"continuous"} and f'href="run?run={ids[0]}&amp;tab=Samples&amp;step=' in prose(at)
    made = document.found(experiment_id).document
    assert [(f.arm, f.kind) for f in made.flags] == [
        ("continuous", "prefers_wrong")
    ] and "reward prefers wrong" in made.alarms


def test_words_of_strangers_stay_words(sqlite: Path) -> None:
    experiment_id, ids = learned(
        {"hard": 0.5, "hybrid": 0.6},
        (0,),
        30,
        name=HOSTILE,
        question=HOSTILE,
        sweep={"model.path": [HOSTILE]},
    )
    at = page("compare", experiment=str(experiment_id))
    text = prose(at)
    assert "<script>" not in text and "<img" not in text and "&lt;script&gt;" in text
    assert HOSTILE in table(at)["rows"][0]["arm"]  # reaches the page as text
    assert all("<script>" not in str(m.value) for m in at.markdown)
    assert ids


def test_many_long_runs_are_drawn_from_their_evaluations_first(
    three: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = queries.run_list(three)
    question = Question(tuple(sorted(r.id for r in rows)))
    monkeypatch.setattr(comparisons, "AT_ONCE", 0)
    page("runs")  # empty caches
    first = comparisons.compared(question, rows)
    assert not first.whole and set(first.runs[0].series) == {GOLD, "eval/kl"}
    whole = comparisons.compared(question, rows, whole=True)
    assert (
        whole.whole
        and "reward/total" in whole.runs[0].series
        and comparisons.compared(question, rows) is whole
    )
    for a, b in zip(first.comparison.arms, whole.comparison.arms, strict=True):
        assert a.scores["gold/auc"] == b.scores["gold/auc"]  # what is shown first stays as it is
    at = page("compare", experiment=str(three))
    assert "Dead groups" not in cards(at)
    (pulse,) = (json.loads(e.proto.json) for e in elements(at, "pulse"))
    assert told(pulse["token"]) == "first"  # and a thread reads what each step left
    wait_for("the whole comparison", lambda: told(pulse["token"]) == "whole", 30)
    assert "Dead groups" in cards(at.run())  # what the pulse has the browser ask for


def told(token: str) -> str:
    """What the feed says to a pulse."""
    return str(json.loads(feed.answered([(token, None)])[8:].rstrip(b"\0"))["version"])


def test_a_live_comparison_with_nothing_new_is_computed_once_and_not_drawn_again(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that are not at the same step: in another order they would be another version, and the page
    drawn for ever."""
    computed: list[int] = []
    real = stored.compared
    monkeypatch.setattr(stored, "compared", lambda *a, **k: computed.append(1) or real(*a, **k))
    first, second = growing(["hard", "hybrid"], [0], 100)
    grow(first, 0, 40)
    grow(second, 0, 20)
    at = page("compare", experiment="1")
    pulse, body = (json.loads(e.proto.json) for e in elements(at, "pulse"))
    # of the head and of what is below the boxes: one version, which is looked up once for both
    assert pulse == body
    assert told(pulse["token"]) == pulse["drawn"]
    at.run()
    at.run()
    assert len(computed) == 1
    grow(second, 21, 30)
    reads.forget_runs()
    reads.gold_now.clear()
    assert told(pulse["token"]) != pulse["drawn"]


def test_what_cannot_be_read_is_said_and_tried_again_later(
    three: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "AT_ONCE", 0)
    at = page("compare", experiment=str(three))
    (pulse,) = (json.loads(e.proto.json) for e in elements(at, "pulse"))

    def away(*_: object) -> None:
        raise DataError("the disk is gone")

    real = comparisons._compared
    monkeypatch.setattr(comparisons, "_compared", away)
    assert told(pulse["token"]) == "first"
    wait_for("the failure", lambda: told(pulse["token"]) == "failed", 30)
    assert "What each step left cannot be read: the disk is gone" in prose(at.run())
    monkeypatch.setattr(comparisons, "_compared", real)
    assert told(pulse["token"]) == "failed"  # no reading for each look
    monkeypatch.setattr(comparisons, "AGAIN_SECONDS", 0.0)
    wait_for("the whole comparison", lambda: told(pulse["token"]) == "whole", 30)
    assert "Dead groups" in cards(at.run())


def test_a_run_that_is_evaluated_again_does_not_turn_the_page_back(
    three: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is not in memory is read: of eighty runs the one that goes on."""
    rows = queries.run_list(three)
    question = Question(tuple(sorted(r.id for r in rows)))
    page("runs")  # empty caches
    monkeypatch.setattr(comparisons, "AT_ONCE", rows[0].step * len(READ))
    assert comparisons.compared(question, rows, whole=True).whole
    write(rows[0].id, 0.6, 0, rows[0].step + 10, first=rows[0].step + 1)
    reads.forget_runs()
    now = [queries.rows([r.id])[0] for r in rows]
    monkeypatch.setattr(comparisons, "AT_ONCE", now[0].step * len(READ))
    assert comparisons.compared(question, now).whole


def test_evidence_is_read_again_when_a_run_was_evaluated_again(sqlite: Path) -> None:
    _, ids = learned(ARMS, (0,), 20)
    store = EvidenceStore(most=1)
    now = dict.fromkeys(ids, (1, "done", 20, 20))
    one = store.get(now, True)
    assert [len(r.line(GOLD)[0]) for r in one] == [3, 3]
    write(ids[1], 0.6, 0, 30, first=21)
    assert len(store.get(now | {ids[1]: (1, "done", 30, 30)}, True)[1].line(GOLD)[0]) == 4
    kept = {ids[1]: (1, "done", 30, 30)}
    # let go
    assert not store.missing(kept, False) and store.missing({ids[0]: (1, "done", 20, 20)}, False) == [ids[0]]


def comparison() -> tuple[Comparison, list[Evidence]]:
    values = [0.1, 0.3, 0.5, 0.6, 0.6]
    runs = [
        run_of([v - d for v in values], a, s)
        for a, d in (("a", 0.05), ("b", 0.0), ("<b>c</b>", 0.2))
        for s in range(3)
    ]
    return compare(runs, [absolute(0.5)], resamples=200), runs


def test_every_card_can_be_sent_and_saved() -> None:
    c, runs_ = comparison()
    looks = theme.looks([(a, "hard") for a in ("b", "a", "<b>c</b>")])
    mark = c.thresholds[0]
    drawn = [
        figures.curves(c, runs_, looks), figures.curves(c, runs_, looks, "reward/total", "a"), figures.times(c, looks, mark),
        figures.improvement(c, looks, "gold/auc"), figures.differences(c, looks, "gold/auc", "a"),
        truth.profiles(c, looks, "gold/auc"), truth.gold_per_kl(c, runs_, looks), truth.reward_per_gold(c, runs_, looks),
    ]  # fmt: skip
    for card in drawn:
        assert card_of(Message(card).whole)["title"] == card["title"] and card["alt"]
        assert csv_of(card).splitlines()
    assert "0.45" in csv_of(drawn[0]) or "45" in csv_of(drawn[0])
    never = [t for t in drawn[2]["traces"] if t["marker"]["symbol"] == "triangle-right-open"]
    assert [len(t["x"]) for t in never] == [3] and np.all(never[0]["x"] == 40)


@pytest.mark.parametrize(
    ("metric", "seeds", "only", "bands"),
    [
        ("reward/total", 3, "", 2),  # every arm has its own
        ("reward/total", 3, "a", 1),  # pressed: the others are pale
        (GOLD, 3, "", 2),
        ("reward/total", 2, "", 0),  # too few to say how sure the mean is
    ],
)
def test_the_mean_of_any_metric_has_its_interval_where_there_are_seeds(
    metric: str, seeds: int, only: str, bands: int
) -> None:
    rng = np.random.default_rng(0)
    found = [
        run_of([0.1, 0.3, 0.5, 0.6, 0.6 + 0.01 * s], a, s, reward__total=(d + rng.normal(0, 0.1, 40)).tolist())
        for a, d in (("a", 0.3), ("b", 0.5)) for s in range(seeds)
    ]  # fmt: skip
    card = figures.curves(
        compare(found, resamples=200), found, theme.looks([(a, "hard") for a in "ab"]), metric, only
    )
    traces = {t["name"]: t for t in card["traces"] if "name" in t}
    drawn = {n.removesuffix(", high") for n in traces if n.endswith(", high")}
    assert len(drawn) == bands and ("Band:" in card["sub"]) == (bands > 0)
    for arm in drawn:
        low, high, mean = (traces[n] for n in (f"{arm}, low", f"{arm}, high", arm))
        at_them = np.interp(low["x"], mean["x"], mean["y"])
        assert (
            (low["y"] <= at_them + 1e-9).all()
            and (at_them <= high["y"] + 1e-9).all()
            and (low["y"] < high["y"]).any()
        )


@pytest.mark.parametrize(("seeds", "shown"), [((3, 3, 3), 6), ((3, 3, 2), 2), ((2, 2, 2), 0)])
def test_too_few_seeds_have_no_probability(seeds: tuple[int, ...], shown: int) -> None:
    arms = zip("abc", (0.0, 0.05, 0.2), seeds, strict=True)
    c = compare([run_of([0.3 - d, 0.6 - d], a, s) for a, d, n in arms for s in range(n)], resamples=200)
    card = figures.improvement(c, theme.looks([(a, "hard") for a in "abc"]), "gold/auc")
    assert sum(v is not None for row in card["traces"][0]["z"] for v in row) == shown
    assert (card["sub"] == "Fewer than 3 seeds: no probability.") == (shown == 0) and card["alt"]


def test_an_arm_keeps_its_look_and_no_two_share_one() -> None:
    looks = theme.looks([(f"arm-{i}", "hybrid") for i in range(8)] + [("arm-0", "hybrid"), ("other", "hard")])
    assert len(set(looks.values())) == 9 and looks["arm-0"].dash == "solid" and looks["other"].role == "hard"
    assert looks["arm-4"].ink != looks["arm-0"].ink


@pytest.mark.parametrize(
    "steps", [None, 0], ids=["it waits in the queue", "only its first evaluation is there"]
)
def test_a_run_that_has_hardly_begun_empties_no_comparison_of_the_others(
    sqlite: Path, steps: int | None
) -> None:
    *others, late = growing(["hard", "hybrid", "continuous"], [0], 100)
    for run_id in others:
        grow(run_id, 0, 40)
    if steps is not None:
        grow(late, 0, steps)
    at = page("compare", experiment="1")
    assert {"Gold accuracy", "Steps to 50 % of the way"} <= cards(at).keys(), list(cards(at))
    assert "1 of 3 runs waiting (continuous seed 0): not evaluated twice yet, in no number." in prose(at)
