"""The runs that an experiment will queue, with what each will take."""

from typing import Any

import streamlit as st

from app.data import reads
from app.text import labels
from app.widgets import html
from core.config.estimate import LIBRARIES, Estimate, estimate
from core.config.experiment import ExperimentConfig, Planned
from core.store.workers import Machine

HELP = (
    "Start, steps and evaluations, each the median of past runs of this model on this machine. "
    "Seconds of a step are scaled by completions per process and max_completion_length; "
    "generation and scoring count once every num_iterations steps."
)
MEMORY = (
    "The most that a past run of this model had, where its batch was at least as large; "
    "else, with ≥, the least it can be: the "
    f"weights, and without a GPU {LIBRARIES:g} GiB for torch and the libraries."
)
# Pixels: limits of the width of the Run column, and the width of a character in it.
NARROW = 150
WIDE = 360
CHARACTER = 6.6
COLUMNS = {
    "steps": st.column_config.NumberColumn("Steps", width="small"),
    "completions": st.column_config.NumberColumn(
        "Completions",
        width="small",
        help="Rollouts × completions of each; num_iterations steps train on a rollout.",
    ),
    "time": st.column_config.TextColumn("Time, about", width="small", help=HELP),
    "memory": st.column_config.TextColumn("Memory", width="small", help=MEMORY),
    "config": st.column_config.TextColumn(
        "Config", width="small", help="Differs when anything in the config differs."
    ),
}


def planned(config: ExperimentConfig) -> None:
    """Draw the list of runs, with the time they all take in the heading."""
    runs = config.planned()
    machines = reads.machines()
    run_estimates = estimates(runs, machines)
    html.head(f"{labels.count(len(runs), 'run')} will be queued", whole(run_estimates, machines))
    rows = [_row(p, e) for p, e in zip(runs, run_estimates, strict=True)]
    longest = max(len(p.name) for p in runs)  # the end of a name tells runs apart
    run = st.column_config.TextColumn("Run", width=round(min(WIDE, max(NARROW, 20 + CHARACTER * longest))))
    columns = {"run": run, **COLUMNS}
    st.dataframe(
        rows, hide_index=True, column_config=columns, row_height=34, alt="The runs that will be queued"
    )
    named: dict[str, list[str]] = {}
    for p, e in zip(runs, run_estimates, strict=True):
        named.setdefault(e.basis, []).append(p.name)
    for basis, names in named.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        whose = f" of {names[0]}{more}" if len(named) > 1 else ""
        html.note(f"Estimate{whose}: {basis}.")


def estimates(runs: list[Planned], machines: list[Machine]) -> list[Estimate]:
    """An estimate for each run; the past runs of a model are read once."""
    hosts = [m.host for m in machines]
    gpu = any(m.gpus for m in machines)
    return [estimate(p.config, reads.past_runs(p.config.model.path), hosts, gpu) for p in runs]


def whole(found: list[Estimate], machines: list[Machine]) -> str:
    """How long all the runs take together, as text."""
    seconds = [e.seconds for e in found]
    if any(s is None for s in seconds):
        return "how long they take is not known"
    slots = sum(m.slots for m in machines)
    total = max(sum(s or 0.0 for s in seconds) / max(1, slots), max(s or 0.0 for s in seconds))
    slots_text = labels.count(slots, "slot") if slots else "one slot, once a worker listens"
    return f"about {labels.duration(total)} in all, on {slots_text}, after what waits already"


def _row(p: Planned, e: Estimate) -> dict[str, Any]:
    grpo = p.config.grpo
    size = "" if e.memory is None else f"{e.memory:.1f}" if e.memory >= 0.05 else f"{e.memory:.1g}"
    memory = f"{'' if e.measured else '≥ '}{size} GiB" if size else "–"
    return {
        "run": p.name,
        "time": "–" if e.seconds is None else labels.duration(e.seconds),
        "memory": memory,
        "steps": grpo.max_steps,
        "completions": grpo.rollouts * grpo.completions_per_step,
        "config": p.config.hash(),
    }
