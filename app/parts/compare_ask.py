"""What the Compare page compares, all of it in the address: an experiment or chosen runs, score, baseline, threshold, curves.

Called by app.views.compare. Nothing here is bound to the URL by Streamlit, which would write what people read there: other
pages link by number and key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app import address, cache, places, prose
from app.compared import Question
from app.parts.unreadable import parted, said
from core.compare.catalogue import MEASURED, SCORES
from core.compare.comparison import PRIMARY
from core.compare.evidence import GOLD
from core.compare.thresholds import RELATIVE, absolute
from core.store.queries import ExperimentRow, RunRow

# A score -> the metric whose curves it is made of.
BEHIND: dict[str, str] = {
    "kl/spent": "eval/kl", "kl/area": "eval/kl", "signal/dead_groups": "signal/dead_groups",
    "spikes/grad_norm": "policy/grad_norm", "spikes/kl": "policy/kl", "spikes/loss": "policy/loss",
    "spikes/length": "length/mean", "health/missing": "reward/total",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """`experiment`: where all its runs are compared. `shown`: (arm, score) whose curves are open; arm "" is all. `faults`: what
    of the address could not be followed."""

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
    """Runs that the address names: 1,2,3 or 1-2-3."""
    found = [places.number(word) for word in address.get("runs").replace("-", ",").split(",")]
    return tuple(sorted({n for n in found if n is not None}))


def newest(known: Sequence[ExperimentRow]) -> ExperimentRow | None:
    """The newest experiment with an evaluation, else the newest."""
    for e in known:
        if any(r.accuracy is not None for r in cache.runs_of(e.id)):
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
    """A box whose choice is in the address under `name`; a new choice takes those of `clear` out of it."""
    key = f"compare-{name}-{now}"

    def choose() -> None:
        address.put(**{name: str(st.session_state[key] or ""), **dict.fromkeys(clear, "")})

    at = options.index(now) if now in options else None
    st.selectbox(label, options, at, format_func=said, key=key, on_change=choose, **more)
    return now


def asked() -> Asked | None:
    """What the address asks for; None where there is no run at all."""
    faults = []
    ids, known = run_ids(), cache.experiments()
    wanted = places.number(address.get("experiment"))
    chosen = None if ids else next((e for e in known if e.id == wanted), None)
    if address.get("experiment") and not ids and chosen is None:
        faults.append(f"There is no experiment {address.get('experiment')}. This is another one.")
    chosen = chosen or (None if ids else newest(known))
    rows = cache.rows(ids) if ids else cache.runs_of(chosen.id) if chosen else []
    if len(rows) < len(ids):
        faults.append(f"{len(ids) - len(rows)} of the {len(ids)} runs of this link are not there.")
    rows, unreadable = parted(rows)
    faults += [said(r.id) for r in unreadable]
    if not rows:
        return None
    config = cache.experiment_config(chosen.id) if chosen else {}
    fixed = tuple(key for key in config.get("primary") or () if key in MEASURED)
    thresholds = tuple(float(t) for t in config.get("thresholds") or ())
    threshold, extra = _threshold(thresholds, faults)
    primary = fixed or PRIMARY
    score = address.get("score")
    score = score if score in MEASURED and SCORES[score].better else primary[0]
    # A score that somebody looks at is tested too; it comes behind those that were fixed.
    ordered = tuple(sorted(rows, key=lambda r: r.id))
    question = Question(tuple(r.id for r in ordered), (*extra, *thresholds), tuple(dict.fromkeys((*primary, score))), fixed)
    arms = sorted({r.variant for r in rows})
    arm, _, key = address.get("show").rpartition("~")
    baseline = address.get("base")
    return Asked(
        question, ordered, chosen, score, baseline if baseline in arms else "", threshold,
        (arm if arm in arms else "", key if key in SCORES else score), tuple(faults),
    )  # fmt: skip


def named(share: float) -> str:
    """A gold accuracy as thresholds are named."""
    return absolute(share).name


def _threshold(thresholds: Sequence[float], faults: list[str]) -> tuple[str, tuple[float, ...]]:
    """The threshold that is looked at by its name, and the gold accuracies that only the address asks for."""
    text = address.get("reach")
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
    """The boxes. `labels`: experiments by id, as text."""
    fixed = a.question.fixed
    for fault in a.faults:
        prose.fault(fault)
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-controls"):
        now = str(a.experiment.id) if a.experiment else ""
        pick("Experiment", list(labels), "experiment", now, lambda i: prose.visible(labels[i]),
             ("runs", "score", "base", "reach", "show"), width=300, placeholder="Chosen runs")  # fmt: skip
        scores = [k for k in dict.fromkeys((*a.question.primary, *MEASURED)) if SCORES[k].better]
        pick(
            "Score", scores, "score", a.score, lambda k: f"{SCORES[k].title}{' · fixed before' * (k in fixed)}", ("show",),
            width=260, help=SCORES[a.score].formula,
        )  # fmt: skip
        arms = sorted({r.variant for r in a.rows})
        others = ["", *arms] if len(arms) > 1 else [""]
        pick("Against", others, "base", a.baseline, lambda n: prose.visible(n) or "the next best", width=190,
             help="The arm that differences are measured from.")  # fmt: skip
        marks = list(dict.fromkeys((*map(named, a.question.thresholds), *RELATIVE, a.threshold)))
        pick("Threshold", marks, "reach", a.threshold, width=180, accept_new_options=True,
             help="Gold accuracy to reach. Choose one, or type another in percent.")  # fmt: skip
