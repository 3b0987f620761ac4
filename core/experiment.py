"""ExperimentConfig: arms x seeds x swept settings, and the runs it expands to before anything is queued.

Called by the forms, the CLI, core.presets and core.store.runs. A combination that cannot be trained is refused here, beside the
setting that it is about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from core import sweep as sweeps
from core.compare.catalogue import MEASURED, SCORES
from core.config import RunConfig
from core.faults import NAME
from core.frozen import Frozen
from core.mix import Mix
from core.parsing import explain

MOST_SEEDS = 64
RANGE = re.compile(r"\s*(\d{1,12})\s*-\s*(\d{1,12})\s*", re.ASCII)


class Arm(Frozen):
    """One mix in an experiment."""

    name: str = Field(pattern=NAME)
    """Name of the arm, unique in the experiment."""
    mix: Mix


@dataclass(frozen=True)
class Planned:
    """One run of an experiment before it is queued, and the swept settings that it has."""

    config: RunConfig
    swept: dict[str, Any]

    @property
    def name(self) -> str:
        """hybrid, beta 0.04, seed 1."""
        return sweeps.run_name(self.config.name, self.swept, self.config.seed)


class ExperimentConfig(Frozen):
    """Arms x seeds x swept settings under one question; all else is the same in every run."""

    name: str = Field(min_length=1, max_length=120)
    """Title."""
    question: str = ""
    """What the experiment asks."""
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=16)
    """The mixes compared."""
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field((0,), min_length=1, max_length=MOST_SEEDS)
    """One run per arm and seed."""
    sweep: dict[str, tuple[bool | int | float | str | None, ...]] = {}
    """Settings with the values they are tried with, e.g. {grpo.beta: [0.0, 0.04], lora.r: [8, 16]}: every combination."""
    run: dict[str, Any] = {}
    """Everything else of a RunConfig, common to all runs."""
    primary: tuple[str, ...] = Field((), max_length=6)
    """Scores that decide, named before the first run: their comparisons are corrected for together. Empty: the page's own."""
    thresholds: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field((), max_length=6)
    """Gold accuracies whose first reaching is compared, e.g. 0.6 for 60 %, beside those relative to the best arm."""

    @field_validator("seeds", mode="before")
    @classmethod
    def _no_range(cls, seeds: Any) -> Any:
        """`0-4` is written out by the form, unless it is too long; pydantic would read `0-100000` as the number -100000."""
        for word in seeds if isinstance(seeds, list | tuple) else ():
            if isinstance(word, str) and (found := RANGE.fullmatch(word)):
                first, last = int(found[1]), int(found[2])
                if last < first:
                    raise ValueError(f"seeds {word} goes down; write {last}-{first}")
                if last - first >= MOST_SEEDS:
                    raise ValueError(
                        f"seeds {word} would be {last - first + 1:,}, more than {MOST_SEEDS} of an experiment; take fewer"
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
                raise ValueError(f"{key} is better neither high nor low, so it decides nothing; choose another")
            if primary.count(key) > 1:
                raise ValueError(f"{key} is named twice; remove one")
        return primary

    @model_validator(mode="after")
    def _expands(self) -> "ExperimentConfig":
        given: dict[str, list[str]] = {"arm": [a.name for a in self.arms], "seed": [str(s) for s in self.seeds]}
        for what, items in given.items():
            twice = [x for x in items if items.count(x) > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]} is given twice")
        extra = sorted(set(self.run) & set(sweeps.FROM_ELSEWHERE))
        if extra:
            raise ValueError(f"run.{extra[0]} comes from the arms and seeds; leave it out of `run`")
        if found := sweeps.refused(self.sweep, RunConfig):
            raise _refusal([(("sweep", path), message) for path, message in found])
        count = sweeps.size(len(self.arms), len(self.seeds), self.sweep)
        if count > sweeps.MOST_RUNS:
            where = ("sweep",) if self.sweep else ("seeds",)
            raise _refusal([(where, f"makes {count} runs, more than {sweeps.MOST_RUNS}; take away values, seeds or arms")])
        self.planned()
        return self

    def planned(self) -> list[Planned]:
        """The runs in the order in which they are queued: every arm and combination of the first seed, then of the next."""
        made, refused = [], []
        for swept in sweeps.grid(self.sweep):
            for arm in self.arms:
                name = sweeps.variant(arm.name, swept)
                try:
                    made.append(Planned(self._run(arm, swept), swept))
                except KeyError as error:
                    path = next(p for p in swept if (term := sweeps.WEIGHT.fullmatch(p)) and term[1] == error.args[0])
                    said = f"the mix of this arm has no term {error.args[0]!r}; give it one, or do not sweep its weight"
                    refused.append((name, [(path, said)]))
                except ValidationError as error:
                    if not self.sweep:
                        raise
                    refused.append((name, explain(error).problems))
        if refused:
            raise _refusal(list(_beside(refused, list(self.sweep), len(made) + len(refused))))
        return [Planned(p.config.model_copy(update={"seed": seed}), p.swept) for seed in self.seeds for p in made]

    def _run(self, arm: Arm, swept: dict[str, Any]) -> RunConfig:
        mix = arm.mix.model_dump(mode="json", by_alias=True) if any(p.startswith("mix.") for p in swept) else arm.mix
        return RunConfig.model_validate(
            sweeps.applied({**self.run, "name": arm.name, "mix": mix, "seed": self.seeds[0]}, swept)
        )

    def base(self) -> RunConfig:
        """A run without what is swept, so that a setting that is swept keeps its own value; where it cannot be, the first."""
        try:
            return self.model_copy(update={"sweep": {}}).runs()[0]
        except ValidationError:
            return self.runs()[0]

    def runs(self) -> list[RunConfig]:
        """Their configs."""
        return [p.config for p in self.planned()]


def _refusal(faults: list[tuple[tuple[str, ...], str]]) -> ValidationError:
    """These messages at these places, as pydantic's own."""
    details = [
        InitErrorDetails(type=PydanticCustomError("value_error", "{m}", {"m": m}), loc=loc, input={}) for loc, m in faults
    ]
    return ValidationError.from_exception_data("ExperimentConfig", details)


def _beside(
    refused: list[tuple[str, list[tuple[str, str]]]], sweep: list[str], of: int
) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with runs of a sweep, beside the swept setting that it is about, and which runs it hits."""
    hit: dict[tuple[str, str], list[str]] = {}
    for name, problems in refused:
        for where, message in problems:
            path = next((p for p in sweep if p == where or where.startswith(f"{p}.")), None) or next(
                (p for p in sweep if p.startswith(where) and p.rpartition(".")[2] in message), None
            )
            hit.setdefault((f"sweep.{path}" if path else where, message), []).append(name)
    for (where, message), names in hit.items():
        head, dot, path = where.partition(".")
        if head == "sweep":
            which = f"{len(names)} of {of} runs a seed, first " if len(names) > 1 else ""
            yield (head, path), f"{which}{names[0]}: {message}"
        else:
            yield tuple(where.split(".")) if where else (), message
