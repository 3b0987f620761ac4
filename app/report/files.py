"""A report as a folder of files, and the check of one. Called by cli.report and cli.study."""

import csv
import io
import json
import math
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from app.report.as_html import body, html
from app.report.as_markdown import markdown
from app.report.document import FORMAT, VERSION, Found, found
from app.report.figures import cards
from app.wire import Card
from core.compare.export import to_csv, to_latex
from core.compare.table import Table
from core.errors import DataError

PAGE, TEXT, DATA = "report.html", "report.md", "report.json"
CLOSE = 1e-9


def write(folder: Path, experiment_id: int) -> Found:
    """Write report.html, report.md with figures/, tables/*.csv and *.tex, and report.json with every number."""
    from app.report.as_png import png  # matplotlib takes half a second to load, and most who load this draw nothing

    made = found(experiment_id)
    drawn = cards(made)
    for part in ("figures", "tables"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, card in drawn.items():
        (folder / "figures" / f"{name}.png").write_bytes(png(card))
    for table in made.document.tables:
        (folder / "tables" / f"{table.key}.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / "tables" / f"{table.key}.tex").write_text(to_latex(table), encoding="utf-8")
    (folder / PAGE).write_text(html(made.document, drawn), encoding="utf-8")
    (folder / TEXT).write_text(markdown(made.document, _named(drawn)), encoding="utf-8")
    (folder / DATA).write_text(_json(made.document.as_json()), encoding="utf-8")  # last: a folder without it is half a report
    return made


def page(experiment_id: int) -> bytes:
    """The HTML page alone."""
    made = found(experiment_id)
    return html(made.document, cards(made)).encode()


def archive(experiment_id: int) -> bytes:
    """The folder as a ZIP."""
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        write(Path(folder), experiment_id)
        for path in sorted(Path(folder).rglob("*.*")):
            packed.write(path, path.relative_to(folder))
    return out.getvalue()


def _named(drawn: dict[str, Card]) -> dict[str, tuple[str, str]]:
    return {name: (card["title"], card.get("alt", "")) for name, card in drawn.items()}


def _json(values: dict[str, Any]) -> str:
    return json.dumps(_finite(values), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def verify(folder: Path) -> tuple[int, list[str]]:
    """(numbers checked, what differs): every number of a report against the database, and its texts against its numbers.

    DataError where the folder holds no report that this version can read.
    """
    try:
        said = json.loads((folder / DATA).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{folder} holds no {DATA} ({error.strerror}); give the folder that showdown report wrote") from error
    except ValueError as error:
        raise DataError(f"{folder / DATA} is no JSON: {error}") from error
    if not isinstance(said, dict) or (said.get("format"), said.get("version")) != (FORMAT, VERSION):
        raise DataError(f"{folder / DATA} is no report of this version; write it again with showdown report")
    made = found(int(said["experiment"]))
    drawn = cards(made)
    now = json.loads(_json(made.document.as_json()))
    wrong = [*_moved(said.get("runs", []), now["runs"]), *_facts(said["facts"], now["facts"])]
    wrong += [f"{key}: not as the database has it" for key in sorted(set(now) - {"facts", "runs"}) if said.get(key) != now[key]]
    if (folder / TEXT).exists() and (folder / TEXT).read_text(encoding="utf-8") != markdown(made.document, _named(drawn)):
        wrong.append(f"{TEXT}: its text is not what these numbers make")
    if (folder / PAGE).exists() and body(made.document, drawn) not in (folder / PAGE).read_text(encoding="utf-8"):
        wrong.append(f"{PAGE}: its text is not what these numbers make")
    for table in made.document.tables:
        wrong += [f"{name}: not as these numbers make it" for name in _tables_changed(folder / "tables", table)]
    return len(now["facts"]), wrong


def _tables_changed(folder: Path, table: Table) -> list[str]:
    """Names of a table's files that hold something else; one that is not there says nothing."""
    found = []
    values, latex = folder / f"{table.key}.csv", folder / f"{table.key}.tex"
    if values.exists() and not _same_cells(values.read_text(encoding="utf-8"), to_csv(table)):
        found.append(f"tables/{values.name}")
    if latex.exists() and latex.read_text(encoding="utf-8") != to_latex(table):
        found.append(f"tables/{latex.name}")
    return found


def _same_cells(one: str, two: str) -> bool:
    """Two CSV files with the same cells, numbers equal but for their last digits."""
    rows, others = (list(csv.reader(io.StringIO(text))) for text in (one, two))
    if [len(row) for row in rows] != [len(row) for row in others]:
        return False
    return all(a == b or _near(a, b) for row, other in zip(rows, others, strict=True) for a, b in zip(row, other, strict=True))


def _near(one: str, two: str) -> bool:
    try:
        return math.isclose(float(one), float(two), rel_tol=CLOSE, abs_tol=CLOSE)
    except ValueError:
        return False


def _moved(said: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    """Runs that are not where they were: everything else may differ for that alone."""
    before = {r.get("run"): r for r in said}
    runs = [r for r in now if before.pop(r["run"], None) != r]
    if not runs and not before:
        return []
    where = ", ".join(f"run {r['run']} is {r['status']} at step {r['step']}" for r in runs)
    gone = ", ".join(f"run {run_id} is gone" for run_id in before)
    return [f"runs: since the report was written they have changed ({', '.join(filter(None, [where, gone]))}); write it again"]


def _facts(said: dict[str, Any], now: dict[str, Any]) -> list[str]:
    wrong = []
    for place in dict.fromkeys((*said, *now)):
        one, two = said.get(place), now.get(place)
        if one is None or two is None:
            wrong.append(f"{place}: {'not in the report' if one is None else 'not in the database any more'}")
        elif not _same(one, two):
            runs = ", ".join(map(str, two["runs"]))
            a, b = (one["text"], two["text"]) if one["text"] != two["text"] else (_brief(one), _brief(two))
            wrong.append(f"{place} ({two['of']}): the report says {a}, the database {b} (runs {runs})")
    return wrong


def _brief(fact: dict[str, Any]) -> str:
    """What is behind a text that says too little to tell two apart."""
    return json.dumps({k: v for k, v in fact.items() if k not in ("of", "text")})


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """The same text, runs and steps, and numbers equal but for the last digits of another machine's arithmetic."""
    near = all(
        (one.get(k) is None) == (two.get(k) is None)
        and (one.get(k) is None or math.isclose(one[k], two[k], rel_tol=CLOSE, abs_tol=CLOSE))
        for k in ("value", "low", "high")
    )
    return near and all(one.get(k) == two.get(k) for k in ("text", "of", "n", "runs", "steps"))
