"""Why runs wait, in one sentence each. Pure."""

from collections.abc import Sequence

from app.text import labels
from core.store.workers import Machine

NO_WORKER = "no worker listens"
START_ONE = "Start one: showdown worker"


def next_waits(wanted: int, machines: Sequence[Machine]) -> str:
    """Why the first run of the queue waits; `wanted` is the number of processes it wants."""
    if not machines:
        return f"{NO_WORKER}; start one: showdown worker"
    largest = max(len(m.gpus) for m in machines)
    if largest and all(m.gpus for m in machines):
        idle = max(len(m.gpus) - len(m.leased) for m in machines)
        if largest < wanted:
            return f"wants {labels.count(wanted, 'GPU')} of one machine, and none has more than {largest}"
        if idle == 0:
            return "every GPU is taken"
        if idle < wanted:
            return f"wants {labels.count(wanted, 'free GPU')} of one machine, and none has more than {idle}"
    if free := slots_free(machines):
        return f"{labels.count(free, 'slot')} free, starts within seconds"
    slots = sum(m.slots for m in machines)
    return "the only slot is taken" if slots == 1 else f"all {slots} slots are taken"


def reasons(wanted: Sequence[int], machines: Sequence[Machine]) -> list[str]:
    """Why each run of the queue waits, in its order; `wanted` is the number of processes of each."""
    if not wanted:
        return []
    first = next_waits(wanted[0], machines)
    if not machines:
        return [first] * len(wanted)
    return [first, *(f"behind {labels.count(i, 'run')}" for i in range(1, len(wanted)))]


def queue(wanted: Sequence[int], machines: Sequence[Machine]) -> str:
    """The whole queue in one sentence."""
    if not wanted:
        return "No run waits."
    runs = labels.count(len(wanted), "run")
    verb, which = ("wait", "the next ") if len(wanted) > 1 else ("waits", "it ")
    reason = next_waits(wanted[0], machines)
    if not machines:
        return f"{runs} {verb}: {NO_WORKER}. {START_ONE}"
    return f"{runs} {verb}: {which if reason.startswith('wants') else ''}{reason}."


def slots_free(machines: Sequence[Machine]) -> int:
    return sum(max(0, m.slots - len(m.runs)) for m in machines)
