"""A run as a folder and back: equal to the last bit, all or nothing, and a script that trains the same
numbers."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from app.data import actions
from cli.main import main
from cli.runs.export_texts import script
from cli.runs.transfer import export_run, import_run
from core.common.errors import DataError, ShowdownError
from core.common.settings import settings
from core.config.run import RunConfig
from core.store import transitions
from core.store.runs import claims, lifecycle, queries
from core.store.samples import lines, notes
from core.store.samples.lines import Place
from core.store.schema import run
from core.store.session import writing
from core.store.status import Status
from core.store.steps import evaluations, records
from migrations import upgrade
from tests.conftest import forget_settings, wait_for
from tests.support import stored
from tests.support.samples import HARD, run_config
from tests.support.trainings import record, same, train
from worker.state.remote import digest
from worker.supervise import supervisor
from worker.supervise.process_group import Children
from worker.supervise.supervisor import CHILD_ENV

STEPS = 3
COMPLETIONS = 8  # a step
PROBLEMS = 4  # held out; two completions each
ADAPTIVE = {"type": "adaptive", "threshold": 0.1, "start": 1.0, "end": 0.0, "rate": 0.3, "memory": 0.5}
SIDES = [*HARD, {"component": "closeness", "side": "continuous", "shaping": {"type": "zscore"}}]
CONFIGS: dict[str, dict[str, Any]] = {
    "hard": {"mix": {"terms": HARD}},
    # State from step to step; two steps on a rollout.
    "adaptive": {
        "mix": {"blend": {**ADAPTIVE, "signal": "dead_groups"}, "terms": SIDES},
        "grpo": {"num_iterations": 2},
    },
    "hybrid": {},  # perplexity asks for log-probabilities
    "kl": {
        "mix": {"blend": {**ADAPTIVE, "signal": "kl", "threshold": 0.0}, "terms": SIDES}
    },  # evaluations move the blend
    "own-rule": {"mix": {"terms": HARD, "advantage": {"type": "w_reinforce"}}},  # TRL has no such advantages
}
STOCK = ("hard", "adaptive")
STARTED_ANEW = "hard"


def showdown(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def config_of(name: str) -> RunConfig:
    made = CONFIGS[name]
    return run_config(
        name=name,
        data={"eval": {"name": "tiny-arithmetic", "size": PROBLEMS}},
        evaluation={"every": 2, "num_samples": 2, "greedy": True},
        **{**made, "grpo": {"max_steps": STEPS, "prompts_per_step": 2, **made.get("grpo", {})}},
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The export of a run of that config, trained on first use. The data directory is the folder's
    parent's `home`."""
    folder = tmp_path_factory.mktemp("exported")

    def of(name: str) -> Path:
        target = folder / name
        if not target.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("SHOWDOWN_HOME", str(folder / "home"))
                patch.delenv("SHOWDOWN_DATABASE_URL", raising=False)
                forget_settings()
                upgrade()
                run_id = train(config_of(name))
                assert queries.run_detail(run_id).row.status == Status.DONE
                export_run(run_id, target)
                (target.parent / f"{name}.json").write_text(json.dumps(_seen(run_id), default=str))
            forget_settings()
        return target

    return of


def _seen(run_id: int) -> dict[str, Any]:
    """Everything about a run that an import must bring back."""
    samples, metrics = record(run_id)
    bare = [{k: v for k, v in s.__dict__.items() if k not in ("id", "run_id", "scores")} for s in samples]
    detail = queries.run_detail(run_id)
    return {
        "samples": bare,
        "scores": [[x.__dict__ for x in s.scores] for s in samples],
        "metrics": {k: {str(step): v for step, v in line.items()} for k, line in metrics.items()},
        "items": [[i.__dict__ for i in evaluations.items(run_id, step)] for step in (0, 2, 3)],
        "row": {k: str(v) for k, v in detail.row.__dict__.items() if k not in ("id", "checkpoint_step")},
        "config": detail.config,
        "hash": detail.config_hash,
        "environment": detail.environment,
        "revision": detail.revision,
    }


