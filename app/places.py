"""What a link names: a run, or a sample's place: run.step.group.index, and `.eval` behind it for a held-out one.

Called by the pages that link to samples. A place outlives a resume, which an id does not.
"""

from app import cache
from core.errors import NotFound
from core.store.lines import Place
from core.store.queries import RunDetail


def number(text: str) -> int | None:
    """A number as a link holds it; None for what is none, or too large for any id."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def run(text: str) -> RunDetail | None:
    """The run of a number in a link; None where there is none."""
    found = number(text)
    try:
        return None if found is None else cache.run_detail(found)
    except NotFound:
        return None


def to_url(place: Place) -> str:
    text = f"{place.run_id}.{place.step}.{place.group_index}.{place.index_in_group}"
    return text if place.split == "train" else f"{text}.{place.split}"


def from_url(text: str) -> Place | None:
    """None for what is no place: a link may be cut or mistyped."""
    parts = text.split(".")
    split = parts.pop() if len(parts) == 5 else "train"
    numbers = [n for n in map(number, parts) if n is not None]
    if len(parts) != 4 or len(numbers) != 4 or split not in ("train", "eval"):
        return None
    run_id, step, group, index = numbers
    return Place(run_id, split, step, group, index)
