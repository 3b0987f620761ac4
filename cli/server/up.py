"""`showdown up` and `showdown demo`: broker, reaper, worker and dashboard as processes of this machine.

One instance a data directory (a lock file); Ctrl-C brings running trainings to a checkpoint, and the next
start goes on where this one stopped.
"""

import errno
import fcntl
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.error import URLError

from app.sign_in import check as sign_in
from cli.server import embedded_broker
from cli.server.processes import Group
from core.common.errors import BrokerError, SetupError
from core.common.revision import revision
from core.common.settings import EVERYWHERE, settings
from core.config import presets
from core.store import broker
from core.store.runs import lifecycle, queries
from migrations import upgrade
from worker.state import remote

Say = Callable[[str], None]
APP_FOLDER = Path(__file__).parents[2] / "app"
APP_SECONDS = 60.0  # how long the dashboard may take to answer


def prepare_home() -> None:
    """Check the broker's URL, and make sure that the data directory exists and can be written to."""
    broker.check()
    home = settings().home
    os.environ["SHOWDOWN_HOME"] = str(home)  # absolute, whatever directory a child runs in
    os.umask(0o077)  # drafts, completions, logs and checkpoints are this user's: nobody else may read them
    try:
        home.mkdir(parents=True, exist_ok=True)
        if home.stat().st_uid == os.getuid():
            home.chmod(0o700)
        probe = home / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SetupError(
            f"the data directory {home} cannot be written to ({error.strerror}); "
            "set SHOWDOWN_HOME to a directory that can"
        ) from error


def open_store() -> None:
    """Prepare the data directory, and bring the database to its newest revision."""
    prepare_home()
    upgrade()


@contextmanager
def only_instance() -> Iterator[None]:
    """Hold the data directory's lock; SetupError when another instance has it."""
    with (settings().home / "up.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise SetupError(
                f"another Showdown (process {lock.read().strip() or '?'}) runs on {settings().home}; "
                "stop it first, or set SHOWDOWN_HOME to another directory"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_address() -> None:
    """Refuse a port that is taken, and a public address without a login unless one insists."""
    host = settings().host
    port = settings().port
    if settings().is_public and not settings().insecure and not settings().has_login:
        raise SetupError(
            f"SHOWDOWN_HOST={host} lets others than this machine reach the dashboard without signing in: "
            "whoever does may do everything. Set SHOWDOWN_LOGIN to password, oidc or proxy, "
            "or leave SHOWDOWN_HOST at 127.0.0.1, or insist: --insecure, or SHOWDOWN_INSECURE=1"
        )
    sign_in.check()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (
                "is taken by another program"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used ({error.strerror})"
            )
            raise SetupError(
                f"port {port} on {host} {reason}; set SHOWDOWN_PORT to another, e.g. SHOWDOWN_PORT={port + 1}"
            ) from error


def url() -> str:
    """Address of the dashboard."""
    host = settings().host
    name = "localhost" if host in ("127.0.0.1", *EVERYWHERE) else f"[{host}]" if ":" in host else host
    return f"http://{name}:{settings().port}"


APP_ENVIRONMENT = {
    # Streamlit runs each page in a thread of its own, and glibc gives each thread an arena of its own: that
    # leaked a megabyte a minute.
    "MALLOC_ARENA_MAX": "2",
    # Uvicorn believes what a program on this machine says in X-Forwarded-For; app.sign_in needs the
    # connection's own address.
    "FORWARDED_ALLOW_IPS": "",
}


def app_command() -> list[str]:
    """The dashboard's command line; its other settings are in app/.streamlit/config.toml."""
    address = ["--server.address", settings().host, "--server.port", str(settings().port)]
    provider = ["--secrets.files", str(settings().oidc)] if settings().login == "oidc" else []
    return [sys.executable, "-m", "streamlit", "run", str(APP_FOLDER / "serve.py"), *address, *provider]


def seed_demo(say: Say) -> None:
    """Queue the demo experiment, once per data directory."""
    if queries.experiments(limit=1):
        return
    _, run_ids = lifecycle.create_experiment(presets.demo(), revision())
    for run_id in run_ids:
        broker.enqueue(run_id)
    say(f"queued the experiment “{presets.demo().name}”: {len(run_ids)} runs")


def _wait_for_app(group: Group, stop: threading.Event, say: Say) -> None:
    deadline = time.monotonic() + APP_SECONDS
    # a proxy does not know this machine's ports
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not stop.is_set():
        group.keep_alive(say)
        try:
            with direct.open(f"{url()}/_stcore/health", timeout=1):
                return
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise SetupError(
                    f"the dashboard does not answer; see {settings().home / 'logs' / 'app.log'}"
                ) from None
            stop.wait(0.1)


def asked_to_stop() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set from now on."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop


def up(demo: bool, say: Say) -> None:
    """Start everything, stay until SIGINT or SIGTERM, end everything."""
    prepare_home()
    remote.check()
    with only_instance():
        check_address()
        group = Group(settings().home / "logs")
        stop = asked_to_stop()
        try:
            _start(group, demo, say)
            _wait_for_app(group, stop, say)
            say(f"Showdown is at {url()}   (data in {settings().home}; Ctrl-C stops)")
            while not stop.wait(0.5):
                group.keep_alive(say)
        finally:
            say("stopping: running trainings write a checkpoint at their next step ...")
            group.end()
    say("stopped; the next start goes on from here")


def _start(group: Group, demo: bool, say: Say) -> None:
    # The dashboard first: it takes longest to answer, and reads only the database.
    group.start("app", app_command(), environment=APP_ENVIRONMENT, vital=True)
    start_broker(group, say)
    if demo:
        try:
            seed_demo(say)
        except BrokerError as error:
            say(str(error))
    start_worker(group)


def start_broker(group: Group, say: Say, vital: bool = False) -> None:
    """Start the private broker, where it is the one to use, and bring the database to its newest revision.

    A broker that answers although no instance runs was left by one that was killed: it is about to end.
    """
    if not settings().broker_url:
        group.start("broker", embedded_broker.command(), vital=vital, answers=embedded_broker.answers)
    upgrade()
    if not settings().broker_url:
        embedded_broker.wait(lambda: group.keep_alive(say))


def start_worker(group: Group, vital: bool = False) -> None:
    """Start a worker, and the reaper that puts lost runs back.

    `vital`: without them there is nothing to go on with.
    """
    grace = settings().stop_grace_seconds + 10
    group.start(
        "worker", [sys.executable, "-m", "worker.supervise.celery_app"], grace_seconds=grace, vital=vital
    )
    group.start("reaper", [sys.executable, "-m", "worker.supervise.reaper"], vital=vital)