def test_an_import_equals_the_run_to_the_last_bit(exported: Any, database: str, tmp_path: Path) -> None:
    """On both databases; what comes out again is the same files, byte for byte."""
    folder = exported("hybrid")
    lifecycle.create_run(run_config())  # ids differ from those of the other database
    run_id = import_run(folder)
    assert run_id == 2
    before = json.loads((folder.parent / "hybrid.json").read_text())
    after = json.loads(json.dumps(_seen(run_id), default=str))
    for part, value in before.items():
        assert after[part] == value, part
    assert len(before["samples"]) == COMPLETIONS * STEPS + 3 * 2 * PROBLEMS
    assert sum(map(len, before["scores"])) == 5 * COMPLETIONS * STEPS
    was = json.loads((folder / "run.json").read_text())
    events = [e.__dict__ for e in queries.events(run_id)]
    assert events[:-1] == was["events"] and events[-1]["kind"] == "imported"
    export_run(run_id, tmp_path / "again")
    now = json.loads((tmp_path / "again" / "run.json").read_text())
    changed = {name for name in was["files"] if now["files"].get(name) != was["files"][name]}
    # they name the run's id
    assert set(now["files"]) == set(was["files"]) and changed == {"README.md", "train_standalone.py"}
    assert now["run"] == was["run"]
    weights = "adapter/adapter_model.safetensors"
    assert digest(settings().run_folder(run_id) / weights) == digest(folder / weights)


def test_what_is_in_the_folder_can_be_read_without_us(exported: Any) -> None:
    folder = exported("hybrid")
    metrics, samples, scores = (
        pq.read_table(folder / f"{n}.parquet") for n in ("metrics", "samples", "scores")
    )
    assert metrics.column_names == ["metric", "step", "value"]
    assert samples["sample"].to_pylist() == list(range(samples.num_rows))
    total = samples["total"].to_pylist()
    added: dict[int, float] = {}
    for number, part in zip(scores["sample"].to_pylist(), scores["contribution"].to_pylist(), strict=True):
        added[number] = added.get(number, 0.0) + (part or 0.0)
    assert len(added) == COMPLETIONS * STEPS
    for number, value in added.items():
        assert total[number] == pytest.approx(value)
    readme = (folder / "README.md").read_text()
    for path in folder.iterdir():
        assert path.name == "README.md" or path.name in readme


def test_without_samples(exported: Any, sqlite: Path, tmp_path: Path) -> None:
    first = import_run(exported("hybrid"))
    made = showdown("export", str(first), str(tmp_path / "slim"), "--no-samples", "--json")
    assert made.exit_code == 0 and "samples.parquet" not in json.loads(made.output)["files"]
    assert "samples.parquet" not in (tmp_path / "slim" / "README.md").read_text().split("Back into")[0]
    made = showdown("import", str(tmp_path / "slim"), "--json")
    run_id = json.loads(made.output)["run"]
    assert queries.samples_at(run_id, 1) == [] and queries.series(run_id) == queries.series(first)
    assert evaluations.items(run_id, 2) == evaluations.items(first, 2) != []


def test_an_imported_run_is_not_trained_anew_over_what_was_imported(
    exported: Any, database: str, tmp_path: Path
) -> None:
    """An import brings no checkpoint. DONE and STOPPED alike; one that had no step yet loses none."""
    done = import_run(exported("hybrid"))
    folder = tmp_path / "stopped"
    shutil.copytree(exported("hybrid"), folder)
    _change_run(folder, status="stopped")
    stopped = import_run(folder)
    before = {i: record(i) for i in (done, stopped)}
    for words in (("extend", str(done), "9"), ("extend", str(stopped), "9"), ("requeue", str(stopped))):
        made = showdown(*words)
        assert made.exit_code == 1 and f"run {words[1]} was imported without a checkpoint" in made.stderr, (
            made.output
        )
        assert (
            f"its 3 imported steps would be removed. Train its config as a new run: showdown clone {words[1]}"
            in made.stderr
        )
    assert "was imported without a checkpoint" in actions.requeue(stopped)
    assert "was imported without a checkpoint" in actions.extend(done, 9)
    assert {queries.run_detail(i).row.status for i in (done, stopped)} == {Status.DONE, Status.STOPPED}
    assert all(record(i) == before[i] for i in before) and transitions.queued() == []
    _change_run(folder, step=0)
    fresh = import_run(folder)
    assert lifecycle.requeue(fresh) and transitions.queued() == [fresh]
    claim = claims.claim(fresh, "test", 60.0)  # once it trains here it is a run like any other
    assert claim and claims.finish(fresh, claim.attempt, Status.STOPPED) and lifecycle.requeue(fresh)


