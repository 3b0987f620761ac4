"""The answer of a comparison in a few sentences, by a stated rule. Pure.

The leader is the arm with the best mean of the score, and is set against the next one (or against a
baseline). It is *ahead* where the corrected p of their differences by seed is below LEVEL; it *leads* where
only the interval of the differences keeps to one side of zero, which few seeds can show but not test; else
these seeds do not tell the two apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.compare import formatting
from core.compare.catalogue import SCORES, Score
from core.compare.comparison import Arm, Comparison, Pair
from core.compare.stats.bootstrap import FEWEST
from core.compare.stats.pairs import Paired
from core.metrics import count

LEVEL = 0.05
Kind = Literal["refused", "nothing", "alone", "points", "together", "leads", "ahead"]
Part = tuple[str, str]
"""Words, and what they are: "arm", "number" or "" for the rest. Names of arms are untrusted."""


@dataclass(frozen=True)
class Answer:
    """The answer, and the rule that gave it.

    `kind`: the rule that held. `parts`: the answer. `caveat`: what keeps it from being more; empty where
    nothing does. `leader`, `other`: the arms it is about. `runs`: the ids of the runs it is about.
    """

    kind: Kind
    parts: tuple[Part, ...]
    caveat: str = ""
    leader: str = ""
    other: str = ""
    runs: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The answer as plain text."""
        return "".join(words for words, _ in self.parts)


def answer(c: Comparison, score: str = "gold/auc", baseline: str = "") -> Answer:
    """What the comparison says about one score, which must be a run's score with a better direction."""
    refused = [r for r in c.remarks if r.refused]
    if refused:
        runs = tuple(dict.fromkeys(i for r in refused for i in r.runs))
        return Answer(
            "refused", (("These runs cannot be compared as they are. ", ""), (refused[0].said, "")), runs=runs
        )
    ranked = ranking(c, score)
    if not ranked:
        return Answer("nothing", ((f"No run has a number for {SCORES[score].title.lower()} yet.", ""),))
    if len(ranked) == 1:
        return _alone(c, ranked[0], score)
    leader, rival = _two(ranked, baseline)
    return _of_two(c, leader, rival, score, len(ranked))


def ranking(c: Comparison, score: str) -> list[Arm]:
    """Arms that have the score, the best mean first; equal ones in the order of their names."""
    sign = 1 if SCORES[score].better == "down" else -1
    scored = [a for a in c.arms if score in a.scores and a.scores[score].values]
    return sorted(scored, key=lambda a: (sign * a.scores[score].mean.point, a.name))


def _two(ranked: Sequence[Arm], baseline: str) -> tuple[Arm, Arm]:
    base = next((a for a in ranked if a.name == baseline), None)
    if base is None:
        return ranked[0], ranked[1]
    best = next(a for a in ranked if a is not base)
    return (best, base) if ranked.index(best) < ranked.index(base) else (base, best)


def _alone(c: Comparison, a: Arm, score: str) -> Answer:
    entry = SCORES[score]
    mean = a.scores[score].mean
    between = formatting.interval(mean.low, mean.high, entry.unit)
    seeds_text = f" ({count(mean.n, 'seed')}{f', 95 % interval {between}' if between else ''}). "
    reason = "It is the only arm" if len(c.arms) == 1 else "No other arm has this number"
    parts = (
        (a.name, "arm"),
        (f" has {_low(entry.title)} ", ""),
        (formatting.value(mean.point, entry.unit), "number"),
        (seeds_text, ""),
        (f"{reason}: there is nothing to compare it with.", ""),
    )
    return Answer("alone", parts, leader=a.name, runs=_runs(score, a))


def _of_two(c: Comparison, a: Arm, b: Arm, score: str, arms: int) -> Answer:
    entry = SCORES[score]
    mean_a, mean_b = (x.scores[score].mean for x in (a, b))
    pair = pair_of(c, a.name, b.name, score)
    fewest = min(mean_a.n, mean_b.n)
    if fewest < FEWEST:
        caveat = (
            f"Too few seeds for an interval: this is a difference of runs and not of arms. Train {FEWEST} or "
            "more seeds."
        )
        return Answer("points", tuple(_points(a, b, score)), caveat, a.name, b.name, _runs(score, a, b))
    differences = None if pair is None else _signed(pair, a.name)
    gap = mean_a.point - mean_b.point if differences is None else differences.mean.point
    kind = _kind(pair, differences, entry.better)
    parts = [*_claim(kind, a.name, b.name, score, gap), *_evidence(pair, differences, entry)]
    parts += _sooner(c, a, b) if kind != "together" else []
    return Answer(kind, tuple(parts), _caveat(kind, pair, arms), a.name, b.name, _runs(score, a, b))


def _points(a: Arm, b: Arm, score: str) -> list[Part]:
    """The answer for two arms of which one has too few seeds: both means, and no more."""
    entry = SCORES[score]
    mean_a, mean_b = (x.scores[score].mean for x in (a, b))
    text_a, text_b = (formatting.value(x.point, entry.unit) for x in (mean_a, mean_b))
    seeds = f": {_seeds(mean_a.n, mean_b.n)}."
    if text_a == text_b:
        return [
            (a.name, "arm"),
            (" and ", ""),
            (b.name, "arm"),
            (f" are level in {_low(entry.title)} at ", ""),
            (text_a, "number"),
            (seeds, ""),
        ]
    return [
        (a.name, "arm"),
        (f" stands first in {_low(entry.title)} with ", ""),
        (text_a, "number"),
        (", ", ""),
        (b.name, "arm"),
        (" has ", ""),
        (text_b, "number"),
        (seeds, ""),
    ]


