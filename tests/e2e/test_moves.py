"""Buttons that lead to another page, pressed where the address says more than the page: they lead there
all the same."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from core.store.runs import claims, queries
from core.store.status import Status
from tests.conftest import wait_for
from tests.support.browser import button, chromium, settle
from tests.support.grow import grow, growing

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")


def opened(chrome: Browser, address: str) -> Page:
    page = chrome.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.set_default_timeout(30_000)
    page.goto(address)
    return page


def to_the_queue(page: Page) -> None:
    button(page, "To the queue").click()
    expect(page).to_have_url(re.compile("/queue"))
    expect(page.get_by_role("button", name=re.compile("^Queue .* runs?$"))).to_be_visible()


def test_back_from_a_run_is_where_its_cell_was_pressed_and_a_clone_is_seen_where_it_is_edited(
    dashboard: str, chrome: Browser
) -> None:
    (run_id,) = growing(max_steps=30)
    grow(run_id, 0, 10)
    claims.finish(run_id, 1, Status.STOPPED)
    open_list = f"rows-open-{queries.run_detail(run_id).row.experiment_id}=true"
    page = opened(chrome, f"{dashboard}/queue?open-room=true&{open_list}")
    cell = page.get_by_role("navigation", name="Runs, one cell each").first.get_by_role("link").first
    cell.click()
    expect(page).to_have_url(re.compile(rf"/run\?run={run_id}"))
    expect(page.get_by_text("Stopped", exact=True).first).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(f"/queue\\?open-room=true&{open_list}$"))
    expect(cell).to_be_visible()
    settle(page)
    clone(page, "Clone: hybrid, seed 0")


def clone(page: Page, label: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{label}")).first.click()
    expect(page).to_have_url(re.compile("/design"))
    button(page, "To the queue").click()
    expect(page.get_by_role("textbox", name="Name").first).to_have_value("growing again")


def test_a_page_is_one_entry_of_the_history_however_much_it_writes_into_its_address(
    dashboard: str, chrome: Browser
) -> None:
    page = opened(chrome, f"{dashboard}/design?step=60")
    arrived(page, "Design")
    page.get_by_role("button", name="Use", exact=True).first.click()
    expect(page).to_have_url(re.compile("draft="))
    expect(page.get_by_text("Composition at step 60")).to_be_visible()
    settle(page)
    for name in ("Queue", "Design", "Runs"):
        before = page.evaluate("history.length")
        page.get_by_role("link", name=name, exact=True).first.click()
        arrived(page, name)
        assert page.evaluate("history.length") == before + 1
    for name in ("Design", "Queue", "Design"):
        page.go_back()
        arrived(page, name)
    expect(page.get_by_role("spinbutton", name="Look at step")).to_have_value("60")
    for name in ("Queue", "Design", "Runs"):
        page.go_forward()
        arrived(page, name)


def test_an_address_that_comes_late_in_the_middle_of_a_press_makes_no_entry_of_its_own(
    dashboard: str, chrome: Browser
) -> None:
    page = opened(chrome, f"{dashboard}/design?panel=YAML&step=60")
    to_the_queue(page)  # its button too leads there, though the address names a panel and a step
    arrived(page, "Queue")
    page.get_by_role("link", name="Design", exact=True).first.click()
    arrived(page, "Design")
    before = page.evaluate("history.length")
    page.get_by_role("link", name="Queue", exact=True).first.hover()
    page.mouse.down()
    # as Streamlit writes what a script asks for
    page.evaluate("history.pushState(history.state, '', '/design?step=61')")
    page.mouse.up()
    arrived(page, "Queue")
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    arrived(page, "Design")


def test_what_is_typed_is_kept_when_back_is_pressed_before_its_field_is_left(
    dashboard: str, chrome: Browser
) -> None:
    page = opened(chrome, f"{dashboard}/design")
    to_the_queue(page)
    arrived(page, "Queue")
    page.get_by_role("link", name="Design", exact=True).first.click()
    arrived(page, "Design")
    weight = page.get_by_label("weight of closeness")
    weight.click()
    weight.press("Control+a")
    weight.press_sequentially("0.73")
    page.evaluate("history.back()")
    arrived(page, "Queue")
    page.get_by_role("link", name="Design", exact=True).first.click()
    arrived(page, "Design")
    expect(page.get_by_label("weight of closeness")).to_have_value("0.73")


def arrived(page: Page, name: str) -> None:
    """It is on this page, which is drawn, and listens: the address is there before Streamlit has begun to
    draw."""
    expect(page).to_have_url(re.compile(f"/{name.lower()}"))
    expect(page).to_have_title(f"{name} · Showdown")
    settle(page)
    page.wait_for_function("() => window.showdownEntries")  # of the last element of the first page


def test_a_run_is_stopped_from_its_page_after_being_asked_and_cloned_from_there(
    dashboard: str, chrome: Browser
) -> None:
    (run_id,) = growing(max_steps=30)
    grow(run_id, 0, 10)
    page = opened(chrome, f"{dashboard}/run?run={run_id}&tab=Config")
    button(page, "Stop").click()
    assert not queries.run_detail(run_id).row.stop_requested
    button(page, "Stop it now").click()
    wait_for("the request", lambda: queries.run_detail(run_id).row.stop_requested)
    claims.finish(run_id, 1, Status.STOPPED)
    expect(page.get_by_text("Stopped", exact=True).first).to_be_visible()
    settle(page)
    button(page, "More").click()
    clone(page, "Clone to Design")
