"""Reads and writes what a link names: a run, or the place of a sample.

A place is run.step.group.index, with `.eval` behind it for a held-out sample. It outlives a resume, which an
id does not.
"""

from app.data import reads
from core.common.errors import NotFound
from core.store.runs.queries import RunDetail
from core.store.samples.lines import Place


def number(text: str) -> int | None:
    """Parse a number in a link; None if it is not one, or too large for any id."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def run(text: str) -> RunDetail | None:
    """The run that a link names by its number; None if there is none."""
    run_id = number(text)
    try:
        return None if run_id is None else reads.run_detail(run_id)
    except NotFound:
        return None


def to_url(place: Place) -> str:
    text = f"{place.run_id}.{place.step}.{place.group_index}.{place.index_in_group}"
    return text if place.split == "train" else f"{text}.{place.split}"


def from_url(text: str) -> Place | None:
    """Parse a place; None if it is not one, since a link may be cut or mistyped."""
    parts = text.split(".")
    split = parts.pop() if len(parts) == 5 else "train"
    numbers = [n for n in map(number, parts) if n is not None]
    if len(parts) != 4 or len(numbers) != 4 or split not in ("train", "eval"):
        return None
    run_id, step, group, index = numbers
    return Place(run_id, split, step, group, index)
