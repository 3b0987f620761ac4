"""`showdown new component NAME`: a working example of one's own, with its test."""

from pathlib import Path

import click

from core.common.errors import SetupError
from core.common.settings import settings
from core.rewards.components import COMPONENTS
from core.rewards.components.plugins import NAME

COMPONENT = '''"""{title}: one sentence on what it pays. Found by Showdown because it lies in its \
components directory."""

import numpy as np
from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """What can be set; the form is drawn from these fields, bounds and texts."""

    word: str = Field("therefore", min_length=1, max_length=40)
    """The word that is looked for."""
    enough: int = Field(3, ge=1, le=100)
    """So many earn the whole score."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] min(occurrences / enough, 1), in [0, 1].

    Return NaN for a sample the component does not apply to, 0.0 for one it judges worthless. \
No model, no files, no
    clock, no random numbers: the same text must always earn the same.
    """
    counts = [text.lower().count(params.word.lower()) for text in batch.completions]
    return np.minimum(np.array(counts, dtype=float) / params.enough, 1.0)


COMPONENT = Component(
    name="{name}",
    title="{title}",
    what="How often the word stands in the text.",
    how_it_is_gamed="By writing the word again and again.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({{"text"}}),
)
'''
TEST = '''"""What {name} pays, as a table. Run it with: python -m pytest {test}"""

from pathlib import Path

import pytest

from core.problems import Problem
from core.rewards.batch import of_problem
from core.rewards.components.plugins import from_file

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no such word", 0.0),
        ("therefore 2", 1 / 3),
        ("Therefore, therefore, therefore, therefore", 1.0),  # more than enough earns no more
    ],
)
def test_score(text: str, expected: float) -> None:
    made = from_file(HERE / "{name}.py")
    (found,) = made.score(of_problem(Problem("1", "question", "2"), [text]), made.params())
    assert found == pytest.approx(expected)
'''


@click.group("new")
def new() -> None:
    """Begin something of your own."""


@new.command("component")
@click.argument("name")
def component(name: str) -> None:
    """A reward component of your own, with its test, in the components directory."""
    if not NAME.fullmatch(name):
        raise SetupError(
            f"{name!r} cannot be a component's name: "
            "lower case letters, digits and _, beginning with a letter"
        )
    if name.startswith("test_"):
        raise SetupError(f"{name!r} would be taken for a test; choose a name that does not begin with test_")
    if name in COMPONENTS:
        raise SetupError(f"a component called {name!r} exists; choose another name")
    folder = settings().own_components
    path = folder / f"{name}.py"
    test = folder / f"test_{name}.py"
    for target in (path, test):
        if target.exists():
            raise SetupError(f"{target} exists; choose another name, or remove it")
    title = name.replace("_", " ").capitalize()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(COMPONENT.format(name=name, title=title), encoding="utf-8")
        test.write_text(TEST.format(name=name, test=test), encoding="utf-8")
    except OSError as error:  # a container's is read-only
        raise SetupError(
            f"the components directory {folder} cannot be written to ({error.strerror}); "
            "run this where it can, or set SHOWDOWN_COMPONENTS to a directory of yours"
        ) from error
    click.echo(f"wrote {_short(path)} and {_short(test)}")
    click.echo("It is listed under Add term when the dashboard and the workers start again.")


def _short(path: Path) -> Path:
    """The path relative to the working directory, if it lies below."""
    working_directory = Path.cwd()
    return path.relative_to(working_directory) if path.is_relative_to(working_directory) else path
