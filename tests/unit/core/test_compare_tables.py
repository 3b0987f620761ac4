"""The words of a comparison: its tables cell by cell, their files, the answer by its rule, the settings
that differ."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.compare import formatting
from core.compare.answer import Kind, answer, ranking
from core.compare.comparison import Comparison, compare
from core.compare.evidence import TRAINING, Evidence
from core.compare.export import tex, to_csv, to_latex
from core.compare.settings import settings
from core.compare.stats.thresholds import absolute
from core.compare.table import Cell, Column, Table
from core.compare.tables import (
    arms_table,
    held_out_table,
    pairs_table,
    seeds_table,
    spread_table,
    tables,
    times_table,
)
from core.compare.validity import Remark
from core.metrics.series import Series
from tests.support.evidence import CONFIG, changed, run_of

RISES = [0.1, 0.3, 0.5, 0.6, 0.6]
LAZY = [0.1, 0.2, 0.3, 0.4, 0.4]


def seeds(values: Sequence[float], arm: str, n: int, first: int = 0, wave: float = 0.0) -> list[Evidence]:
    """Seeds of an arm that lie 0.01 apart; `wave` moves every other one."""
    return [run_of([v + 0.01 * s + wave * (s % 2) for v in values], arm, s) for s in range(first, first + n)]


def two(n: int, m: int | None = None) -> list[Evidence]:
    return [*seeds(RISES, "b", n), *seeds(LAZY, "a", n if m is None else m)]


def found(runs: Sequence[Evidence], **more: object) -> Comparison:
    return compare(runs, resamples=500, **more)  # type: ignore[arg-type]


ANSWERS: list[tuple[str, list[Evidence], Kind, str]] = [
    ("eight seeds reach the level, corrected for three scores", two(8), "ahead", "b is ahead of a with 15.0 points more area"),
    ("three seeds cannot test it, all are ahead", two(3), "leads", "b leads a with 15.0 points more area"),
    ("both sides of zero", [*seeds(RISES, "b", 4, wave=-0.3), *seeds(RISES, "a", 4)], "together", "do not tell a and b apart"),
    ("one seed: points", two(1), "points", "b stands first in area under the curve with 43.8 %, a has"),
    ("two seeds against three", two(3, 2), "points", "3 and 2 seeds."),
    ("no common seed: nothing to pair", [*seeds(RISES, "b", 3), *seeds(LAZY, "a", 3, 5)], "together", "apart"),
    ("one arm", seeds(RISES, "b", 3), "alone", "It is the only arm"),
    ("no evaluation", [run_of([], "b")], "refused", "No run has two evaluations"),
    ("other decoding", [*two(3), run_of(RISES, "c", config=changed("evaluation.num_samples", 4))], "refused", "num_samples"),
]  # fmt: skip


@pytest.mark.parametrize(("runs", "kind", "said"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS])
def test_the_answer_is_by_its_rule(runs: list[Evidence], kind: Kind, said: str) -> None:
    made = answer(found(runs))
    assert made.kind == kind and said in made.text, made.text
    assert made.runs and set(made.runs) <= {r.run_id for r in runs}


def test_what_keeps_an_answer_from_being_more_is_said() -> None:
    assert "3 pairs of seeds cannot show less than p = 0.250" in answer(found(two(3))).caveat
    assert "Too few seeds" in answer(found(two(1))).caveat
    assert answer(found(two(8))).caveat == ""
    assert "primary scores only" in answer(found(two(3)), "gold/late").caveat


def test_less_is_better_where_the_catalogue_says_so() -> None:
    falls = [0.1, 0.6, 0.2, 0.3, 0.6]
    c = found([*seeds(falls, "a", 8), *seeds(RISES, "b", 8)])
    made = answer(c, "risk/drawdown_tail")
    assert [x.name for x in ranking(c, "risk/drawdown_tail")] == ["b", "a"]
    assert made.kind == "ahead" and made.text.startswith(
        "b is ahead of a with 40.0 points less long-term risk"
    )


def test_a_baseline_takes_the_place_of_the_next_best() -> None:
    runs = [*two(3), *seeds([0.1] * 5, "c", 3)]
    assert answer(found(runs)).other == "a"
    assert answer(found(runs), baseline="c").other == "c"
    assert (answer(found(runs), baseline="b").leader, answer(found(runs), baseline="b").other) == ("b", "a")


def test_equal_runs_are_level() -> None:
    made = answer(found([*seeds(RISES, "a", 1), *seeds(RISES, "b", 1)]))
    assert made.kind == "points" and "are level" in made.text


def test_an_arm_ahead_of_all_seeds_and_not_of_the_common_ones_is_not_called_ahead() -> None:
    """b's mean is higher by a seed that only it has."""
    b = [*seeds([v - 0.05 for v in RISES], "b", 3), run_of([0.9] * 5, "b", 7)]
    made = answer(found([*b, *seeds(RISES, "a", 3)]))
    assert made.kind == "together" and made.leader == "b"


