"""The design page in a real browser: what is dragged, typed and reloaded. One dashboard for all of these
tests."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pydantic import TypeAdapter

from core.rewards.schedule import Schedule, value_at
from core.store.designs import drafts
from tests.conftest import REPO, wait_for
from tests.support.browser import chromium, settle

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
LAWS: list[dict[str, Any]] = [
    {"type": "constant", "value": 0.3},
    {"type": "linear", "start": 0.2, "end": 0.9, "from_step": 12.5, "to_step": 60},
    {"type": "cosine", "start": 1.0, "end": 0.0, "from_step": 10, "to_step": 70},
    {"type": "sigmoid", "start": 0.0, "end": 1.0, "from_step": 5, "to_step": 90, "steepness": 7.0},
    {"type": "exponential", "start": 0.0, "end": 1.0, "from_step": 0, "to_step": 50, "rate": -3.0},
    {"type": "exponential", "start": 0.0, "end": 1.0, "from_step": 0, "to_step": 50, "rate": 0.0},
    {"type": "step", "start": 0.1, "end": 0.8, "at_step": 33},
    {"type": "piecewise", "points": [[10, 0.0], [33, 0.7], [80, 0.2]]},
    {"type": "cyclic", "low": 0.2, "high": 0.8, "period": 30},
    {
        "type": "warmup",
        "steps": 20.0,
        "then": {"type": "linear", "start": 1.0, "end": 0.0, "from_step": 30, "to_step": 60},
    },
    {"type": "adaptive", "signal": "accuracy", "threshold": 0.3, "start": 0.1, "end": 0.9},
]


def opened(chrome: Browser, url: str, width: int = 1440) -> Page:
    page = chrome.new_context(viewport={"width": width, "height": 1000}).new_page()
    page.goto(url)
    expect(page.get_by_role("group", name="The hard side's share over the run")).to_be_visible(timeout=60_000)
    settle(page)
    return page


def box(page: Page, label: str) -> Locator:
    """A number box; of one that is being drawn anew, the new one."""
    return page.get_by_role("spinbutton", name=label).first


def handle(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=name, exact=True)


def drag(page: Page, name: str, dx: float, dy: float) -> None:
    """Move a handle by shares of the plot, as a hand does."""
    plot = page.get_by_role("group", name="over the run").bounding_box()
    handle(page, name).scroll_into_view_if_needed()
    box, plot = (
        handle(page, name).bounding_box(),
        page.get_by_role("group", name="over the run").bounding_box(),
    )
    assert box and plot
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx * plot["width"], y + dy * plot["height"], steps=6)
    page.mouse.up()


def stored(page: Page) -> dict[str, Any]:
    """The hybrid's mix, as the draft in the page's address has it."""
    found = drafts.load(page.url.split("draft=")[1].split("&")[0]) if "draft=" in page.url else None
    return next((a["mix"] for a in found.config["arms"] if a["name"] == "hybrid"), {}) if found else {}


def test_the_drawn_laws_are_those_of_the_engine(chrome: Browser) -> None:
    page = chrome.new_page()
    text = (REPO / "app" / "elements" / "curve_laws.js").read_text()
    steps = [0, 1, 9.5, 20, 33, 34, 50, 61.25, 79, 100]
    drawn = page.evaluate(
        f"([laws, steps]) => {{ {text} return laws.map((s) => steps.map((t) => valueAt(s, t))); }}",
        [LAWS, steps],
    )
    for law, values in zip(LAWS, drawn, strict=True):
        made = TypeAdapter(Schedule).validate_python(law)
        assert values == pytest.approx([value_at(made, t) for t in steps]), law["type"]


def test_a_dragged_ramp_is_kept_through_reload_theme_and_page(chrome: Browser, dashboard: str) -> None:
    page = opened(chrome, f"{dashboard}/design?arm=hybrid")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    drag(page, "end of the ramp", -0.15, 0.2)
    expect(box(page, "To step")).to_have_value("60")
    page.wait_for_url("**draft=*")
    blend = wait_for("the draft to be stored", lambda: stored(page).get("blend"))
    assert isinstance(blend, dict) and (blend["to_step"], blend["end"], blend["from_step"]) == (
        60.0,
        0.8,
        25.0,
    )
    end = handle(page, "end of the ramp")
    end.evaluate("h => { h.seen = true; }")
    for _ in range(3):
        end.press("ArrowRight")
    end.press("ArrowUp")
    expect(box(page, "To step")).to_have_value("63")
    handle(page, "Look at step").press("PageUp")
    expect(page.get_by_text("Composition at step 60")).to_be_visible()
    expect(page.get_by_text("× 0.75 at step 60")).to_be_visible()  # 0.81 x (60 - 25) / (63 - 25)
    assert "step=60" in page.url
    page.emulate_media(color_scheme="dark")
    assert end.evaluate("h => h.seen") is True  # the same node, nothing was built anew
    page.get_by_test_id("stMain").get_by_role("button", name="undo").click()
    # drawn back at once
    expect(handle(page, "end of the ramp")).not_to_have_attribute("aria-valuetext", "step 63, 0.81")
    page.get_by_test_id("stMain").get_by_role("button", name="redo").click()
    expect(handle(page, "end of the ramp")).to_have_attribute("aria-valuetext", "step 63, 0.81")
    page.reload()
    expect(box(page, "To step")).to_have_value("63", timeout=60_000)
    expect(page.get_by_text("Composition at step 60")).to_be_visible()
    page.get_by_role("link", name="Queue").click()
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    page.get_by_role("link", name="Design").click()
    expect(box(page, "To step")).to_have_value("63")
    assert errors == []


def test_back_and_forward_at_once_lead_from_draft_to_draft(chrome: Browser, dashboard: str) -> None:
    """Without Back, an address that names the draft of before is for some seconds one that the browser
    sent late."""
    page = opened(chrome, f"{dashboard}/design?arm=hybrid&panel=Templates")
    box(page, "To step").fill("67")
    box(page, "To step").press("Enter")
    page.wait_for_url("**draft=*")
    seen = [page.url.split("draft=")[1]]
    page.get_by_role("button", name="tiny-hard", exact=True).click()
    page.wait_for_url(lambda url: seen[0] not in url)
    seen.append(page.url.split("draft=")[1])
    expect(page.get_by_role("group", name="The hard side's share over the run")).to_have_count(0)
    for way, at in ((page.go_back, 0), (page.go_forward, 1), (page.go_back, 0)):
        way()
        expect(box(page, "To step")).to_have_count(1 - at)
        settle(page)
        assert page.url.endswith(seen[at])
    expect(box(page, "To step")).to_have_value("67")


def test_what_was_typed_is_kept_by_the_press_that_leaves_its_field_and_page(
    chrome: Browser, dashboard: str
) -> None:
    """On touch screens one press does both, in no time: Streamlit opened the page, lost the text, and went
    back."""
    page = opened(chrome, f"{dashboard}/design?arm=hybrid")
    box(page, "To step").fill("66")
    page.get_by_role("link", name="Queue", exact=True).click()
    expect(page).to_have_url(re.compile(r"/queue\?.*draft="))
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("typed and left")
    page.get_by_role("link", name="Edit the mixes").click()
    expect(page).to_have_url(re.compile(r"/design\?.*draft="))
    expect(box(page, "To step")).to_have_value("66")
    page.get_by_role("link", name="Queue", exact=True).click()
    expect(name).to_have_value("typed and left")


def test_a_reload_asks_while_a_field_is_being_typed_in(chrome: Browser, dashboard: str) -> None:
    page = chrome.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.goto(f"{dashboard}/queue")
    name = page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_be_visible(timeout=60_000)
    settle(page)
    name.click()
    page.keyboard.type(" and more")
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    page.wait_for_url("**draft=*")  # it stayed, and what was typed is stored
    with page.expect_navigation():
        page.evaluate("setTimeout(() => location.reload())")  # now nothing is asked
    expect(name).to_have_value(re.compile(" and more$"))


def test_points_half_typed_and_a_curve_that_numbers_turn_leave_the_page_whole_and_keys_move_points(
    chrome: Browser, dashboard: str
) -> None:
    page = opened(chrome, f"{dashboard}/design?arm=hybrid")
    direction = page.get_by_role("radio", name="to hard"), page.get_by_role("radio", name="to continuous")
    direction[1].click()
    expect(box(page, "Before")).to_have_value("1")
    box(page, "Before").fill("0.1")
    box(page, "Before").press("Enter")
    box(page, "After").fill("0.4")
    box(page, "After").press("Enter")
    expect(direction[0]).to_be_checked()  # the numbers rise
    direction[1].click()
    expect(box(page, "Before")).to_have_value("0.4")
    page.get_by_role("radio", name="piecewise").or_(page.get_by_role("button", name="piecewise")).click()
    points = page.get_by_role("textbox", name="Points: step value").first
    expect(points).to_have_value("25 0.4, 75 0.1")
    for text in ("0 0, abc 1, 50", "0 0, 50"):
        points.fill(text)
        points.press("Enter")
        expect(page.get_by_text("an item of points lacks a value")).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    points.fill("25 0, 75 1")
    points.press("Enter")
    expect(direction[0]).to_be_checked()
    expect(handle(page, "point 2")).to_have_attribute("aria-valuetext", "step 75, 1.00")
    handle(page, "point 1").press("Enter")  # and now with the keyboard: one more, moved, and taken away
    expect(points).to_have_value("25 0, 50 0.5, 75 1")
    handle(page, "point 2").press("ArrowUp")
    handle(page, "point 2").press("Shift+ArrowLeft")
    expect(points).to_have_value("25 0, 40 0.51, 75 1")
    page.get_by_role("group", name="over the run").dblclick(position={"x": 40, "y": 20})
    expect(points).to_have_value(re.compile(r"^\d+ 0\.\d+, 25 0, 40 0.51, 75 1$"))
    handle(page, "point 1").press("Delete")
    expect(points).to_have_value("25 0, 40 0.51, 75 1")
    points.fill("10 0, 90 1")
    points.press("Enter")
    expect(handle(page, "point 2")).to_have_attribute("aria-valuetext", "step 90, 1.00")


def test_every_panel_fits_a_phone_and_a_row_of_a_term_every_width(chrome: Browser, dashboard: str) -> None:
    page = opened(chrome, f"{dashboard}/design?arm=hybrid", 390)
    panels = {  # Templates is open at first, and a press on it would close it
        "Versions": page.get_by_label("Save this arm's mix as"),
        "Templates": page.get_by_role("heading", name="Other blends"),
        "YAML": page.get_by_label("Experiment as YAML"),
    }
    for panel, shown in panels.items():
        page.get_by_role("button", name=panel, exact=True).or_(
            page.get_by_role("radio", name=panel)
        ).first.click()
        expect(shown).to_be_visible(timeout=60_000)
        settle(page)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390, panel
    expect(page.get_by_label("shaping of closeness")).to_have_count(1)
    weight = page.get_by_label("weight of closeness").bounding_box()
    shaping = page.get_by_label("shaping of closeness").bounding_box()
    # one line
    assert (
        weight
        and shaping
        and abs(weight["y"] + weight["height"] / 2 - shaping["y"] - shaping["height"] / 2) < 12
    )

    more = page.get_by_role("button", name="Settings of closeness", exact=True)  # whose they are
    menu = page.get_by_role("menuitem", name="Repetition A price for repeated word n-grams")
    over = "e => [...function* () { for (let x = e; x; x = x.parentElement) yield x.scrollWidth - x.clientWidth; }()]"
    for width in (390, 1280, 1440):  # the panel stands below, or beside and takes of the row's room
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_function("width => document.documentElement.clientWidth === width", arg=width)
        settle(page)
        expect(more, f"{width}").to_be_visible()
        row = more.locator("xpath=ancestor::*[@data-testid='stHorizontalBlock'][1]")
        assert max(row.evaluate(over)) <= 1, f"{width}: something scrolls"
        page.get_by_role("button", name="Add term").first.click()
        expect(menu, f"{width}").to_be_visible()
        body = page.get_by_test_id("stMenuButtonBody").bounding_box()
        assert body and body["x"] >= 0 and body["x"] + body["width"] <= width and body["y"] >= 0, width
        page.keyboard.press("Escape")
        expect(menu, f"{width}").to_have_count(0)


# What is typed into a box in turn, so that each stands where another number stood before.
NUMBERS = {
    "queue": {
        "learning_rate": [
            "0.001",
            "0.01",
            "1e-5",
            "2e-6",
            "6e-4",
            "1.25e-4",
            "0.8",
            "1e-5",
        ],  # %.2f shows most as 0
        "beta": ["0.001", "0.04", "0", "0.125"],  # from 0, of which no size can be told
    },
    "design": {
        "weight of closeness": ["0.125", "0.001", "1.25e-4", "64", "0.8"],  # a third digit, and a big one
        "std_floor": ["1e-5", "0.015"],  # what comes of a class drawn by itself
    },
}
# What is typed into the learning rate, by how much its buttons then change it, and what comes of one press.
STEPS = [
    ("1e-5", "0.000001", 1.1e-5),
    ("0.8", "0.1", 0.9),
    ("1.25e-4", "0.00001", 1.4e-4),
    ("0.04", "0.001", 0.041),
]


@pytest.mark.parametrize("at", NUMBERS)
def test_a_number_box_shows_the_number_that_is_stored_and_steps_by_a_part_of_it(
    chrome: Browser, dashboard: str, at: str
) -> None:
    page = chrome.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.goto(f"{dashboard}/{at}?arm=hybrid")
    expect(box(page, next(iter(NUMBERS[at])))).to_be_visible(timeout=60_000)
    settle(page)
    rate = box(page, "learning_rate")
    for typed, step, up in STEPS if at == "queue" else []:
        rate.fill(typed)
        rate.press("Enter")
        expect(rate, typed).to_have_attribute("step", step)  # that fits what was typed, with the answer
        settle(page)
        rate.press("ArrowUp")
        expect(rate).not_to_have_value(typed)
        assert float(rate.input_value()) == up, typed
        settle(page)
    for label, numbers in NUMBERS[at].items():
        for number in numbers:
            box(page, label).fill(number)
            box(page, label).press("Enter")
            # the answer may bring another format, in which the same number is drawn anew
            page.wait_for_timeout(400)
            settle(page)
            assert float(box(page, label).input_value()) == float(number), (label, number)
