"""A report as Markdown that also reads as plain text.

Every row of its tables names the runs and steps of its numbers. Equal documents make equal texts.
"""

from collections.abc import Iterator, Mapping, Sequence

from app.report.document import Document
from app.text.escaping import visible
from core.compare.catalogue import SCORES
from core.compare.table import Cell, Table
from core.config.sweep import shown
from core.metrics import count

ACROSS = 4  # number columns of one table; a wider one is cut and its first columns repeated
MOST_FLAGS = 200
MARKS = "\\`*_{}[]<>#|~$"
SOURCE = """## Where the numbers come from

Each number of the tables stands in `report.json` with its runs and steps. `showdown report --verify` of this folder computes
all of them again from the database and says where one differs."""


def text(said: str) -> str:
    """Untrusted text on one line of Markdown."""
    return "".join(f"\\{c}" if c in MARKS else c for c in visible(said).replace("\n", " "))


def markdown(d: Document, figures: Mapping[str, tuple[str, str]]) -> str:
    """The text of a report. `figures` maps a file to (title, what it shows)."""
    parts = [*_head(d), *_figures(figures)]
    for table in d.tables:
        parts += _table(table, d.horizon)
    parts += [*_flags(d), *_settings(d), SOURCE]
    return "\n".join(parts) + "\n"


def _head(d: Document) -> Iterator[str]:
    yield f"# {text(d.name)}\n"
    if d.question:
        yield f"{text(d.question)}\n"
    yield f"{d.outcome}\n"
    yield "## Answer\n"
    for key, answer in zip(d.primary, d.answers, strict=True):
        caveat = f" {answer.caveat}" if answer.caveat else ""
        yield f"* **{SCORES[key].title}.** {text(answer.text + caveat)} Runs {listed(answer.runs)}."
    yield ""
    if d.remarks:
        yield "## What to know before believing the numbers\n"
        yield from (f"* {text(r.said)}" for r in d.remarks)
        yield ""


def listed(runs: Sequence[int]) -> str:
    """Run ids in short form, such as `1-5, 9`."""
    parts: list[list[int]] = []
    for i in sorted(set(runs)):
        if parts and i == parts[-1][-1] + 1:
            parts[-1].append(i)
        else:
            parts.append([i])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts) or "none"


def _figures(figures: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    if figures:
        yield "## Curves\n"
    for name, (title, alt) in figures.items():
        yield f"![{text(title)}: {text(alt)}](figures/{name}.png)\n"


def _table(table: Table, horizon: int) -> Iterator[str]:
    yield f"## {text(table.title)}\n\n{text(table.note)}\n"
    names = [i for i in range(len(table.columns)) if all(row[i].value != row[i].value for row in table.rows)]
    numbers = [i for i in range(len(table.columns)) if i not in names]
    for start in range(0, len(numbers), ACROSS):
        yield from _part(table, names, numbers[start : start + ACROSS], horizon)
    notes = dict.fromkeys(
        f"{row[0].text}, {c.head.lower()}: {cell.note}"
        for row in table.rows
        for c, cell in zip(table.columns, row, strict=True)
        if cell.note
    )
    for note in notes:
        yield f"* {text(note)}."
    yield ""


def _part(table: Table, names: Sequence[int], numbers: Sequence[int], horizon: int) -> Iterator[str]:
    columns = [table.columns[i] for i in (*names, *numbers)]
    heads = [text(c.head) + c.arrow for c in columns]
    yield _line([*heads, "Runs", "Steps"])
    yield _line([*("---" for _ in names), *("---:" for _ in numbers), "---", "---"])
    for row in table.rows:
        cells = [row[i] for i in numbers]
        runs = [i for cell in cells for i in cell.runs]
        texts = [text(f"{c.text} {c.interval}".strip()) for c in (row[i] for i in (*names, *numbers))]
        yield _line([*texts, listed(runs), _steps(cells, horizon)])
    yield ""


def _steps(cells: Sequence[Cell], horizon: int) -> str:
    steps = {cell.step for cell in cells if cell.value == cell.value}
    single = sorted(s for s in steps if s is not None)
    ranges = [f"0-{horizon}"] if None in steps else []
    return ", ".join([*ranges, *map(str, single)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _flags(d: Document) -> Iterator[str]:
    yield "## Flags\n"
    false_alarms, total = d.clean
    flagged = len({f.run for f in d.flags})
    yield f"{flagged} of {count(len(d.runs), 'run')} raised a flag. A flag says where to look and is no verdict.\n"
    share = f"{false_alarms} of {total} ({false_alarms / total:.0%})" if total else "none of 0"
    ended = "above their start, and not below their best, by more than three standard errors"
    yield f"False alarms: of the runs that ended well ({ended}), {share} raised one. {alarms(d)}\n"
    if d.flags:
        yield _line(["Arm", "Seed", "Run", "Flag", "Step", "Samples of steps", "Why"])
        yield _line(["---", "---:", "---:", "---", "---:", "---", "---"])
        for f in d.flags[:MOST_FLAGS]:
            steps = f"{f.look[0]} and {f.look[1]}"
            yield _line(
                [
                    text(f.arm),
                    str(f.seed),
                    str(f.run),
                    f.title.removeprefix("flag: "),
                    str(f.step),
                    steps,
                    text(f.said),
                ]
            )
        if len(d.flags) > MOST_FLAGS:
            yield f"\nThe first {MOST_FLAGS} of {len(d.flags)}; report.json has all."
    yield ""


def alarms(d: Document) -> str:
    """False alarms by rule, as a sentence."""
    raised = [f"{name} {n}" for name, n in d.alarms.items() if n]
    quiet = [name for name, n in d.alarms.items() if not n]
    return f"By rule: {'; '.join(raised) or 'none'}. None by: {'; '.join(quiet)}."


def _settings(d: Document) -> Iterator[str]:
    yield "## What differs between the arms\n"
    if not d.differ:
        yield "No setting.\n"
    for path, values in d.differ.items():
        by_value: dict[str, list[str]] = {}
        for arm, value in zip(d.arms, values, strict=True):
            by_value.setdefault("not there" if value is None else shown(value), []).append(arm)
        entries = [f"{text(v)} in {text(', '.join(arms))}" for v, arms in by_value.items()]
        yield f"* `{path}`: {'; '.join(entries)}"
    yield "\n<details><summary>The same in every arm</summary>\n"
    yield from (f"* `{path}`: {text(shown(value))}" for path, value in d.same.items())
    yield "\n</details>\n"
