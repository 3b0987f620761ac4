"""The whole way of one run, as a person goes it: a browser, the dashboard, a broker, a worker, a training.

Design a mix, launch it, see points appear without a reload and the zoom survive them, open a sample, read
its sum, stop the run. Leaves screenshots in shots/e2e/.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.store.runs import claims, queries
from core.store.status import Status
from tests.conftest import REPO, wait_for
from tests.support.browser import browser, button, card, chromium, go, served, settle, whole, zoom

SHOTS = REPO / "shots" / "e2e"
pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")


@pytest.fixture
def url(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Everything on this machine."""
    yield from served("up", home, monkeypatch, "Showdown is at")


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_design_launch_watch_read_stop(url: str, home: Path) -> None:
    with browser() as made:
        page = made.new_page(viewport={"width": 1440, "height": 1000})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))

        # Design: change a weight and see the sum of the pasted completion change.
        page.goto(f"{url}/design")
        expect(page.get_by_role("heading", name="Design a reward mix")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("0.900", exact=True)).to_be_visible()  # try it, at step 50
        weight = page.get_by_label("weight of closeness")
        weight.fill("0.80")
        weight.press("Enter")
        expect(page.get_by_text("1.100", exact=True)).to_be_visible()
        shot(page, "1-design")

        # Queue: one launch, three runs.
        button(page, "To the queue").click()
        steps = page.get_by_role("spinbutton", name="max_steps")
        steps.fill("300")
        steps.press("Enter")
        settle(page)
        button(page, "Queue 3 runs").click()
        expect(page.get_by_role("link", name="hard, seed 0", exact=True)).to_be_visible()
        shot(page, "2-queue")
        rows = queries.run_list()
        assert len(rows) == 3 and {r.max_steps for r in rows} == {300}
        weights = {t["component"]: t["weight"] for t in queries.run_detail(rows[0].id).config["mix"]["terms"]}
        assert rows[0].arm == "hybrid" and weights["closeness"] == 0.8  # what was designed is what was queued

        # Runs: live curves. The page is never reloaded from here on.
        first = rows[-1]
        page.goto(f"{url}/run?run={first.id}")
        wait_for("points on the live chart", lambda: card(page, "Dead groups")["n"] >= 3)
        zoomed = zoom(page, "Dead groups")
        before = card(page, "Dead groups")["n"]
        wait_for("more points without reload", lambda: card(page, "Dead groups")["n"] >= before + 5)
        now = card(page, "Dead groups")
        assert now["same"] is True and now["range"] == zoomed  # same node, zoom kept
        shot(page, "3-run")

        # Samples: one completion, its sum, its group.
        page.get_by_role("tab", name="Samples").click()
        expect(page.get_by_text("How the reward came about")).to_be_visible()
        table = page.get_by_role("table", name="How the reward came about")
        step = int(page.get_by_role("slider", name="training step").get_attribute("aria-valuenow") or 0)
        stored = queries.samples_at(first.id, step)
        best = max(stored, key=lambda s: s.advantage or 0.0)
        expect(table.get_by_text(f"{best.total:.3f}")).to_be_visible()
        expect(page.get_by_text("correctness").first).to_be_visible()
        page.get_by_role("slider", name="training step").press("ArrowLeft")
        expect(page.get_by_text(f"Step {step - 1}", exact=True)).to_be_visible()
        whole(page)
        shot(page, "4-samples")
        page.set_viewport_size({"width": 1440, "height": 1000})

        # Stop: the run ends at a step boundary, with a checkpoint.
        button(page, "Stop").click()
        button(page, "Stop it now").click()
        wait_for("the run to stop", lambda: queries.run_detail(first.id).row.status == Status.STOPPED)
        row = queries.run_detail(first.id).row
        assert row.checkpoint_step == row.step
        expect(page.get_by_text("Stopped")).to_be_visible()
        expect(button(page, "Resume")).to_be_visible()
        shot(page, "5-stopped")
        assert errors == []
        for other in rows[:-1]:  # let `up` end quickly
            subprocess.run(
                [sys.executable, "-m", "cli", "stop", str(other.id)], check=True, capture_output=True
            )