def _kind(pair: Pair | None, found: Paired | None, better: str) -> Kind:
    if pair is None or found is None or len(found.seeds) < FEWEST:
        return "together"
    mean = found.mean if better == "up" else signed(found, -1.0).mean
    if mean.point <= 0:  # ahead over all seeds, but not over the common ones
        return "together"
    return "ahead" if pair.p_holm < LEVEL else "leads" if mean.low > 0 else "together"


def _claim(kind: Kind, a: str, b: str, score: str, gap: float) -> list[Part]:
    entry = SCORES[score]
    if kind == "together":
        return [
            ("These seeds do not tell ", ""),
            (a, "arm"),
            (" and ", ""),
            (b, "arm"),
            (f" apart by {_low(entry.title)}: ", ""),
            (formatting.difference(gap, entry.unit), "number"),
            (" for the first", ""),
        ]
    verb = "is ahead of" if kind == "ahead" else "leads"
    way = "more" if gap > 0 else "less"
    return [
        (a, "arm"),
        (f" {verb} ", ""),
        (b, "arm"),
        (" with ", ""),
        (formatting.size(gap, entry.unit), "number"),
        (f" {way} {_low(entry.title)}", ""),
    ]


def _evidence(pair: Pair | None, found: Paired | None, what: Score) -> list[Part]:
    if pair is None or found is None or not found.seeds:
        return [(".", "")]
    between = formatting.difference_interval(found.mean.low, found.mean.high, what.unit)
    better = found.ahead if what.better != "down" else sum(d < 0 for d in found.differences)
    clauses = [f"95 % interval {between}"] if between else []
    clauses += [f"better in {better} of {count(len(found.seeds), 'common seed')}"]
    clauses += [f"p {_at(found.p)}, corrected {_at(pair.p_holm)}"]
    return [(f" ({'; '.join(clauses)}).", "")]


def _at(p: float) -> str:
    text = formatting.p(p)
    return f"= {text}" if math.isfinite(p) and not text.startswith("<") else text


def _sooner(c: Comparison, a: Arm, b: Arm) -> list[Part]:
    """How soon both arms reach the first threshold that both reach; empty where there is none."""
    for mark in c.thresholds:
        arrival_a, arrival_b = (x.arrivals.get((mark.name, "steps")) for x in (a, b))
        if arrival_a is None or arrival_b is None or not (arrival_a.reached and arrival_b.reached):
            continue
        times = [formatting.value(x.restricted.point, "steps") for x in (arrival_a, arrival_b)]
        never = sum(x.n - x.reached for x in (arrival_a, arrival_b))
        never_note = (
            f" ({count(never, 'run')} that never got there counted as "
            f"{formatting.value(arrival_a.limit, 'steps')})"
            if never
            else ""
        )
        return [
            (f" It reaches {mark.name} after {times[0]} steps on average, ", ""),
            (b.name, "arm"),
            (f" after {times[1]}{never_note}.", ""),
        ]
    return []


def _caveat(kind: Kind, pair: Pair | None, arms: int) -> str:
    sentences = []
    if pair is None:
        sentences.append("Differences by seed are tested for primary scores only.")
    elif kind != "ahead" and pair.paired.least_p >= LEVEL:
        sentences.append(
            f"{len(pair.paired.seeds)} pairs of seeds cannot show less than p = "
            f"{formatting.p(pair.paired.least_p)}, whatever the arms do: six or more can."
        )
    elif kind == "leads":
        pairs = count(arms * (arms - 1) // 2, "pair")
        sentences.append(
            f"Corrected for {pairs} of arms and every primary score it could be chance: p {_at(pair.p_holm)}."
        )
    return " ".join(sentences)


def pair_of(c: Comparison, a: str, b: str, score: str) -> Pair | None:
    """The pair of two arms by a primary score, in either order; None where it was not tested."""
    return next((p for p in c.pairs if p.score == score and {p.first, p.second} == {a, b}), None)


def _signed(pair: Pair, first: str) -> Paired:
    return signed(pair.paired, -1.0 if pair.first != first else 1.0)


def signed(found: Paired, sign: float) -> Paired:
    """The differences as they are, or with `sign` -1 those of the second arm against the first."""
    if sign > 0:
        return found
    mean = found.mean
    turned = type(mean)(-mean.point, -mean.high, -mean.low, mean.n)
    return Paired(
        found.seeds, tuple(-d for d in found.differences), turned, found.p, found.least_p, found.alone
    )


def _seeds(n: int, m: int) -> str:
    return f"{count(n, 'seed')} each" if n == m else f"{n} and {count(m, 'seed')}"


def _low(title: str) -> str:
    """A score's title inside a sentence; KL stays as it is."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def _runs(score: str, *arms: Arm) -> tuple[int, ...]:
    return tuple(a.seeds[s] for a in arms for s in a.scores[score].values)
