"""ExperimentConfig: arms x seeds x swept settings, and the runs it expands to before anything is queued.

A combination that cannot be trained is refused here, beside the setting that it is about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from core.common.config_model import Frozen
from core.common.messages import NAME
from core.compare.catalogue import MEASURED, SCORES
from core.config import sweep as sweeps
from core.config.parsing import explain
from core.config.run import RunConfig
from core.rewards.mix import Mix

MOST_SEEDS = 64
RANGE = re.compile(r"\s*(\d{1,12})\s*-\s*(\d{1,12})\s*", re.ASCII)


class Arm(Frozen):
    """One mix in an experiment."""

    name: str = Field(pattern=NAME)
    """Name of the arm, unique in the experiment."""
    mix: Mix


@dataclass(frozen=True)
class Planned:
    """One run of an experiment before it is queued, with its swept settings."""

    config: RunConfig
    swept: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the run, such as `hybrid, beta 0.04, seed 1`."""
        return sweeps.run_name(self.config.name, self.swept, self.config.seed)


class ExperimentConfig(Frozen):
    """Arms x seeds x swept settings under one question; all else is the same in every run."""

    name: str = Field(min_length=1, max_length=120)
    """Title."""
    question: str = ""
    """What the experiment asks."""
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=16)
    """The mixes compared."""
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field(
        (0,), min_length=1, max_length=MOST_SEEDS
    )
    """One run per arm and seed."""
    sweep: dict[str, tuple[bool | int | float | str | None, ...]] = {}
    """Settings with the values they are tried with, e.g. {grpo.beta: [0.0, 0.04], lora.r: [8, 16]}: every
    combination."""
    run: dict[str, Any] = {}
    """Everything else of a RunConfig, common to all runs."""
    primary: tuple[str, ...] = Field((), max_length=6)
    """Scores that decide, named before the first run: their comparisons are corrected for together. Empty:
    the page's own."""
    thresholds: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field((), max_length=6)
    """Gold accuracies whose first reaching is compared, e.g. 0.6 for 60 %, beside those relative to the
    best arm."""

    @field_validator("seeds", mode="before")
    @classmethod
    def _no_range(cls, seeds: Any) -> Any:
        """Refuse a range of seeds, since pydantic would read `0-100000` as the number -100000.

        The form writes a range such as `0-4` out, unless it is too long.
        """
        for word in seeds if isinstance(seeds, list | tuple) else ():
            if isinstance(word, str) and (bounds := RANGE.fullmatch(word)):
                first = int(bounds[1])
                last = int(bounds[2])
                if last < first:
                    raise ValueError(f"seeds {word} goes down; write {last}-{first}")
                if last - first >= MOST_SEEDS:
                    raise ValueError(
                        f"seeds {word} would be {last - first + 1:,}, "
                        f"more than {MOST_SEEDS} of an experiment; take fewer"
                    )
                raise ValueError(f"seeds {word} is a range; write its numbers one by one")
        return seeds

    @field_validator("primary")
    @classmethod
    def _are_scores(cls, primary: tuple[str, ...]) -> tuple[str, ...]:
        for key in primary:
            if key not in MEASURED:
                raise ValueError(f"{key!r} is no score of a run; choose of {', '.join(MEASURED)}")
            if not SCORES[key].better:
                raise ValueError(
                    f"{key} is better neither high nor low, so it decides nothing; choose another"
                )
            if primary.count(key) > 1:
                raise ValueError(f"{key} is named twice; remove one")
        return primary

    @model_validator(mode="after")
    def _expands(self) -> "ExperimentConfig":
        names_by_kind: dict[str, list[str]] = {
            "arm": [a.name for a in self.arms],
            "seed": [str(s) for s in self.seeds],
        }
        for kind, items in names_by_kind.items():
            duplicates = [x for x in items if items.count(x) > 1]
            if duplicates:
                raise ValueError(f"{kind} {duplicates[0]} is given twice")
        extra = sorted(set(self.run) & set(sweeps.FROM_ELSEWHERE))
        if extra:
            raise ValueError(f"run.{extra[0]} comes from the arms and seeds; leave it out of `run`")
        if refused := sweeps.refused(self.sweep, RunConfig):
            raise _refusal([(("sweep", path), message) for path, message in refused])
        count = sweeps.size(len(self.arms), len(self.seeds), self.sweep)
        if count > sweeps.MOST_RUNS:
            field = ("sweep",) if self.sweep else ("seeds",)
            raise _refusal(
                [
                    (
                        field,
                        f"makes {count} runs, more than {sweeps.MOST_RUNS}; take away values, seeds or arms",
                    )
                ]
            )
        self.planned()
        return self

    def planned(self) -> list[Planned]:
        """The runs in queue order: every arm and combination of the first seed, then of the next."""
        first_seed_runs = []
        refused = []
        for swept in sweeps.grid(self.sweep):
            for arm in self.arms:
                name = sweeps.variant(arm.name, swept)
                try:
                    first_seed_runs.append(Planned(self._run(arm, swept), swept))
                except KeyError as error:
                    path = next(
                        p for p in swept if (term := sweeps.WEIGHT.fullmatch(p)) and term[1] == error.args[0]
                    )
                    message = (
                        f"the mix of this arm has no term {error.args[0]!r}; "
                        "give it one, or do not sweep its weight"
                    )
                    refused.append((name, [(path, message)]))
                except ValidationError as error:
                    if not self.sweep:
                        raise
                    refused.append((name, explain(error).problems))
        if refused:
            raise _refusal(list(_beside(refused, list(self.sweep), len(first_seed_runs) + len(refused))))
        return [
            Planned(p.config.model_copy(update={"seed": seed}), p.swept)
            for seed in self.seeds
            for p in first_seed_runs
        ]

    def _run(self, arm: Arm, swept: dict[str, Any]) -> RunConfig:
        mix = (
            arm.mix.model_dump(mode="json", by_alias=True)
            if any(p.startswith("mix.") for p in swept)
            else arm.mix
        )
        return RunConfig.model_validate(
            sweeps.applied({**self.run, "name": arm.name, "mix": mix, "seed": self.seeds[0]}, swept)
        )

    def base(self) -> RunConfig:
        """A run in which nothing is swept, so that each setting keeps its own value.

        The first run of the sweep where such a run is not valid.
        """
        try:
            return self.model_copy(update={"sweep": {}}).runs()[0]
        except ValidationError:
            return self.runs()[0]

    def runs(self) -> list[RunConfig]:
        """Configs of the planned runs, in queue order."""
        return [p.config for p in self.planned()]


