"""docker-compose.yml and the Dockerfile, as tests read them."""

import re
from typing import Any

import yaml

from tests.conftest import REPO

TEXT = (REPO / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
DOCKERFILE = (REPO / "docker" / "Dockerfile").read_text()
OURS = {"migrate", "app", "reaper", "worker", "worker-cpu"}
WORKERS = {"worker", "worker-cpu"}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:[?-])([^}]*))?\}")


def without_variables(text: str) -> str:
    """Required variables as 0.1.0, others as their default."""
    return VARIABLE.sub(lambda m: "0.1.0" if m[2] == ":?" else m[3], text)