def test_every_number_names_its_runs() -> None:
    answers = {r.run_id: {"p1": (1, 1), "p2": (r.run_id % 2, 1)} for r in two(3)}
    c = found(two(3), wanted=[absolute(0.5)], answers=answers)
    made = tables(c)
    assert [t.key for t in made] == ["arms", "pairs", "times", "held-out", "spread", "seeds", "outcomes"]
    ids = {r.run_id for r in two(3)}
    for table in made:
        for column, cell in table.cells():
            assert set(cell.runs) <= ids
            assert cell.runs or math.isnan(cell.value), (table.key, column.key)


def test_an_arm_has_its_mean_its_interval_and_its_seeds() -> None:
    c = found(two(3))
    a, b = arms_table(c).column("gold/final")
    assert (
        (a.text, b.text) == ("41.0 %", "61.0 %") and b.n == 3 and b.runs == (200, 201, 202) and b.step == 40
    )
    assert b.interval == f"[{100 * b.low:.1f}, {100 * b.high:.1f}]" and b.low < b.value < b.high
    assert dict(b.points or {}) == pytest.approx({0: 0.6, 1: 0.61, 2: 0.62})
    assert arms_table(c).column("gold/auc")[0].step is None  # of the whole curve


def test_what_ended_early_is_noted_beside_its_mean() -> None:
    crashed = run_of([0.1, 0.3], "b", 3, "failed")
    cell = arms_table(found([*two(3), crashed])).column("gold/final")[1]
    assert "if runs that ended early got nothing right" in cell.note and cell.n == 4
    (seeds_cell,) = [c for c in arms_table(found([*two(3), crashed])).column("seeds") if c.note]
    assert seeds_cell.note == "1 failed"


def test_primary_scores_come_first() -> None:
    keys = [c.key for c in arms_table(found(two(3)), ("gold/late", "gold/final")).columns]
    assert keys[2:5] == ["gold/late", "gold/final", "gold/auc"] and len(set(keys)) == len(keys)


def test_a_pair_has_its_sign_its_ps_and_the_least_that_can_be_shown() -> None:
    row = pairs_table(found(two(3))).rows[0]
    first, second, score, wins, gap, p, holm, n = row
    assert [c.text for c in (first, second, score, wins, gap)] == [
        "a",
        "b",
        "Area under the curve",
        "0.00",
        "-15.0 points",
    ]
    assert gap.runs == (100, 101, 102, 200, 201, 202) and p.note == "3 pairs cannot show less than p = 0.250"
    assert (p.value, holm.value, n.text) == (0.25, 0.75, "3")


def test_times_count_what_never_got_there() -> None:
    table = times_table(found(two(3), wanted=[absolute(0.5)]))
    rows = [row for row in table.rows if row[0].value == 0.5]
    assert [(r[1].text, r[2].text, r[3].text, r[5].text) for r in rows] == [
        ("steps", "a", "> 40", "0 of 3"),
        ("steps", "b", "20", "3 of 3"),
    ]
    assert rows[0][4].text == "not reached" and "half of the runs" in rows[0][4].note


def test_a_mean_time_is_not_given_where_the_limit_lies_before_the_arrivals() -> None:
    """Tokens: every complete run was watched for as many as the one with the shortest answers spent."""
    rises = [0.1, 0.3, 0.6, 0.7, 0.7]
    runs = [run_of(rises, "long", s, length__mean=[10.0] * 40) for s in range(3)]
    runs += [run_of([0.1, 0.1, 0.1, 0.1, 0.1], "short", s, length__mean=[1.0] * 40) for s in range(3)]
    rows = [
        r
        for r in times_table(found(runs, wanted=[absolute(0.5)])).rows
        if (r[0].value, r[1].text) == (0.5, "tokens")
    ]
    assert [(r[2].text, r[3].text, r[4].text, r[5].text) for r in rows] == [
        ("long", "\u2013", "3,200", "3 of 3"),  # 20 steps of 16 completions of 10 tokens
        ("short", "> 640", "not reached", "0 of 3"),
    ]
    assert rows[0][3].note == "3 of 3 got there behind the limit of 640: see the median" and math.isnan(
        rows[0][3].value
    )


