"""The finished run of tests/worker, for pages that show a run."""

from tests.worker.conftest import trained, trained_home

__all__ = ["trained", "trained_home"]
