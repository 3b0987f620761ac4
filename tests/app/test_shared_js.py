"""What the elements' script shares writes numbers as Python does: the same number must not stand there in two ways."""

import pytest

from app.elements import HERE
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
