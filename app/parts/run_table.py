"""The table of runs, its groups, and which of its rows are chosen. Called by the Runs page."""

import zlib
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

import streamlit as st

from app import cache, prose, words
from app.parts.run_filters import BASE, Group, Shown, plain, setting
from app.places import number
from core.metrics import describe
from core.store.queries import RunRow

ROW, MOST_TALL = 36, 560
GOLD = words.help_of("eval/accuracy")
CONFIG: dict[str, Any] = {
    "run": st.column_config.TextColumn("Run", width="medium", help="Click a name to open the run.", pinned=True),
    "id": st.column_config.NumberColumn("Id", width=50),
    "state": st.column_config.TextColumn("State", width=80),
    "progress": st.column_config.ProgressColumn(
        "Progress", min_value=0, max_value=1, format="percent", width=110, help="Steps done of the steps planned.",
    ),
    "gold": st.column_config.NumberColumn("Gold", format="%.1f %%", width=70, help=f"The newest. {GOLD}"),
    "curve": st.column_config.LineChartColumn(
        "Gold by step", y_min=0, y_max=1, width=130, help=f"Every evaluation, from 0 to 100 %. {GOLD}",
    ),
    "start": st.column_config.NumberColumn("At start", format="%.1f %%", width=75, help=f"Before the first step. {GOLD}"),
    "age": st.column_config.TextColumn("Queued", width=90),
    "worker": st.column_config.TextColumn("Worker", width=110),
    "experiment": st.column_config.TextColumn("Experiment", width="medium"),
    "seed": st.column_config.NumberColumn("Seed", width=60),
    "structure": st.column_config.TextColumn("Structure", width=90),
}  # fmt: skip


def in_url() -> list[int]:
    """The runs that the URL chooses."""
    return [run_id for run_id in map(number, st.query_params.get("runs", "").split("-")) if run_id is not None]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _scaled(column: str, value: float | None) -> float | None:
    return _percent(value) if describe(column.removeprefix("metric ")).unit == "share" else value


def _cells(rows: Sequence[RunRow], shown: Shown, settings: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    ids = tuple(r.id for r in rows)
    gold = cache.gold(list(rows)) if "curve" in shown.columns else {}
    newest = {c: cache.newest_of(ids, c.removeprefix("metric ")) for c in shown.columns if c.startswith("metric ")}
    paths = [c for c in (*shown.columns, shown.group) if c and c not in BASE and c not in newest]
    made = []
    for r in rows:
        base = {
            "run": r.name, "id": r.id, "state": words.STATUS[r.status][0], "progress": r.step / r.max_steps,
            "gold": _percent(r.accuracy),
            "curve": gold[r.id].values if r.id in gold else None, "start": _percent(r.first_accuracy),
            "age": words.ago(r.queued_at),
            "worker": r.worker or "", "experiment": prose.visible(r.experiment), "seed": r.seed, "structure": r.structure,
        }  # fmt: skip
        picked = {k: v for k, v in base.items() if k in ("run", "id") or k in shown.columns}
        picked |= {path: plain(setting(r, settings, path)) for path in dict.fromkeys(paths)}
        made.append(picked | {name: _scaled(name, values.get(r.id)) for name, values in newest.items()})
    return made


def _column(name: str, rows: list[dict[str, Any]]) -> Any:
    if name in CONFIG:
        return CONFIG[name]
    if name.startswith("metric "):
        what = describe(name.removeprefix("metric "))
        return st.column_config.NumberColumn(what.title, format="%.1f %%" if what.unit == "share" else "%.4g", help=what.what)
    numbers = all(isinstance(r[name], int | float) for r in rows)
    return st.column_config.NumberColumn(name, format="%.6g") if numbers else st.column_config.TextColumn(name)


def table(rows: Sequence[RunRow], shown: Shown, settings: Mapping[int, Mapping[str, Any]]) -> list[RunRow]:
    """Draws it; returns the chosen runs. A click on a run's name opens the run."""
    cells = _cells(rows, shown, settings)
    for r in cells:
        for name in r:
            if (
                name not in CONFIG
                and not name.startswith("metric ")
                and not all(isinstance(x[name], int | float) for x in cells)
            ):
                r[name] = str(r[name])
    ids = [r.id for r in rows]
    chosen = set(in_url())
    # Rows are chosen by their place: another list of rows is another table, or the ticks would move to other runs.
    edition = zlib.crc32(repr((ids, shown.columns, shown.group)).encode())
    state = st.dataframe(
        cells, column_config={n: _column(n, cells) for n in cells[0]}, hide_index=True, row_height=ROW,
        height=min(40 + ROW * len(cells), MOST_TALL), on_select="rerun", selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": [i for i, run_id in enumerate(ids) if run_id in chosen]}},
        key=f"runs-table-{edition}", alt="Runs, newest first", placeholder="–",
    ).selection  # fmt: skip
    for at, column in state.cells:
        if column == "run" and at < len(ids):
            st.switch_page("views/run.py", query_params={"run": str(ids[at])})
    now = [rows[i] for i in state.rows if i < len(rows)]
    hidden = [run_id for run_id in in_url() if run_id not in ids]  # chosen, and filtered away for the moment
    _keep([r.id for r in now] + hidden)
    return now


def _keep(chosen: list[int]) -> None:
    if chosen != in_url():
        if chosen:
            st.query_params["runs"] = "-".join(map(str, chosen))
        elif "runs" in st.query_params:
            del st.query_params["runs"]


def group_table(found: Sequence[Group], path: str) -> None:
    """One line a value of the setting."""
    rows = [
        {
            "value": words.setting(g.value), "runs": len(g.runs), "arms": ", ".join(sorted({r.arm for r in g.runs})),
            "mean": _percent(mean(g.gold)) if g.gold else None, "spread": 100 * stdev(g.gold) if len(g.gold) > 1 else None,
            "evaluated": len(g.gold), "best": _percent(max(g.gold, default=None)),
        }
        for g in found
    ]  # fmt: skip
    many = f"over the runs of the group that were evaluated. {GOLD}"
    config = {
        "value": st.column_config.TextColumn(path),
        "runs": st.column_config.NumberColumn("Runs", width="small"),
        "arms": st.column_config.TextColumn("Arms"),
        "mean": st.column_config.NumberColumn("Mean gold", format="%.1f %%", help=f"Mean of the newest gold accuracies {many}"),
        "spread": st.column_config.NumberColumn("± points", format="%.1f", help="Sample standard deviation, in points, "
                                                f"{many}"),
        "evaluated": st.column_config.NumberColumn("Evaluated", width="small", help="Runs that the mean is over."),
        "best": st.column_config.NumberColumn("Best", format="%.1f %%", help=f"The highest {many}"),
    }  # fmt: skip
    prose.head(f"By {path}", words.count(len(rows), "value"))
    height = min(40 + ROW * len(rows), 300)
    st.dataframe(
        rows, column_config=config, hide_index=True, row_height=ROW, height=height, alt=f"Runs by {path}", placeholder="–"
    )