def test_a_stopped_run_stays_stopped_and_a_waiting_one_is_not_exported(sqlite: Path, tmp_path: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    made = showdown("export", str(run_id), str(tmp_path / "x"))
    assert made.exit_code == 1 and "run 1 is queued; it can be exported when it has ended" in made.stderr
    lifecycle.request_stop(run_id)
    assert showdown("export", str(run_id), str(tmp_path / "x")).exit_code == 0
    assert not (tmp_path / "x" / "adapter").exists()
    again = import_run(tmp_path / "x")
    assert queries.run_detail(again).row.status == Status.STOPPED
    assert queries.run_detail(again).config_hash == queries.run_detail(run_id).config_hash


def test_an_imported_run_that_reads_outside_the_data_roots_is_named(sqlite: Path, tmp_path: Path) -> None:
    """What was trained elsewhere may be looked at; here it is not trained on."""
    run_id = lifecycle.create_run(run_config(data={"eval": {"path": "/somewhere/else.jsonl"}}))
    lifecycle.request_stop(run_id)
    export_run(run_id, tmp_path / "x")
    done = showdown("import", str(tmp_path / "x"))
    assert done.exit_code == 0 and "imported" in done.output
    assert (
        "can be looked at but not trained here: data.eval.path: " in done.output
        and "SHOWDOWN_DATA_ROOTS" in done.output
    )


def test_a_folder_in_use_is_left_alone(sqlite: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    run_id = lifecycle.create_run(run_config())
    lifecycle.request_stop(run_id)
    for target in (tmp_path, tmp_path / "thesis.txt"):
        made = showdown("export", str(run_id), str(target))
        assert made.exit_code == 1 and "is not empty; nothing was written" in made.stderr
    made = showdown("export", "99", str(tmp_path / "new"))
    assert made.exit_code == 1 and "there is no run 99" in made.stderr and not (tmp_path / "new").exists()
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def _change(folder: Path, **values: Any) -> None:
    made = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**made, **values}))


def _change_run(folder: Path, **values: Any) -> None:
    _change(folder, run={**json.loads((folder / "run.json").read_text())["run"], **values})


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


BROKEN: list[tuple[str, Callable[[Path], Any]]] = [
    ("has no run.json: it is no export, or one that was not finished", lambda f: (f / "run.json").unlink()),
    ("is incomplete: samples.parquet is missing", lambda f: (f / "samples.parquet").unlink()),
    ("adapter_config.json is missing", lambda f: (f / "adapter" / "adapter_config.json").unlink()),
    ("config.yaml is not what was exported", lambda f: _append(f / "config.yaml")),
    ("scores.parquet is not what was exported", lambda f: (f / "scores.parquet").write_bytes(b"PAR1")),
    ("is an export of version 2 (by Showdown", lambda f: _change(f, version=2)),
    ("does not describe an exported run", lambda f: _change(f, format="something")),
    ("cannot be read", lambda f: (f / "run.json").write_text('{"half')),
    (
        "says nothing of 'events'",
        lambda f: (f / "run.json").write_text('{"format": "showdown-run", "version": 1}'),
    ),
    ("does not name config.yaml", lambda f: _change(f, files={})),
    ("the run has 'mood', which this version does not know", lambda f: _change_run(f, mood="good")),
    ("only a run that has ended", lambda f: _change_run(f, status="running")),
    ("does not hold together", lambda f: _change_run(f, arm=None)),
    ("the run has 'step' as str, not int", lambda f: _change_run(f, step="7")),
    ("the run has 'step' as int, not int", lambda f: _change_run(f, step=2**70)),
    ("the run has 'swept' as int, not json", lambda f: _change_run(f, swept=1)),
    ("the run has 'queued_at' as list, not float", lambda f: _change_run(f, queued_at=[1])),
    (
        "an event has 'kind' as dict, not text",
        lambda f: _change(f, events=[{"at": 1.0, "kind": {}, "detail": "x"}]),
    ),
    ("an event has 'mood', which this version does not know", lambda f: _change(f, events=[{"mood": 1}])),
    ("has events or an origin that are none", lambda f: _change(f, events=["x"])),
    ("says nothing of 'rows'", lambda f: _change(f, rows=7)),
    ("cannot be read", lambda f: (f / "run.json").write_text("[" * 100_000)),
    ("is a link", lambda f: _linked(f, f / "config.yaml")),
    ("is a link: only files", lambda f: _linked(f, f / "adapter")),
    ("surrogates not allowed", lambda f: _change_run(f, arm="\ud800")),
    ("cannot be read", lambda f: (f / "run.json").write_text('{"a": ' + "9" * 5000 + "}")),
    ("cannot be read", lambda f: (f / "run.json").write_bytes(b"\xff\xfe")),
    ("does not describe an exported run", lambda f: (f / "run.json").write_text('"export"')),
    ("does not describe an exported run", lambda f: (f / "run.json").write_text("[]")),
]


