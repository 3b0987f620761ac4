"""What a running Showdown stands on: database, broker, versions. Called by app.cache for the Workers page."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from core import queue
from core.errors import BrokerError, StoreUnavailable
from core.revision import revision
from core.settings import settings
from core.store import state

PACKAGES = ("streamlit", "celery", "sqlalchemy", "torch", "transformers", "trl", "peft")


@dataclass(frozen=True)
class System:
    """`database` and `broker`: what they are, and why they do not answer, or empty. `messages`: wake-ups nobody took yet."""

    database: str
    database_fault: str
    schema: str
    size: float | None
    broker: str
    broker_fault: str
    messages: int | None
    versions: dict[str, str]


def failing_file(name: str) -> Path:
    """Where `showdown up` writes that a process of its own does not stay up, for as long as that is so."""
    return settings().home / "logs" / f"{name}.failing"


def failing() -> list[str]:
    """What is said of processes of this machine that do not stay up."""
    return [path.read_text(encoding="utf-8") for path in sorted(failing_file("").parent.glob("*.failing"))]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def system() -> System:
    """Asks both, and waits for neither longer than their own limits."""
    fault, schema, size = "", "", None
    try:
        schema, size = state.schema(), state.size()
    except StoreUnavailable as error:
        fault = str(error)
    messages, broker_fault = None, ""
    try:
        messages = queue.waiting()
    except BrokerError as error:
        broker_fault = str(error)
    found = {"Showdown": revision(), "Python": python_version()}
    found |= {name: made for name in PACKAGES if (made := _version(name))}
    broker = "a broker of your own" if settings().broker_url else "the private broker"
    return System(state.kind(), fault, schema, size, broker, broker_fault, messages, found)
