"""Reports of stored experiments: files that work offline, numbers that can be checked, words of strangers
that stay words."""

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib import image
from playwright.sync_api import Browser

from app.report import files
from app.report.as_markdown import listed
from app.report.as_png import png
from app.report.document import experiment_named, found
from app.report.figures import cards
from cli.main import main
from core.common.errors import DataError, NotFound
from core.compare.evidence import GOLD
from core.store.schema import evaluation, experiment, metric, point, run
from core.store.session import writing
from tests.conftest import home_of
from tests.support.browser import browser, chromium
from tests.support.compared import learned
from tests.support.grow import grow, growing

EVIL = "<script>alert(1)</script> $x$ | `a` [l](javascript:b) \u202egnp.exe"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory, `home`, and the report of the study in it, `report`."""
    folder = tmp_path_factory.mktemp("reported")
    (folder / "home").mkdir()
    with home_of(folder / "home"):
        arms = {"hard": 0.8, "continuous": 0.6, "hybrid": 0.7}
        id, _ = learned(
            arms, steps=60, fall={"continuous": 1.2}, primary=["gold/final", "gold/auc"], thresholds=[0.5]
        )
        files.write(folder / "report", id)
    return folder


@pytest.fixture
def study(reported: Path, home: Path) -> int:
    """Three arms by three seeds, one of which collapses while its reward rises; the primary outcome was
    fixed."""
    shutil.copytree(reported / "home", home, dirs_exist_ok=True)
    return 1


@pytest.fixture
def report(reported: Path, study: int, tmp_path: Path) -> Path:
    """The study's report, in a folder of the test."""
    return Path(shutil.copytree(reported / "report", tmp_path / "report"))


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_every_number_has_its_runs_and_steps_and_is_found_again(study: int, tmp_path: Path) -> None:
    assert call("report", str(study), "--out", str(tmp_path / "r")).exit_code == 0
    said = json.loads((tmp_path / "r" / "report.json").read_text())
    facts = said["facts"]
    assert len(facts) > 150 and all(
        f["runs"] and f["steps"][0] <= f["steps"][1] <= 60 for f in facts.values()
    )
    final = [f for place, f in facts.items() if place.startswith("arms/") and place.endswith("gold/final")]
    assert len(final) == 3 and all(len(f["runs"]) == 3 and f["steps"] == [60, 60] for f in final)
    answer = call("report", "--verify", str(tmp_path / "r"))
    assert (
        answer.exit_code == 0
        and f"{len(facts)} numbers computed again: all as the report says" in answer.output
    )
    text = (tmp_path / "r" / "report.md").read_text()
    assert "fixed before the first run: final accuracy, area under the curve" in text
    rows = [
        line
        for line in text.splitlines()
        if re.match(r"\| (hard|hybrid|continuous) \|.*%", line) and "flag" not in line
    ]
    assert rows and all(
        re.search(r"\| [\d, -]+ \| [\d, -]+ \|$", row) for row in rows if not row.endswith(". |")
    )
    for name in re.findall(r"\]\((figures/[\w-]+\.png)\)", text):
        assert image.imread(tmp_path / "r" / name).std() > 0.01  # something is drawn
    assert {p.suffix for p in (tmp_path / "r" / "tables").iterdir()} == {".csv", ".tex"}


def change_number(folder: Path) -> None:
    said = json.loads((folder / "report.json").read_text())
    said["facts"]["arms/1/gold/final"]["value"] += 0.01
    (folder / "report.json").write_text(json.dumps(said))


def change_text(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    (folder / "report.md").write_text(text.replace("1.00", "0.99", 1))


def change_page(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    (folder / "report.html").write_text(
        page.replace("%</td>", " %</td>", 1).replace("<h2>Arms</h2>", "<h2>Our arms</h2>")
    )


def change_csv(folder: Path) -> None:
    path = folder / "tables" / "arms.csv"
    path.write_text(path.read_text().replace("0.", "0.9", 1))


def change_latex(folder: Path) -> None:
    path = folder / "tables" / "arms.tex"
    path.write_text(path.read_text() + "% hard is best\n")


def change_runs(folder: Path) -> None:
    with writing() as c:
        gold = c.execute(metric.select().where(metric.c.name == GOLD)).one().id
        c.execute(
            point.update()
            .where(point.c.run_id == 1, point.c.metric_id == gold, point.c.step == 60)
            .values(value=0.01)
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_number, "arms/1/gold/final"),
        (change_text, "report.md: its text is not what these numbers make"),
        (change_page, "report.html: its text is not what these numbers make"),
        (change_csv, "tables/arms.csv: not as these numbers make it"),
        (change_latex, "tables/arms.tex: not as these numbers make it"),
        (change_runs, "differences"),
    ],
)
def test_what_was_changed_afterwards_is_found(
    report: Path, change: Callable[[Path], None], said: str
) -> None:
    change(report)
    answer = call("report", "--verify", str(report))
    assert answer.exit_code == 1 and said in answer.output


