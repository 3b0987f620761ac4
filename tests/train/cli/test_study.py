"""Studies: what is none is refused at once; a real one is interrupted, goes on where it was, and ends with
a report."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cli import study as cli_study
from cli.main import main
from cli.server.processes import Group
from cli.study import read
from core.common.errors import ConfigError
from core.compare.catalogue import MEASURED
from core.compare.evidence import Evidence
from core.compare.stats.scores import scores
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store import workers
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.conftest import REPO, wait_for
from tests.support.samples import FEW

HARD = {"terms": [{"component": "correctness", "side": "hard"}]}
STUDY = {
    "name": "Two seeds", "question": "Do seeds differ?", "primary": ["gold/final"], "thresholds": [0.5], "seeds": [0, 1],
    "arms": [{"name": "hard", "mix": HARD}],
    "run": {"model": {"path": "tiny"}, "data": {"train": FEW, "eval": {"name": "tiny-arithmetic", "size": 8}},
            "grpo": {"num_generations": 2, "prompts_per_step": 2, "max_steps": 3, "max_completion_length": 16},
            "evaluation": {"every": 3}},
}  # fmt: skip


def written(folder: Path, **changes: object) -> Path:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"primary": []}, "names no primary outcome; fix it before the runs"),
        ({"primary": ["reward/total"]}, "'reward/total' is no score of a run; choose of gold/auc"),
        ({"primary": ["entropy/half_life"]}, "is no score of a run"),
        ({"primary": ["gold/auc", "gold/auc"]}, "gold/auc is named twice"),
        ({"thresholds": [60]}, "less than or equal to 1"),
        ({"thresholds": [0]}, "greater than 0"),
        ({"run": {**STUDY["run"], "model": {"path": "./nowhere"}}}, "does not exist"),  # type: ignore[dict-item]
    ],
)
def test_what_is_no_study_is_refused_before_anything_is_queued(
    home: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read(written(tmp_path, **changes))
    assert said in str(refused.value)


def test_a_run_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({"mix": HARD}))
    with pytest.raises(ConfigError, match="holds a run; a study is an experiment"):
        read(tmp_path / "run.yaml")


def test_a_score_is_measured_where_the_catalogue_says_so() -> None:
    nothing = Evidence(1, "a", 0, "done", 0, 10, {})
    assert set(scores(nothing, 10)) == set(MEASURED)


@pytest.mark.parametrize("name", sorted(p.name for p in (REPO / "studies").glob("*.yaml")))
def test_the_shipped_studies_are_what_they_say(name: str) -> None:
    found = read(REPO / "studies" / name)
    assert found.primary and found.thresholds and len(found.seeds) >= 3 and found.question.endswith("?")


def test_the_same_file_finds_its_experiment_and_a_changed_one_is_another(
    sqlite: Path, tmp_path: Path
) -> None:
    config = read(written(tmp_path))
    made, _ = lifecycle.create_experiment(config)
    assert lifecycle.experiment_of(read(written(tmp_path))) == made
    assert lifecycle.experiment_of(read(written(tmp_path, primary=["gold/auc"]))) is None
    again, _ = lifecycle.create_experiment(config)
    assert lifecycle.experiment_of(config) == again  # the newest


def test_an_interrupted_study_goes_on_and_ends_with_a_report(home: Path, tmp_path: Path) -> None:
    path, out = written(tmp_path), tmp_path / "report"
    command = [sys.executable, "-m", "cli", "study", "run", str(path), "--out", str(out)]
    first = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        wait_for("the first run's end", lambda: any(r.status == Status.DONE for r in _rows()), 240)
        first.send_signal(signal.SIGINT)
        said, _ = first.communicate(timeout=180)
    finally:
        first.kill()
    assert first.returncode == 130, said
    assert "queued experiment 1: 2 runs" in said and f"go on: showdown study run {path}" in said
    second = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=300)
    assert second.returncode == 0, second.stderr
    assert "is experiment 1 already: it goes on" in second.stderr and "[2/2]" in second.stderr
    made = json.loads(second.stdout)
    assert made["experiment"] == 1 and made["failed"] == [] and made["report"] == str(out)
    # nothing was trained twice
    assert [r.attempt for r in _rows() if r.status == Status.DONE and r.seed == 0] == [1]
    answer = CliRunner().invoke(main, ["report", "--verify", str(out)])
    assert answer.exit_code == 0, answer.output


def _rows() -> list[queries.RunRow]:
    try:
        return queries.run_list()
    except Exception:  # the command has not made the tables yet
        return []


@pytest.mark.parametrize(("listens", "times"), [(False, 1), (True, 0)], ids=["nobody", "a worker elsewhere"])
def test_a_study_that_another_process_trained_says_when_nobody_does(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch, listens: bool, times: int
) -> None:
    """The first of two that run one study holds the worker; when it ends, the second would wait without a
    word."""
    monkeypatch.setattr(cli_study, "LOOK_SECONDS", 0.005)
    study_id, _ = lifecycle.create_experiment(parse(ExperimentConfig, STUDY))
    if listens:
        workers.beat("box-1", "box", 42, 1)
    said: list[str] = []
    stop = threading.Event()
    waiting = threading.Thread(
        target=cli_study._wait, args=(study_id, Group(sqlite / "logs"), stop, said.append)
    )
    waiting.start()
    if times:
        wait_for("the word", lambda: said)
    waiting.join(0.5)
    stop.set()
    waiting.join(60)
    assert [line for line in said if "nothing trains these runs" in line] == said and len(said) == times
