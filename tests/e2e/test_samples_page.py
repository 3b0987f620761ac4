"""Samples in a real browser: keys walk the list, the chosen row stays in sight, the end of a completion
too, and hostile texts are only text."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support import stored
from tests.support.browser import chromium, dashboard_over, go, settle
from tests.support.stored import HOSTILE, STEPS

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
CHOSEN = "[role=option][aria-selected=true]"
LONG = "MANY WORDS COME BEFORE THE SUM, AND THEY ARE WIDE. 16+25=41\n#### 41"
# Whether so many characters at the end of a text lie inside the box that cuts it.
ENDS = """(box, characters) => {
  const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT), part = document.createRange();
  let text = null;
  while (texts.nextNode()) text = texts.currentNode;
  part.setStart(text, Math.max(0, text.length - characters));
  part.setEnd(text, text.length);
  const a = part.getBoundingClientRect(), b = box.getBoundingClientRect();
  return a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard alone, over stored samples: run 1 has one half of the hostile texts, run 3 the other."""

    def fill() -> None:
        texts = list(HOSTILE.values())
        stored.experiment(dict(enumerate(texts[:4])))
        stored.experiment(dict(enumerate(texts[4:])))
        stored.experiment(dict.fromkeys(range(stored.SIZE), LONG))
        stored.swept()

    yield from dashboard_over(tmp_path_factory.mktemp("samples"), fill)


def chosen(page: Page) -> str:
    return page.locator(CHOSEN).get_attribute("id") or ""


def test_the_answer_at_a_completions_end_is_seen_and_the_head_is_in_line(page: Page) -> None:
    """Of each list, first drawn in one width, and then in the other."""
    lefts = "e => [...e.children].filter(x => x.offsetWidth).map(x => x.getBoundingClientRect().left)"
    sizes = [(1280, 800), (390, 844)]
    for of, rows in (("experiment=3&text=many+words&sample=5.1.0.0", 8), ("experiment=4", 48)):
        go(page, f"/samples?{of}")
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function("width => document.documentElement.clientWidth === width", arg=width)
            tails = page.locator("[role=option] .tail")
            expect(tails).to_have_count(rows)
            page.wait_for_selector(CHOSEN)
            settle(page)
            assert all(tail.evaluate(ENDS, 7) for tail in tails.all()), (width, of, "the list")
            untagged = page.locator("[role=option] .ends:not(:has(em)) .tail").all()
            assert untagged and all(tail.evaluate(ENDS, 16) for tail in untagged), (width, of, "the list")
            head = page.locator(".row.head").evaluate(lefts)
            assert page.locator(CHOSEN).evaluate(lefts)[: len(head)] == head, (width, of, "head and rows")
            for boxes, where in (
                (page.locator("button.card .ends"), "the group"),
                (page.locator("button.end q"), "time"),
            ):
                assert boxes.count() and all(b.evaluate(ENDS, 7) for b in boxes.all()), (width, of, where)
        sizes.reverse()


def test_keys_links_and_hostile_texts(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/samples?experiment=1")
    page.wait_for_selector(CHOSEN)
    settle(page)
    rows = [r.get_attribute("id") or "" for r in page.locator("[role=option]").all()]
    assert len(rows) == 48 and chosen(page) == rows[0]
    page.locator("h1").click()
    for key, wanted in (("j", rows[1]), ("j", rows[2]), ("k", rows[1])):
        page.keyboard.press(key)
        expect(page.locator(CHOSEN)).to_have_attribute("id", wanted)
    page.wait_for_url(f"**sample={rows[1].removeprefix('s-')}*")
    lowest = page.get_by_role("switch", name="lowest first").or_(
        page.get_by_role("checkbox", name="lowest first")
    )
    at_first = page.locator("[role=option]").first
    for come in (expect(at_first).not_to_have_attribute, expect(at_first).to_have_attribute):
        page.locator("label").filter(has_text="lowest first").click()
        come("id", rows[0])  # on, and off: the toggle has the focus then, and keys still walk
    expect(lowest).to_be_focused()
    expect(page.locator(CHOSEN)).to_have_attribute("id", rows[0])
    page.keyboard.press("j")
    expect(page.locator(CHOSEN)).to_have_attribute("id", rows[1])
    listbox = page.locator("[role=listbox]")
    listbox.focus()
    page.keyboard.press("End")
    expect(page.locator(CHOSEN)).to_have_attribute("id", rows[-1])
    settle(page)
    seen = page.locator(CHOSEN).evaluate(
        "row => { const box = row.parentElement.getBoundingClientRect(), r = row.getBoundingClientRect();"
        " return r.top >= box.top - 1 && r.bottom <= box.bottom + 1; }"
    )
    assert seen, "the chosen row is scrolled into the list"
    page.goto("/run?run=1&tab=Samples&step=2")
    page.wait_for_selector(CHOSEN)
    page.get_by_title("open the best completion").nth(STEPS + 1).click()  # the other arm's step 2
    expect(page.locator("h1")).to_have_text("soft, seed 0")
    expect(page.locator(CHOSEN)).to_have_attribute("id", "s-2.2.0.3")
    for run_id, index, text in (
        *((1, i, t) for i, t in enumerate(list(HOSTILE.values())[:4])),
        *((3, i, t) for i, t in enumerate(list(HOSTILE.values())[4:])),
    ):
        go(page, f"/samples?experiment={(run_id + 1) // 2}&sample={run_id}.1.0.{index}&problem=p0")
        expect(page.locator(CHOSEN)).to_have_attribute("id", f"s-{run_id}.1.0.{index}")
        completion = page.get_by_label("Completion", exact=True)
        expect(completion).to_be_visible()
        settle(page)
        start = text.replace("\x1b", "\u241b").replace("\x07", "\u2407").replace("\x00", "\u2400")
        start = start.replace("\u202e", "\u2426").replace("\u202c", "\u2426").replace("\ud83d", "?")
        shown = completion.text_content() or ""
        assert shown.startswith(start[:20_000]), text[:40]
        assert completion.locator("script, img, a, strong").count() == 0
        assert page.title() != "owned"


def test_back_from_a_page_that_has_the_same_words_in_its_address(page: Page) -> None:
    """Streamlit drops from the address what a widget of the page that is left is bound to."""
    page.set_viewport_size({"width": 1280, "height": 800})
    for start, away, sign in (
        ("/samples?experiment=1&show=worst&sort=total", "/run?run=1&tab=Samples&show=best", CHOSEN),
        ("/compare?experiment=1", "/runs?experiment=demo", "[data-testid=stMain] h1"),
        (
            "/samples?experiment=1&in_arm=hard&seed=0&sample=1.2.0.0",
            "/run?run=1&tab=Samples&show=best",
            CHOSEN,
        ),
        ("/run?run=1&tab=Samples&step=2", "/design?step=40", CHOSEN),
    ):
        go(page, start)
        expect(page).to_have_title(f"{start[1:].split('?')[0].title()} · Showdown")
        page.wait_for_selector(sign)
        settle(page)
        shown, address = page.locator(sign).inner_text(), page.url
        go(page, away)
        expect(page).to_have_title(f"{away[1:].split('?')[0].title()} · Showdown")
        expect(page.get_by_test_id("stMain").locator("h1")).not_to_have_text(shown)
        settle(page)
        page.go_back()
        expect(page).to_have_url(address)
        expect(page.locator(sign)).to_have_text(shown, use_inner_text=True)
        settle(page)
        assert (page.url, page.locator(sign).inner_text()) == (address, shown), start
