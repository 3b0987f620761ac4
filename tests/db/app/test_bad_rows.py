"""Rows that somebody changed by hand, or a newer version wrote: every page that shows many shows the others."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.data import reads
from cli.main import main
from core.store.designs import drafts
from core.store.session import writing
from core.store.workers import Gpu, beat, machines
from tests.support.grow import grow, growing
from tests.support.pages import page, prose

PAGES = ("home", "runs", "queue", "compare", "samples", "workers", "design")
BAD = {
    "a status nobody knows": "UPDATE run SET status = 'dreaming' WHERE id = 2",
    "settings that are no JSON": "UPDATE run SET config = '{\"grpo\"' WHERE id = 2",
    "settings that are a text": "UPDATE run SET config = '\"x\"' WHERE id = 2",
    "settings of another version": 'UPDATE run SET config = \'{"mix": {"terms": []}, "mood": 1}\' WHERE id = 2',
    "swept settings that are a list": "UPDATE run SET swept = '[1]' WHERE id = 2",
    "a step that is a text": "UPDATE run SET step = 'many' WHERE id = 2",
    "a time that is a text": "UPDATE run SET queued_at = 'yesterday' WHERE id = 2",
    "a seed that is a text": "UPDATE run SET seed = 'x' WHERE id = 2",
    "a component that is gone": "UPDATE run SET config = replace(config, '\"correctness\"', '\"was_here_once\"') WHERE id = 2",
    "an environment that is a list": "UPDATE run SET environment = '[]' WHERE id = 2",
    "a worker with a text for its slots": "UPDATE worker SET slots = 'two'",
    "a worker with a text for its time": "UPDATE worker SET started_at = 'noon'",
    "an experiment that is no JSON": "UPDATE experiment SET config = '{'",
}


@pytest.fixture
def three(sqlite: Path) -> list[int]:
    """Three runs with steps, and a worker."""
    found = growing(["hard", "hybrid", "continuous"], [0], 40)
    for run_id in found:
        grow(run_id, 0, 20)
    beat(
        "worker",
        "here",
        1,
        1,
        [Gpu(0, "A100", 80e9, 1e9, 0.5, "GPU-0"), Gpu(1, "A100", 80e9, 1e9, 0.25, "GPU-1")],
    )
    return found


BAD_GPUS = {
    "memory that is a text": "memory_bytes = 'much'",
    "memory that is a blob": "memory_bytes = x'00ff'",
    "no memory": "memory_bytes = 0",
    "less than no memory": "memory_used = -1",
    "endless memory": "memory_bytes = 9e999",
    "more memory than there is": "memory_used = 1e300",
    "an index that is a text": "\"index\" = 'first'",
    "an index below zero": '"index" = -1',
    "a name that is a blob": "name = x'ff'",
    "an id that is a blob": "uuid = x'ff'",
}
ODD_GPUS = {  # all the rest of the row is right
    "a utilisation that is a text": "utilisation = 'busy'",
    "a utilisation that is a blob": "utilisation = x'ff'",
    "no utilisation": "utilisation = NULL",
    "a utilisation of very much": "utilisation = 1e308",
    "an endless utilisation": "utilisation = -9e999",
    "a utilisation in percent": "utilisation = 55",
}
BAD_WORKERS = {
    "an endless time": "started_at = 9e999",
    "a time before all times": "started_at = -1e300",
    "a huge time": "seen_at = 1e308",
    "a time that is a blob": "seen_at = x'ff'",
    "slots that are a fraction": "slots = 1.5",
    "fewer than no slots": "slots = -1",
    "a process that is a text": "pid = 'init'",
    "a host that is a blob": "host = x'ff'",
}
ROWS = {
    **{name: (f"UPDATE gpu SET {change} WHERE uuid = 'GPU-1'", 1, 1) for name, change in BAD_GPUS.items()},
    **{name: (f"UPDATE gpu SET {change} WHERE uuid = 'GPU-1'", 2, 0) for name, change in ODD_GPUS.items()},
    **{name: (f"UPDATE worker SET {change}", None, 0) for name, change in BAD_WORKERS.items()},
}


@pytest.mark.parametrize(("bad", "gpus", "unread"), ROWS.values(), ids=list(ROWS))
def test_numbers_of_a_worker_that_are_none_break_no_page(
    three: list[int], bad: str, gpus: int | None, unread: int
) -> None:
    """`gpus` that are shown, None where the worker itself is left out; `unread` ones are counted on the
    Workers page."""
    with writing() as c:
        c.execute(text(bad))
    assert [(len(m.gpus), m.unread_gpus) for m in machines(0.0)] == ([] if gpus is None else [(gpus, unread)])
    for name in ("workers", "queue"):  # the others ask only whether there are workers and GPUs
        reads.forget_all()
        at = page(name)
        assert not at.exception, (name, at.exception)
        if name == "workers" and gpus is None:
            assert "No worker listens" in prose(at)
        elif name == "workers":
            assert "GPU 0: A100" in prose(at) and ("load unknown" in prose(at)) == ("utilisation" in bad)
            assert any("1 row of its GPUs cannot be read" in c.value for c in at.caption) == bool(unread)
    assert CliRunner().invoke(main, ["ls"]).exit_code == 0


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
def test_a_bad_row_breaks_no_page(three: list[int], bad: str) -> None:
    with writing() as c:
        c.execute(text(bad))
    for name in PAGES:
        reads.forget_all()
        at = page(name, **({"experiment": "1"} if name in ("samples", "compare") else {}))
        assert not at.exception, (name, at.exception)
    for run_id in three:
        for tab in ("Overview", "Config", "Log"):
            at = page("run", run=str(run_id), tab=tab)
            assert not at.exception, (run_id, tab, at.exception)


def test_a_run_that_cannot_be_read_is_named_where_others_are_shown(three: list[int]) -> None:
    with writing() as c:
        c.execute(text(BAD["a component that is gone"]))
    for name in ("samples", "compare"):
        said = prose(page(name, experiment="1"))
        assert "Run 2 cannot be read by this version, and is left out." in said, name
    assert "no component is called &#x27;was_here_once&#x27;" in prose(page("run", run="2"))


DRAFTS = ["null", "[]", "{}", '"x"', '{"name": 1}', '{"arms"', "{'arms': []}", '[{"name": "x"}]']


@pytest.mark.parametrize("config", DRAFTS)
def test_a_draft_that_is_none_is_not_there(sqlite: Path, config: str) -> None:
    assert drafts.save("0123456789ab", {"name": "kept"}, {}, 0)
    with writing() as c:
        c.execute(text("UPDATE draft SET config = :config"), {"config": config})
    for name in ("design", "queue", "home"):
        at = page(name, draft="0123456789ab")
        assert not at.exception, (name, at.exception)
    assert "There is no draft 0123456789ab" in prose(page("design", draft="0123456789ab"))