def test_a_run_that_failed_at_once_is_one_that_never_got_there() -> None:
    gone = replace(run_of([0.1], "b", 3, "failed"), series={}, step=0)
    row = next(
        r for r in times_table(found([*two(3), gone], wanted=[absolute(0.5)])).rows if r[2].text == "b"
    )
    # three at 20, one counted as 40
    assert (row[1].text, row[3].text, row[5].text) == ("steps", "25", "3 of 4")


def test_costs_of_runs_that_ended_early_are_noted_too() -> None:
    crashed = run_of([0.1, 0.3], "b", 3, "failed", signal__dead_groups=[0.1] * 40)
    whole = [run_of([0.1, 0.3, 0.5, 0.6, 0.6], "a", s, signal__dead_groups=[0.2] * 40) for s in range(3)]
    cell = arms_table(found([*whole, crashed])).column("signal/dead_groups")[1]
    assert cell.note == "1 run ended early and counts up to there"


def test_seeds_have_a_mean_without_extremes_a_spread_and_each_run_its_own_interval() -> None:
    runs = [run_of([0.1, 0.2, 0.3, 0.4, final], "a", s) for s, final in enumerate((0.5, 0.6, 0.7, 0.8))]
    row = next(r for r in spread_table(found(runs)).rows if r[1].text == "Final accuracy")
    assert [c.text for c in row] == [
        "a",
        "Final accuracy",
        "4",
        "65.0 %",
        "65.0 %",
        "12.9 %",
        "50.0 %",
        "80.0 %",
    ]
    final = seeds_table(found(runs)).column("gold/final")[0]
    # scipy binomtest(64, 128), Wilson
    assert (final.low, final.high) == pytest.approx((0.41466, 0.58534), abs=1e-5)
    assert final.interval == "[41.5, 58.5]" and final.step == 40


def test_a_collapse_has_its_row_where_one_came() -> None:
    def with_training(run: Evidence, right: float) -> Evidence:
        falls = Series(list(range(1, 41)), [0.5] * 20 + [right] * 20)
        return replace(run, series={**run.series, TRAINING: falls})

    quiet = found([with_training(r, 0.5) for r in two(3)])
    assert not [row for row in times_table(quiet).rows if row[0].text == "Collapse step"]
    fell = found([with_training(r, 0.0 if r.arm == "a" else 0.5) for r in two(3)])
    rows = [row for row in times_table(fell).rows if row[0].text == "Collapse step"]
    assert [(r[1].text, r[2].text, r[5].text) for r in rows] == [
        ("steps", "a", "3 of 3"),
        ("steps", "b", "0 of 3"),
    ]
    assert rows[0][3].value == 30  # the first mean of ten steps below 1 %


