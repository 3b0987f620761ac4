"""The table of runs, its groups, and which of its rows are chosen.

The chosen runs and the order are in the URL alone, so that Back, Forward and a shared link restore them.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import mean, stdev
from typing import Any

import numpy as np
import streamlit as st

from app.data import reads
from app.elements.runs import run_table
from app.text import labels, theme
from app.views.runs.filters import BASE, Group, Shown, plain, setting
from app.views.shared.links import number
from app.widgets import html, url_state
from core.common.csv_cells import cell_text
from core.metrics import describe
from core.store.runs.queries import RunRow

ROW = 36
MOST_POINTS = 60
GOLD = labels.help_of("eval/accuracy")
HEADS = {  # column -> how its cells are drawn, its head, what it is
    "id": ("number", "Id", ""),
    "state": ("state", "State", ""),
    "progress": ("bar", "Progress", "Steps done of the steps planned."),
    "gold": ("number", "Gold", f"The newest. {GOLD}"),
    "curve": ("curve", "Gold by step", f"The evaluations, from 0 to 100 %. {GOLD}"),
    "start": ("number", "At start", f"Before the first step. {GOLD}"),
    "age": ("text", "Queued", ""),
    "worker": ("text", "Worker", ""),
    "experiment": ("text", "Experiment", ""),
    "seed": ("number", "Seed", ""),
    "structure": ("text", "Structure", ""),
}
# a number and how it is written; a state and its tone; the points of a curve; a text
Cell = list[Any] | str | None


def in_url() -> list[int]:
    """The ids of the runs that the URL chooses."""
    numbers = (number(run_id) for run_id in url_state.get("runs").split("-"))
    return list(dict.fromkeys(run_id for run_id in numbers if run_id is not None))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _number(value: float | None, how: str) -> Cell:
    return None if value is None or not math.isfinite(value) else [value, how % value]


def _share(value: float | None) -> Cell:
    return _number(_percent(value), "%.1f %%")


def _plain(value: Any) -> Cell:
    return _number(value, "%.6g") if isinstance(value, int | float) else html.visible(str(value))


def _points(values: Sequence[float]) -> Cell:
    """As many finite points of a curve as a cell can show, first and last included."""
    finite = [round(float(v), 3) for v in values if math.isfinite(v)]
    return [
        finite[i] for i in np.linspace(0, len(finite) - 1, min(len(finite), MOST_POINTS)).astype(int)
    ] or None


def _metric(column: str, value: float | None) -> Cell:
    return (
        _share(value) if describe(column.removeprefix("metric ")).unit == "share" else _number(value, "%.4g")
    )


def _cells(
    rows: Sequence[RunRow], columns: Sequence[str], settings: Mapping[int, Mapping[str, Any]]
) -> list[list[Cell]]:
    ids = tuple(r.id for r in rows)
    gold = reads.gold(list(rows)) if "curve" in columns else {}
    newest = {c: reads.newest_of(ids, c.removeprefix("metric ")) for c in columns if c.startswith("metric ")}
    cell_rows = []
    for r in rows:
        base: dict[str, Cell] = {
            "id": [r.id, str(r.id)], "state": list(labels.STATUS[r.status]),
            "progress": [round(r.step / r.max_steps, 3), f"{100 * r.step / r.max_steps:.0f} %"],
            "gold": _share(r.accuracy),
            "curve": _points(gold[r.id].values) if r.id in gold else None, "start": _share(r.first_accuracy),
            "age": [r.queued_at, labels.ago(r.queued_at)], "worker": html.visible(r.worker or ""),
            "experiment": html.visible(r.experiment), "seed": [r.seed, str(r.seed)], "structure": r.structure,
        }  # fmt: skip
        base |= {name: _metric(name, values.get(r.id)) for name, values in newest.items()}
        cell_rows.append([base[c] if c in base else _plain(plain(setting(r, settings, c))) for c in columns])
    return cell_rows


def _head(column: str, cells: Sequence[Cell]) -> dict[str, str]:
    if column in HEADS:
        kind, title, help_text = HEADS[column]
    elif column.startswith("metric "):
        metric = describe(column.removeprefix("metric "))
        kind = "number"
        title = metric.title
        help_text = metric.what
    else:
        kind = "text" if any(isinstance(c, str) for c in cells) else "number"
        title = column
        help_text = ""
    return {"key": column, "kind": kind, "title": title, "help": help_text}


def table(
    rows: Sequence[RunRow],
    shown: Shown,
    settings: Mapping[int, Mapping[str, Any]],
    found: Sequence[Group] = (),
) -> list[RunRow]:
    """Draw the table and return the chosen runs.

    Runs of a group stand together under its name.
    """
    columns = list(
        dict.fromkeys(
            ["id", *shown.columns, *([shown.group] if shown.group and shown.group not in BASE else [])]
        )
    )
    cells = _cells(rows, columns, settings)
    heads = [_head(c, [line[i] for line in cells]) for i, c in enumerate(columns)]
    names = {r.id: _name(g, shown.group) for g in found for r in g.runs}
    lines = [
        {
            "id": r.id,
            "name": html.visible(r.name),
            "role": theme.arm_role(r.structure),
            "group": names.get(r.id, ""),
            "cells": row_cells,
        }
        for r, row_cells in zip(rows, cells, strict=True)
    ]
    chosen_ids = in_url()
    help_text = "A name opens its run; its square has the colour of its arm."
    data = {
        "label": "Runs",
        "heads": heads,
        "rows": lines,
        "chosen": chosen_ids,
        "sort": _sort(),
        "help": help_text,
    }
    run_table("runs-table", data, _keep, _keep_sort)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            html.note(
                "A run's name opens it. Tick runs to lay their curves over each other. Arrows move, Space "
                "ticks, Enter opens."
            )
        make_csv, icon = (lambda: _csv(heads, lines)), ":material/download:"
        st.download_button(
            "CSV", make_csv, "runs.csv", "text/csv", icon=icon, on_click="ignore", key="runs-csv"
        )
    return [r for r in rows if r.id in chosen_ids]


def _name(group: Group, path: str) -> str:
    return html.visible(f"{path}: {labels.setting(group.value)} · {labels.count(len(group.runs), 'run')}")


def _csv(heads: Sequence[Mapping[str, str]], lines: Sequence[Mapping[str, Any]]) -> str:
    """The table as CSV with all digits, shares in percent.

    Curves are left out: a curve has a file of its own, from its chart.
    """
    column_indexes = [i for i, h in enumerate(heads) if h["kind"] != "curve"]
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["run", *(_titled(heads[i]) for i in column_indexes)])
    for line in lines:
        out.writerow([cell_text(line["name"]), *(_said(line["cells"][i], heads[i]) for i in column_indexes)])
    return file.getvalue()


def _titled(head: Mapping[str, str]) -> str:
    key = head["key"]
    share = key.startswith("metric ") and describe(key.removeprefix("metric ")).unit == "share"
    return f"{head['title']} (%)" if share or key in ("progress", "gold", "start") else head["title"]


def _said(cell: Cell, head: Mapping[str, str]) -> Any:
    if not isinstance(cell, list):
        return cell_text(cell) if isinstance(cell, str) else cell
    if head["key"] == "age":
        return datetime.fromtimestamp(cell[0], UTC).isoformat(timespec="seconds")
    return round(100 * cell[0], 1) if head["kind"] == "bar" else cell[0]


def _keep(chosen: Sequence[int]) -> None:
    url_state.put(runs="-".join(map(str, chosen)))


def _sort() -> dict[str, Any] | None:
    """The column and direction by which the URL sorts the table; None keeps the given order."""
    key, _, way = url_state.get("order").rpartition(".")
    return {"key": key, "down": way == "down"} if key else None


def _keep_sort(key: str, down: bool) -> None:
    url_state.put(order=f"{key}.{'down' if down else 'up'}" if key else "")


def group_table(found: Sequence[Group], path: str) -> None:
    """Draw one line per value of the setting."""
    rows = [
        {
            "value": labels.setting(g.value), "runs": len(g.runs),
            "arms": ", ".join(sorted({r.arm for r in g.runs})),
            "mean": _percent(mean(g.gold)) if g.gold else None,
            "spread": 100 * stdev(g.gold) if len(g.gold) > 1 else None,
            "evaluated": len(g.gold), "best": _percent(max(g.gold, default=None)),
        }
        for g in found
    ]  # fmt: skip
    many = f"over the runs of the group that were evaluated. {GOLD}"
    config = {
        "value": st.column_config.TextColumn(path),
        "runs": st.column_config.NumberColumn("Runs", width="small"),
        "arms": st.column_config.TextColumn("Arms"),
        "mean": st.column_config.NumberColumn("Mean gold", format="%.1f %%",
            help=f"Mean of the newest gold accuracies {many}"),
        "spread": st.column_config.NumberColumn("± points", format="%.1f",
            help=f"Sample standard deviation, in points, {many}"),
        "evaluated": st.column_config.NumberColumn("Evaluated", width="small",
            help="Runs that the mean is over."),
        "best": st.column_config.NumberColumn("Best", format="%.1f %%", help=f"The highest {many}"),
    }  # fmt: skip
    html.head(f"By {path}", f"{labels.count(len(rows), 'value')} · their runs stand below, value by value")
    st.dataframe(
        rows, column_config=config, hide_index=True, row_height=ROW, alt=f"Runs by {path}", placeholder="–"
    )
