"""Answer checking against math-verify alone: the rate on one core, and the accuracy on the same labelled
texts.

    .venv/bin/python -m benchmarks.answers [--limit N] [--sample N]

The labelled set: the gold solutions of GSM8K (train and test), numeric perturbations of them, and many
ways in which models write an answer, each with the right and with a wrong number. math-verify is used as
its README says, `parse` of both texts and then `verify`; being slow, it sees a seeded sample. What it
needs to parse the gold answer is not counted, since ours remembers gold answers as well. Time is the
processor's. Even that changes with what else a machine does, so the two take turns, and the median of
their ratios counts. Limit: 50 times its rate at equal or better accuracy on that sample.
"""

import argparse
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

from core.grading.answers import AnswerRule, extract, matches

GSM8K = Path(__file__).parents[2] / "shared" / "data" / "gsm8k"
LIMIT = 50.0
TURNS = 9
# Here two checkers may differ in good faith: what a statement of several answers is worth, and what is only
# thought.
BY_DEFINITION = frozenset({
    "two named", "two named, unmarked", "many listed, the gold last", "many listed, the gold first", "in the thought only",
    "think tags", "think tags, answer is", "answer tags", "time of day",
})  # fmt: skip


class Labelled(NamedTuple):
    """A completion, the gold answer, whether the one states the other, and how it is written."""

    text: str
    gold: str
    is_right: bool
    kind: str


Write = Callable[[str, str], str]  # (worked text, answer) -> completion

# Each writes one answer `n`; given a wrong one, the text is wrong.
WAYS: dict[str, Write] = {
    "hashes": lambda w, n: f"{w}\n#### {n}",
    "hashes, decimals": lambda w, n: f"{w}\n#### {n}.00",
    "hashes, dollars": lambda w, n: f"{w}\n#### ${n}",
    "hashes, unit": lambda w, n: f"{w}\n#### {n} apples",
    "hashes, bold": lambda w, n: f"{w}\n**#### {n}**",
    "hashes, bold number": lambda w, n: f"{w}\n#### **{n}**",
    "hashes, text follows": lambda w, n: (
        f"{w}\n#### {n}\n\nI checked it twice, with 2 methods and 15 steps. " + "Done. " * 80
    ),
    "hashes, next question follows": lambda w, n: (
        f"{w}\n#### {n}\n\nQuestion: Tom has 5 dogs and 3 cats. How many pets?"
    ),
    "hashes, equation": lambda w, n: f"{w}\n#### 3 + 4 = {n}",
    "hashes, twice": lambda w, n: f"#### 17171\nNo, once more.\n{w}\n#### {n}",
    "hashes, headings": lambda w, n: f"#### Step 1: Think\n{w}\n#### Step 2: Conclude\nThe answer is {n}.",
    "hashes, explanation heading": lambda w, n: f"The answer is {n}.\n\n#### Explanation\n{w}",
    "hashes, zero-width": lambda w, n: f"{w}\n#### \u200b{n}\u200b",
    "boxed": lambda w, n: f"{w}\nThus \\boxed{{{n}}}.",
    "boxed in dollars": lambda w, n: f"{w}\nSo the answer is $\\boxed{{{n}}}$",
    "boxed, currency": lambda w, n: f"{w}\n\\[\\boxed{{\\${n}}}\\]",
    "boxed, unit": lambda w, n: f"{w}\n\\boxed{{{n}\\text{{ miles}}}}",
    "boxed, plain unit": lambda w, n: f"{w}\n\\boxed{{{n} miles}}",
    "boxed, named": lambda w, n: f"{w}\n\\boxed{{x = {n}}}",
    "boxed, bold": lambda w, n: f"{w}\n\\boxed{{\\textbf{{{n}}}}}",
    "boxed, text follows": lambda w, n: f"{w}\n\\boxed{{{n}}}\nThis took 3 steps of at most 2 lines.",
    "boxed, twice": lambda w, n: f"First I had \\boxed{{17171}}.\n{w}\nBut it is \\boxed{{{n}}}.",
    "the answer is": lambda w, n: f"{w} The answer is {n}.",
    "the answer is, dollars": lambda w, n: f"{w} The answer is ${n}.",
    "the answer is, LaTeX": lambda w, n: f"{w} The answer is $ {n} $.",
    "the answer is, bold": lambda w, n: f"{w}\nSo the final answer is **{n}**.",
    "the answer is, text follows": lambda w, n: (
        f"{w} The answer is {n}. That is more than 6 and less than a million and 3."
    ),
    "the answer is, not another": lambda w, n: f"{w} The answer is {n}, not 17171.",
    "the answer is, equation": lambda w, n: f"{w} The answer is 3 + 4 = {n}.",
    "the answer is, new line": lambda w, n: f"{w}\nThe answer is:\n\n{n}",
    "the answer is, on checking": lambda w, n: (
        f"{w} The answer is {n}. I am sure the answer is correct, by 100%."
    ),
    "A:": lambda w, n: f"Q: {w}\nA: {n}",
    "A: with reasoning": lambda w, n: f"A: {w}\nIn all that makes {n}.",
    "Answer:": lambda w, n: f"{w}\nAnswer: {n}",
    "Answer: unit": lambda w, n: f"{w}\nAnswer: {n} dollars",
    "Answer: bold": lambda w, n: f"{w}\n\n**Answer:** {n}",
    "Answer: heading": lambda w, n: f"{w}\n\n## Answer\n\n{n}",
    "Answer: per cent": lambda w, n: f"{w}\nAnswer: {n}%",
    "Answer: sentence": lambda w, n: f"{w}\nAnswer: Natalia sold {n} clips in all.",
    "Answer: several, the last counts": lambda w, n: f"answer: 17171\nHm.\n{w}\nanswer: {n}",
    "answer tags": lambda w, n: f"<think>{w}</think>\n<answer>{n}</answer>",
    "think tags": lambda w, n: f"<think>Is it #### 17171 or \\boxed{{17171}}? {w}</think>\nIt is {n}.",
    "think tags, answer is": lambda w, n: f"<think>The answer is 17171? {w}</think>\nThe answer is {n}.",
    "last number": lambda w, n: f"{w}\nSo she has {n} left.",
    "last number, bold": lambda w, n: f"{w}\nIn total: **{n}** clips.",
    "last number, dollars": lambda w, n: f"{w}\nHe earns ${n} a day.",
    "last number, currency with cents": lambda w, n: f"{w}\nHe earns ${n}.00 a day.",
}