PAPER = {"dark": "rgb(14, 17, 22)", "light": "rgb(246, 247, 249)"}


def test_a_phone_and_both_themes_have_no_sideways_scroll(dashboard: str, chrome: Browser) -> None:
    """Opened in the dark, and from there through the pages: on each it becomes day or night."""
    page = chrome.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark").new_page()
    page.goto(dashboard)
    schemes = ["dark", "light"]
    for path in ("/", "/design", "/queue", "/runs", "/workers"):
        if path != "/":
            go(page, path)
        expect(page).to_have_title(f"{path[1:].title()} · Showdown" if path != "/" else "Showdown")
        page.wait_for_selector("h1", timeout=60_000)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            settle(page)
            wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
            assert wide <= 390, f"{path} is {wide} px wide in the {scheme}"
            background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
            assert background == PAPER[scheme], (path, scheme)
        schemes.reverse()  # the next page is first drawn in the theme in which this one is left


def test_the_log_is_text_follows_its_end_and_keeps_still_while_it_is_read(page: Page) -> None:
    from core.store.runs import lifecycle
    from tests.support.samples import run_config

    run_id = lifecycle.create_run(run_config())
    assert claims.claim(run_id, "somebody", 3600.0)
    head = "<script>alert(1)</script> **md** [x](http://y)\n" + "".join(f"line {i}\n" for i in range(60))

    def say(text: str) -> None:
        claims.beat(run_id, 1, 3600.0, log_tail=text)

    page.goto(f"/run?run={run_id}&tab=Log")
    expect(page.get_by_text("No line yet")).to_be_visible(timeout=60_000)
    say(head + "half a li")
    expect(page.get_by_text("half a li", exact=True)).to_be_in_viewport(timeout=60_000)
    box = page.get_by_role("region", name="Log, newest line last")
    assert (box.text_content() or "").startswith("<script>alert(1)</script> **md** [x](http://y)line 0")
    box.evaluate(
        "b => new MutationObserver((m) => { b.moved = (b.moved ?? 0) + m.length; }).observe(b, {childList: true})"
    )
    say(head + "half a line\nthe newest\n")
    expect(page.get_by_text("the newest", exact=True)).to_be_in_viewport(timeout=60_000)
    assert (
        page.get_by_text("half a line", exact=True).count() == 1
        and page.get_by_text("half a li", exact=True).count() == 0
    )
    moved = box.evaluate("b => b.moved")
    box.evaluate("b => { b.scrollTop = 100; }")
    say(head[head.index("line 30") :] + "half a line\nthe newest\nnewer still\n")  # the tail has moved on
    expect(page.get_by_text("newer still", exact=True)).to_have_count(1, timeout=60_000)
    assert box.evaluate("b => b.scrollTop") == 100 and "line 0" in (box.text_content() or "")
    assert box.evaluate("b => b.moved") == moved + 1  # one line came; the ticks between drew nothing
    button(page, "\u2193 Newest").click()
    expect(page.get_by_text("newer still", exact=True)).to_be_in_viewport()
    find, hits = page.get_by_role("searchbox", name="Find in the log"), page.locator(".hits")
    find.fill("LINE 1")  # 1, 10..19
    expect(hits).to_have_text("11 of 11")  # the newest first
    expect(page.get_by_text("line 19", exact=True)).to_be_in_viewport()
    find.press("Enter")
    expect(hits).to_have_text("1 of 11")
    expect(page.get_by_text("line 1", exact=True)).to_be_in_viewport()
    say(head[head.index("line 30") :] + "half a line\nthe newest\nnewer still\nline 100\n")
    expect(hits).to_have_text("1 of 12", timeout=60_000)  # the log goes on, the reader stays
    find.press("Shift+Enter")
    expect(hits).to_have_text("12 of 12")
    find.fill("</script>")
    expect(hits).to_have_text("1 of 1")
    find.fill("nothing says this")
    expect(hits).to_have_text("no line")
    find.press("Escape")
    expect(find).to_have_value("")
    expect(page.locator(".line.hit")).to_have_count(0)
    assert page.locator("strong", has_text="md").count() == 0
