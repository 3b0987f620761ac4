"""What the elements' script shares writes numbers as Python does: the same number must not stand there in two ways."""

import pytest

import app.elements.runs  # noqa: F401  defines more elements
from app.elements import BUILT, HERE
from tests.e2e.browser import browser, chromium

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
NUMBERS = (0.125, 0.375, 0.135, 2.675, -0.125, 1e-9, 0.005, 0.995, 1.625, 2.5, 3.5, 12.345, 0.0)


def test_halves_are_rounded_as_python_rounds_them() -> None:
    asked = [(x, digits) for x in NUMBERS for digits in (0, 1, 2, 3)]
    with browser() as made:
        page = made.new_page()
        page.add_script_tag(content=(HERE / "shared.js").read_text())
        fixed, signed = (page.evaluate(f"asked => asked.map(([x, d]) => {f}(x, d))", asked) for f in ("fixed", "signed"))
    assert fixed == [f"{x:.{d}f}".replace("-", "\u2212") for x, d in asked]
    assert signed == [f"{x:+.{d}f}".replace("-", "\u2212") for x, d in asked]


def test_an_element_ends_when_it_has_left_the_page_and_not_before() -> None:
    """Streamlit calls what a call that was overtaken returned after the next one has drawn."""
    calls = """async () => {
      const parent = document.createElement("div"), ended = [], wait = () => new Promise((done) => setTimeout(done, 20));
      const draw = (k) => {
        const ui = remember(parent, () => ({ made: k }));
        return [ui.made, whenGone(parent, () => ended.push(k))];
      };
      document.body.append(parent);
      const [first, end] = draw(1), [second, endSecond] = draw(2);
      end();
      await wait();
      const [third] = draw(3), before = [...ended];
      parent.remove();
      endSecond(); end();
      await wait();
      return { made: [first, second, third], before, ended };
    }"""
    with browser() as made:
        page = made.new_page()
        page.add_script_tag(content=(HERE / "shared.js").read_text())
        assert page.evaluate(calls) == {"made": [1, 1, 1], "before": [], "ended": [2]}


def test_every_element_is_a_script_that_a_browser_can_read() -> None:
    """Each is put together from several files: two of the same name would be a page without that element, and no error here."""
    built = sorted(BUILT.glob("*.js"))
    assert len(built) > 12
    load = (
        "src => import(URL.createObjectURL(new Blob([src], { type: 'text/javascript' }))).then((m) => typeof m.default, String)"
    )
    with browser() as made:
        page = made.new_page()
        found = {path.name.rpartition("-")[0]: page.evaluate(load, path.read_text()) for path in built}
    assert set(found.values()) == {"function"}, found
