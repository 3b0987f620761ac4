"""The answer of a comparison in a few sentences, by a stated rule. Called by the Compare page and by reports. Pure.

The leader is the arm with the best mean of the score, and is set against the next one (or against a baseline). It is *ahead*
where the corrected p of their differences by seed is below LEVEL; it *leads* where only the interval of the differences keeps
to one side of zero, which few seeds can show but not test; else these seeds do not tell the two apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.compare import saying
from core.compare.catalogue import SCORES, Score
from core.compare.comparison import Arm, Comparison, Pair
from core.compare.pairs import Paired
from core.compare.seeds import FEWEST
from core.metrics import count

LEVEL = 0.05
Kind = Literal["refused", "nothing", "alone", "points", "together", "leads", "ahead"]
Part = tuple[str, str]
"""Words, and what they are: "arm", "number" or "" for the rest. Names of arms are untrusted."""


@dataclass(frozen=True)
class Answer:
    """`kind`: which rule held. `parts`: the answer. `caveat`: what keeps it from being more; empty where nothing does.
    `leader`, `other`: the arms it is about. `runs`: the ids it is of."""

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
    """What the comparison says of one score, which must be of a run and have a better direction."""
    refused = [r for r in c.remarks if r.refused]
    if refused:
        runs = tuple(dict.fromkeys(i for r in refused for i in r.runs))
        return Answer("refused", (("These runs cannot be compared as they are. ", ""), (refused[0].said, "")), runs=runs)
    ranked = ranking(c, score)
    if not ranked:
        return Answer("nothing", ((f"No run has a number for {SCORES[score].title.lower()} yet.", ""),))
    if len(ranked) == 1:
        return _alone(c, ranked[0], score)
    leader, other = _two(ranked, baseline)
    return _of_two(c, leader, other, score, len(ranked))


def ranking(c: Comparison, score: str) -> list[Arm]:
    """Arms that have the score, the best mean first; of equal ones in the order of their names."""
    sign = 1 if SCORES[score].better == "down" else -1
    known = [a for a in c.arms if score in a.scores and a.scores[score].values]
    return sorted(known, key=lambda a: (sign * a.scores[score].mean.point, a.name))


def _two(ranked: Sequence[Arm], baseline: str) -> tuple[Arm, Arm]:
    base = next((a for a in ranked if a.name == baseline), None)
    if base is None:
        return ranked[0], ranked[1]
    best = next(a for a in ranked if a is not base)
    return (best, base) if ranked.index(best) < ranked.index(base) else (base, best)


def _alone(c: Comparison, a: Arm, score: str) -> Answer:
    what, mean = SCORES[score], a.scores[score].mean
    between = saying.interval(mean.low, mean.high, what.unit)
    said = f" ({count(mean.n, 'seed')}{f', 95 % interval {between}' if between else ''}). "
    why = "It is the only arm" if len(c.arms) == 1 else "No other arm has this number"
    parts = ((a.name, "arm"), (f" has {_low(what.title)} ", ""), (saying.value(mean.point, what.unit), "number"), (said, ""),
             (f"{why}: there is nothing to compare it with.", ""))  # fmt: skip
    return Answer("alone", parts, leader=a.name, runs=_runs(score, a))


def _of_two(c: Comparison, a: Arm, b: Arm, score: str, arms: int) -> Answer:
    what = SCORES[score]
    one, two = (x.scores[score].mean for x in (a, b))
    pair = pair_of(c, a.name, b.name, score)
    fewest = min(one.n, two.n)
    if fewest < FEWEST:
        caveat = f"Too few seeds for an interval: this is a difference of runs and not of arms. Train {FEWEST} or more seeds."
        return Answer("points", tuple(_points(a, b, score)), caveat, a.name, b.name, _runs(score, a, b))
    found = None if pair is None else _signed(pair, a.name)
    gap = one.point - two.point if found is None else found.mean.point
    kind = _kind(pair, found, what.better)
    parts = [*_claim(kind, a.name, b.name, score, gap), *_evidence(pair, found, what)]
    parts += _sooner(c, a, b) if kind != "together" else []
    return Answer(kind, tuple(parts), _caveat(kind, pair, arms), a.name, b.name, _runs(score, a, b))


def _points(a: Arm, b: Arm, score: str) -> list[Part]:
    """Two arms of which one has too few seeds: what was seen, and no more."""
    what = SCORES[score]
    one, two = (x.scores[score].mean for x in (a, b))
    said, other = (saying.value(x.point, what.unit) for x in (one, two))
    seeds = f": {_seeds(one.n, two.n)}."
    if said == other:
        return [(a.name, "arm"), (" and ", ""), (b.name, "arm"), (f" are level in {_low(what.title)} at ", ""),
                (said, "number"), (seeds, "")]  # fmt: skip
    return [(a.name, "arm"), (f" stands first in {_low(what.title)} with ", ""), (said, "number"), (", ", ""), (b.name, "arm"),
            (" has ", ""), (other, "number"), (seeds, "")]  # fmt: skip


def _kind(pair: Pair | None, found: Paired | None, better: str) -> Kind:
    if pair is None or found is None or len(found.seeds) < FEWEST:
        return "together"
    mean = found.mean if better == "up" else signed(found, -1.0).mean
    if mean.point <= 0:  # ahead over all seeds, and not over the common ones
        return "together"
    return "ahead" if pair.p_holm < LEVEL else "leads" if mean.low > 0 else "together"


def _claim(kind: Kind, a: str, b: str, score: str, gap: float) -> list[Part]:
    what = SCORES[score]
    if kind == "together":
        return [("These seeds do not tell ", ""), (a, "arm"), (" and ", ""), (b, "arm"),
                (f" apart by {_low(what.title)}: ", ""), (saying.difference(gap, what.unit), "number"),
                (" for the first", "")]  # fmt: skip
    verb, way = "is ahead of" if kind == "ahead" else "leads", "more" if gap > 0 else "less"
    return [(a, "arm"), (f" {verb} ", ""), (b, "arm"), (" with ", ""), (saying.size(gap, what.unit), "number"),
            (f" {way} {_low(what.title)}", "")]  # fmt: skip


def _evidence(pair: Pair | None, found: Paired | None, what: Score) -> list[Part]:
    if pair is None or found is None or not found.seeds:
        return [(".", "")]
    between = saying.difference_interval(found.mean.low, found.mean.high, what.unit)
    better = found.ahead if what.better != "down" else sum(d < 0 for d in found.differences)
    said = [f"95 % interval {between}"] if between else []
    said += [f"better in {better} of {count(len(found.seeds), 'common seed')}"]
    said += [f"p {_at(found.p)}, corrected {_at(pair.p_holm)}"]
    return [(f" ({'; '.join(said)}).", "")]


def _at(p: float) -> str:
    said = saying.p(p)
    return f"= {said}" if math.isfinite(p) and not said.startswith("<") else said


def _sooner(c: Comparison, a: Arm, b: Arm) -> list[Part]:
    """How soon both reach the first threshold, where both do."""
    for mark in c.thresholds:
        one, two = (x.arrivals.get((mark.name, "steps")) for x in (a, b))
        if one is None or two is None or not (one.reached and two.reached):
            continue
        said = [saying.value(x.restricted.point, "steps") for x in (one, two)]
        never = sum(x.n - x.reached for x in (one, two))
        least = f" ({count(never, 'run')} that never got there counted as {saying.value(one.limit, 'steps')})" if never else ""
        return [
            (f" It reaches {mark.name} after {said[0]} steps on average, ", ""),
            (b.name, "arm"),
            (f" after {said[1]}{least}.", ""),
        ]
    return []


def _caveat(kind: Kind, pair: Pair | None, arms: int) -> str:
    said = []
    if pair is None:
        said.append("Differences by seed are tested for primary scores only.")
    elif kind != "ahead" and pair.paired.least_p >= LEVEL:
        said.append(
            f"{len(pair.paired.seeds)} pairs of seeds cannot show less than p = {saying.p(pair.paired.least_p)}, "
            "whatever the arms do: six or more can."
        )
    elif kind == "leads":
        pairs = count(arms * (arms - 1) // 2, "pair")
        said.append(f"Corrected for {pairs} of arms and every primary score it could be chance: p {_at(pair.p_holm)}.")
    return " ".join(said)


def pair_of(c: Comparison, a: str, b: str, score: str) -> Pair | None:
    """The pair of two arms by a primary score, whichever of them comes first; None where it was not tested."""
    return next((p for p in c.pairs if p.score == score and {p.first, p.second} == {a, b}), None)


def _signed(pair: Pair, first: str) -> Paired:
    return signed(pair.paired, -1.0 if pair.first != first else 1.0)


def signed(found: Paired, sign: float) -> Paired:
    """The same differences, or (sign -1) those of the second arm against the first."""
    if sign > 0:
        return found
    mean = found.mean
    turned = type(mean)(-mean.point, -mean.high, -mean.low, mean.n)
    return Paired(found.seeds, tuple(-d for d in found.differences), turned, found.p, found.least_p, found.alone)


def _seeds(n: int, m: int) -> str:
    return f"{count(n, 'seed')} each" if n == m else f"{n} and {count(m, 'seed')}"


def _low(title: str) -> str:
    """A score's title inside a sentence; KL stays as it is."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def _runs(score: str, *arms: Arm) -> tuple[int, ...]:
    return tuple(a.seeds[s] for a in arms for s in a.scores[score].values)
