"""What happened when: a run's events and its schedules' corners as marks on the axis of steps. Called by pages and figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.mix import Mix
from core.store.queries import Event

KINDS = {
    "resumed": "resumed, {detail}",
    "switched": "{detail} switches",
    "guard": "flag: {detail}",
    "checkpoint": "checkpoint",
}
ENDS = {"failed": "failed", "stopped": "stopped", "lost": "lost", "time_limit": "time limit", "stop_requested": "stop asked"}
LOUD = {"resumed", "switched", "guard", "corner", "end"}  # what a chart shows too; the step bar shows all


@dataclass(frozen=True)
class Mark:
    """Something at a step. `kind` is an event's kind, `corner` of a schedule, or `end` of an attempt."""

    step: int
    kind: str
    text: str


def marks(events: Sequence[Event], mix: Mix, max_step: int) -> list[Mark]:
    """All marks, by step. Events without a step lie at the last step that was known when they happened."""
    found = [Mark(round(at), "corner", text) for at, text in corners(mix) if 0 < at < max_step]
    step = 0
    for event in _said_once(events):
        step = step if event.step is None else event.step
        if event.kind in KINDS:
            found.append(Mark(step, event.kind, KINDS[event.kind].format(detail=event.detail)))
        elif event.kind in ENDS:
            found.append(Mark(step, "end", ENDS[event.kind]))
    return sorted(set(found), key=lambda m: (m.step, m.kind))


def _said_once(events: Sequence[Event]) -> list[Event]:
    """Without a stop that was asked for and came: "stopped" says it, a step or two later."""
    kept, came = list[Event](), False
    for event in reversed(events):
        if event.kind in ("stopped", "queued"):  # the stop came, or was taken back
            came = event.kind == "stopped"
        if not (came and event.kind == "stop_requested"):
            kept.append(event)
    return kept[::-1]


def corners(mix: Mix) -> list[tuple[float, str]]:
    """(step, what happens there) where a schedule starts, turns or ends. An adaptive one has none: it switches."""
    named = [("blend", mix.blend)] if mix.blend else []
    named += [(f"weight of {t.label}", t.weight) for t in mix.terms if not isinstance(t.weight, float | int)]
    found = []
    for name, schedule in named:
        points = sorted({b for b in schedule.breakpoints() if b > 0})
        for i, at in enumerate(points):
            last = len(points) > 1 and i == len(points) - 1
            found.append((at, f"{name} {'ends' if last else 'starts' if i == 0 else 'turns'}"))
    return found


def spread(found: Sequence[Mark], apart: float) -> list[Mark]:
    """Marks at least `apart` steps from each other: of those that are nearer, the first; loud ones before quiet ones."""
    chosen: list[Mark] = []
    for mark in sorted(found, key=lambda m: m.kind not in LOUD):
        if all(abs(mark.step - other.step) >= apart for other in chosen):
            chosen.append(mark)
    return sorted(chosen, key=lambda m: m.step)
