"""Lists of samples: every filter, every order, pages, the window of steps; notes that outlive a resume.
Both databases."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from core.analysis import export
from core.common.errors import DataError
from core.rewards.tokens import Token, pack, unpack
from core.store.runs import claims, lifecycle, queries
from core.store.samples import browse, lines, notes
from core.store.samples.browse import Selection, Sort
from core.store.samples.lines import Place
from core.store.session import engine, reading, writing
from core.store.steps import records
from core.store.steps.records import StepRecord
from core.store.transfer import FOLLOWS
from tests.support import stored
from tests.support.stored import HOSTILE, SIZE, STEPS

PER_RUN = STEPS * stored.GROUPS * SIZE


def count(c: Selection) -> int:
    return browse.page(c, Sort(), 1, 10).count


@pytest.fixture
def pair(database: str) -> Selection:
    """Everything of the two stored runs."""
    return Selection(tuple(stored.experiment()[1]))


FILTERS: list[tuple[dict[str, Any], int, str]] = [
    ({}, 2 * PER_RUN, "all"),
    ({"first": 2, "last": 2}, 2 * PER_RUN // 3, "one step"),
    ({"first": 3}, 2 * PER_RUN // 3, "from a step"),
    ({"last": 1}, 2 * PER_RUN // 3, "up to a step"),
    ({"split": "eval"}, 0, "nothing is held out"),
    ({"correct": True}, 2 * 2 * (1 + 2 + 3), "as many right in a group as the step's number"),
    ({"correct": False, "truncated": True}, 2 * 2 * 3, "the last of each group is cut, and never right"),
    ({"dead": True}, SIZE, "one group of hard"),
    ({"disagree": True}, 1, "one wrong answer that pays"),
    ({"term": "correctness", "low": 1.0}, 24, "raw at least"),
    ({"term": "closeness", "low": 0.85, "high": 0.95}, 1, "only soft has the term"),
    ({"term": "closeness"}, 2 * PER_RUN, "a term without bounds leaves nothing out"),
    ({"problem": "p0"}, 2 * STEPS * SIZE, "a problem"),
    ({"text": "SOFT SAYS"}, SIZE, "in any case"),
    ({"text": "100%"}, 0, "a percent sign is itself, no pattern"),
    ({"text": "_ays"}, 0, "and so is an underscore"),
    ({"text": "how many", "correct": True, "last": 1}, 4, "in prompts too"),
    ({"label": "odd"}, 0, "no label yet"),
    ({"noted": True}, 0, "no note yet"),
]


def test_each_filter_lists_what_it_says(pair: Selection) -> None:
    for values, wanted, why in FILTERS:
        assert count(replace(pair, **values)) == wanted, why
    assert count(replace(pair, runs=pair.runs[:1])) == PER_RUN


@pytest.mark.parametrize("by", ["total", "advantage", "surprise", "tokens", "score", "random", "place"])
def test_each_order_is_an_order_and_its_pages_have_each_sample_once(sqlite: Path, by: Any) -> None:
    of = Selection(tuple(stored.experiment()[1]))
    for down in (True, False):
        sort = Sort(by, down, term="closeness")
        pages = [browse.page(of, sort, n, 7).ids for n in range(1, 9)]
        ids = [i for p in pages for i in p]
        assert len(ids) == len(set(ids)) == 2 * PER_RUN
        found = lines.lines(ids)

        def value(x: lines.Line, by: str = by) -> float | None:
            of_term = next((s.raw for s in x.scores if s.term == "closeness"), None)
            return {"score": of_term, "tokens": x.n_tokens, "place": x.step}.get(by, getattr(x, by, 0))

        values = [value(x) for x in found]
        known = [v for v in values if v is not None]
        assert values == known + [None] * (len(values) - len(known)), "what has no number comes last"
        if by != "random":
            assert known == sorted(known, reverse=down)
    again = browse.page(of, Sort("random", seed=1), 1, 48).ids
    assert (
        again
        == browse.page(of, Sort("random", seed=1), 1, 48).ids
        != browse.page(of, Sort("random", seed=2), 1, 48).ids
    )


def test_a_list_looks_through_the_newest_steps_of_every_run_and_says_so(
    pair: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browse.page(pair, Sort(), 1, 5).window == browse.Window(0, STEPS, True, 2)
    monkeypatch.setattr(browse, "LOOK", 2 * 2 * stored.GROUPS * SIZE)  # two steps of each run
    found = browse.page(pair, Sort(), 1, 5)
    assert (found.window, found.count) == (browse.Window(2, STEPS, False, 2), 2 * PER_RUN * 2 // 3)
    # older ones, when asked for
    assert browse.page(replace(pair, last=2), Sort(), 1, 5).window == browse.Window(0, 2, True, 2)
    # a file of everything has no such bound
    assert len(browse.every(pair, Sort(), 1000, whole=True)) == 2 * PER_RUN
    assert browse.page(replace(pair, problem="p0"), Sort(), 1, 5).window.whole  # an index leads to these


def test_a_window_says_in_how_many_runs_it_has_samples(
    pair: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One arm at its first step, and one that has none yet, beside two that are done."""
    behind, waits = lifecycle.create_experiment(stored.arms())[1]
    assert claims.claim(behind, "w", 60.0)
    rows = [stored.sample("hard", 1, g, i, {}) for g in range(stored.GROUPS) for i in range(SIZE)]
    records.write_step(behind, 1, StepRecord(1, {}, rows))
    several = replace(pair, runs=(*pair.runs, behind, waits))

    def runs_seen(**values: Any) -> int:
        return browse.page(replace(several, **values), Sort(), 1, 5).window.runs

    assert runs_seen() == 3, "all steps"
    assert runs_seen(problem="p0") == 3, "looked up in all steps"
    assert (runs_seen(first=2), runs_seen(last=1), runs_seen(first=9), runs_seen(split="eval")) == (
        2,
        3,
        0,
        0,
    )
    # two steps of each run that has any: one waits
    monkeypatch.setattr(browse, "LOOK", 3 * 2 * stored.GROUPS * SIZE)
    assert runs_seen() == 2, "the one behind is out of the window"


