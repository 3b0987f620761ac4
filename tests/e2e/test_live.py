"""The live charts in a real browser: runs grow step by step in the database, the dashboard is served,
nothing trains."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.store.runs import claims
from core.store.status import Status
from core.store.steps.records import StepRecord, write_step
from tests.conftest import wait_for
from tests.support.browser import card, chromium, zoom
from tests.support.grow import grow, growing, metrics

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")


def opened(chrome: Browser, address: str, **context: Any) -> Page:
    page = chrome.new_context(viewport={"width": 1280, "height": 900}, **context).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    return page


def until(page: Page, title: str, what: str, wanted: Any) -> dict[str, Any]:
    """The card, once one of its values is the wanted one."""
    wait_for(f"{what} {wanted} of {title!r}", lambda: card(page, title).get(what) == wanted)
    return card(page, title)


def watched(chrome: Browser, dashboard: str, max_steps: int = 100) -> tuple[int, Page]:
    """A run that is at step 20, and its page with that step on it."""
    (run_id,) = growing(max_steps=max_steps)
    grow(run_id, 0, 20)
    page = opened(chrome, f"{dashboard}/run?run={run_id}")
    until(page, "Dead groups", "last", 20)
    return run_id, page


def test_a_zoom_and_a_hidden_line_survive_twenty_steps_and_follow_goes_back(
    dashboard: str, chrome: Browser
) -> None:
    run_id, page = watched(chrome, dashboard)
    page.get_by_role(
        "heading", name="Trained reward and the truth"
    ).scroll_into_view_if_needed()  # unseen: not sent
    page.get_by_role("button", name="gold accuracy", exact=True).click()
    until(page, "Trained reward and the truth", "last", 100)  # its planned blend
    zoomed = zoom(page, "Dead groups")
    for step in range(21, 41):  # twenty updates, each seen before the next is written
        grow(run_id, step, step)
        until(page, "Dead groups", "last", step)
    now = card(page, "Dead groups")
    assert now["same"] and now["range"] == zoomed and now["follow"]
    truth = card(page, "Trained reward and the truth")
    assert truth["same"] and ["gold accuracy", False] in truth["lines"]
    page.get_by_role("button", name=re.compile("follows the newest step again")).first.click()
    assert until(page, "Dead groups", "range", [0, 100])["follow"] is False
    # What is hovered in one chart is hovered in the others over the same axis.
    box = page.get_by_role("img", name=re.compile("^Dead groups")).bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 60)
    wait_for("hover", lambda: card(page, "Dead groups").get("hovered") is not None)
    at = card(page, "Dead groups")["hovered"]
    until(page, "Spread inside groups", "hovered", at)
    for step in range(41, 44):  # and stays so where the pointer rests, while steps come in
        grow(run_id, step, step)
        until(page, "Dead groups", "last", step)
        until(page, "Spread inside groups", "last", step)
        until(page, "Dead groups", "hovered", at)
        until(page, "Spread inside groups", "hovered", at)
    claims.finish(run_id, 1, Status.DONE)
    expect(page.get_by_text("Done", exact=True)).to_be_visible()
    # the whole page is that of a run that has ended
    expect(page.get_by_text("Live", exact=True)).to_have_count(0)


def test_a_step_leaves_the_legend_as_it_is(dashboard: str, chrome: Browser) -> None:
    """Drawn anew it would lose the focus, and a press that is down while a step comes."""
    run_id, page = watched(chrome, dashboard)
    title = "Contributions to the reward"
    heading = page.get_by_role("heading", name=title)
    heading.scroll_into_view_if_needed()  # unseen: not sent
    until(page, title, "last", 20)
    entry = page.locator(".card", has=heading).get_by_role("button", name="closeness")
    entry.focus()
    entry.hover()
    page.mouse.down()
    grow(run_id, 21, 21)
    until(page, title, "last", 21)
    page.mouse.up()
    expect(entry).to_have_attribute("aria-pressed", "false")
    expect(entry).to_be_focused()


def test_head_and_tab_both_follow_a_run_that_makes_no_pause(dashboard: str, chrome: Browser) -> None:
    """Each has a pulse; Streamlit hears one fragment alone of what is said at once, and it would always be
    the same."""
    run_id, page = watched(chrome, dashboard, 300)
    heads, bars, step = set[str | None](), set[str | None](), 20
    # as many steps as it takes: one that is never drawn anew stays at its first
    while len(heads) <= 3 or len(bars) <= 3:
        step += 1
        assert step < 300, (heads, bars)
        grow(run_id, step, step)
        page.wait_for_timeout(250)
        heads.add(page.get_by_role("progressbar", name="training progress").get_attribute("aria-valuenow"))
        bars.add(page.get_by_role("slider", name="training step").get_attribute("aria-valuenow"))
    claims.finish(run_id, 1, Status.DONE)


def test_on_any_tab_a_run_that_ends_makes_the_page_that_of_a_run_that_has_ended(
    dashboard: str, chrome: Browser
) -> None:
    (run_id,) = growing(max_steps=100)
    grow(run_id, 0, 20)
    page = opened(chrome, f"{dashboard}/run?run={run_id}&tab=Config")
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    grow(run_id, 21, 25)
    expect(page.get_by_text("25 of 100 steps")).to_be_visible()
    claims.finish(run_id, 1, Status.STOPPED)
    expect(page.get_by_text("Stopped", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Overview", exact=True).click()
    page.get_by_role("heading", name="Dead groups").scroll_into_view_if_needed()
    until(page, "Dead groups", "last", 25)
    expect(page.get_by_text("Live", exact=True)).to_have_count(0)


HOVERED = """([title, x]) => {
  for (const host of document.querySelectorAll('*')) {
    const card = host.shadowRoot?.querySelector('.card');
    if (card?.querySelector('h3')?.textContent !== title) continue;
    const plot = card.querySelector('.plot');
    window.Plotly.Fx.hover(plot, { xval: x }, 'xy');
    return [...plot.querySelectorAll('.hoverlayer .legendtext')].map((text) => text.textContent);
  }
}"""


def test_a_layer_below_zero_answers_with_its_own_value(dashboard: str, chrome: Browser) -> None:
    (run_id,) = growing(max_steps=20)
    shares = {1: (0.5, 0.5), 2: (1.25, -0.25), 3: (0.5, 0.5)}
    for step, (hard, graded) in shares.items():
        more = {"signal/advantage_share/correctness": hard, "signal/advantage_share/closeness": graded}
        write_step(run_id, 1, StepRecord(step=step, metrics=metrics(step) | more))
    page = opened(chrome, f"{dashboard}/run?run={run_id}")
    title = "Share of advantage variance"
    page.get_by_role("heading", name=title).scroll_into_view_if_needed()
    until(page, title, "last", 3)
    answers = {
        2: ["closeness : \u221225 %", "correctness : 125 %"],
        3: ["closeness : 50 %", "correctness : 50 %"],
    }

    def heard() -> bool:
        return all(
            sorted(page.evaluate(HOVERED, [title, step])) == wanted for step, wanted in answers.items()
        )

    wait_for("the labels", heard)


def test_a_zoom_ends_where_the_axis_becomes_another(dashboard: str, chrome: Browser) -> None:
    """A range of steps is none of minutes, and one of values none of their powers of ten."""
    (run_id,) = growing(max_steps=600)
    grow(run_id, 0, 600)
    claims.finish(run_id, 1, Status.DONE)
    page = opened(chrome, f"{dashboard}/run?run={run_id}")
    page.get_by_role("heading", name="Entropy").scroll_into_view_if_needed()
    until(page, "Entropy", "last", 600)
    named = "[...window.showdownCharts].every((ui) => ui.plot.getAttribute('aria-label'))"
    assert page.evaluate(named), "a chart that was not looked at yet has a name too"
    zoom(page, "Entropy")
    expect_follow(page, "Entropy", True)
    page.get_by_role("radio", name="time", exact=True).click()
    page.get_by_role("heading", name="Entropy").scroll_into_view_if_needed()  # unseen: not sent
    expect_follow(page, "Entropy", False)
    assert card(page, "Entropy")["range"] == pytest.approx([0, 10])  # 600 steps of a second each
    zoom(page, "Entropy")
    page.locator("label").filter(has_text=re.compile("^Log$")).click()
    page.get_by_role("heading", name="Entropy").scroll_into_view_if_needed()
    until(page, "Entropy", "type", "log")
    expect_follow(page, "Entropy", False)
    assert card(page, "Entropy")["range"] == pytest.approx([0, 10])


def test_a_zoom_and_a_hidden_line_are_there_again_when_their_tab_is(dashboard: str, chrome: Browser) -> None:
    run_id, page = watched(chrome, dashboard)
    page.get_by_role("heading", name="Trained reward and the truth").scroll_into_view_if_needed()
    page.get_by_role("button", name="gold accuracy", exact=True).click()
    zoomed = zoom(page, "Dead groups")
    page.get_by_role("tab", name="Config", exact=True).click()
    wait_for("the charts are gone", lambda: card(page, "Dead groups")["n"] == 0)
    grow(run_id, 21, 40)
    page.get_by_role("tab", name="Overview", exact=True).click()
    page.get_by_role("heading", name="Dead groups").scroll_into_view_if_needed()  # unseen: not sent
    assert until(page, "Dead groups", "last", 40)["range"] == zoomed
    expect_follow(page, "Dead groups", True)
    page.get_by_role("heading", name="Trained reward and the truth").scroll_into_view_if_needed()
    until(page, "Trained reward and the truth", "last", 100)
    assert ["gold accuracy", False] in card(page, "Trained reward and the truth")["lines"]
    grow(run_id, 41, 50)
    assert until(page, "Dead groups", "last", 50)["range"] == zoomed, "new steps leave it too"
    page.get_by_role("button", name=re.compile("follows the newest step again")).first.click()
    assert until(page, "Dead groups", "range", [0, 100])["follow"] is False
    claims.finish(run_id, 1, Status.DONE)


def expect_follow(page: Page, title: str, shown: bool) -> None:
    wait_for(f"follow {shown}", lambda: card(page, title).get("follow") is shown)


def test_a_lost_message_is_asked_for_again(dashboard: str, chrome: Browser) -> None:
    run_id, page = watched(chrome, dashboard)
    # As if the messages of steps 11 to 20 had never come: the next tail does not fit what the browser has.
    page.evaluate("""() => { for (const ui of window.showdownCharts) if (ui.received?.card.title === 'Dead groups')
      for (const t of ui.received.card.traces) for (const k of ['x', 'y']) t[k] = t[k].subarray(0, 2); }""")
    grow(run_id, 21, 60)
    now = until(page, "Dead groups", "last", 60)
    assert now["same"] is True and now["n"] == 60  # every point is there, on the node that was there
    claims.finish(run_id, 1, Status.DONE)


def test_a_chart_out_of_sight_is_sent_when_it_is_looked_at(dashboard: str, chrome: Browser) -> None:
    (run_id,) = growing(max_steps=100)
    grow(run_id, 0, 100)
    claims.finish(run_id, 1, Status.DONE)
    page = opened(chrome, f"{dashboard}/run?run={run_id}&tab=All+metrics")
    until(page, "correctness: contribution", "last", 100)
    assert card(page, "closeness: weight")["n"] == 0  # far below
    heading = page.get_by_role("heading", name="closeness: weight")
    heading.scroll_into_view_if_needed()
    until(page, "closeness: weight", "last", 100)
    page.get_by_role("textbox", name="Filter").fill("^policy/(ent|grad)")
    page.get_by_role("textbox", name="Filter").press("Enter")
    expect(heading).to_have_count(0)
    until(page, "Entropy", "last", 100)
    page.get_by_role("textbox", name="Filter").fill("score/(")
    page.get_by_role("textbox", name="Filter").press("Enter")
    expect(page.get_by_text("cannot be used")).to_be_visible()


def test_a_click_on_a_step_opens_its_samples(dashboard: str, chrome: Browser) -> None:
    (run_id,) = growing(max_steps=100)
    grow(run_id, 0, 60)
    claims.finish(run_id, 1, Status.DONE)
    page = opened(chrome, f"{dashboard}/run?run={run_id}")
    steps = page.get_by_role("slider", name="training step")
    steps.focus()
    for _ in range(3):  # keys look first: on this tab a step leads away
        steps.press("ArrowLeft")
    expect(steps).to_have_attribute("aria-valuenow", "57")
    expect(page.get_by_text("Step 57", exact=True)).to_be_visible()
    assert "step=" not in page.url
    steps.press("Enter")
    expect(page).to_have_url(re.compile(r"step=57"))
    page.get_by_role("tab", name="Overview").click()
    steps.locator("i").nth(36).click()
    expect(page.get_by_role("tab", name="Samples", selected=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"step=37"))
    steps.press("ArrowRight")  # and in its own tab the bar goes on from there
    expect(page).to_have_url(re.compile(r"step=38"))
    expect(page.get_by_text("Step 38", exact=True)).to_be_visible()


def test_the_address_holds_the_view_and_the_theme_is_the_readers(dashboard: str, chrome: Browser) -> None:
    (run_id,) = growing(max_steps=700)
    grow(run_id, 0, 700)
    claims.finish(run_id, 1, Status.DONE)
    page = opened(chrome, f"{dashboard}/run?run={run_id}&over=time&log=true&smooth=0.0", color_scheme="dark")
    page.get_by_role("heading", name="Entropy").scroll_into_view_if_needed()
    dark = until(page, "Entropy", "type", "log")
    assert abs(dark["last"] - 700 / 60) < 1e-4 and dark["n"] <= 500 and len(dark["lines"]) == 1
    page.emulate_media(color_scheme="light")
    wait_for("the other theme", lambda: card(page, "Entropy")["ink"] != dark["ink"])
    assert card(page, "Entropy")["same"]
    with page.expect_download() as file:
        entropy = page.locator("section.card").filter(has=page.get_by_role("heading", name="Entropy"))
        entropy.scroll_into_view_if_needed()
        entropy.get_by_role("button", name="Save or enlarge").click()
        entropy.get_by_role("button", name="CSV").click()
    lines = Path(file.value.path()).read_text().splitlines()
    assert lines[0] == "minutes,Entropy" and len(lines) == 701  # every step, also those that are not drawn
    with page.expect_download() as file:
        entropy.get_by_role("button", name="Save or enlarge").click()
        entropy.get_by_role("button", name="SVG").click()
    assert "<svg" in Path(file.value.path()).read_text()[:200]
    with page.expect_download() as file:
        entropy.get_by_role("button", name="Save or enlarge").click()
        entropy.get_by_role("button", name="PNG").click()
    picture = Path(file.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n") and len(picture) > 5_000
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("() => document.documentElement.clientWidth === 390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# Streamlit's browser end sends what was pressed with the next timer, late on a busy machine: here until
# `showdownLet`.
HOLD = """() => {
  const real = window.setTimeout, waiting = [];
  window.setTimeout = (f, ...more) => String(f).includes('sendUpdateWidgetsMessage') ? waiting.push(f) : real(f, ...more);
  window.showdownSaid = () => waiting.length > 0 || document.body.innerText.includes('21 of 100 steps');
  window.showdownLet = () => { window.setTimeout = real; waiting.forEach((f) => f()); };
}"""


def test_a_press_in_one_message_with_the_word_of_a_pulse_is_heard(dashboard: str, chrome: Browser) -> None:
    """Streamlit makes one message of both, with one fragment: the pulse's would be drawn and not the tab
    that was pressed."""
    run_id, page = watched(chrome, dashboard)
    page.evaluate(HOLD)
    grow(run_id, 21, 21)
    page.wait_for_function("() => window.showdownSaid()")
    page.get_by_role("tab", name="Config", exact=True).click()
    page.evaluate("window.showdownLet()")
    expect(page.get_by_text("gradient_checkpointing").first).to_be_visible()
    claims.finish(run_id, 1, Status.DONE)