def test_a_report_of_runs_that_went_on_says_so_first(sqlite: Path, tmp_path: Path) -> None:
    """Not only that numbers differ, some of which look the same in the few digits of a table."""
    first, second = growing(["hard", "hybrid"], [0], 100)
    grow(first, 0, 40)
    grow(second, 0, 40)
    assert (
        "2 runs of it have not ended: the report is of now"
        in call("report", "1", "--out", str(tmp_path)).output
    )
    assert call("report", "--verify", str(tmp_path)).exit_code == 0
    grow(second, 41, 60)
    answer = call("report", "--verify", str(tmp_path))
    said = f"runs: since the report was written they have changed (run {second} is running at step 60); write it again"
    assert answer.exit_code == 1 and answer.output.splitlines()[0] == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "holds no report.json"),
        ("{", "is no JSON"),
        ("[]", "is no report of this version"),
        ('{"format": "x"}', "no report"),
    ],
)
def test_what_is_no_report_is_named(sqlite: Path, tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(DataError, match=said):
        files.verify(tmp_path)


def test_an_experiment_goes_by_id_or_name_and_others_are_named(study: int) -> None:
    assert experiment_named(str(study)) == experiment_named("compared") == study
    with pytest.raises(NotFound, match=rf"no experiment 'x'; the newest are {study} \(compared\)"):
        experiment_named("x")
    assert call("report").exit_code == 2 and call("report", "1", "--verify", ".").exit_code == 2


def test_a_collapse_is_flagged_with_its_step_and_clean_runs_are_counted(study: int) -> None:
    made = found(study).document
    flagged = {f.arm for f in made.flags}
    assert "continuous" in flagged and all(0 < f.step <= 60 and f.look[0] < f.look[1] for f in made.flags)
    assert made.clean[1] >= 5  # of the other two arms


def test_a_comparison_that_is_refused_is_a_report_without_averages(study: int, tmp_path: Path) -> None:
    made = found(study)
    with writing() as c:
        c.execute(
            evaluation.update()
            .where(evaluation.c.run_id == made.rows[0].id)
            .values(num_samples=8, temperature=1.0)
        )
    with writing() as c:
        config = dict(made.runs[0].config) | {
            "evaluation": dict(made.runs[0].config["evaluation"]) | {"num_samples": 8}
        }
        c.execute(run.update().where(run.c.id == made.rows[0].id).values(config=config))
    refused = files.write(tmp_path, study)
    assert cards(refused) == {} and any(r.refused for r in refused.document.remarks)
    text = (tmp_path / "report.md").read_text()
    assert "cannot be compared as they are" in text and "## Arms" not in text
    assert files.verify(tmp_path)[1] == []


def test_names_of_strangers_are_only_names(study: int, tmp_path: Path) -> None:
    with writing() as c:
        c.execute(experiment.update().where(experiment.c.id == study).values(name=EVIL[:120], question=EVIL))
        config = c.execute(experiment.select().where(experiment.c.id == study)).one().config
        c.execute(experiment.update().values(config={**config, "name": EVIL[:120], "question": EVIL}))
    files.write(tmp_path, study)
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page and "\u202e" not in page + text
    assert "\\<script\\>alert" in text and "[l](javascript" not in text


def test_a_download_is_the_folder_in_one_file(study: int, report: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(files.archive(study))) as packed:
        assert set(packed.namelist()) == {str(p.relative_to(report)) for p in report.rglob("*.*")}
        pages = (packed.read("report.html"), files.page(study), (report / "report.html").read_bytes())
        assert len({sha256(page).hexdigest() for page in pages}) == 1


def test_the_same_data_make_the_same_files(study: int, report: Path, tmp_path: Path) -> None:
    files.write(tmp_path / "again", study)
    for path in report.rglob("*.*"):
        other = tmp_path / "again" / path.relative_to(report)
        assert sha256(path.read_bytes()).digest() == sha256(other.read_bytes()).digest(), path.name


def test_a_picture_shows_bands_markers_texts_and_a_dollar_sign() -> None:
    xs = np.arange(5.0)
    trace: dict[str, Any] = {
        "type": "scatter",
        "x": xs,
        "y": xs,
        "name": "a",
        "line": {"color": "@hard", "width": 2, "dash": "dash"},
    }
    marks = {
        **trace,
        "mode": "markers",
        "marker": {"symbol": "triangle-right-open", "color": "@bad", "size": 9},
    }
    words = {**trace, "mode": "text", "text": ["$5", "b", "c", "d", "e"], "textposition": "top right"}
    band = {**trace, "y": xs + 1, "fill": "tonexty", "fillcolor": "@hard/.2"}
    card = {"title": "What $5 buys $", "traces": [trace, band, marks, words],
            "layout": {"xaxis": {"range": [0, 5]}, "yaxis": {}}, "height": 200}  # fmt: skip
    assert png(card)[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("runs", "said"), [([], "none"), ([3], "3"), ([1, 2, 3], "1-3"), ([5, 1, 2, 9, 9], "1-2, 5, 9")]
)
def test_runs_are_listed_in_few_words(runs: list[int], said: str) -> None:
    assert listed(runs) == said


@pytest.fixture(scope="module")
def made() -> Iterator[Browser]:
    with browser() as chrome:
        yield chrome


@pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
def test_the_page_works_without_a_network(report: Path, made: Browser) -> None:
    context = made.new_context(viewport={"width": 390, "height": 800}, offline=True, color_scheme="dark")
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.on("request", lambda r: faults.append(r.url) if not r.url.startswith("file:") else None)
    page.goto(f"file://{report}/report.html")
    page.wait_for_function("document.querySelectorAll('.plot .main-svg').length >= 8", timeout=60_000)
    assert faults == [] and page.evaluate("document.documentElement.scrollWidth") <= 390
    number = page.get_by_role("table").first.get_by_role("cell").nth(1)
    assert "steps 0-60" in (number.get_attribute("title") or "") or "step 60" in (
        number.get_attribute("title") or ""
    )
    context.close()


def test_gold_is_the_evidence_that_reports_are_made_of(study: int) -> None:
    """The number in the table is the mean of what the runs stored, by hand."""
    made = found(study)
    table = next(t for t in made.document.tables if t.key == "arms")
    for row in table.rows:
        ends = [r.line(GOLD)[1][-1] for r in made.runs if r.arm == row[0].text]
        assert row[2].value == pytest.approx(np.mean(ends))
