"""Which runs the Runs page shows: filters, grouping and columns, all of them in the URL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.text import labels
from app.widgets import html
from core.metrics import described
from core.store.runs.queries import RunRow
from core.store.status import Status

BASE = {
    "state": "State", "progress": "Progress", "gold": "Gold accuracy", "curve": "Gold by step",
    "start": "At start",
    "age": "Queued", "worker": "Worker", "experiment": "Experiment", "seed": "Seed", "structure": "Structure",
}  # fmt: skip
# the most frequent groupings, which are not settings
FOLLOWS = ["arm", "variant", "structure", "experiment"]
NOT_SET = "not set"
FIRST = ["state", "progress", "gold", "curve", "start", "age", "worker", "experiment"]
STATES = {status: label for status, (label, _) in labels.STATUS.items()}


@dataclass(frozen=True)
class Shown:
    """The current filters. `group` is the path of a setting, or empty."""

    text: str
    states: tuple[str, ...]
    arms: tuple[str, ...]
    experiment: str
    group: str
    columns: tuple[str, ...]

    def fits(self, r: RunRow) -> bool:
        """Whether this run is shown."""
        words_ = (
            f"{r.id} {r.name} {r.experiment} {r.worker or ''} {r.error_kind or ''} {r.error_message or ''}"
        ).lower()
        return (
            all(word in words_ for word in self.text.lower().split())
            and (not self.states or STATES[r.status] in self.states)
            and (not self.arms or r.arm in self.arms)
            and (not self.experiment or _experiment(r) == self.experiment)
        )


def _experiment(r: RunRow) -> str:
    return html.visible(f"{r.experiment_id}: {r.experiment}") if r.experiment_id else "on their own"


def choose(rows: Sequence[RunRow], paths: Iterable[str], metrics: Iterable[str]) -> Shown:
    """Draw the filter widgets and return their values."""
    metric_columns = [f"metric {name}" for name in metrics if described(name)]
    settings = sorted(set(paths) - {"name", "seed"})
    experiments = list(dict.fromkeys(_experiment(r) for r in rows))
    with st.container(key="card-filters"):
        with st.grid(4, min_column_width=210):
            text = st.text_input(
                "Find",
                key="find",
                bind="query-params",
                placeholder="run, arm, worker, error",
                icon=":material/search:",
            )
            states = st.multiselect(
                "State",
                [STATES[s] for s in Status if s != Status.UNKNOWN],
                key="state",
                bind="query-params",
                placeholder="any",
            )
            arms = st.multiselect(
                "Arm", sorted({r.arm for r in rows}), key="arms", bind="query-params", placeholder="any"
            )
            experiment = st.selectbox(
                "Experiment", experiments, None, key="experiment", bind="query-params", placeholder="any"
            )
        left_column, right_column = st.columns([1, 3])
        with left_column:
            group = st.selectbox(
                "Group by", [*FOLLOWS, "seed", *settings], None, key="group", bind="query-params",
                placeholder="nothing",
                help="Any setting of the config: one line a value, with the mean gold accuracy of its runs.",
            )  # fmt: skip
        with right_column:
            columns = st.multiselect(
                "Columns", [*BASE, *settings, *metric_columns], FIRST, key="columns", bind="query-params",
                format_func=lambda c: BASE.get(c, c),
                help="Any setting of the config, and the newest value of any metric.",
            )  # fmt: skip
    return Shown(text, tuple(states), tuple(arms), experiment or "", group or "", tuple(columns))


def setting(r: RunRow, settings: Mapping[int, Mapping[str, Any]], path: str) -> Any:
    """A run's value of a setting, or of a property that follows from its settings."""
    own = {
        "arm": r.arm,
        "structure": r.structure,
        "experiment": r.experiment or "on its own",
        "variant": r.variant,
    }
    if path in own:
        return own[path]
    run_settings = settings.get(r.id, {})
    if path in run_settings:
        return run_settings[path]
    # A setting that is empty in one run, such as a blend, may contain settings in another.
    inner = [
        f"{k.removeprefix(f'{path}.')} {labels.setting(v)}"
        for k, v in run_settings.items()
        if k.startswith(f"{path}.")
    ]
    return ", ".join(inner) or NOT_SET


def plain(value: Any) -> Any:
    """A setting as a table shows it."""
    return (
        value
        if isinstance(value, int | float | str) and not isinstance(value, bool)
        else labels.setting(value)
    )


@dataclass(frozen=True)
class Group:
    """Runs that share one value of a setting.

    `gold`: the newest gold accuracies of those that have one.
    """

    value: Any
    runs: tuple[RunRow, ...]
    gold: tuple[float, ...]


def groups(rows: Sequence[RunRow], settings: Mapping[int, Mapping[str, Any]], path: str) -> list[Group]:
    """The runs grouped by value: numbers in numeric order, runs without the setting last."""
    runs_by_value: dict[str, tuple[Any, list[RunRow]]] = {}
    for r in rows:
        value = plain(setting(r, settings, path))
        runs_by_value.setdefault(repr(value), (value, []))[1].append(r)

    def order(group: tuple[Any, list[RunRow]]) -> tuple[bool, bool, Any]:
        number = isinstance(group[0], int | float)
        return (group[0] == NOT_SET, not number, group[0] if number else str(group[0]))

    return [
        Group(value, tuple(runs), tuple(r.accuracy for r in runs if r.accuracy is not None))
        for value, runs in sorted(runs_by_value.values(), key=order)
    ]