def _linked(folder: Path, file: Path) -> None:
    """The same bytes, from somewhere else."""
    elsewhere = folder.with_name("elsewhere")
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def _with_column(folder: Path, file: str, name: str, values: pa.Array) -> None:
    """Another column under a name that a file has; hashes that fit."""
    table = pq.read_table(folder / file)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, values), folder / file)
    files = json.loads((folder / "run.json").read_text())["files"]
    _change(folder, files={**files, file: digest(folder / file)})


def _all(folder: Path, file: str, value: Any, kind: Any) -> pa.Array:
    return pa.array([value] * pq.read_metadata(folder / file).num_rows, kind)


def _no_text(folder: Path, file: str) -> pa.Array:
    """A column of texts that are not UTF-8."""
    count = pq.read_metadata(folder / file).num_rows
    return pa.array([b"\xff"] * count, pa.binary()).view(pa.string())


COLUMNS: list[tuple[str, Callable[[Path], Any]]] = [
    (
        "'completion' is list<",
        lambda f: _with_column(
            f, "samples.parquet", "completion", _all(f, "samples.parquet", ["x"], pa.list_(pa.string()))
        ),
    ),
    (
        "'step' is string, not int",
        lambda f: _with_column(f, "samples.parquet", "step", _all(f, "samples.parquet", "7", pa.string())),
    ),
    (
        "'step' is uint64, not int",
        lambda f: _with_column(
            f, "samples.parquet", "step", _all(f, "samples.parquet", 2**64 - 1, pa.uint64())
        ),
    ),
    (
        "'value' is bool, not float",
        lambda f: _with_column(f, "metrics.parquet", "value", _all(f, "metrics.parquet", True, pa.bool_())),
    ),
    (
        "cannot be read as Parquet: 'utf-8'",
        lambda f: _with_column(f, "samples.parquet", "completion", _no_text(f, "samples.parquet")),
    ),
    (
        "the most is",
        lambda f: _with_column(
            f, "samples.parquet", "completion", _all(f, "samples.parquet", "x" * 50_000, pa.string())
        ),
    ),
    (
        "cannot be read as Parquet",
        lambda f: (
            (f / "scores.parquet").write_bytes(b"PAR1" * 9),
            _change(
                f,
                files={
                    **json.loads((f / "run.json").read_text())["files"],
                    "scores.parquet": digest(f / "scores.parquet"),
                },
            ),
        ),
    ),
]


@pytest.mark.parametrize(("message", "breaks"), COLUMNS, ids=[m for m, _ in COLUMNS])
def test_a_column_that_holds_something_else_is_refused_before_it_is_read(
    exported: Any,
    sqlite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    message: str,
    breaks: Callable[[Path], Any],
) -> None:
    monkeypatch.setattr("cli.runs.transfer.MOST_TEXT", 1_000_000)
    folder = tmp_path / "copy"
    shutil.copytree(exported("hybrid"), folder)
    breaks(folder)
    with pytest.raises(DataError, match=re.escape(message)):
        import_run(folder)
    assert queries.run_list() == []


@pytest.mark.parametrize(("message", "breaks"), BROKEN, ids=[m for m, _ in BROKEN])
def test_a_broken_folder_is_refused_whole(
    exported: Any, sqlite: Path, tmp_path: Path, message: str, breaks: Callable[[Path], Any]
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported("hybrid"), folder)
    breaks(folder)
    made = showdown("import", str(folder))
    assert made.exit_code == 1 and message in made.stderr and "Traceback" not in made.output
    assert queries.run_list() == [] and not (sqlite / "runs").exists()


