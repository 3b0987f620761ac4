"""The colours of app/style.css outside the dashboard: as CSS, and the light ones as hex."""

import re
from functools import lru_cache
from pathlib import Path

STYLE = Path(__file__).parent.parent / "style.css"
TOKEN = re.compile(r"--([\w-]+): light-dark\((#[0-9A-Fa-f]{6}), (#[0-9A-Fa-f]{6})\)")


@lru_cache(1)
def light() -> dict[str, str]:
    """Role -> colour on white."""
    return {name: colour for name, colour, _ in TOKEN.findall(STYLE.read_text(encoding="utf-8"))}


def tokens() -> str:
    """The roles as CSS custom properties that follow the reader's theme."""
    pairs = (
        f"--{name}: light-dark({light_colour}, {dark_colour});"
        for name, light_colour, dark_colour in TOKEN.findall(STYLE.read_text(encoding="utf-8"))
    )
    return f":root {{ color-scheme: light dark; {' '.join(pairs)} }}"


def drawn(role: str) -> tuple[str, float]:
    """Convert `@hard/.35` to (colour, alpha); what is not a role stays as it is."""
    if not role.startswith("@"):
        return ("#000000", 0.0) if role.startswith("rgba(0,0,0,0") else (role, 1.0)
    name, _, alpha = role[1:].partition("/")
    return light()[name], float(alpha or 1)
