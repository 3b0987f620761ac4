"""Workers: machines, their GPUs, what each runs, when it was last heard of, why runs wait, and what all of it stands on."""

import time

import streamlit as st

from app import cache, outages, prose, theme, waits, words
from app.parts.system import system
from core.store.workers import Gpu, Held, Machine

TICK_SECONDS, SYSTEM_SECONDS = 2.0, 10.0
LATE_SECONDS = 12.0  # a worker beats every five seconds
GIB = 1024**3


def _gpu(g: Gpu, run_id: int | None) -> None:
    load = "load unknown" if g.utilisation is None else f"{words.percent(g.utilisation)} busy"
    load += " · free" if run_id is None else f" · run {run_id}"
    prose.meter(
        f"GPU {g.index}: {g.name}",
        g.memory_used,
        g.memory_bytes,
        f"{g.memory_used / GIB:.1f} of {g.memory_bytes / GIB:.0f} GiB",
        load,
    )


def _run(r: Held) -> None:
    label, tone = words.STATUS[r.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            note = words.count(r.num_processes, "process") if r.num_processes > 1 else ""
            role = theme.arm_role(r.structure)
            prose.head(f"run {r.id}: {r.name}", note, tick=role, chips=[prose.chip(label, tone)])
            prose.progress(r.step, r.max_steps, "", "")
        st.page_link("views/run.py", label="Open", icon=":material/monitoring:", query_params={"run": str(r.id)})


def _machine(m: Machine) -> None:
    silent = time.time() - m.seen_at
    chip = prose.chip("late", "warn") if silent > LATE_SECONDS else prose.chip("listens", "good")
    with st.container(key=f"card-worker-{m.name}"):
        up = words.duration(time.time() - m.started_at)
        note = f"process {m.pid} · {words.count(m.slots, 'slot')} · up for {up} · heard of {words.duration(silent)} ago"
        prose.head(m.host, note, chips=[chip])
        for g in m.gpus:
            _gpu(g, m.leased.get(g.uuid))
        if m.unread_gpus:
            left_out = "is left out" if m.unread_gpus == 1 else "are left out"
            st.caption(f"{words.count(m.unread_gpus, 'row')} of its GPUs cannot be read, and {left_out}.")
        elif not m.gpus:
            st.caption("No NVIDIA driver answers here: it trains on the CPU.")
        for r in m.runs:
            _run(r)
        if not m.runs:
            st.caption("It runs nothing.")


def _live() -> None:
    machines, waiting = cache.machines(), cache.waiting()
    with st.container(key="card-queue-depth"):
        prose.head("Queue", waits.queue(waiting, machines))
    if not machines:
        with st.container(key="card-noworker"):
            prose.empty(
                "No worker listens",
                "Start one with “showdown worker”, here or on any machine with the same database and broker.",
            )
    for m in machines:
        _machine(m)


def _system() -> None:
    """Apart: a broker that is away takes a while to say so."""
    system(cache.system())


def main() -> None:
    prose.title("Workers", sub="Machines that train, and what they are doing.")
    outages.fragment(_live, run_every=TICK_SECONDS, key="workers-live")()
    outages.fragment(_system, run_every=SYSTEM_SECONDS, key="workers-system")()


main()
