"""A report as a folder of files, and the check of such a folder."""

import csv
import io
import json
import math
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from app.live.chart_protocol import Card
from app.report.as_html import body, html
from app.report.as_markdown import markdown
from app.report.document import FORMAT, VERSION, Found, found
from app.report.figures import cards
from core.common.errors import DataError
from core.compare.export import to_csv, to_latex
from core.compare.table import Table

PAGE = "report.html"
TEXT = "report.md"
DATA = "report.json"
CLOSE = 1e-9


def write(folder: Path, experiment_id: int) -> Found:
    """Write a report into a folder.

    These are report.html, report.md with figures/, tables/*.csv and *.tex, and report.json with every
    number.
    """
    # matplotlib takes half a second to load, and most who load this draw nothing
    from app.report.as_png import png

    report = found(experiment_id)
    charts = cards(report)
    for part in ("figures", "tables"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, card in charts.items():
        (folder / "figures" / f"{name}.png").write_bytes(png(card))
    for table in report.document.tables:
        (folder / "tables" / f"{table.key}.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / "tables" / f"{table.key}.tex").write_text(to_latex(table), encoding="utf-8")
    (folder / PAGE).write_text(html(report.document, charts), encoding="utf-8")
    (folder / TEXT).write_text(markdown(report.document, _named(charts)), encoding="utf-8")
    # last: a folder without it is half a report
    (folder / DATA).write_text(_json(report.document.as_json()), encoding="utf-8")
    return report


def page(experiment_id: int) -> bytes:
    """The HTML page of a report alone."""
    report = found(experiment_id)
    return html(report.document, cards(report)).encode()


def archive(experiment_id: int) -> bytes:
    """The folder of a report as a ZIP."""
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
    """Check a report's numbers against the database, and its texts against its numbers.

    Returns (numbers checked, what differs). Raises DataError where the folder holds no report that this
    version can read.
    """
    try:
        written = json.loads((folder / DATA).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{folder} holds no {DATA} ({error.strerror}); give the folder that showdown report wrote"
        ) from error
    except ValueError as error:
        raise DataError(f"{folder / DATA} is no JSON: {error}") from error
    if not isinstance(written, dict) or (written.get("format"), written.get("version")) != (FORMAT, VERSION):
        raise DataError(f"{folder / DATA} is no report of this version; write it again with showdown report")
    report = found(int(written["experiment"]))
    charts = cards(report)
    current = json.loads(_json(report.document.as_json()))
    wrong = [*_moved(written.get("runs", []), current["runs"]), *_facts(written["facts"], current["facts"])]
    wrong += [
        f"{key}: not as the database has it"
        for key in sorted(set(current) - {"facts", "runs"})
        if written.get(key) != current[key]
    ]
    if (folder / TEXT).exists() and (folder / TEXT).read_text(encoding="utf-8") != markdown(
        report.document, _named(charts)
    ):
        wrong.append(f"{TEXT}: its text is not what these numbers make")
    if (folder / PAGE).exists() and body(report.document, charts) not in (folder / PAGE).read_text(
        encoding="utf-8"
    ):
        wrong.append(f"{PAGE}: its text is not what these numbers make")
    for table in report.document.tables:
        wrong += [
            f"{name}: not as these numbers make it" for name in _tables_changed(folder / "tables", table)
        ]
    return len(current["facts"]), wrong


def _tables_changed(folder: Path, table: Table) -> list[str]:
    """The files of a table that hold something else; a file that is missing does not count."""
    changed = []
    values = folder / f"{table.key}.csv"
    latex = folder / f"{table.key}.tex"
    if values.exists() and not _same_cells(values.read_text(encoding="utf-8"), to_csv(table)):
        changed.append(f"tables/{values.name}")
    if latex.exists() and latex.read_text(encoding="utf-8") != to_latex(table):
        changed.append(f"tables/{latex.name}")
    return changed


def _same_cells(one: str, two: str) -> bool:
    """Whether two CSV files have the same cells, numbers equal but for their last digits."""
    rows, other_rows = (list(csv.reader(io.StringIO(text))) for text in (one, two))
    if [len(row) for row in rows] != [len(row) for row in other_rows]:
        return False
    return all(
        a == b or _near(a, b)
        for row, other_row in zip(rows, other_rows, strict=True)
        for a, b in zip(row, other_row, strict=True)
    )


def _near(one: str, two: str) -> bool:
    try:
        return math.isclose(float(one), float(two), rel_tol=CLOSE, abs_tol=CLOSE)
    except ValueError:
        return False


def _moved(said: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    """Runs that have changed since the report: everything else may differ for that alone."""
    written_by_id = {r.get("run"): r for r in said}
    runs = [r for r in now if written_by_id.pop(r["run"], None) != r]
    if not runs and not written_by_id:
        return []
    changes = ", ".join(f"run {r['run']} is {r['status']} at step {r['step']}" for r in runs)
    missing = ", ".join(f"run {run_id} is gone" for run_id in written_by_id)
    return [
        f"runs: since the report was written they have changed ({', '.join(filter(None, [changes, missing]))}); write it again"
    ]


def _facts(said: dict[str, Any], now: dict[str, Any]) -> list[str]:
    wrong = []
    for place in dict.fromkeys((*said, *now)):
        written = said.get(place)
        current = now.get(place)
        if written is None or current is None:
            wrong.append(
                f"{place}: {'not in the report' if written is None else 'not in the database any more'}"
            )
        elif not _same(written, current):
            runs = ", ".join(map(str, current["runs"]))
            a, b = (
                (written["text"], current["text"])
                if written["text"] != current["text"]
                else (_brief(written), _brief(current))
            )
            wrong.append(f"{place} ({current['of']}): the report says {a}, the database {b} (runs {runs})")
    return wrong


def _brief(fact: dict[str, Any]) -> str:
    """The values behind a text that is too short to tell two facts apart."""
    return json.dumps({k: v for k, v in fact.items() if k not in ("of", "text")})


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether two facts are equal in text, runs and steps, and in numbers but for the last digits.

    The last digits depend on the machine's arithmetic.
    """
    near = all(
        (one.get(k) is None) == (two.get(k) is None)
        and (one.get(k) is None or math.isclose(one[k], two[k], rel_tol=CLOSE, abs_tol=CLOSE))
        for k in ("value", "low", "high")
    )
    return near and all(one.get(k) == two.get(k) for k in ("text", "of", "n", "runs", "steps"))
