"""What may not be averaged or compared: each refusal with the runs, the values and the repair. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.compare.evidence import GOLD, Evidence, by_arm

SHOWN = 3  # values that a message lists
# How a held-out problem is posed and judged. Where one differs, gold accuracy is another quantity.
YARDSTICK = (
    "data.eval", "data.answer_rule", "data.instruction", "evaluation.num_samples", "evaluation.temperature",
    "grpo.max_completion_length", "model.chat_template_kwargs", "model.path",
)  # fmt: skip
# Path of a name -> where a run stores the fingerprint of the contents behind it.
PRINTS = {
    "model.path": ("model", "fingerprint"),
    "data.eval": ("data", "eval"),
    "data.train": ("data", "train"),
}
# Settings without effect on a training's numbers, or that define an arm.
BESIDE = ("name", "seed", "mix", "checkpoint", "journal", "retry")


@dataclass(frozen=True)
class Remark:
    """A refusal or a warning about some runs.

    `refused`: nothing may be averaged; otherwise a warning shown with the numbers. `runs`: the ids it is
    about. `about`: a path of the config, or seeds, outcome, missing, budget, machine. `said` holds names that
    people and models wrote: untrusted.
    """

    about: str
    refused: bool
    said: str
    runs: tuple[int, ...] = ()


def refused(runs: Sequence[Evidence], horizon: int) -> list[Remark]:
    """Why these runs may not be averaged or compared; empty where they may."""
    if not runs:
        return [Remark("runs", True, "No runs were chosen; choose at least one.")]
    return [*(_yardstick(runs) or _within(runs)), *_twice(runs), *_nothing(runs, horizon)]


def _listed(values: Mapping[Any, Sequence[Evidence]]) -> str:
    """`128 in run 1, 64 in runs 2, 3`; names of settings and values only."""
    parts = []
    for value, runs in list(values.items())[:SHOWN]:
        ids = ", ".join(str(r.run_id) for r in runs[:SHOWN]) + (" ..." if len(runs) > SHOWN else "")
        parts.append(f"{value} in run{'s' if len(runs) > 1 else ''} {ids}")
    return "; ".join(parts)


def _split(runs: Iterable[Evidence], path: str) -> dict[str, list[Evidence]]:
    """The value of a setting, and of all settings below it, -> the runs that have it."""
    runs_by_value: dict[str, list[Evidence]] = {}
    # most runs have the same settings, which are searched once
    below: dict[tuple[str, ...], list[str]] = {}
    for run in runs:
        keys = tuple(run.settings)
        if keys not in below:
            below[keys] = sorted(k for k in keys if k == path or k.startswith(f"{path}."))
        items = ((k, run.settings[k]) for k in below[keys])
        value_text = (
            ", ".join(f"{k.rpartition('.')[2]} {v}" for k, v in items if v not in ("", None)) or "nothing"
        )
        runs_by_value.setdefault(value_text, []).append(run)
    return runs_by_value


def _yardstick(runs: Sequence[Evidence]) -> list[Remark]:
    remarks = []
    ids = ids_of(runs)
    for path in YARDSTICK:
        prints = _prints(runs, path)
        if len(prints) > 1:
            message = (
                f"The contents of {path} differ (fingerprints {_listed(prints)}). Compare these runs apart."
            )
            remarks.append(Remark(path, True, message, ids))
        # equal contents are one thing, whatever their names
        elif sum(map(len, prints.values())) < len(runs):
            values = _split(runs, path)
            if len(values) > 1:
                message = (
                    f"{path} differs, so that gold accuracy is not the same quantity: {_listed(values)}. "
                    "Compare them apart."
                )
                remarks.append(Remark(path, True, message, ids))
    return remarks


def _prints(runs: Sequence[Evidence], path: str) -> dict[str, list[Evidence]]:
    """The fingerprint of what a path names -> the runs that have it; runs that stored none are left out."""
    runs_by_print: dict[str, list[Evidence]] = {}
    part, key = PRINTS.get(path, ("", ""))
    for run in runs:
        if value := (run.environment.get(part) or {}).get(key):
            runs_by_print.setdefault(str(value), []).append(run)
    return runs_by_print


def _settings(runs: Sequence[Evidence]) -> list[dict[str, Any]]:
    """The settings of each run that could make a difference.

    A fingerprint stands in for a name where it is known of all runs.
    """
    compared = [{k: v for k, v in r.settings.items() if k.split(".")[0] not in BESIDE} for r in runs]
    for path in PRINTS:
        prints = _prints(runs, path)
        if sum(map(len, prints.values())) == len(runs):
            named = {r.run_id: value for value, those in prints.items() for r in those}
            compared = [
                {k: v for k, v in f.items() if k != path and not k.startswith(f"{path}.")} for f in compared
            ]
            compared = [f | {path: named[r.run_id]} for f, r in zip(compared, runs, strict=True)]
    return compared


def differing(runs: Sequence[Evidence], mixes: bool) -> list[str]:
    """Paths of the settings that are not equal in all runs; `mixes`: those of the mix too."""
    compared = _settings(runs)
    if mixes:
        compared = [
            f | {k: v for k, v in r.settings.items() if k.startswith("mix.")}
            for f, r in zip(compared, runs, strict=True)
        ]
    return sorted(
        k for k in {k for f in compared for k in f} if any(f.get(k) != compared[0].get(k) for f in compared)
    )


def _within(runs: Sequence[Evidence]) -> list[Remark]:
    """Refusals for arms whose seeds differ in more than the seed."""
    remarks = []
    for arm, arm_runs in by_arm(runs).items():
        if paths := differing(arm_runs, mixes=True):
            message = (
                f"Runs of {arm} differ in {some(paths)} and not only in their seed; their mean would be of "
                "no arm. "
            )
            remarks.append(
                Remark(
                    paths[0],
                    True,
                    message + "Give them different names, or leave some out.",
                    ids_of(arm_runs),
                )
            )
    return remarks


def _twice(runs: Sequence[Evidence]) -> list[Remark]:
    remarks = []
    for arm, arm_runs in by_arm(runs).items():
        for seed in sorted({r.seed for r in arm_runs}):
            twins = [r for r in arm_runs if r.seed == seed]
            if len(twins) > 1:
                message = (
                    f"{arm} has seed {seed} {len(twins)} times (runs "
                    f"{some([str(r.run_id) for r in twins])}); the same seed "
                )
                remarks.append(
                    Remark(
                        "seeds",
                        True,
                        message + "is the same run, and would count double. Leave all but one out.",
                        ids_of(twins),
                    )
                )
    return remarks


def _nothing(runs: Sequence[Evidence], horizon: int) -> list[Remark]:
    """A refusal where no run has two evaluations, which a curve needs."""
    if horizon > 0 and any(len(r.line(GOLD, horizon)[0]) > 1 for r in runs):
        return []
    return [Remark("outcome", True, "No run has two evaluations yet; wait for the next one.", ids_of(runs))]


def some(values: Sequence[str]) -> str:
    more = len(values) - SHOWN
    return ", ".join(values[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def ids_of(runs: Sequence[Evidence]) -> tuple[int, ...]:
    return tuple(r.run_id for r in runs)
