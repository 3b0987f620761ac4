r"""Worked equations of right solutions: how many are judged, and whether any is judged false; then, with one
number corrupted, how many are noticed.

    .venv/bin/python -m benchmarks.equations [--gsm8k FOLDER] [--limit N] [--generated N]

The right solutions are GSM8K's own (train), as they are and without its calculator notes, and solutions
generated from templates: LaTeX, Markdown and prose as models write them, seeded. A component "judges
false" what costs a right solution something: a false statement in `step_scores` and in the `equations`
check of `reasoning`, 0 in `consistency`. Limits: 0 statements and solutions judged false, at least 60 % of
the solutions judged. GSM8K's annotators made slips, listed in SLIPS, each false as it stands; they are
counted apart. Of `consistency`, texts whose answer does not follow from their last equation are theirs
too, so that for GSM8K its zeros are printed without a limit.
"""

import argparse
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.solutions import generated
from core.grading.equations import Statement
from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.components import component

GSM8K = Path(__file__).parents[2] / "shared" / "data" / "gsm8k"
LEAST_JUDGED = 0.6
NOTE = re.compile(r"<<.*?>>")
# Statements of GSM8K train that are false as they stand.
SLIPS = (
    "192*100=$1920", "6*2.5 = $18.00", "6/3=.5", "4080 + 4080 / 2 = 4000 + 2040", "4000 + 2040 = 6120", "3/1=1 dollar",
    "so 8*3 = 240", "$4200+$3000 = $8600", "10 x .5 = 10", "2*8 = 24 hours", "7+9+1+2 = $19.50", "70 + 40 = 100",
    "10 x 1,248 = 11,480", "2 / 12 = .125", "3 x (8/16) = 6", "4+4+6 = 18", "50-8 = 44", "1152/ 1,536 = .5", "14*20=140",
)  # fmt: skip
ONLY_EQUATIONS = {"steps": 0, "marker": 0, "repetition": 0}
RESULT = re.compile(r"(?<==)([^=\d\n]{0,30}?)(\d+)(?![\d^]|\{,\}|[.,]\d)")


def read(folder: Path, limit: int | None) -> list[str]:
    """The solutions of GSM8K train."""
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["answer"] for line in lines[:limit]]


def corrupted(text: str, rng: random.Random) -> str | None:
    """The text with one stated result changed; None where it states none."""
    places = [m.span(2) for m in RESULT.finditer(text)]
    if not places:
        return None
    start, end = rng.choice(places)
    return text[:start] + str(int(text[start:end]) + rng.randint(1, 9)) + text[end:]


def batch(texts: Sequence[str]) -> RolloutBatch:
    """The texts as one batch, with the lenient answer rule."""
    n = len(texts)
    return RolloutBatch(
        prompts=[""] * n,
        completions=texts,
        golds=["0"] * n,
        problem_ids=[""] * n,
        group=np.zeros(n, dtype=np.int64),
        n_tokens=np.ones(n, dtype=np.int64),
        truncated=np.zeros(n, dtype=bool),
        mean_nll=np.zeros(n),
        answer_rule="lenient",
    )


def _scores(texts: RolloutBatch, name: str, **params: object) -> FloatArray:
    made = component(name)
    return made.score(texts, made.params.model_validate(params))


def _is_slip(text: str, statement: Statement) -> bool:
    around = NOTE.sub("", text[max(0, statement.position - 40) : statement.end + 60])
    return any(slip in around for slip in SLIPS)


def _share(count: float, of: int) -> str:
    return f"{count / max(of, 1):7.2%}"


def report(name: str, texts: list[str], slips: bool) -> bool:
    """Print one set's table; whether its limits are kept."""
    made = batch(texts)
    statements = [(text, s) for text, worked in zip(texts, made.statements, strict=True) for s in worked]
    false = [(text, s) for text, s in statements if s.true is False]
    slipped = {(text, s.position) for text, s in false if slips and _is_slip(text, s)}
    excused = np.array(
        [any(s.true is False and (t, s.position) in slipped for s in w) for t, w in _worked(made)]
    )
    wrong = len(false) - len(slipped)
    read_whole = sum(s.true is not None for _, s in statements)
    judged = sum(any(s.true is not None for s in worked) for worked in made.statements)
    print(f"\n{name}: {len(texts)} right solutions, {len(statements)} statements")
    print(
        f"  statements judged {_share(read_whole, len(statements))}   false {wrong}, and {len(slipped)} slips of the text"
    )
    print(f"  solutions judged  {_share(judged, len(texts))}   limit {LEAST_JUDGED:.0%}")
    kept = wrong == 0 and judged >= LEAST_JUDGED * len(texts)
    for label, scores, best in (
        ("step_scores", _scores(made, "step_scores", form="mean"), 1.0),
        ("reasoning, equations", _scores(made, "reasoning", **ONLY_EQUATIONS), 1.0),
        ("consistency", _scores(made, "consistency"), 1.0),
    ):
        absent = np.isnan(scores) | (np.array([not w for w in made.statements]) & (label != "consistency"))
        costs = int(((scores < best) & ~absent & ~excused).sum())
        limited = label != "consistency" or not slips
        kept = kept and (costs == 0 or not limited)
        note = "limit 0" if limited else "no limit"
        print(
            f"  {label:<22} does not apply {_share(absent.sum(), len(texts))}   judged false {costs} ({note})"
        )
    _control(texts, made)
    print(f"  {'OK' if kept else 'short'}")
    return kept


def _worked(made: RolloutBatch) -> list[tuple[str, list[Statement]]]:
    return list(zip(made.completions, made.statements, strict=True))


def _control(texts: list[str], made: RolloutBatch) -> None:
    """Of solutions with one corrupted result: the share that some component notices."""
    rng = random.Random("control")
    pairs = [(i, text) for i, original in enumerate(texts) if (text := corrupted(original, rng)) is not None]
    other = batch([text for _, text in pairs])
    before = [sum(s.true is False for s in made.statements[i]) for i, _ in pairs]
    more = np.array([sum(s.true is False for s in w) for w in other.statements]) > np.array(before)
    lost = _scores(other, "consistency") < _scores(made, "consistency")[[i for i, _ in pairs]]
    noticed = _share(more.sum(), len(pairs))
    any_falls = _share((more | lost).sum(), len(pairs))
    print(
        f"  control: {len(pairs)} with one result corrupted: judged false {noticed}, or consistency falls {any_falls}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gsm8k", type=Path, default=GSM8K, help="folder with train.jsonl")
    parser.add_argument("--limit", type=int, help="rows of GSM8K; all 7473 unless given")
    parser.add_argument("--generated", type=int, default=1200, help="solutions from templates")
    args = parser.parse_args()
    kept = []
    if (args.gsm8k / "train.jsonl").is_file():
        texts = read(args.gsm8k, args.limit)
        kept.append(report("GSM8K train", texts, slips=True))
        kept.append(
            report("GSM8K train without calculator notes", [NOTE.sub("", text) for text in texts], slips=True)
        )
    else:
        print(f"GSM8K is not at {args.gsm8k}: only generated solutions; --gsm8k names its folder")
    kept.append(report("generated", generated(args.generated), slips=False))
    print(f"\n{'OK' if all(kept) else 'short'}")


if __name__ == "__main__":
    main()
