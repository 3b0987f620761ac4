"""Samples as columns: the input of replay and pre-flight, from a run's rows or any file of completions.

Holds numbers only; texts are read in pieces and let go, so a million samples fit a laptop. Axes: n samples.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from core.common.errors import ConfigError
from core.common.groups import BoolArray, FloatArray, Groups, IntArray, beside
from core.rewards.batch import RolloutBatch
from core.rewards.component import FROM_TEXT
from core.rewards.engine import score_term
from core.rewards.mix import Mix, Term

STORED = FROM_TEXT - {"solution"}  # what every stored sample still has


@dataclass(frozen=True)
class SampleTable:
    """Samples as columns, with the raw scores of each term.

    `id` [n] of the sample (row number in a file), `step` [n], `group` [n] unique across steps, `raw` a column
    [n] per term label, and what advantage rules read.
    """

    id: IntArray
    step: IntArray
    group: IntArray
    correct: BoolArray
    mean_nll: FloatArray
    n_tokens: IntArray
    raw: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.id)

    @cached_property
    def groups(self) -> Groups:
        return Groups.of(self.group)

    @cached_property
    def batches(self) -> Groups:
        """The samples grouped by step."""
        return Groups.of(self.step)

    def matrix(self, mix: Mix) -> FloatArray:
        """[n, K] raw scores in the mix's order."""
        return beside([self.raw[t.label] for t in mix.terms])

    def part(self, rows: IntArray) -> "SampleTable":
        """A table of some of the samples."""
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "raw"}
        return SampleTable(**columns, raw={k: v[rows] for k, v in self.raw.items()})

    def thinned(self, most: int) -> "SampleTable":
        """About `most` samples at most: whole groups, evenly spaced."""
        if len(self) <= most:
            return self
        keep = np.linspace(
            0, self.groups.count - 1, max(1, int(self.groups.count * most / len(self)))
        ).astype(int)
        return self.part(np.flatnonzero(np.isin(self.groups.index, keep)))


def join(parts: Iterable[SampleTable]) -> SampleTable:
    """Concatenate tables that have the same terms."""
    tables = list(parts)
    if not tables:
        empty = np.zeros(0)
        empty_integers = empty.astype(np.int64)
        return SampleTable(
            empty_integers, empty_integers, empty_integers, empty.astype(bool), empty, empty_integers, {}
        )
    columns = {
        f.name: np.concatenate([getattr(t, f.name) for t in tables])
        for f in fields(SampleTable)
        if f.name != "raw"
    }
    return SampleTable(**columns, raw={k: np.concatenate([t.raw[k] for t in tables]) for k in tables[0].raw})


def from_batch(
    batch: RolloutBatch, mix: Mix, step: int = 1, first_id: int = 0, first_group: int = 0
) -> SampleTable:
    """Score a batch with the terms of a mix."""
    n = len(batch)
    return SampleTable(
        id=np.arange(first_id, first_id + n),
        step=np.full(n, step),
        group=batch.groups.index + first_group,
        correct=batch.correct,
        mean_nll=batch.mean_nll,
        n_tokens=batch.n_tokens,
        raw={t.label: score_term(batch, t) for t in mix.terms},
    )


def same_score(a: Term, b: Term) -> bool:
    """Whether the two terms give every sample the same raw score."""
    return a.component == b.component and a.params == b.params


def plan(wanted: Mix, stored: Mix) -> dict[str, str | None]:
    """Map wanted labels to stored labels with the same raw scores; None if the text must be scored anew.

    ConfigError for a term that needs what a stored sample does not have.
    """
    stored_by_label: dict[str, str | None] = {}
    available = STORED | ({"logprobs"} if stored.needs_logprobs else set())
    if wanted.advantage.perplexity_alpha and not stored.needs_logprobs:
        raise ConfigError(
            [("advantage.perplexity_alpha", "needs log-probabilities, which this run did not store")]
        )
    for i, term in enumerate(wanted.terms):
        twin = next((s.label for s in stored.terms if same_score(s, term)), None)
        missing = term.definition.needs - available
        if twin is None and missing:
            raise ConfigError(
                [(
                    f"terms.{i}.component",
                    f"{term.component!r} needs {', '.join(sorted(missing))}, which this run's samples "
                    "do not have; "
                    "it can be replayed only on runs that trained with it, with the same params",
                )]
            )  # fmt: skip
        stored_by_label[term.label] = twin
    return stored_by_label
