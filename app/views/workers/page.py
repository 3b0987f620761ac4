"""The Workers page: machines, their GPUs and runs, why runs wait, and what the system stands on.

Each machine also shows when it was last heard of.
"""

import time

import streamlit as st

from app.data import reads
from app.text import labels, queue_reasons, theme
from app.views.workers.system import system
from app.widgets import html, outages
from core.store.workers import Gpu, Held, Machine

TICK_SECONDS = 2.0
SYSTEM_SECONDS = 10.0
LATE_SECONDS = 12.0  # a worker beats every five seconds
GIB = 1024**3


def _gpu(g: Gpu, run_id: int | None) -> None:
    load = "load unknown" if g.utilisation is None else f"{labels.percent(g.utilisation)} busy"
    load += " · free" if run_id is None else f" · run {run_id}"
    html.meter(
        f"GPU {g.index}: {g.name}",
        g.memory_used,
        g.memory_bytes,
        f"{g.memory_used / GIB:.1f} of {g.memory_bytes / GIB:.0f} GiB",
        load,
    )


def _run(r: Held) -> None:
    label, tone = labels.STATUS[r.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            note = labels.count(r.num_processes, "process") if r.num_processes > 1 else ""
            role = theme.arm_role(r.structure)
            html.head(f"run {r.id}: {r.name}", note, tick=role, chips=[html.chip(label, tone)])
            html.progress(r.step, r.max_steps, "", "")
        st.page_link(
            "views/run/page.py", label="Open", icon=":material/monitoring:", query_params={"run": str(r.id)}
        )


def _machine(m: Machine) -> None:
    silent = time.time() - m.seen_at
    chip = html.chip("late", "warn") if silent > LATE_SECONDS else html.chip("listens", "good")
    with st.container(key=f"card-worker-{m.name}"):
        up = labels.duration(time.time() - m.started_at)
        note = (
            f"process {m.pid} · {labels.count(m.slots, 'slot')} · up for {up} · heard of "
            f"{labels.duration(silent)} ago"
        )
        html.head(m.host, note, chips=[chip])
        for g in m.gpus:
            _gpu(g, m.leased.get(g.uuid))
        if m.unread_gpus:
            left_out = "is left out" if m.unread_gpus == 1 else "are left out"
            st.caption(f"{labels.count(m.unread_gpus, 'row')} of its GPUs cannot be read, and {left_out}.")
        elif not m.gpus:
            st.caption("No NVIDIA driver answers here: it trains on the CPU.")
        for r in m.runs:
            _run(r)
        if not m.runs:
            st.caption("It runs nothing.")


def _live() -> None:
    machines = reads.machines()
    waiting = reads.waiting()
    with st.container(key="card-queue-depth"):
        html.head("Queue", queue_reasons.queue(waiting, machines))
    if not machines:
        with st.container(key="card-noworker"):
            html.empty(
                "No worker listens",
                "Start one with “showdown worker”, here or on any machine with the same database and broker.",
            )
    for m in machines:
        _machine(m)


def _system() -> None:
    """Draw the system card, in a fragment of its own: an unreachable broker takes a while to report."""
    system(reads.system())


def main() -> None:
    html.title("Workers", sub="Machines that train, and what they are doing.")
    outages.fragment(_live, run_every=TICK_SECONDS, key="workers-live")()
    outages.fragment(_system, run_every=SYSTEM_SECONDS, key="workers-system")()


main()
