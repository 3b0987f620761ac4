"""The state of what a running Showdown depends on: database, broker, package versions."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from core.common.errors import BrokerError, StoreUnavailable
from core.common.revision import revision
from core.common.settings import settings
from core.store import broker as queue
from core.store import migration_state

PACKAGES = ("streamlit", "celery", "sqlalchemy", "torch", "transformers", "trl", "peft")


@dataclass(frozen=True)
class System:
    """The database, the broker and the package versions of a running Showdown.

    `database_fault` and `broker_fault`: why they do not answer; empty when they do. `size`: bytes of the
    database. `messages`: wake-ups that no worker has taken yet.
    """

    database: str
    database_fault: str
    schema: str
    size: float | None
    broker: str
    broker_fault: str
    messages: int | None
    versions: dict[str, str]


def failing_file(name: str) -> Path:
    """The file that `showdown up` keeps for as long as one of its processes does not stay up."""
    return settings().home / "logs" / f"{name}.failing"


def failing() -> list[str]:
    """The messages about processes on this machine that do not stay up."""
    return [path.read_text(encoding="utf-8") for path in sorted(failing_file("").parent.glob("*.failing"))]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def system() -> System:
    """Query the database and the broker, waiting for each no longer than its own limit."""
    fault = ""
    schema = ""
    size = None
    try:
        schema = migration_state.schema()
        size = migration_state.size()
    except StoreUnavailable as error:
        fault = str(error)
    messages = None
    broker_fault = ""
    try:
        messages = queue.waiting()
    except BrokerError as error:
        broker_fault = str(error)
    versions = {"Showdown": revision(), "Python": python_version()}
    versions |= {name: package_version for name in PACKAGES if (package_version := _version(name))}
    broker = "a broker of your own" if settings().broker_url else "the private broker"
    return System(migration_state.kind(), fault, schema, size, broker, broker_fault, messages, versions)
