"""Mixes to begin a design with: a name, a sentence, where the idea comes from."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter

from core.common.config_model import Frozen
from core.common.messages import NAME
from core.rewards.mix import Mix

FILE = Path(__file__).with_name("templates.yaml")


class Template(Frozen):
    """A mix to begin a design with."""

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
    """All templates, in the order in which they are shown."""
    return TypeAdapter(tuple[Template, ...]).validate_python(yaml.safe_load(FILE.read_text(encoding="utf-8")))
