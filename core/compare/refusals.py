"""What may not be averaged or compared: each with the runs, the values and the repair. Called by `marks`. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.compare.evidence import GOLD, Evidence, by_arm

SHOWN = 3  # values that a sentence names
# How a held-out problem is put and judged. Where one differs, gold accuracy is another quantity.
YARDSTICK = (
    "data.eval", "data.answer_rule", "data.instruction", "evaluation.num_samples", "evaluation.temperature",
    "grpo.max_completion_length", "model.chat_template_kwargs", "model.path",
)  # fmt: skip
# What a run stores of the contents behind a name.
PRINTS = {"model.path": ("model", "fingerprint"), "data.eval": ("data", "eval"), "data.train": ("data", "train")}
# Settings that change no number of a training, or that an arm is made of.
BESIDE = ("name", "seed", "mix", "checkpoint", "journal", "retry")


@dataclass(frozen=True)
class Remark:
    """`refused`: nothing may be averaged. Else a mark beside the numbers. `runs`: the ids it is about. `about`: a path of
    the config, or seeds, outcome, missing, budget, machine. `said` holds names that people and models wrote: untrusted."""

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
    """The value of a setting, and of all below it, -> the runs that have it."""
    found: dict[str, list[Evidence]] = {}
    below: dict[tuple[str, ...], list[str]] = {}  # most runs have the same settings: they are looked through once
    for run in runs:
        keys = tuple(run.settings)
        if keys not in below:
            below[keys] = sorted(k for k in keys if k == path or k.startswith(f"{path}."))
        here = ((k, run.settings[k]) for k in below[keys])
        said = ", ".join(f"{k.rpartition('.')[2]} {v}" for k, v in here if v not in ("", None)) or "nothing"
        found.setdefault(said, []).append(run)
    return found


def _yardstick(runs: Sequence[Evidence]) -> list[Remark]:
    found, ids = [], ids_of(runs)
    for path in YARDSTICK:
        prints = _prints(runs, path)
        if len(prints) > 1:
            said = f"The contents of {path} differ (fingerprints {_listed(prints)}). Compare these runs apart."
            found.append(Remark(path, True, said, ids))
        elif sum(map(len, prints.values())) < len(runs):  # equal contents are the same thing, whatever they are called
            values = _split(runs, path)
            if len(values) > 1:
                said = f"{path} differs, so that gold accuracy is not the same quantity: {_listed(values)}. Compare them apart."
                found.append(Remark(path, True, said, ids))
    return found


def _prints(runs: Sequence[Evidence], path: str) -> dict[str, list[Evidence]]:
    """The fingerprint of what a path names -> the runs that have it; runs that stored none are left out."""
    found: dict[str, list[Evidence]] = {}
    part, key = PRINTS.get(path, ("", ""))
    for run in runs:
        if value := (run.environment.get(part) or {}).get(key):
            found.setdefault(str(value), []).append(run)
    return found


def _settings(runs: Sequence[Evidence]) -> list[dict[str, Any]]:
    """What could make a difference in each run; a name stands for its contents where these are known of all."""
    found = [{k: v for k, v in r.settings.items() if k.split(".")[0] not in BESIDE} for r in runs]
    for path in PRINTS:
        prints = _prints(runs, path)
        if sum(map(len, prints.values())) == len(runs):
            named = {r.run_id: value for value, those in prints.items() for r in those}
            found = [{k: v for k, v in f.items() if k != path and not k.startswith(f"{path}.")} for f in found]
            found = [f | {path: named[r.run_id]} for f, r in zip(found, runs, strict=True)]
    return found


def differing(runs: Sequence[Evidence], mixes: bool) -> list[str]:
    """Paths of the settings that are not the same in all runs; `mixes`: those of the mix too."""
    found = _settings(runs)
    if mixes:
        found = [f | {k: v for k, v in r.settings.items() if k.startswith("mix.")} for f, r in zip(found, runs, strict=True)]
    return sorted(k for k in {k for f in found for k in f} if any(f.get(k) != found[0].get(k) for f in found))


def _within(runs: Sequence[Evidence]) -> list[Remark]:
    """Seeds of one arm must differ in nothing but the seed."""
    found = []
    for arm, same in by_arm(runs).items():
        if paths := differing(same, mixes=True):
            said = f"Runs of {arm} differ in {some(paths)} and not only in their seed; their mean would be of no arm. "
            found.append(Remark(paths[0], True, said + "Give them different names, or leave some out.", ids_of(same)))
    return found


def _twice(runs: Sequence[Evidence]) -> list[Remark]:
    found = []
    for arm, same in by_arm(runs).items():
        for seed in sorted({r.seed for r in same}):
            twins = [r for r in same if r.seed == seed]
            if len(twins) > 1:
                said = f"{arm} has seed {seed} {len(twins)} times (runs {some([str(r.run_id) for r in twins])}); the same seed "
                found.append(
                    Remark(
                        "seeds", True, said + "is the same run, and would count double. Leave all but one out.", ids_of(twins)
                    )
                )
    return found


def _nothing(runs: Sequence[Evidence], horizon: int) -> list[Remark]:
    """A curve needs two evaluations."""
    if horizon > 0 and any(len(r.line(GOLD, horizon)[0]) > 1 for r in runs):
        return []
    return [Remark("outcome", True, "No run has two evaluations yet; wait for the next one.", ids_of(runs))]


def some(values: Sequence[str]) -> str:
    more = len(values) - SHOWN
    return ", ".join(values[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def ids_of(runs: Sequence[Evidence]) -> tuple[int, ...]:
    return tuple(r.run_id for r in runs)
