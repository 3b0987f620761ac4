"""Rows that somebody changed by hand, or a newer version wrote: every page that shows many shows the others."""

from pathlib import Path

import pytest
from sqlalchemy import text

from app import cache
from core.store import drafts
from core.store.session import writing
from core.store.workers import beat
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
    beat("worker", "here", 1, 1)
    return found


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
def test_a_bad_row_breaks_no_page(three: list[int], bad: str) -> None:
    with writing() as c:
        c.execute(text(bad))
    for name in PAGES:
        cache.forget_all()
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