def _refusal(faults: list[tuple[tuple[str, ...], str]]) -> ValidationError:
    """A ValidationError of pydantic with these messages at these places."""
    details = [
        InitErrorDetails(type=PydanticCustomError("value_error", "{m}", {"m": m}), loc=loc, input={})
        for loc, m in faults
    ]
    return ValidationError.from_exception_data("ExperimentConfig", details)


def _beside(
    refused: list[tuple[str, list[tuple[str, str]]]], sweep: list[str], of: int
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Place each fault of a sweep's runs at the swept setting that it is about, with the runs it hits."""
    names_by_fault: dict[tuple[str, str], list[str]] = {}
    for name, problems in refused:
        for field, message in problems:
            path = next((p for p in sweep if p == field or field.startswith(f"{p}.")), None) or next(
                (p for p in sweep if p.startswith(field) and p.rpartition(".")[2] in message), None
            )
            names_by_fault.setdefault((f"sweep.{path}" if path else field, message), []).append(name)
    for (field, message), names in names_by_fault.items():
        head, dot, path = field.partition(".")
        if head == "sweep":
            prefix = f"{len(names)} of {of} runs a seed, first " if len(names) > 1 else ""
            yield (head, path), f"{prefix}{names[0]}: {message}"
        else:
            yield tuple(field.split(".")) if field else (), message
