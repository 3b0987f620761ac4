"""What the documents print works: each YAML is read, and each command is run or, if it takes long, parsed."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import main
from core.common.settings import settings
from core.config.experiment import ExperimentConfig
from core.config.run import RunConfig
from core.config.yaml_read import load
from core.problems import arithmetic
from core.rewards.components import SHIPPED
from core.rewards.components.plugins import from_file
from tests.conftest import REPO
from tests.support import stored

DOCUMENTS = [
    REPO / "README.md",
    *(REPO / "docs" / name for name in ("cli.md", "config.md", "architecture.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\.venv/bin/showdown (.+?)(?:\s{2,}#.*)?$", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [
        text
        for document in DOCUMENTS
        for found_language, text in FENCE.findall(document.read_text())
        if found_language == language
    ]


def commands() -> list[str]:
    return list(dict.fromkeys(line for text in blocks("") for line in COMMAND.findall(text)))


ONLY_PARSED = {
    "study run studies/tiny-showdown.yaml": "trains for an hour; tests/train/cli/test_study.py has a small one",
    "run --resume 3": "needs a stopped run with a checkpoint; tests/train/cli/test_run.py has one",
    "export 3 DIR": "needs a trained run; test_a_run_is_exported_and_imported below",
    "import DIR": "needs an export; the same",
}


@pytest.mark.parametrize("text", blocks("yaml"), ids=lambda text: text.split("\n")[0])
def test_a_printed_config_is_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert isinstance(load(path), RunConfig | ExperimentConfig)


def test_the_printed_component_is_one(tmp_path: Path) -> None:
    (text,) = blocks("python")
    path = tmp_path / "brevity.py"
    path.write_text(text)
    assert from_file(path).name not in SHIPPED


@pytest.fixture
def desk(sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents name, and three runs, the first two of experiment 1."""
    stored.experiment()
    stored.swept()
    (run_yaml,) = (text for text in blocks("yaml") if text.startswith("name: hybrid"))
    (tmp_path / "my-run.yaml").write_text(
        run_yaml.replace("max_steps: 100", "max_steps: 2").replace("size: 200", "size: 2")
    )
    for name in ("train", "test"):
        rows = [
            {"question": p.question, "answer": f"#### {p.gold}"}
            for p in arithmetic.problems(16, name, seed=0)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    mix = "terms: [{component: correctness, side: hard, weight: 1.0}]\n"
    for name in ("mix", "other"):
        (tmp_path / f"{name}.yaml").write_text(mix)
    row = {"prompt": "1+1?", "completion": "#### 2", "gold": "2"}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> None:
    result = CliRunner().invoke(main, shlex.split(line))
    assert result.exit_code == 0, f"{line}: {result.output}{result.exception or ''}"


def extend() -> None:
    """Run 3 waits again, so that there is something to stop."""
    run("extend 3 9")


def extend_and_stop() -> None:
    extend()
    run("stop 3")


def write_log() -> None:
    folder = settings().run_folder(3)
    folder.mkdir(parents=True)
    (folder / "train.log").write_text("a line\n")


BEFORE: dict[str, Callable[[], None]] = {
    "stop 3": extend,
    "requeue 3": extend_and_stop,
    "logs 3": write_log,
    "report --verify FOLDER": lambda: run("report 1 --out FOLDER"),
}


@pytest.mark.parametrize("line", [line for line in commands() if line not in ONLY_PARSED])
def test_a_printed_command_ends_well(line: str, desk: Path) -> None:
    if line in BEFORE:
        BEFORE[line]()
    run(line)


@pytest.mark.parametrize("line", ONLY_PARSED)
def test_a_printed_command_that_is_not_run_is_parsed(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert line in commands(), "no document prints this any more: take it out of the table"
    monkeypatch.chdir(REPO)
    words = shlex.split(
        line.replace("DIR", str(tmp_path / "DIR") if line.startswith("export") else str(tmp_path))
    )
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    with command.make_context(command.name, words):
        pass


def test_a_run_is_exported_and_imported(trained: int, tmp_path: Path) -> None:
    run(f"export {trained} {tmp_path / 'DIR'}")
    run(f"import {tmp_path / 'DIR'}")
    assert settings().home.is_dir()
