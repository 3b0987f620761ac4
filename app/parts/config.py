"""The settings of a run: resolved, against its siblings, and as commands. Called by app.views.run."""

import json
from typing import Any

import streamlit as st

from app import cache, prose, words
from core.config import RunConfig
from core.differences import differing, flat
from core.store.queries import RunDetail, RunRow


def config(detail: RunDetail) -> None:
    """The tab, whole."""
    row = detail.row
    made = cache.config(row.id)
    text = made.to_yaml()
    _siblings(row, made)
    left, right = st.columns([3, 2])
    with left, st.container(key="card-config"):
        prose.head("Config", "every default filled in")
        st.code(text, language="yaml", height=520)
        st.download_button("Download YAML", text, f"run-{row.id}.yaml", "application/yaml", icon=":material/download:")
    with right:
        with st.container(key="card-command"):
            prose.head("The same run again")
            st.code(f"showdown export {row.id} run-{row.id}", language="sh")
            st.caption(
                "A folder with this YAML, metrics and samples as Parquet, the adapter, and a script that trains without us."
            )
            st.code(f"showdown submit run-{row.id}.yaml", language="sh")
            st.caption("Queues the downloaded file; `showdown run` trains it in the terminal instead.")
        with st.container(key="card-provenance"):
            prose.head("Made by")
            told = flat({"config_hash": detail.config_hash, "revision": detail.revision, **detail.environment})
            rows = [{"what": k.removeprefix("versions."), "value": _said(v)} for k, v in told.items() if v]
            st.dataframe(rows, hide_index=True, alt="Versions and machine of this run", height=320)


def _siblings(row: RunRow, made: RunConfig) -> None:
    """What the other arms have otherwise, with the same swept settings and seed, or the nearest there is."""

    def distance(other: RunRow) -> tuple[bool, int]:
        return other.swept != row.swept, abs(other.seed - row.seed)

    others: dict[str, RunRow] = {}
    for other in cache.run_list(row.experiment_id) if row.experiment_id is not None else []:
        known = others.get(other.arm)
        nearer = known is None or distance(other) < distance(known)
        if other.arm != row.arm and nearer and not cache.config_fault(other.id):
            others[other.arm] = other
    if not others:
        return
    configs: dict[str, dict[str, Any]] = {f"{row.arm} (this run)": made.resolved()}
    for other in sorted(others.values(), key=lambda r: r.id):
        configs[other.arm] = cache.config(other.id).resolved()
    found = {p: values for p, values in differing(configs).items() if p not in ("name", "seed") and _tells(p, values)}
    with st.container(key="card-siblings"):
        prose.head(
            "Against the other arms",
            f"{words.count(len(found), 'setting')} {'differs' if len(found) == 1 else 'differ'}; the rest is the same",
        )
        strange = [path for path in found if not path.startswith("mix.")]
        if strange:
            prose.remark(f"More than the mix differs: {', '.join(strange)}. A comparison of these arms mixes two questions.")
        rows = [{"setting": path, **{arm: _said(v) for arm, v in values.items()}} for path, values in found.items()]
        st.dataframe(rows, hide_index=True, alt="Settings in which the arms differ")


def _tells(path: str, values: dict[str, Any]) -> bool:
    """Of a term that some arms do not have, the weight says so; what else those that have it agree on says nothing."""
    if not path.startswith("mix.terms.") or path.endswith(".weight"):
        return True
    return len({_said(v) for v in values.values() if v is not None}) > 1


def _said(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