def _worked(solution: str) -> str:
    return solution.rsplit("####", 1)[0].strip()


def _swapped(gold: str) -> str | None:
    """Two digits swapped, when that is another number."""
    for i in range(len(gold) - 1):
        if gold[i] != gold[i + 1] and gold[i : i + 2].isdigit():
            return gold[:i] + gold[i + 1] + gold[i] + gold[i + 2 :]
    return None


def _perturbed(value: int) -> dict[str, str]:
    near = {"+1": str(value + 1), "-1": str(value - 1), "+0.5": f"{value}.5", "+0.01": f"{value}.01"}
    if value:
        near |= {
            "sign": str(-value),
            "x10": str(value * 10),
            "/10": f"{value / 10:.10g}",
            "x1000": f"{value * 1000:,}",
        }
    if (other := _swapped(str(value))) and int(other) != value:
        near["digits swapped"] = other
    return near


def _odd(rng: random.Random, work: str, value: int) -> Iterator[Labelled]:
    """What needs another number than the gold answer's own digits, and statements of many answers."""
    gold, right = str(value), rng.random() < 0.5
    n = value if right else value + rng.choice((-3, -1, 1, 2, 10))
    big, k = n * 1000 + 234, rng.choice((1, 3))
    big_gold = str(value * 1000 + 234)
    listed = [value + i for i in (-2, -1, 1, 2)]

    def made(kind: str, text: str, gold: str = gold, is_right: bool = right) -> Labelled:
        return Labelled(text, gold, is_right, kind)

    yield made("thousands", f"{work}\n#### {big:,}", big_gold)
    yield made("thousands, LaTeX", f"\\boxed{{{big:,}}}".replace(",", "{,}"), big_gold)
    yield made("thousands, in words", f"{work}\nThe answer is ${big:,}.00.", big_gold)
    yield made("scientific", f"{work}\n#### {n}.0e3", f"{value}000")
    yield made("scientific, LaTeX", f"The answer is ${n} \\times 10^{{3}}$.", f"{value}000")
    yield made("scientific, raised", f"The answer is {n} \u00d7 10\u00b3.", f"{value}000")
    yield made("negative", f"{work}\n#### -{abs(n) + 1}", f"-{abs(value) + 1}")
    yield made("negative, unicode minus", f"{work}\n#### \u2212{abs(n) + 1}", f"-{abs(value) + 1}")
    yield made("negative, dollars", f"{work}\nThe answer is -${abs(n) + 1}.", f"-{abs(value) + 1}")
    yield made("negative, in words", f"{work}\nThe answer is negative {abs(n) + 1}.", f"-{abs(value) + 1}")
    yield made("sign lost", f"{work}\n#### -{abs(value) + 1}", str(abs(value) + 1), False)
    yield made(
        "sign lost, with a space", f"{work}\nThe answer is - {abs(value) + 1}.", str(abs(value) + 1), False
    )
    yield made("fraction", f"\\boxed{{\\frac{{{4 * n + k}}}{{4}}}}", f"{value + k / 4}")
    yield made(
        "fraction, in words", f"{work} The answer is $\\frac{{{4 * n + k}}}{{4}}$.", f"{value + k / 4}"
    )
    yield made("fraction, slash", f"{work}\n#### {4 * n + k}/4", f"{value + k / 4}")
    if n >= 0 and value >= 0:
        yield made("fraction, mixed", f"{work}\nThe answer is {n} {k}/4.", f"{value + k / 4}")
        yield made("fraction's part", f"{work}\nThe answer is {n} {k}/4.", gold, False)
    yield made("decimal for a fraction", f"{work}\n#### {n + k / 4}", f"{4 * value + k}/4")
    yield made("per cent for a share", f"{work}\n#### {n}%", f"{value / 100:.12g}")
    yield made("many listed, the gold last", f"#### {', '.join(map(str, [*listed, value]))}", is_right=False)
    yield made(
        "many listed, the gold first",
        f"The answer is {', '.join(map(str, [value, *listed]))}",
        is_right=False,
    )
    yield made("two named", f"{work}\nThe answer is {value} or {value + 1}.", is_right=False)
    yield made("two named, unmarked", f"{work}\nAnswer: {value + 1} or {value}", is_right=False)
    yield made("two boxed in one", f"\\boxed{{{value}, {value + 1}}}", is_right=False)
    yield made("many markers, the last wrong", f"#### {value}\n#### {value + 7}", is_right=False)
    yield made("many boxes, the last wrong", f"\\boxed{{{value}}} \\boxed{{{value + 7}}}", is_right=False)
    yield made("many answer:, the last wrong", f"answer: {value}\nanswer: {value + 7}", is_right=False)
    yield made("in the thought only", f"<think>#### {value}</think>\n#### {value + 7}", is_right=False)
    yield made("unknown", "I do not know.", is_right=False)
    yield made("no number behind the phrase", f"The answer is x{value}.", is_right=False)
    yield made("time of day", f"The answer is {abs(value)}:45.", str(abs(value)), False)
    yield made("in words", f"{work} The answer is seventy-two.", "72" if right else "70")
    yield made("half", f"{work} The answer is one half.", "0.5" if right else "1")


