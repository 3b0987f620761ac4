"""The commands that need no training: what they print, and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from cli.main import main
from core.analysis.sources import SHIPPED
from core.common.settings import settings
from core.store import transitions
from core.store.runs import claims, lifecycle, queries
from core.store.session import writing
from core.store.status import Status
from tests.conftest import REPO
from tests.support import stored
from tests.support.grow import growing
from tests.support.samples import HARD, run_config
from tests.support.terminal import seen


def showdown(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself(name: str) -> None:
    made = showdown(name, "--help")
    assert made.exit_code == 0 and len(made.output) > 80


def test_submit_show_stop_requeue_without_a_broker(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(run_config().to_yaml())
    made = showdown("submit", str(config), "--json")
    assert made.exit_code == 0 and json.loads(made.stdout) == {"experiment": None, "runs": [1]}
    assert "stays queued and is sent as soon as it does" in made.stderr  # nothing is lost
    assert showdown("ls").output.split()[:3] == ["1", "queued", "hybrid"]
    assert json.loads(showdown("show", "1", "--json").output)["config"]["name"] == "hybrid"
    assert showdown("stop", "1").exit_code == 0
    assert queries.run_detail(1).row.status == Status.STOPPED
    # the row is queued; the broker is still away, which is said and loses nothing
    again = showdown("requeue", "1")
    assert again.exit_code == 0 and "stays queued" in again.stderr
    assert transitions.queued() == [1]


def test_a_preset_is_submitted_by_its_name(home: Path) -> None:
    made = showdown("submit", "first-showdown", "--json")
    assert json.loads(made.stdout) == {"experiment": 1, "runs": [1, 2, 3]}


def test_a_file_goes_before_a_preset_of_its_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("first-showdown").write_text(run_config(mix={"terms": HARD}).to_yaml())
    assert json.loads(showdown("submit", "first-showdown", "--json").stdout) == {
        "experiment": None,
        "runs": [1],
    }
    assert json.loads(showdown("preflight", "first-showdown", "--json").stdout)["terms"] == ["correctness"]


def test_samples_without_solutions_are_probed_on_the_shipped_problems(home: Path, tmp_path: Path) -> None:
    row = {"prompt": "8*9?", "completion": "#### 72", "gold": "72"}
    file = tmp_path / "samples.jsonl"
    for more, probed in (({}, 24), ({"solution": "8*9=72\n#### 72"}, 1)):
        file.write_text("\n".join(json.dumps(r) for r in ({**row, **more}, {"prompt": "no gold"})))
        made = showdown("preflight", "tiny-hard", "--samples", str(file), "--json")
        assert json.loads(made.stdout)["samples"] == 1 and json.loads(made.stdout)["probed"] == probed
        assert made.stderr.count("samples.jsonl:2: has no 'completion'") == 1


LONG = [["preflight", "tiny-hard", "--samples", str(SHIPPED)], ["replay", "1", "--mix", "tiny-hard"]]


@pytest.mark.parametrize("words", LONG, ids=lambda words: words[0])
def test_a_terminal_is_shown_how_far_long_work_is(sqlite: Path, words: list[str]) -> None:
    stored.experiment()
    status, text = seen([sys.executable, "-m", "cli", *words])
    assert status == 0, text
    for bar in ("reading", "computing"):
        assert f"{bar}  [" in text
    # and nothing where nobody sees it move
    assert text.count("100%") >= 2 and "reading" not in showdown(*words).output


def test_what_cannot_act_is_said_once_an_arm(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "experiment.yaml"
    arms = [
        {"name": "idle", "mix": {"terms": [{**HARD[0], "weight": 0.0}]}},
        {"name": "fine", "mix": {"terms": HARD}},
    ]
    config.write_text(json.dumps({"name": "x", "arms": arms, "seeds": [0, 1]}))  # YAML reads JSON
    made = showdown("submit", str(config), "--json")
    assert json.loads(made.stdout)["runs"] == [1, 2, 3, 4]
    assert made.stderr.count("idle: terms.0.weight: the weight of correctness is 0") == 1
    assert made.stderr.count("stays queued") == 1  # the broker is away for all of them
    config.write_text(json.dumps({"name": "x", "arms": arms[1:], "sweep": {"grpo.epsilon": [0.1, 0.3]}}))
    assert "showdown: sweep.grpo.epsilon: 0.1, 0.3 train the same" in showdown("submit", str(config)).stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "mix: {terms: [{component: nope, side: hard}]}",
            "mix.terms.0.component: no component is called 'nope'",
        ),
        (
            "mix: {terms: [{component: correctness, side: hard}]}\nmodel: {path: ./no/model}",
            "model.path: './no/model' does not exist",
        ),
        (
            "mix: {terms: [{component: correctness, side: hard}]}\ndata: {train: {path: ./no/file.jsonl}}",
            "data.train.path: no/file.jsonl: cannot be read",
        ),
        (
            "mix: {terms: [{component: correctness, side: hard}]}\nmodel: {path: /no/model}",
            "model.path: '/no/model' leads out of the data roots",
        ),
    ],
)
def test_a_bad_file_queues_nothing(home: Path, tmp_path: Path, text: str, message: str) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(text)
    made = showdown("submit", str(config))
    assert made.exit_code == 1 and message in made.stderr and "Traceback" not in made.output
    assert json.loads(showdown("ls", "--json").output) == []


def test_ends_with_one_for_failure_and_two_for_misuse(home: Path) -> None:
    assert showdown("show", "99").exit_code == 1
    assert showdown("logs", "99").exit_code == 1
    assert showdown("no-such-command").exit_code == 2
    assert showdown("show", "not-a-number").exit_code == 2


def test_logs_are_the_file_or_the_end_that_the_database_has(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    assert "has written no line yet" in showdown("logs", "1").stderr
    assert claims.claim(run_id, "elsewhere", 60.0)
    claims.beat(run_id, 1, 60.0, log_tail="--- attempt 1, then\nfrom elsewhere\n")
    assert showdown("logs", "1").output == "--- attempt 1, then\nfrom elsewhere\n"
    file = settings().run_folder(run_id) / "train.log"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"--- attempt 1, then\n10%\r99%\n\x1b[31mred\x00\n")
    assert showdown("logs", "1").output == "--- attempt 1, then\n99%\nred\u2400\n"
    assert claims.release(run_id, 1, "its worker shut down") and claims.claim(run_id, "elsewhere", 60.0)
    assert "from elsewhere" in showdown("logs", "1").output  # the file is of an older attempt


@pytest.mark.parametrize("here", [True, False], ids=["the file is here", "the file is elsewhere"])
def test_logs_follow_until_the_run_ends(sqlite: Path, here: bool) -> None:
    run_id = lifecycle.create_run(run_config())
    assert claims.claim(run_id, "w", 60.0)
    file = settings().run_folder(run_id) / "train.log"
    file.parent.mkdir(parents=True)

    def say(text: str) -> None:
        if here:
            file.write_text(text)
        claims.beat(run_id, 1, 60.0, log_tail=text)

    say("one\ntw")
    command = [sys.executable, "-m", "cli", "logs", "1", "--follow"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "one\n"
    say("one\ntwo\nthr")
    assert process.stdout.readline() == "two\n"
    say("one\ntwo\nthree")
    claims.finish(run_id, 1, Status.DONE, log_tail="one\ntwo\nthree")
    assert process.communicate(timeout=60)[0] == "three" and process.returncode == 0


def test_a_slip_in_a_shipped_models_name_is_not_looked_for_on_the_hub(sqlite: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("model: {path: tiyn}\nmix: {terms: [{component: correctness, side: hard}]}\n")
    made = showdown("submit", str(config))
    assert made.exit_code == 1 and "'tiyn' is no model; did you mean tiny?" in made.output
    assert queries.run_list() == []


def test_a_run_that_has_ended_cannot_be_stopped(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config())
    assert showdown("stop", str(run_id)).exit_code == 0
    again = showdown("stop", str(run_id))
    assert again.exit_code == 1 and "is stopped already" in again.output


def test_samples_go_to_a_file_of_the_form_its_name_says(sqlite: Path, tmp_path: Path) -> None:
    _, (hard, _) = stored.experiment()
    run = CliRunner().invoke

    def rows(*words: str) -> int:
        result = run(main, ["samples", *words, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return int(json.loads(result.stdout)["rows"])

    for name, kind in (("a.jsonl", ["--run", str(hard)]), ("a.parquet", ["--run", str(hard)])):
        assert rows(str(tmp_path / name), *kind) == 24
    assert rows(str(tmp_path / "b.jsonl"), "--experiment", "1") == 48
    # the other groups wrote one text
    assert rows(str(tmp_path / "c.jsonl"), "--experiment", "1", "--pairs", "gold") == 2
    for words, said in (
        (["x.txt", "--run", "1"], "end it in .jsonl or .parquet"),
        (["x.jsonl"], "either --run RUN or --experiment"),
        (["x.jsonl", "--run", "1", "--experiment", "1"], "either --run RUN or --experiment"),
    ):
        result = run(main, ["samples", *words])
        assert result.exit_code == 2 and said in result.output
    assert run(main, ["samples", "x.jsonl", "--run", "99"]).exit_code == 1


HUGE = "9" * 30
LARGE = [
    ("show", HUGE), ("stop", HUGE), ("logs", HUGE), ("requeue", HUGE), ("export", HUGE, "out"), ("clone", HUGE),
    ("run", "--resume", HUGE), ("stop", "--experiment", HUGE), ("priority", "1", HUGE), ("extend", "1", HUGE),
    ("extend", "1", "100000000000"),
]  # fmt: skip


def test_a_number_that_no_database_holds_is_a_message(database: str) -> None:
    (run_id,) = growing(["hard"], [0], 4)
    lifecycle.request_stop(run_id)
    for words in LARGE:
        made = showdown(*words)
        assert made.exit_code == 1 and isinstance(made.exception, SystemExit), (words, made.exception)
        assert made.stderr.startswith("showdown: ") and made.stderr.count("\n") == 1, (words, made.stderr)


@pytest.mark.parametrize("seed", ["-1", "2147483648", HUGE])
def test_a_seed_is_one_that_a_config_takes(home: Path, seed: str) -> None:
    assert showdown("clone", "1", "--seed", seed).exit_code == 2


@pytest.mark.parametrize("minutes", ["0", "-1", "1e400", "inf", "nan", "9" * 30])
def test_a_limit_is_a_time(home: Path, minutes: str) -> None:
    assert showdown("limit", "1", "--", minutes).exit_code == 2


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("latin-1", b"d\xe9j\xe0 \\u65e5"), ("utf-8", "déjà 日".encode())],
    ids=["Latin letters alone", "all"],
)
def test_a_text_that_a_terminal_cannot_show_ends_no_command(encoding: str, said: bytes, sqlite: Path) -> None:
    (run_id,) = growing(["hard"], [0], 4)
    with writing() as c:
        c.execute(text("UPDATE run SET status = 'failed', error_kind = 'Bad', error_message = 'déjà 日'"))
    environment = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    made = subprocess.run(
        [sys.executable, "-m", "cli", "show", str(run_id)], env=environment, capture_output=True, cwd=REPO
    )
    assert (made.returncode, made.stderr) == (0, b"") and said in made.stdout, (made.stdout, made.stderr)
