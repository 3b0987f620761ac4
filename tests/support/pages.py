"""Pages opened through Streamlit's AppTest, and what they show."""

import tomllib
from functools import cache as once
from typing import Any

import pytest
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from app.data import reads
from app.widgets import jobs
from tests.conftest import REPO

# As we are served, scripts are not rewritten and no garbage is collected behind each run. AppTest does not
# read our settings.
for option, value in tomllib.loads((REPO / "app" / ".streamlit" / "config.toml").read_text())[
    "runner"
].items():
    config.set_option(f"runner.{option}", value)
# Each AppTest reads what every installed package says of itself, half of a test's time. A server does it
# once.
manifest_scanner.scan_component_manifests = once(manifest_scanner.scan_component_manifests)


def page(name: str, **query: str) -> AppTest:
    """A page, opened as through a link."""
    reads.forget_all()
    at = AppTest.from_file(str(REPO / "app" / "main.py"), default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    if name != "home":
        at.switch_page(f"views/{name}/page.py").run()
    assert not at.exception, at.exception
    return at


def prose(at: AppTest) -> str:
    return " ".join(str(h.proto.body) for h in at.get("html"))


def elements(at: AppTest, name: str) -> list[Any]:
    """Our own elements on the page."""
    return [e for e in at.get("bidi_component") if e.proto.component_name.endswith(name)]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for long work: in AppTest no fragment asks again by itself."""
    monkeypatch.setattr(jobs, "QUICK", 60.0)


def weight_of(at: AppTest, term: str) -> Any:
    return next(n for n in at.number_input if n.label == f"weight of {term}")
