"""The choice of the Compare page, all of it in the address: runs, score, baseline, threshold, curves.

The runs are those of an experiment, or chosen ones. Nothing here is bound to the URL by Streamlit, which
would write what people read there: other pages link by number and key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.data import reads
from app.data.comparisons import Question
from app.views.shared import links
from app.views.shared.unreadable import parted, said
from app.widgets import html, url_state
from core.compare.catalogue import MEASURED, SCORES
from core.compare.comparison import PRIMARY
from core.compare.evidence import GOLD
from core.compare.stats.thresholds import RELATIVE, absolute
from core.store.runs.queries import ExperimentRow, RunRow

# The metric behind each score's curves.
BEHIND: dict[str, str] = {
    "kl/spent": "eval/kl", "kl/area": "eval/kl", "signal/dead_groups": "signal/dead_groups",
    "spikes/grad_norm": "policy/grad_norm", "spikes/kl": "policy/kl", "spikes/loss": "policy/loss",
    "spikes/length": "length/mean", "health/missing": "reward/total",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What the address asks the page to compare.

    `experiment`: where all its runs are compared. `shown`: (arm, score) whose curves are open; arm "" is all.
    `faults`: what of the address could not be followed.
    """

    question: Question
    rows: tuple[RunRow, ...]
    experiment: ExperimentRow | None
    score: str
    baseline: str
    threshold: str
    shown: tuple[str, str]
    faults: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The metric whose curves are open."""
        return BEHIND.get(self.shown[1], GOLD)


def run_ids() -> tuple[int, ...]:
    """Ids of the runs that the address names: 1,2,3 or 1-2-3."""
    numbers = [links.number(word) for word in url_state.get("runs").replace("-", ",").split(",")]
    return tuple(sorted({n for n in numbers if n is not None}))


def newest(known: Sequence[ExperimentRow]) -> ExperimentRow | None:
    """The newest experiment with an evaluation, else the newest."""
    for e in known:
        if any(r.accuracy is not None for r in reads.runs_of(e.id)):
            return e
    return known[0] if known else None


def pick(
    label: str,
    options: Sequence[str],
    name: str,
    now: str,
    said: Callable[[str], str] = str,
    clear: Sequence[str] = (),
    **more: Any,
) -> str:
    """Draw a box whose choice is the URL parameter `name`; a new choice drops the parameters in `clear`."""
    key = f"compare-{name}-{now}"

    def choose() -> None:
        url_state.put(**{name: str(st.session_state[key] or ""), **dict.fromkeys(clear, "")})

    index = options.index(now) if now in options else None
    st.selectbox(label, options, index, format_func=said, key=key, on_change=choose, **more)
    return now


def asked() -> Asked | None:
    """What the address asks for; None if there is no run at all."""
    faults = []
    ids = run_ids()
    experiments = reads.experiments()
    experiment_id = links.number(url_state.get("experiment"))
    experiment = None if ids else next((e for e in experiments if e.id == experiment_id), None)
    if url_state.get("experiment") and not ids and experiment is None:
        faults.append(f"There is no experiment {url_state.get('experiment')}. This is another one.")
    experiment = experiment or (None if ids else newest(experiments))
    rows = reads.rows(ids) if ids else reads.runs_of(experiment.id) if experiment else []
    if len(rows) < len(ids):
        faults.append(f"{len(ids) - len(rows)} of the {len(ids)} runs of this link are not there.")
    rows, unreadable = parted(rows)
    faults += [said(r.id) for r in unreadable]
    if not rows:
        return None
    config = reads.experiment_config(experiment.id) if experiment else {}
    fixed = tuple(key for key in config.get("primary") or () if key in MEASURED)
    thresholds = tuple(float(t) for t in config.get("thresholds") or ())
    threshold, extra = _threshold(thresholds, faults)
    primary = fixed or PRIMARY
    score = url_state.get("score")
    score = score if score in MEASURED and SCORES[score].better else primary[0]
    ordered = tuple(sorted(rows, key=lambda r: r.id))
    # The score on screen is tested too, after those that were fixed.
    question = Question(
        tuple(r.id for r in ordered), (*extra, *thresholds), tuple(dict.fromkeys((*primary, score))), fixed
    )
    arms = sorted({r.variant for r in rows})
    arm, _, key = url_state.get("show").rpartition("~")
    baseline = url_state.get("base")
    return Asked(
        question, ordered, experiment, score, baseline if baseline in arms else "", threshold,
        (arm if arm in arms else "", key if key in SCORES else score), tuple(faults),
    )  # fmt: skip


def named(share: float) -> str:
    """The name of a threshold at this gold accuracy."""
    return absolute(share).name


def _threshold(thresholds: Sequence[float], faults: list[str]) -> tuple[str, tuple[float, ...]]:
    """The name of the chosen threshold, and gold accuracies that only the address asks for."""
    text = url_state.get("reach")
    if text in (*RELATIVE, *map(named, thresholds)):
        return text, ()
    try:
        share = float(text.replace("%", "").replace(",", ".")) / 100 if text else 0.0
    except ValueError:
        share = 0.0
    if 0 < share <= 1:
        return named(share), (share,) if share not in thresholds else ()
    if text:
        faults.append(f"{text} is no gold accuracy. Write a number above 0 and up to 100, such as 60.")
    return (named(thresholds[0]) if thresholds else RELATIVE[0]), ()


def controls(a: Asked, labels: Mapping[str, str]) -> None:
    """Draw the boxes; `labels` has the texts of the experiments by id."""
    fixed = a.question.fixed
    for fault in a.faults:
        html.fault(fault)
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-controls"):
        experiment_id = str(a.experiment.id) if a.experiment else ""
        pick("Experiment", list(labels), "experiment", experiment_id, lambda i: html.visible(labels[i]),
             ("runs", "score", "base", "reach", "show"), width=300, placeholder="Chosen runs")  # fmt: skip
        scores = [k for k in dict.fromkeys((*a.question.primary, *MEASURED)) if SCORES[k].better]
        pick(
            "Score",
            scores,
            "score",
            a.score,
            lambda k: f"{SCORES[k].title}{' · fixed before' * (k in fixed)}",
            ("show",),
            width=260,
            help=SCORES[a.score].formula,
        )
        arms = sorted({r.variant for r in a.rows})
        others = ["", *arms] if len(arms) > 1 else [""]
        pick("Against", others, "base", a.baseline, lambda n: html.visible(n) or "the next best", width=190,
             help="The arm that differences are measured from.")  # fmt: skip
        marks = list(dict.fromkeys((*map(named, a.question.thresholds), *RELATIVE, a.threshold)))
        pick("Threshold", marks, "reach", a.threshold, width=180, accept_new_options=True,
             help="Gold accuracy to reach. Choose one, or type another in percent.")  # fmt: skip
