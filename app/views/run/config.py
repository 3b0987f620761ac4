"""The settings of a run: resolved, against its siblings, and as commands."""

import json
from typing import Any

import streamlit as st

from app.data import reads
from app.text import labels
from app.widgets import html
from core.common.config_diff import differing, flat
from core.config.run import RunConfig
from core.store.runs.queries import RunDetail, RunRow


def config(detail: RunDetail) -> None:
    """Draw the Config tab."""
    row = detail.row
    run_config = reads.config(row.id)
    text = run_config.to_yaml()
    _siblings(row, run_config)
    left_column, right_column = st.columns([3, 2])
    with left_column, st.container(key="card-config"):
        html.head("Config", "every default filled in")
        st.code(text, language="yaml", height=520)
        st.download_button(
            "Download YAML", text, f"run-{row.id}.yaml", "application/yaml", icon=":material/download:"
        )
    with right_column:
        with st.container(key="card-command"):
            html.head("The same run again")
            st.code(f"showdown export {row.id} run-{row.id}", language="sh")
            st.caption(
                "A folder with this YAML, metrics and samples as Parquet, the adapter, and a script that "
                "trains without us."
            )
            st.code(f"showdown submit run-{row.id}.yaml", language="sh")
            st.caption("Queues the downloaded file; `showdown run` trains it in the terminal instead.")
        with st.container(key="card-provenance"):
            html.head("Made by")
            facts = flat(
                {"config_hash": detail.config_hash, "revision": detail.revision, **detail.environment}
            )
            rows = [{"what": k.removeprefix("versions."), "value": _said(v)} for k, v in facts.items() if v]
            st.dataframe(rows, hide_index=True, alt="Versions and machine of this run", height=320)


def _siblings(row: RunRow, made: RunConfig) -> None:
    """Show how the settings of the other arms differ.

    Each arm is represented by its run with the same swept settings and seed, or by the nearest there is.
    """

    def distance(other: RunRow) -> tuple[bool, int]:
        return other.swept != row.swept, abs(other.seed - row.seed)

    others: dict[str, RunRow] = {}
    for other in reads.run_list(row.experiment_id) if row.experiment_id is not None else []:
        nearest = others.get(other.arm)
        nearer = nearest is None or distance(other) < distance(nearest)
        if other.arm != row.arm and nearer and not reads.config_fault(other.id):
            others[other.arm] = other
    if not others:
        return
    configs: dict[str, dict[str, Any]] = {f"{row.arm} (this run)": made.resolved()}
    for other in sorted(others.values(), key=lambda r: r.id):
        configs[other.arm] = reads.config(other.id).resolved()
    differences = {
        p: values
        for p, values in differing(configs).items()
        if p not in ("name", "seed") and _tells(p, values)
    }
    with st.container(key="card-siblings"):
        html.head(
            "Against the other arms",
            f"{labels.count(len(differences), 'setting')} "
            f"{'differs' if len(differences) == 1 else 'differ'}; the rest is the same",
        )
        strange = [path for path in differences if not path.startswith("mix.")]
        if strange:
            html.remark(
                f"More than the mix differs: {', '.join(strange)}. A comparison of these arms mixes two "
                "questions."
            )
        rows = [
            {"setting": path, **{arm: _said(v) for arm, v in values.items()}}
            for path, values in differences.items()
        ]
        st.dataframe(rows, hide_index=True, alt="Settings in which the arms differ")


def _tells(path: str, values: dict[str, Any]) -> bool:
    """Whether a differing setting is worth a row.

    That some arms lack a term already shows in its weight; settings on which the arms that have the term
    agree add nothing.
    """
    if not path.startswith("mix.terms.") or path.endswith(".weight"):
        return True
    return len({_said(v) for v in values.values() if v is not None}) > 1


def _said(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
