"""How long the storm blows, and from which seed."""

import random
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Chaos:
    """`minutes`: of blows, for each database; 0: a few blows, as in `make test`. `report`: a folder, where
    counts are kept."""

    minutes: float
    seed: int
    report: Path | None


@pytest.fixture(scope="module")
def chaos(request: pytest.FixtureRequest) -> Chaos:
    option = request.config.getoption
    seed, report = option("--chaos-seed"), option("--chaos-report")
    return Chaos(
        option("--chaos-minutes"), random.randrange(10**6) if seed is None else seed, report and Path(report)
    )
