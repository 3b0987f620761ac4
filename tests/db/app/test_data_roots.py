"""A path outside the data roots in the browser and on the command line: refused before anything is queued."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from app.data import actions
from cli.main import main
from core.common.settings import settings
from core.config.run import RunConfig
from core.store.runs import lifecycle, queries
from core.store.schema import run
from core.store.session import writing
from core.store.status import Status
from tests.conftest import forget_settings
from tests.support.pages import page, prose
from tests.support.samples import run_config

OUTSIDE = "/etc/passwd"
PLACES = {
    "data to train on": ({"data": {"train": {"path": OUTSIDE}}}, "data.train.path"),
    "data held out": ({"data": {"eval": {"path": f"~/../..{OUTSIDE}"}}}, "data.eval.path"),
    "a model": ({"model": {"path": "/etc"}}, "model.path"),
}


@pytest.fixture
def roots(sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one data root beside the data directory, with a link out in it."""
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "link.jsonl").symlink_to(OUTSIDE)
    monkeypatch.setenv("SHOWDOWN_DATA_ROOTS", str(folder))
    forget_settings()
    return folder


@pytest.mark.parametrize(("change", "field"), PLACES.values(), ids=list(PLACES))
def test_the_form_says_at_once_that_a_path_lies_outside(
    change: dict[str, dict[str, object]], field: str, roots: Path
) -> None:
    at = page("queue")
    for part, values in change.items():
        at.session_state["draft"]["run"].setdefault(part, {}).update(values)
    at.session_state["edition"] += 1
    at.run()
    assert not at.exception
    assert (
        "leads out of the data roots" in prose(at)
        and str(roots) in prose(at)
        and "SHOWDOWN_DATA_ROOTS" in prose(at)
    )
    assert "root:x" not in prose(at)
    assert next(b for b in at.button if b.label == "Queue").disabled and queries.run_list() == []
    at.switch_page("views/design/page.py").run()
    assert not at.exception and f"{field}: " in prose(at) and "This cannot be queued yet" in prose(at)
    assert all(b.disabled for b in at.button if b.label in ("Check", "To the queue"))


@pytest.mark.parametrize("name", ["submit", "study run"])
def test_the_command_line_queues_nothing_that_reads_outside(name: str, roots: Path, tmp_path: Path) -> None:
    config = run_config(data={"train": {"path": str(roots / "link.jsonl")}})
    file = tmp_path / "run.yaml"
    file.write_text(config.to_yaml())
    if name == "study run":
        file.write_text(
            "name: x\narms: [{name: a, mix: {terms: [{component: correctness, side: hard}]}}]\nprimary: [gold/auc]\n"
            f"run: {{data: {{train: {{path: {roots / 'link.jsonl'}}}}}}}\n"
        )
    done = CliRunner().invoke(main, [*name.split(), str(file)])
    assert done.exit_code == 1 and queries.run_list() == []
    assert "data.train.path: " in done.output and "leads out of the data roots" in done.output
    assert "SHOWDOWN_DATA_ROOTS" in done.output and "root:x" not in done.output


def test_a_run_of_the_database_is_not_trained_again_outside(roots: Path) -> None:
    """Its row may come from an import, from another version, or from a machine with other roots."""
    run_id = lifecycle.create_run(
        RunConfig.model_validate(run_config(data={"train": {"path": OUTSIDE}}).resolved())
    )
    with writing() as c:
        c.execute(update(run).where(run.c.id == run_id).values(status=Status.STOPPED.value))
    for said in (actions.requeue(run_id), actions.extend(run_id, 10_000)):
        assert said.startswith("data.train.path: ") and "leads out of the data roots" in said
    for words in (["requeue", str(run_id)], ["extend", str(run_id), "10000"], ["clone", str(run_id)]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 1 and "leads out of the data roots" in done.output, words
    assert [row.status for row in queries.run_list()] == [Status.STOPPED]


def test_with_workers_elsewhere_their_roots_decide(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWDOWN_BROKER_URL", "redis://box.example/0")
    forget_settings()
    at = page("queue")
    at.session_state["draft"]["run"]["model"]["path"] = "/data/model"
    at.session_state["edition"] += 1
    at.run()
    assert not at.exception and "data roots" not in prose(at)
    assert not next(b for b in at.button if b.label.startswith("Queue")).disabled


@pytest.mark.parametrize(
    ("given", "wanted"), [(None, "{home}"), ("/data", "/data")], ids=["nothing named", "named"]
)
def test_a_worker_that_is_started_by_itself_has_no_home_among_its_roots(
    given: str | None, wanted: str, sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot know who may queue runs: the dashboard's address is another process's setting."""
    monkeypatch.delenv("SHOWDOWN_DATA_ROOTS")
    if given:
        monkeypatch.setenv("SHOWDOWN_DATA_ROOTS", given)
    forget_settings()
    assert (Path.home() in settings().roots) == (given is None)
    begun: list[str] = []
    monkeypatch.setattr(os, "execv", lambda *_: begun.append(os.environ["SHOWDOWN_DATA_ROOTS"]))
    assert CliRunner().invoke(main, ["worker"]).exit_code == 0
    assert begun == [wanted.format(home=sqlite)]
