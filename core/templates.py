"""Mixes to begin a design with: a name, a sentence, where the idea comes from. Called by the design page."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter

from core.faults import NAME
from core.frozen import Frozen
from core.mix import Mix

FILE = Path(__file__).with_name("templates.yaml")


class Template(Frozen):
    """One of them."""

    name: str = Field(pattern=NAME)
    """Name of the arm it makes."""
    group: str
    """Under which head it is shown."""
    what: str
    """A sentence for people."""
    source: str
    """Paper, repository, or what else it comes from."""
    mix: Mix


@cache
def templates() -> tuple[Template, ...]:
    """All of them, in the order in which they are shown."""
    return TypeAdapter(tuple[Template, ...]).validate_python(yaml.safe_load(FILE.read_text(encoding="utf-8")))
