"""A run's events and its schedules' corners, as marks on the axis of steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.rewards.mix import Mix
from core.store.runs.queries import Event

KINDS = {
    "resumed": "resumed, {detail}",
    "switched": "{detail} switches",
    "guard": "flag: {detail}",
    "checkpoint": "checkpoint",
}
ENDS = {
    "failed": "failed",
    "stopped": "stopped",
    "lost": "lost",
    "time_limit": "time limit",
    "stop_requested": "stop asked",
}
LOUD = {"resumed", "switched", "guard", "corner", "end"}  # also shown in charts; the step bar shows all


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step.

    `kind` is an event's kind, `corner` (of a schedule) or `end` (of an attempt).
    """

    step: int
    kind: str
    text: str


def marks(events: Sequence[Event], mix: Mix, max_step: int) -> list[Mark]:
    """All marks, by step. Events without a step lie at the last step known when they happened."""
    all_marks = [
        Mark(round(corner_step), "corner", text)
        for corner_step, text in corners(mix)
        if 0 < corner_step < max_step
    ]
    step = 0
    for event in _said_once(events):
        step = step if event.step is None else event.step
        if event.kind in KINDS:
            all_marks.append(Mark(step, event.kind, KINDS[event.kind].format(detail=event.detail)))
        elif event.kind in ENDS:
            all_marks.append(Mark(step, "end", ENDS[event.kind]))
    return sorted(set(all_marks), key=lambda m: (m.step, m.kind))


def _said_once(events: Sequence[Event]) -> list[Event]:
    """The events without stop requests that took effect: "stopped" shows it, a step or two later."""
    remaining = list[Event]()
    came = False
    for event in reversed(events):
        if event.kind in ("stopped", "queued"):  # the stop came, or was taken back
            came = event.kind == "stopped"
        if not (came and event.kind == "stop_requested"):
            remaining.append(event)
    return remaining[::-1]


def corners(mix: Mix) -> list[tuple[float, str]]:
    """(step, what happens there) where a schedule starts, turns or ends.

    An adaptive schedule has none: it switches.
    """
    named = [("blend", mix.blend)] if mix.blend else []
    named += [(f"weight of {t.label}", t.weight) for t in mix.terms if not isinstance(t.weight, float | int)]
    named_corners = []
    for name, schedule in named:
        points = sorted({b for b in schedule.breakpoints() if b > 0})
        for i, corner_step in enumerate(points):
            last = len(points) > 1 and i == len(points) - 1
            named_corners.append(
                (corner_step, f"{name} {'ends' if last else 'starts' if i == 0 else 'turns'}")
            )
    return named_corners


def spread(found: Sequence[Mark], apart: float) -> list[Mark]:
    """Marks at least `apart` steps from each other.

    Of marks that are nearer the first is kept, loud ones before quiet ones.
    """
    placed: list[Mark] = []
    for mark in sorted(found, key=lambda m: m.kind not in LOUD):
        if all(abs(mark.step - neighbour.step) >= apart for neighbour in placed):
            placed.append(mark)
    return sorted(placed, key=lambda m: m.step)
