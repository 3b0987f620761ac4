"""Why runs wait, in one sentence each. Called by the Queue and Workers pages. Pure."""

from collections.abc import Sequence

from app import words
from core.store.workers import Machine

NO_WORKER = "no worker listens"
START_ONE = "Start one: showdown worker"


def next_waits(wanted: int, machines: Sequence[Machine]) -> str:
    """Why the first of the queue waits; it wants so many processes."""
    if not machines:
        return f"{NO_WORKER}; start one: showdown worker"
    most = max(len(m.gpus) for m in machines)
    if most and all(m.gpus for m in machines):
        idle = max(len(m.gpus) - len(m.leased) for m in machines)
        if most < wanted:
            return f"wants {words.count(wanted, 'GPU')} of one machine, and none has more than {most}"
        if idle == 0:
            return "every GPU is taken"
        if idle < wanted:
            return f"wants {words.count(wanted, 'free GPU')} of one machine, and none has more than {idle}"
    if free := slots_free(machines):
        return f"{words.count(free, 'slot')} free, starts within seconds"
    taken = sum(m.slots for m in machines)
    return "the only slot is taken" if taken == 1 else f"all {taken} slots are taken"


def reasons(wanted: Sequence[int], machines: Sequence[Machine]) -> list[str]:
    """Why each run of the queue waits, in its order. `wanted`: how many processes each wants."""
    if not wanted:
        return []
    first = next_waits(wanted[0], machines)
    if not machines:
        return [first] * len(wanted)
    return [first, *(f"behind {words.count(i, 'run')}" for i in range(1, len(wanted)))]


def queue(wanted: Sequence[int], machines: Sequence[Machine]) -> str:
    """The whole queue in one sentence."""
    if not wanted:
        return "No run waits."
    runs = words.count(len(wanted), "run")
    verb, which = ("wait", "the next ") if len(wanted) > 1 else ("waits", "it ")
    why = next_waits(wanted[0], machines)
    if not machines:
        return f"{runs} {verb}: {NO_WORKER}. {START_ONE}"
    return f"{runs} {verb}: {which if why.startswith('wants') else ''}{why}."


def slots_free(machines: Sequence[Machine]) -> int:
    return sum(max(0, m.slots - len(m.runs)) for m in machines)
