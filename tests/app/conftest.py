"""What the tests of pages share: a finished run, and pages that wait."""

import pytest

from app import jobs
from tests.worker.conftest import trained, trained_home

__all__ = ["trained", "trained_home"]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for long work: in AppTest no fragment asks again by itself."""
    monkeypatch.setattr(jobs, "QUICK", 60.0)
