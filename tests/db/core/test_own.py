"""One's own components: a file in the owner's directory is found and checked; a bad one is named and stops
nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.rewards.components import SHIPPED, plugins

GOOD = """
import numpy as np
from core.rewards.component import Component, ComponentParams

class Params(ComponentParams):
    pass

def score(batch, params):
    return np.array([{value}] * len(batch.completions), dtype=float){reshape}

COMPONENT = Component(name={name!r}, title="T", what="W.", how_it_is_gamed="H.", params=Params, score=score,
                      range=({low}, 1.0), side="continuous", needs=frozenset({needs}))
"""


def file(folder: Path, stem: str = "mine", **changes: object) -> Path:
    values = {"value": 0.5, "reshape": "", "name": "mine", "low": 0.0, "needs": "['text']", **changes}
    path = folder / f"{stem}.py"
    path.write_text(GOOD.format(**values))
    return path


def test_a_file_becomes_a_component(tmp_path: Path) -> None:
    file(tmp_path)
    file(tmp_path, "test_mine")  # tests lie beside their component and are none
    made, faults = plugins.found(tmp_path, SHIPPED)
    assert list(made) == ["mine"] and faults == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "correctness"}, "the name 'correctness' is taken"),
        ({"name": "My Own"}, "use lower case letters"),
        ({"value": 7}, "returned 7, outside its range"),
        ({"reshape": "[:, None]"}, "returned shape (1, 1)"),
        ({"low": 2.0}, "the first must be below the second"),
        ({"needs": "['gpu']"}, "needs 'gpu', which nothing gives"),
        ({"value": "undefined_name"}, "NameError"),
        ({"reshape": "\n\nraise SystemError('at import')"}, "at import"),
        (
            {"reshape": "\n\nraise SystemExit('at import')"},
            "at import",
        ),  # must not end whoever lists components
    ],
)
def test_a_bad_file_is_named_with_its_fault_and_the_others_still_work(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = file(tmp_path, "bad", **changes)
    file(tmp_path, "good", name="good")
    made, faults = plugins.found(tmp_path, SHIPPED)
    assert list(made) == ["good"]
    assert [f.where for f in faults] == [str(path)] and message in faults[0].message


def test_a_file_without_a_component_says_where_to_begin(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    _, faults = plugins.found(tmp_path, SHIPPED)
    assert "showdown new component" in faults[0].message


def test_a_new_component_works_from_its_first_minute(home: Path, tmp_path: Path) -> None:
    """`showdown new component`, its own test, and a mix that uses it: as a person would, each in a process
    of its own."""
    folder = tmp_path / "components"
    environment = {**os.environ, "SHOWDOWN_COMPONENTS": str(folder)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *words], env=environment, capture_output=True, text=True, check=False
        )

    made = run("cli", "new", "component", "politeness")
    assert made.returncode == 0, made.stderr
    tested = run("pytest", "-q", "-p", "no:cacheprovider", str(folder / "test_politeness.py"))
    assert tested.returncode == 0, tested.stdout
    (tmp_path / "mix.yaml").write_text(
        "terms: [{component: politeness, side: continuous, params: {word: please}}]\n"
    )
    (tmp_path / "in.jsonl").write_text('{"prompt": "q", "completion": "please, please", "gold": "1"}\n')
    scored = run(
        "cli", "score", str(tmp_path / "mix.yaml"), str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")
    )
    assert scored.returncode == 0 and '"politeness": 0.666' in (tmp_path / "out.jsonl").read_text(), (
        scored.stderr
    )
    again = run("cli", "new", "component", "politeness")
    assert again.returncode == 1 and "exists" in again.stderr
    bad = run("cli", "new", "component", "Bad-Name")
    assert bad.returncode == 1 and "lower case letters" in bad.stderr


def test_a_components_directory_that_cannot_be_written_to_is_named(home: Path, tmp_path: Path) -> None:
    """In a container it is read-only; a file in its place fails for root too."""
    (tmp_path / "file").touch()
    environment = {**os.environ, "SHOWDOWN_COMPONENTS": str(tmp_path / "file" / "components")}
    command = [sys.executable, "-m", "cli", "new", "component", "politeness"]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 1 and "Traceback" not in made.stderr
    assert f"the components directory {tmp_path}/file/components cannot be written to" in made.stderr


def test_annotations_may_be_text_and_fields_may_have_aliases(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom pydantic import Field\n" + GOOD.format(
        value=0.5, reshape="", name="mine", low=0.0, needs="['text']"
    ).replace("    pass", "    lambda_: float = Field(1.0, alias='lambda')")
    (tmp_path / "mine.py").write_text(text)
    made, faults = plugins.found(tmp_path, SHIPPED)
    assert faults == [] and made["mine"].params.model_validate({"lambda": 2.0})