def test_an_outside_path_is_refused(exported: Any, sqlite: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported("hybrid"), folder)
    (tmp_path / "secret").write_text("s")
    files = json.loads((folder / "run.json").read_text())["files"]
    _change(folder, files={**files, "adapter/../../secret": digest(tmp_path / "secret")})
    with pytest.raises(DataError, match="lies outside the folder"):
        import_run(folder)


def test_an_import_that_fails_in_its_middle_leaves_nothing(
    exported: Any, database: str, tmp_path: Path
) -> None:
    """A score of a sample that is not there: found only when thousands of rows may have been written already."""
    folder = tmp_path / "copy"
    shutil.copytree(exported("hybrid"), folder)
    table = pq.read_table(folder / "samples.parquet")
    pq.write_table(table.slice(0, table.num_rows - 1), folder / "samples.parquet")
    files = json.loads((folder / "run.json").read_text())["files"]
    _change(folder, files={**files, "samples.parquet": digest(folder / "samples.parquet")})
    with pytest.raises(DataError, match="score speaks of something the export does not hold"):
        import_run(folder)
    assert queries.run_list() == [] and not (settings().home / "runs").exists()


def test_a_full_disk_leaves_no_half_export(exported: Any, sqlite: Path, tmp_path: Path) -> None:
    run_id = import_run(exported("hybrid"))
    (tmp_path / "there").mkdir()
    (settings().run_folder(run_id) / "adapter").rename(tmp_path / "adapter")
    (settings().run_folder(run_id) / "adapter").mkdir()
    # cannot be copied
    (settings().run_folder(run_id) / "adapter" / "broken").symlink_to(tmp_path / "nowhere")
    for target in (tmp_path / "new", tmp_path / "there"):
        with pytest.raises(ShowdownError, match="cannot be written"):
            export_run(run_id, target)
    assert not (tmp_path / "new").exists() and list((tmp_path / "there").iterdir()) == []