def labelled(rows: list[dict[str, str]], seed: int = 0) -> list[Labelled]:
    """The labelled set of GSM8K rows: of each its gold solution, 3 perturbations, 4 ways and 2 odd ones,
    drawn by `seed`."""
    rng = random.Random(seed)
    made: list[Labelled] = []
    for row in rows:
        solution, work = row["answer"], _worked(row["answer"])
        gold = solution.rsplit("####", 1)[1].strip().replace(",", "")
        near = _perturbed(int(gold))
        made.append(Labelled(solution, gold, True, "gold solution"))
        for name in rng.sample(sorted(near), 3):
            made.append(Labelled(f"{work}\n#### {near[name]}", gold, False, f"perturbed, {name}"))
        for kind in rng.sample(sorted(WAYS), 4):
            right = rng.random() < 0.5
            stated = (
                gold if right else near[rng.choice(sorted(near.keys() - {"+0.5", "+0.01", "/10", "x1000"}))]
            )
            made.append(Labelled(WAYS[kind](work, stated), gold, right, kind))
        made += rng.sample(list(_odd(rng, work, int(gold))), 2)
    return made


def read(folder: Path = GSM8K) -> list[dict[str, str]]:
    """Every row of GSM8K, train and test."""
    return [
        json.loads(line)
        for split in ("train", "test")
        for line in (folder / f"{split}.jsonl").read_text().splitlines()
    ]


