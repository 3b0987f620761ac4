"""Work that takes long, in a real browser: it says how far it is, ends when it is told to, and the page
lives meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store.designs import drafts
from core.store.runs import claims, lifecycle
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import SampleRow, ScoreRow, StepRecord
from migrations import upgrade
from tests.support import stored
from tests.support.browser import button, chromium, served, settle

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
STEPS, GROUPS, SIZE = 320, 8, 8
DRAFT = "0123456789ab"
# Press Cancel as soon as it stands beside the bar that says so.
CANCEL = """(said) => { new MutationObserver((_, observer) => {
  const bars = [...document.querySelectorAll('[data-testid=stProgress]')].filter((b) => b.textContent.startsWith(said));
  const found = [...document.querySelectorAll('button')].find((b) => b.textContent.trim() === 'Cancel');
  if (!bars.length || !found) return;
  observer.disconnect();
  found.click();
  window.showdownCancelled = true;
}).observe(document.body, { subtree: true, childList: true, characterData: true }); }"""
SLOW = """
import pathlib, time
import numpy as np
from core.rewards.component import Component, ComponentParams

def score(batch, params):
    while len(batch) > 1 and pathlib.Path(__file__).with_name("hold").exists():
        time.sleep(0.05)
    return np.ones(len(batch))

COMPONENT = Component(name="slow", title="Slow", what="Takes its time.", how_it_is_gamed="It is not.", params=ComponentParams,
                      score=score, range=(0.0, 1.0), side="hard")
"""


def row(group: int, index: int) -> SampleRow:
    return SampleRow(
        split="train", problem_id=f"p{group}", group_index=group, index_in_group=index, prompt="How many?",
        completion="3+4=7, so there are 7.\n" * 40 + "#### 7", gold="7", parsed="7", parsed_by="marker", parsed_start=None,
        parsed_end=None, correct=index < 4, n_tokens=10, truncated=False, mean_nll=0.5, total=float(index < 4), advantage=0.0,
        scores=(ScoreRow("correctness", 0, float(index < 4), float(index < 4), 1.0, float(index < 4)),),
    )  # fmt: skip


@pytest.fixture
def url(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The dashboard over a run of 20,480 samples, with a draft whose mix takes seconds to score them."""
    (home / "components").mkdir()
    (home / "components" / "slow.py").write_text(SLOW)
    (home / "components" / "hold").touch()
    upgrade()
    grpo = {"max_steps": STEPS, "num_generations": SIZE, "prompts_per_step": GROUPS}
    values = stored.arms().model_dump(mode="json", by_alias=True)
    whole = {**values, "arms": values["arms"][:1], "run": {"model": {"path": "tiny"}, "grpo": grpo}}
    _, (run_id,) = lifecycle.create_experiment(parse(ExperimentConfig, whole))
    assert claims.claim(run_id, "w", 600.0)
    rows = [row(g, i) for g in range(GROUPS) for i in range(SIZE)]
    for step in range(1, STEPS + 1):
        records.write_step(run_id, 1, StepRecord(step, {"reward/total": 0.5}, rows))
    claims.finish(run_id, 1, Status.DONE)
    slow = {"terms": [{"component": "slow", "side": "hard", "weight": 1.0}]}
    assert drafts.save(DRAFT, {**values, "arms": [{"name": "slow", "mix": slow}]}, {}, 0)
    yield from served("app", home, monkeypatch, "URL: ")
    log = (home / "served.log").read_text()
    assert "Traceback" not in log and "ScriptRunContext" not in log, log


def opened(chrome: Browser, address: str) -> Page:
    page = chrome.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(address)
    return page


def test_replay_and_export_are_cancelled_and_done(url: str, home: Path, chrome: Browser) -> None:
    hold = home / "components" / "hold"  # the work takes as long as this is there
    page = opened(chrome, f"{url}/run?run=1&tab=Replay&draft={DRAFT}")
    bar = page.get_by_text("Replaying the samples: ")
    expect(bar).to_contain_text("%")
    button(page, "Cancel").click()
    hold.unlink()
    expect(page.get_by_text("Replaying the samples: cancelled.")).to_be_visible()
    expect(button(page, "Cancel")).to_have_count(0)
    hold.touch()
    button(page, "Start again").click()
    expect(bar).to_contain_text("%")
    hold.unlink()
    expect(page.get_by_text("Ranks agree")).to_be_visible(timeout=60_000)
    expect(bar).to_have_count(0)

    page.goto(f"{url}/samples?experiment=1")
    expect(page.locator("[role=option][aria-selected=true]")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Export this list").click()
    make = button(page, "Make the file of 20,000 samples")
    page.evaluate(CANCEL, "Writing the file: ")  # the file is there in two seconds, a hand may be later
    make.click()
    page.wait_for_function("() => window.showdownCancelled")
    expect(button(page, "Cancel")).to_have_count(0)
    expect(page.get_by_text("Download 20,000 rows")).to_have_count(0)
    make.click()
    with page.expect_download() as file:
        page.get_by_role("button", name="Download 20,000 rows").click()
    assert len(Path(file.value.path()).read_text().splitlines()) == 20_000