def test_past_the_end_there_is_nothing_but_a_count(pair: Selection) -> None:
    for chosen in (pair, replace(pair, text="How")):
        assert (
            browse.page(chosen, Sort(), 99, 10).ids == ()
            and browse.page(chosen, Sort(), 99, 10).count == 2 * PER_RUN
        )


def test_every_page_says_how_long_the_list_is(pair: Selection) -> None:
    """Full pages, the last one, one that ends with the list, and the one behind it."""
    for chosen in (pair, replace(pair, text="How"), replace(pair, term="correctness", low=0.0)):
        for size in (7, PER_RUN, 2 * PER_RUN, 3 * PER_RUN):
            counts = [
                browse.page(chosen, Sort("total"), n, size).count for n in range(1, 2 * PER_RUN // size + 3)
            ]
            assert set(counts) == {2 * PER_RUN}, (chosen, size)


def test_a_list_costs_as_many_statements_for_many_runs_as_for_one(pair: Selection) -> None:
    """Each is a way to the database and back: with nine runs they were more than the work itself."""
    said: list[str] = []
    event.listen(
        engine(), "before_cursor_execute", lambda conn, cursor, statement, *rest: said.append(statement)
    )

    def asked(ids: tuple[int, ...], **values: Any) -> int:
        said.clear()
        found = browse.page(Selection(ids, **values), Sort("total"), 1, 5)
        assert lines.lines(found.ids) and found.count > 5
        return sum(statement.lstrip().startswith("SELECT") for statement in said)

    for values in ({}, {"term": "correctness", "low": 0.0}, {"problem": "p0"}):
        assert asked(pair.runs, **values) == asked(pair.runs[:1], **values) <= 7


def test_notes_and_labels_are_found_and_outlive_a_resume(database: str) -> None:
    _, (run_id, other) = stored.experiment()
    place = Place(run_id, "train", 3, 1, 2)
    notes.write(place, "look: it guesses\x00", ["odd", " two  words ", "odd"])
    assert notes.marks(place) == notes.Marks("look: it guesses\u2400", ("odd", "two words"))
    of = Selection((run_id, other))
    for values in ({"label": "odd"}, {"noted": True}, {"label": "two words", "noted": True}):
        (line,) = lines.lines(browse.page(replace(of, **values), Sort("total"), 1, 10).ids)
        assert (line.place, line.labels, line.noted) == (place, ("odd", "two words"), True)
    assert notes.label_counts([run_id, other]) == {"odd": 1, "two words": 1}
    assert lifecycle.requeue(run_id) or lifecycle.extend(run_id, STEPS + 1)
    claim = claims.claim(run_id, "w2", 60.0)
    assert claim
    records.rewind(run_id, claim.attempt, 1)
    assert count(replace(of, label="odd")) == 0  # the sample is gone for now
    stored.write(run_id, "hard", claim.attempt, first=2)
    assert count(replace(of, label="odd")) == 1 and notes.marks(place).note
    notes.write(place, "  ", [])
    assert notes.marks(place) == notes.Marks() and notes.label_counts([run_id]) == {}


def test_what_another_wrote_meanwhile_stays(database: str) -> None:
    place = Place(stored.experiment()[1][0], "train", 1, 0, 0)
    notes.write(place, "", ["odd", "old"])
    shown = notes.marks(place)
    notes.write(place, "theirs", ["odd", "old", "new"], shown)
    notes.write(place, "", ["odd", "new", "mine"], shown)
    assert notes.marks(place) == notes.Marks("theirs", ("mine", "new", "odd"))
    notes.write(place, "mine", ["odd"], notes.Marks("", ("odd",)))
    assert notes.marks(place) == notes.Marks("mine", ("mine", "new", "odd"))


@pytest.mark.parametrize(
    ("note", "labels", "said"),
    [("x" * 4001, [], "4,001 characters"), ("", ["y" * 41], "41 characters; at most 40")],
)
def test_what_is_too_long_is_refused_and_nothing_is_lost(
    sqlite: Path, note: str, labels: list[str], said: str
) -> None:
    place = Place(stored.experiment()[1][0], "train", 1, 0, 0)
    notes.write(place, "kept", ["kept"])
    with pytest.raises(DataError, match=said):
        notes.write(place, note, labels)
    assert notes.marks(place) == notes.Marks("kept", ("kept",))


def test_a_problem_through_time_has_each_group_with_its_best_and_worst(sqlite: Path) -> None:
    _, ids = stored.experiment()
    seen = lines.through_time(ids, "p0")
    assert [(s.run_id, s.step, s.size, s.right) for s in seen] == [
        (r, step, SIZE, step) for r in ids for step in (1, 2, 3)
    ]
    # the wrong one that pays
    assert seen[4].best.place == Place(ids[1], "train", 2, 0, 3) and not seen[4].best.correct
    assert seen[0].worst.total == pytest.approx(0.1) and seen[0].mean_total == pytest.approx(
        (0.5 + 0.1 + 0.2 + 0.3) / 4
    )


def test_hostile_texts_are_stored_searched_and_listed(database: str) -> None:
    texts = dict(enumerate(list(HOSTILE.values())[:SIZE]))
    _, (run_id, _) = stored.experiment(texts)
    for index, raw in texts.items():
        found = lines.sample_at(Place(run_id, "train", 1, 0, index))
        assert found and found.completion == raw.replace("\x00", "\u2400")
    more = dict(enumerate(list(HOSTILE.values())[SIZE:]))
    run_id = stored.experiment(more)[1][0]
    stored_texts = [lines.sample_at(Place(run_id, "train", 1, 0, i)) for i in more]
    assert [s.completion for s in stored_texts if s][:3] == [
        "before\u2400after",
        HOSTILE["one long line"],
        "half ? of a pair",
    ]
    listed = lines.group(Place(run_id, "train", 1, 0, 0))
    assert max(len(x.ends) for x in listed) == lines.ENDS_WITH and listed[1].ends.endswith("x#### 7")
    assert count(Selection((run_id,), text="before\x00AFTER")) == 1


def test_what_follows_from_a_group_is_the_same_in_sql(database: str) -> None:
    """Old rows and old exports are filled by SQL; the recorder asks core.rewards.advantage and
    core.analysis.agreement."""
    _, ids = stored.experiment()
    with writing() as c:
        c.execute(text("UPDATE sample SET dead = NULL, surprise = NULL"))
        for run_id in ids:
            c.execute(text(FOLLOWS), {"run": run_id})
    with reading() as c:
        dead = c.execute(text("SELECT count(*) FROM sample WHERE dead")).scalar_one()
    assert dead == SIZE
    odd = lines.sample_at(Place(ids[1], "train", 2, 0, 3))
    # right: totals 0.5 and 0.6; wrong: 0.2 and this 0.9
    assert odd and odd.surprise == pytest.approx(0.9 - 0.55)
    right = lines.sample_at(Place(ids[1], "train", 2, 0, 0))
    assert right and right.surprise == pytest.approx((0.2 + 0.9) / 2 - 0.5)


def test_files_hold_the_list_in_its_order(sqlite: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    _, ids = stored.experiment()
    notes.write(Place(ids[0], "train", 1, 0, 0), "a note", ["odd"])
    chosen, sort, shares = Selection(tuple(ids), correct=True), Sort("total"), list[float]()
    wanted = [x.total for x in lines.lines(browse.every(chosen, sort, 1000))]
    assert (
        export.write(tmp_path / "a.jsonl", "jsonl", chosen, sort, shares.append) == 24 and shares[-1] == 1.0
    )
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [r["total"] for r in rows] == wanted and {r["arm"] for r in rows} == {"hard", "soft"}
    assert [(r["note"], r["labels"]) for r in rows if r["note"]] == [("a note", ["odd"])]
    export.write(tmp_path / "a.parquet", "parquet", chosen, sort, shares.append)
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows
    assert export.write(tmp_path / "b.jsonl", "jsonl", chosen, sort, shares.append, most=3) == 3
    none = replace(chosen, text="no such words")
    assert export.write(tmp_path / "c.parquet", "parquet", none, sort, shares.append) == 0


def test_a_file_says_what_is_swept(sqlite: Path, tmp_path: Path) -> None:
    ids = stored.swept()
    export.write(tmp_path / "a.jsonl", "jsonl", Selection(tuple(ids)), Sort(), lambda _: None)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert {(r["run_id"], r["arm"], r["swept"]) for r in rows} == {
        (ids[0], "hard", "beta 0"),
        (ids[1], "hard", "beta 0.04"),
    }


def test_a_file_of_pairs_has_one_pair_a_group_by_the_rule(sqlite: Path, tmp_path: Path) -> None:
    _, ids = stored.experiment()
    one = Selection((ids[1],), first=1, last=1, problem="p0")
    assert export.write(tmp_path / "p.jsonl", "preferences", one, Sort(), lambda _: None) == 1
    (made,) = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert made == {
        "prompt": [{"role": "user", "content": "How many?\nThink."}],
        "chosen": [{"role": "assistant", "content": "soft says 3+4=4\n#### 7"}],
        "rejected": [{"role": "assistant", "content": "soft says 3+4=5\n#### 1"}],
    }


def test_tokens_are_packed_small_and_back() -> None:
    assert pack([3, 0, 1], [0.014, 2.5, 11.0]) == "[[3,0,1],[1,250,1100]]"
    assert unpack("[[3,0,1],[1,250,1100]]") == [Token(0, 3, 0.01), Token(3, 4, 11.0)]


def test_samples_by_id_of_a_file_keep_their_order(sqlite: Path) -> None:
    ids = browse.every(Selection(tuple(stored.experiment()[1])), Sort("random", seed=5), 10)
    assert [s.id for s in queries.samples_by_id(ids)] == ids


def test_held_out_samples_of_the_base_are_found_before_there_are_newer_ones(database: str) -> None:
    from tests.support.samples import run_config

    run_id = lifecycle.create_run(run_config())
    claim = claims.claim(run_id, "w", 60.0)
    assert claim is not None
    base = replace(stored.sample("hard", 1, 0, 0, {}), split="eval")
    records.write_step(run_id, claim.attempt, records.StepRecord(0, {}, [base]))
    for last in (None, 0, 5):
        assert count(Selection((run_id,), split="eval", last=last)) == 1, last