def test_many_samples_pass_in_pieces(sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces smaller than the run, cut in the middle of steps and samples."""
    from core.store import transfer

    monkeypatch.setattr(transfer, "PIECE", dict.fromkeys(transfer.PIECE, 7))
    run_id = lifecycle.create_run(run_config())
    claim = claims.claim(run_id, "test", 60)
    assert claim is not None
    for step in range(1, 12):
        scores = tuple(
            records.ScoreRow(t, k, 0.1 * k, None, 1.0, 1 / 3) for k, t in enumerate(("correctness", "format"))
        )
        rows = [
            records.SampleRow(
                split, f"p{i}", i, 0, "q", f"a\u2028{i} {step}", "72", None, None, None, None, i % 2 == 0, 3, False,
                None, 1e-320 * i, -0.0, scores if split == "train" else (),
            )
            for split in ("train", "eval") for i in range(5)
        ]  # fmt: skip
        records.write_step(
            run_id, 1, records.StepRecord(step, {"reward/total": step / 3, "eval/kl": 1e300}, rows)
        )
    claims.finish(run_id, 1, Status.FAILED, "Why", "because")
    made = export_run(run_id, tmp_path / "x")
    assert made["rows"]["samples.parquet"] == 110 and made["rows"]["scores.parquet"] == 110
    again = import_run(tmp_path / "x")
    assert record(again)[1] == record(run_id)[1]
    for step in range(1, 12):
        for split in ("train", "eval"):
            assert same(queries.samples_at(again, step, split), queries.samples_at(run_id, step, split))
    row = queries.run_detail(again).row
    assert (row.status, row.error_kind, row.error_message) == (Status.FAILED, "Why", "because")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_script_alone_trains_the_same_numbers(exported: Any, name: str, tmp_path: Path) -> None:
    """Without database, broker and data directory: rewards and losses of every step are those of the run.

    One script is started as a person starts it. The others differ from it in what they train alone: they
    are forked.
    """
    folder = exported(name)
    text = (folder / "train_standalone.py").read_text()
    assert ("trainer = GRPOTrainer(" in text) == (name in STOCK)
    nowhere = {"SHOWDOWN_HOME": str(tmp_path / "none")}
    if name == STARTED_ANEW:
        # CHILD_ENV: without it, threads that wait by spinning starve when another training shares the cores.
        start_script(
            folder, tmp_path, {**CHILD_ENV, **nowhere, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        )
    else:
        fork_script(folder, tmp_path, nowhere)
    steps = [json.loads(line) for line in (tmp_path / "out" / "steps.jsonl").read_text().splitlines()]
    stored = json.loads((folder.parent / f"{name}.json").read_text())["metrics"]
    assert [s["step"] for s in steps] == [1, 2, 3]
    assert any(stored["policy/grad_norm"].values())  # steps that change nothing would all be equal
    for key, ours in (("reward", "reward/total"), ("loss", "policy/loss"), ("grad_norm", "policy/grad_norm")):
        assert [s[key] for s in steps if key in s] == pytest.approx(list(stored[ours].values()), abs=1e-6), (
            key
        )
    weights = "adapter_model.safetensors"
    assert digest(tmp_path / "out" / "adapter" / weights) == digest(folder / "adapter" / weights)
    assert not (tmp_path / "none").exists()


def start_script(folder: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Start an export's script, to its end; it writes into `out`."""
    command = [sys.executable, str(folder / "train_standalone.py"), str(tmp_path / "out")]
    made = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert made.returncode == 0, made.stderr


def fork_script(folder: Path, tmp_path: Path, showdown_variables: dict[str, str], code: int = 0) -> str:
    """The same in a fork of the process that has imported the training stack already, with only these
    variables of ours.

    Returns what it has written, once it has ended with that exit code. It finds no optional extra.
    """
    others = {k: v for k, v in os.environ.items() if not k.startswith("SHOWDOWN_")}
    program = f"""
import os, runpy, sys
os.chdir({str(tmp_path)!r})
sys.argv[:] = {[str(folder / "train_standalone.py"), str(tmp_path / "out")]!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    command = [sys.executable, "-m", "tests.support.code", program]
    log_file = tmp_path / "script.log"
    supervisor.warm_up()  # no training may have been forked here yet
    wait_for("the imports", lambda: supervisor.WARM.settled(1.0))
    children = Children(command, 1, {**CHILD_ENV, **others, **showdown_variables}, log_file, supervisor.WARM)
    try:
        wait_for("the script's end", lambda: children.wait(0.1) is not None, 500)
    finally:
        children.end(0.0)
    assert children.poll() == code, log_file.read_text()
    return log_file.read_text()


def test_every_attempt_and_the_script_compute_with_the_threads_of_the_first(
    sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number decides the last bits of sums: with sixteen completions of this length each step's
    adapter is another one with 2, 3, 4, 8 or 16 threads than with 1. With eight of twice the length it was
    the same with all of them. More than 4 make a step ten times as long on two cores.
    """
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    run_id = train(
        run_config(
            mix={
                "blend": {"type": "constant", "value": 0.9},
                "terms": SIDES,
            },  # closeness: every group is worth a step
            grpo={"prompts_per_step": 4, "num_generations": 4, "max_completion_length": 24, "max_steps": 1},
            data={"eval": {"name": "tiny-arithmetic", "size": 1}},
            evaluation={"every": 100, "num_samples": 1},
        )
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert lifecycle.extend(run_id, 2)
    assert supervisor.supervise("test") == Status.DONE
    export_run(run_id, tmp_path / "x")
    fork_script(tmp_path / "x", tmp_path, {})
    weights = "adapter/adapter_model.safetensors"
    assert digest(tmp_path / "out" / weights) == digest(tmp_path / "x" / weights)
    assert queries.run_detail(run_id).environment["threads"] == 4
    log = settings().run_folder(run_id) / "train.log"
    assert log.read_text().count("; 4 CPU threads") == 2

    # Begun on a machine with far more cores than this one.
    made_with = {**queries.run_detail(run_id).environment, "threads": 100_000}
    with writing() as c:
        c.execute(run.update().where(run.c.id == run_id).values(environment=made_with))
    assert lifecycle.extend(run_id, 3)
    assert supervisor.supervise("test") == Status.DONE
    (event,) = [e for e in queries.events(run_id) if e.kind == "threads"]
    assert (
        event.step == 3 and "computes with 1 CPU threads, the attempts before it with 100000" in event.detail
    )
    assert event.detail in log.read_text()
    assert queries.run_detail(run_id).environment["threads"] == 100_000  # the run's, whoever goes on with it
    export_run(run_id, tmp_path / "y")
    assert (
        "part of the run had another number, so the last bits differ"
        in (tmp_path / "y" / "README.md").read_text()
    )


@pytest.mark.parametrize(
    ("made_with", "threads", "text"),
    [
        ({"device": "cpu, 3 threads", "threads": 3}, "3", "computes with 3 CPU threads as the run did"),
        ({"device": "cpu, 3 threads"}, None, "is not recorded: the last bits may differ"),  # an older run
        ({"device": "NVIDIA H200", "threads": None}, None, ""),
        ({"device": "cpu", "threads": "1); evil("}, None, "is not recorded"),  # an import may say anything
        ({}, None, ""),  # it has not been trained
    ],
)
def test_the_script_sets_the_threads_or_says_that_it_cannot(
    made_with: dict[str, Any], threads: str | None, text: str
) -> None:
    code = script(run_config(), 3, "here", made_with)
    compile(code, "train_standalone.py", "exec")
    assert re.findall(r"set_num_threads\((.*)\)", code) == ([threads] if threads else [])
    head = code.split("import json")[0]
    assert text in head and ("CPU threads" in head) == bool(text)


def test_the_script_of_a_run_with_vllm_keeps_its_base_and_says_what_is_missing(
    sqlite: Path, tmp_path: Path
) -> None:
    run_id = lifecycle.create_run(run_config(mix={"terms": HARD}, grpo={"use_vllm": True}))
    lifecycle.request_stop(run_id)
    assert showdown("export", str(run_id), str(tmp_path / "x")).exit_code == 0
    text = (tmp_path / "x" / "train_standalone.py").read_text()
    assert "trainer = build(" in text  # stock TRL merges the adapter into the base: worker.training.options
    assert "grpo.use_vllm: needs the package vllm" in fork_script(tmp_path / "x", tmp_path, {}, code=1)


@pytest.mark.parametrize(("processes", "world"), [(2, ""), (1, "2")])
def test_the_script_refuses_another_number_of_processes(tmp_path: Path, processes: int, world: str) -> None:
    """It would train other numbers without a word."""
    text = script(run_config(grpo={"num_processes": processes}), 3, "here", {})
    (tmp_path / "train_standalone.py").write_text(text)
    env = {k: v for k, v in os.environ.items() if k != "WORLD_SIZE"} | (
        {"WORLD_SIZE": world} if world else {}
    )
    made = subprocess.run(
        [sys.executable, "train_standalone.py"], cwd=tmp_path, capture_output=True, text=True, env=env
    )
    assert made.returncode == 1 and f"trained in {processes} process(es)" in made.stderr
    assert ("accelerate launch --multi_gpu --num_processes 2" in made.stderr) == (processes == 2)


def test_notes_travel_and_an_older_export_is_completed(sqlite: Path, tmp_path: Path) -> None:
    """An export of before these columns has neither `dead` nor `surprise`, and no notes."""
    run_id = stored.experiment()[1][1]
    place = Place(run_id, "train", 2, 0, 3)
    notes.write(place, "pays for nothing", ["odd"])
    export_run(run_id, tmp_path / "new")
    again = import_run(tmp_path / "new")
    assert notes.marks(place._replace(run_id=again)) == notes.Marks("pays for nothing", ("odd",))
    made = json.loads((tmp_path / "new" / "run.json").read_text())
    for file in ("notes.parquet", "labels.parquet"):
        (tmp_path / "new" / file).unlink()
        del made["files"][file], made["rows"][file]
    samples = tmp_path / "new" / "samples.parquet"
    pq.write_table(pq.read_table(samples).drop_columns(["dead", "surprise", "token_nll"]), samples)
    made["files"]["samples.parquet"] = digest(samples)
    (tmp_path / "new" / "run.json").write_text(json.dumps(made))
    old = lines.sample_at(place._replace(run_id=import_run(tmp_path / "new")))
    assert old and (old.dead, old.token_nll) == (False, None) and old.surprise == pytest.approx(0.9 - 0.55)