def test_held_out_problems_are_of_one_step() -> None:
    answers = {r.run_id: {f"p{i}": (int(i < r.run_id // 20), 1) for i in range(20)} for r in two(1)}
    (row,) = held_out_table(found(two(1), answers=answers)).rows
    assert [c.text for c in row[2:5]] == ["0", "5", "15"] and row[2].step == 40 and row[2].runs == (100, 200)


def test_a_csv_has_all_digits_and_the_runs_of_each_number() -> None:
    table = arms_table(found(two(3)), scores=["gold/final", "gold/auc"])
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [r["arm"] for r in rows] == ["a", "b"] and rows[1]["gold/final runs"] == "200 201 202"
    assert (
        float(rows[1]["gold/final"]) == table.column("gold/final")[1].value
        and rows[1]["gold/final step"] == "40"
    )
    assert float(rows[1]["gold/auc low"]) == pytest.approx(table.column("gold/auc")[1].low, rel=1e-11)
    assert "gold/auc step" not in rows[1]


@pytest.mark.parametrize(
    ("text", "latex", "cell"),
    [
        ("50 % & more_", r"50 \% \& more\_", "50 % & more_"),
        ("\\input{x}", r"\textbackslash{}input\{x\}", "\\input{x}"),
        ("=1+1", "=1+1", "'=1+1"),
        ("a<b>c", r"a\textless{}b\textgreater{}c", "a<b>c"),
        ("two\nlines", "two lines", "two\nlines"),
    ],
)
def test_names_of_strangers_stay_names(text: str, latex: str, cell: str) -> None:
    table = Table("t", "Title", "", (Column("arm", "Arm"), Column("x", "X")), ((Cell(text), Cell("1", 1.0)),))
    assert tex(text) == latex and f"    {latex} & 1 \\\\" in to_latex(table)
    assert next(csv.DictReader(io.StringIO(to_csv(table))))["arm"] == cell


def test_latex_is_a_whole_table() -> None:
    made = to_latex(arms_table(found(two(3)), scores=["gold/final"]))
    assert (
        made.count("\\begin{") == made.count("\\end{") == 2
        and "\\toprule" in made
        and "\\begin{tabular}{lrr}" in made
    )
    assert "Final accuracy $\\uparrow$" in made and "61.0 \\% {\\scriptsize [" in made


@pytest.mark.parametrize(
    ("number", "unit", "said", "apart"),
    [
        (0.669, "share", "66.9 %", "+66.9 points"),
        (-0.027, "share", "-2.7 %", "-2.7 points"),
        (1204.4, "steps", "1,204", "+1,204 steps"),
        (0.0654, "nats", "0.0654", "+0.0654"),
        (math.nan, "share", "–", "–"),
    ],
)
def test_numbers_are_said_in_their_unit(number: float, unit: str, said: str, apart: str) -> None:
    assert (formatting.value(number, unit), formatting.difference(number, unit)) == (said, apart)


def test_p_is_never_nothing() -> None:
    assert [formatting.p(x) for x in (0.0001, 0.0312, 1.0, math.nan)] == ["< 0.001", "0.031", "1.000", "–"]


def test_settings_that_differ_and_those_that_do_not() -> None:
    mixes = [{"terms": [{"component": "correctness", "weight": w}]} for w in (1.0, 2.0)]
    runs = [
        run_of(RISES, arm, s, config={"mix": mix, "lora": {"r": r}})
        for (arm, mix, r) in (("a", mixes[0], 8), ("b", mixes[1], 16))
        for s in (0, 1)
    ]
    made = settings(runs)
    assert made.arms == ("a", "b") and made.beyond == ("lora.r",)
    assert made.differ == {"mix.terms.correctness.weight": (1.0, 2.0), "lora.r": (8, 16)}
    assert "grpo.beta" in made.same and not {"seed", "name"} & set(made.same)


def test_a_group_that_one_arm_leaves_out_is_not_the_same_in_all() -> None:
    blend = {"type": "constant", "value": 0.5}
    runs = [
        run_of(RISES, arm, 0, config={"mix": {"terms": CONFIG["mix"]["terms"], "blend": b}})
        for arm, b in (("a", None), ("b", blend))
    ]
    made = settings(runs)
    assert not [p for p in made.same if p.startswith("mix.blend")] and "mix.blend.value" in made.differ


def test_a_term_that_an_arm_lacks_is_told_by_its_weight() -> None:
    one, other = (
        {"terms": [{"component": c, "weight": 1.0, "side": "hard"}]} for c in ("correctness", "closeness")
    )
    made = settings([run_of(RISES, "a", config={"mix": one}), run_of(RISES, "b", config={"mix": other})])
    assert set(made.differ) == {"mix.terms.correctness.weight", "mix.terms.closeness.weight"}


def test_arms_with_as_many_seeds_share_a_remark() -> None:
    said = [r for r in found(two(3)).remarks if r.about == "seeds"]
    assert [r.said.split(":")[0] for r in said] == ["a, b have 3 seeds each"] and isinstance(said[0], Remark)
    assert len(said[0].runs) == 6


def test_each_run_stands_alone_too() -> None:
    table = seeds_table(found(two(2)))
    assert [c.text for c in table.column("run")] == ["100", "101", "200", "201"]
    assert table.column("gold/final")[3].runs == (201,) and table.column("gold/final")[
        3
    ].value == pytest.approx(0.61)
    assert CONFIG["seed"] == 0