def ours(texts: list[Labelled], rule: AnswerRule) -> tuple[list[bool], float]:
    """(verdicts, texts a second)."""
    began = time.process_time()
    verdicts = [matches(extract(text, rule), gold) for text, gold, _, _ in texts]
    return verdicts, len(texts) / (time.process_time() - began)


def theirs(texts: list[Labelled]) -> tuple[list[bool], float]:
    """(verdicts, texts a second) of math-verify alone."""
    from math_verify import parse, verify

    gold_parsed = lru_cache(maxsize=None)(parse)
    for one in texts:
        gold_parsed(one.gold)
    began = time.process_time()
    verdicts = [bool(verify(gold_parsed(gold), parse(text))) for text, gold, _, _ in texts]
    return verdicts, len(texts) / (time.process_time() - began)


def accuracy(texts: list[Labelled], verdicts: list[bool], without: frozenset[str] = frozenset()) -> float:
    """The share of verdicts that agree with the label."""
    agree = [t.is_right == v for t, v in zip(texts, verdicts, strict=True) if t.kind not in without]
    return sum(agree) / len(agree)


def _errors(name: str, texts: list[Labelled], verdicts: list[bool]) -> None:
    seen = Counter(t.kind for t in texts)
    lost = Counter(t.kind for t, v in zip(texts, verdicts, strict=True) if t.is_right and not v)
    taken = Counter(t.kind for t, v in zip(texts, verdicts, strict=True) if v and not t.is_right)
    print(f"\n{name} errs in {sum(lost.values())} right and {sum(taken.values())} wrong texts")
    for kind, count in (lost + taken).most_common():
        print(
            f"  {kind:<36} {count:>5} of {seen[kind]:>5}   right called wrong {lost[kind]}, wrong called right {taken[kind]}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--limit", type=int, help="rows of GSM8K; all 8792 unless given")
    parser.add_argument("--sample", type=int, default=1500, help="texts math-verify is tried on")
    args = parser.parse_args()
    logging.disable(logging.ERROR)  # math-verify reports what it cannot parse
    texts = labelled(read()[: args.limit])
    places = random.Random(0).sample(range(len(texts)), min(args.sample, len(texts)))
    sample = [texts[place] for place in places]

    theirs(texts[:1])  # sympy is loaded before any clock runs
    lenient, other, turns = [False] * len(texts), [False] * len(sample), min(TURNS, len(sample))
    lenient_rates, other_rates = [0.0] * turns, [0.0] * turns
    for turn in range(turns):
        lenient[turn::turns], lenient_rates[turn] = ours(texts[turn::turns], "lenient")
        other[turn::turns], other_rates[turn] = theirs(sample[turn::turns])
    strict, strict_rate = ours(texts, "strict")
    on_sample = [lenient[place] for place in places]
    print(
        f"{'':<24} {'texts':>7} {'texts/s':>10} {'accuracy':>9}   without kinds that are a matter of definition"
    )
    for name, some, made, speed in (
        ("ours, lenient", texts, lenient, median(lenient_rates)),
        ("ours, strict", texts, strict, strict_rate),
        ("math-verify, sample", sample, other, median(other_rates)),
    ):
        shares = f"{accuracy(some, made):>9.2%}   {accuracy(some, made, BY_DEFINITION):>9.2%}"
        print(f"{name:<24} {len(some):>7} {speed:>10,.0f} {shares}")
    _errors("ours, lenient (all)", texts, lenient)
    _errors("math-verify (sample)", sample, other)

    ratios = [fast / slow for fast, slow in zip(lenient_rates, other_rates, strict=True)]
    ratio, better = median(ratios), accuracy(sample, on_sample) - accuracy(sample, other)
    verdict = "OK" if ratio >= LIMIT and better >= 0 else "short"
    spread = f"{min(ratios):.0f} to {max(ratios):.0f} in {turns} turns"
    print(
        f"\nrate {ratio:.0f} x math-verify's ({spread}), limit {LIMIT:.0f} x; accuracy {better * 100:+.1f} points   {verdict}"
    )


if __name__ == "__main__":
    main()
