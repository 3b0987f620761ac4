"""The shared place, as a directory and as a bucket: what is half there does not count, what is wrong is
said early."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner
from fsspec.asyn import AsyncFileSystem
from fsspec.exceptions import FSTimeoutError

from cli.main import main
from core.common.errors import PlaceUnavailable, TrainingError
from core.common.settings import Settings, settings
from core.store.runs import queries
from core.store.status import Status
from tests.conftest import forget_settings, free_port, wait_for
from tests.support.places import BUCKET, s3_environment
from tests.support.samples import run_config
from tests.support.trainings import train
from worker.state import remote
from worker.state.remote import LIST, Shared

SEND = "import sys, pathlib; from worker.state.remote import Shared; "
SEND += "Shared(1).send(pathlib.Path(sys.argv[1]), 'checkpoint-4', 4)"
LIMIT = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); "
LIMIT += "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty shared place of each kind; this process's settings name it."""
    where = str(home / "place")
    if request.param == "s3":
        s3_environment(monkeypatch, request.getfixturevalue("s3_url"))
        where = f"{BUCKET}/{time.time_ns()}"
    else:
        Path(where).mkdir()
    monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", where)
    forget_settings()
    return where


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Files as a checkpoint has them, one of them in a folder of its own."""
    folder = tmp_path / "checkpoint-4"
    (folder / "more").mkdir(parents=True)
    (folder / "adapter.bin").write_bytes(os.urandom(20_000))
    (folder / "empty").touch()
    (folder / "more" / "rng_state.pth").write_bytes(b"rng")
    return folder


def content(folder: Path) -> dict[str, dict[str, object]]:
    return {p.relative_to(folder).as_posix(): remote.digest(p) for p in folder.rglob("*") if p.is_file()}


def test_what_is_sent_comes_back(place: str, checkpoint: Path, tmp_path: Path) -> None:
    remote.check()
    there, back = Shared(1), tmp_path / "other" / "checkpoint-4"
    assert (
        there.steps() == (set(), set())
        and there.files("checkpoint-4") is None
        and not there.fetch("checkpoint-4", back)
    )
    there.send(checkpoint, "checkpoint-4", 4)
    there.send(checkpoint, "checkpoint-12", 12)
    assert there.steps() == ({4, 12}, {4, 12}) and Shared(2).steps() == (set(), set())
    assert there.fetch("checkpoint-4", back) and content(back) == content(checkpoint)
    assert sorted(p.name for p in back.parent.iterdir()) == ["checkpoint-4"]
    said = there.files("checkpoint-4")
    assert said and said["step"] == 4 and remote.is_same(checkpoint, said)
    (checkpoint / "empty").unlink()
    (checkpoint / "adapter.bin").write_bytes(bytes(20_000))  # as long as before: the hash tells
    assert not remote.is_same(checkpoint, said)
    there.send(checkpoint, "checkpoint-4", 4)
    # nothing of the first is left
    assert there.fetch("checkpoint-4", back) and content(back) == content(checkpoint)
    there.remove("checkpoint-4")
    there.remove("checkpoint-4")
    assert there.steps() == ({12}, {12})
    assert not [p for p in there.system.find(there.root) if "checkpoint-12" not in p]  # of check() neither


def test_an_upload_that_is_killed_does_not_count(place: str, checkpoint: Path, tmp_path: Path) -> None:
    """Killed for real, in the middle of its files."""
    there = Shared(1)
    there.send(checkpoint, "checkpoint-4", 4)
    there.send(checkpoint, "checkpoint-2", 2)
    if there.has_folders:  # the system kills it at byte 5000 of the second file
        (checkpoint / "aaa").write_bytes(b"first")
        made = subprocess.run([sys.executable, "-c", LIMIT + SEND, str(checkpoint)])
        assert made.returncode == -signal.SIGXFSZ
    else:  # seconds for the server, while the small files are there at once
        os.truncate(checkpoint / "empty", 120_000_000)
        there.remove("checkpoint-4")
        child = subprocess.Popen([sys.executable, "-c", SEND, str(checkpoint)])
        wait_for("its first file", lambda: there.steps()[1] == {2, 4})
        child.kill()
        assert child.wait() == -signal.SIGKILL
        os.truncate(checkpoint / "empty", 0)
    assert there.steps()[1] == {2, 4}  # something of it is there
    assert there.steps()[0] == {2} and there.files("checkpoint-4") is None
    assert not there.fetch("checkpoint-4", tmp_path / "back") and not (tmp_path / "back").exists()
    there.send(checkpoint, "checkpoint-4", 4)
    assert there.steps() == ({2, 4}, {2, 4})


def test_half_a_list_is_none(place: str, checkpoint: Path) -> None:
    there = Shared(1)
    there.send(checkpoint, "checkpoint-4", 4)
    path = f"{there.folder}/checkpoint-4/{LIST}"
    there.system.pipe_file(path, there.system.cat_file(path)[:-20])
    assert there.files("checkpoint-4") is None


@pytest.mark.parametrize("damage", ["changed", "gone", "outside"])
def test_what_was_damaged_there_is_not_taken(
    place: str, damage: str, checkpoint: Path, tmp_path: Path
) -> None:
    there, target = Shared(1), tmp_path / "here"
    there.send(checkpoint, "checkpoint-4", 4)
    file = f"{there.folder}/checkpoint-4/adapter.bin"
    if damage == "changed":
        there.system.pipe_file(file, bytes(20_000))
    elif damage == "gone":
        there.system.rm(file)
    else:
        path = f"{there.folder}/checkpoint-4/{LIST}"
        there.system.pipe_file(path, there.system.cat_file(path).replace(b"adapter.bin", b"../../outside"))
    target.mkdir()
    (target / "half").touch()
    with pytest.raises(
        TrainingError, match="checkpoint-4 is damaged.*remove the folder, and the run begins anew"
    ):
        there.fetch("checkpoint-4", target)
    assert list(content(target)) == ["half"] and not (tmp_path / "outside").exists()


def test_a_directory_that_is_gone_is_away_and_is_not_made(
    home: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a mount that is gone: what were written there would lie on this machine's disk, seen by nobody."""
    monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", str(home / "mount"))
    forget_settings()
    for call in (
        lambda: Shared(1).send(checkpoint, "checkpoint-4", 4),
        lambda: Shared(1).fetch("checkpoint-4", home / "x"),
        lambda: Shared(1).steps(),
    ):
        with pytest.raises(PlaceUnavailable, match=f"the folder {home / 'mount'} is not there"):
            call()
    assert not (home / "mount").exists()


def test_a_server_that_is_away_or_hangs_is_given_up(
    home: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", BUCKET)
    forget_settings()
    s3_environment(monkeypatch, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(PlaceUnavailable, match="Could not connect"):
        Shared(1).send(checkpoint, "checkpoint-4", 4)
    with socket.socket() as deaf:  # takes connections and says nothing
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        s3_environment(monkeypatch, f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setattr(remote, "ANSWER_SECONDS", 1.0)
        began = time.monotonic()
        with pytest.raises(PlaceUnavailable, match="FSTimeoutError"):
            Shared(1).send(checkpoint, "checkpoint-4", 4)
        assert time.monotonic() - began < 30


class DeafOnce(BaseHTTPRequestHandler):
    """A server that says nothing to the first request until it is taken back, and that the second deleted
    what it names."""

    protocol_version = "HTTP/1.1"
    heard: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.heard:
            self.connection.settimeout(20)
            # to its end: nobody waits for an answer any more
            self.heard.append(f"{self.path} {self.rfile.read()!r}")
            self.close_connection = True
            return
        self.heard.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b"<DeleteResult/>")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_what_is_given_up_is_asked_no_more(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion that went on by itself would take away what a later call has put there."""
    monkeypatch.setattr(DeafOnce, "heard", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), DeafOnce) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        s3_environment(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", BUCKET)
        forget_settings()
        system = remote.file_system()[0]
        system.connect()  # so that the first request is asked in time
        with monkeypatch.context() as impatient, pytest.raises(FSTimeoutError):
            impatient.setattr(remote, "ANSWER_SECONDS", 3.0)
            remote.ask(system, "rm", f"{BUCKET}/{LIST}")
        remote.ask(system, "rm", f"{BUCKET}/{LIST}")  # by the same client, which goes on
        server.shutdown()
    assert DeafOnce.heard == ["/showdown?delete b''", "/showdown?delete"]


class Channel(AsyncFileSystem):  # type: ignore[misc]
    """As fsspec's sshfs: its first call leaves a task that receives for all that come later."""

    receiver: asyncio.Task[None] | None = None

    async def _cat_file(self, path: str, **named: object) -> str:
        if not self.receiver:
            self.receiver = asyncio.ensure_future(asyncio.sleep(3600))
        if path == "slow":
            time.sleep(2.5)  # the loop itself is held up, as by a big file that is read
            await asyncio.sleep(3600)
        await asyncio.sleep(0.1)
        if path == "wrong":
            raise FileNotFoundError(path)
        return path


@pytest.mark.parametrize(("first", "error"), [("slow", FSTimeoutError), ("wrong", FileNotFoundError)])
def test_the_next_call_is_not_hit_by_what_ends_the_one_before(
    first: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Channel(skip_instance_cache=True)
    with monkeypatch.context() as impatient, pytest.raises(error):
        impatient.setattr(remote, "ANSWER_SECONDS", 1.0 if first == "slow" else 60.0)
        remote.ask(system, "cat_file", first)
    assert remote.ask(system, "cat_file", "next") == "next"
    assert system.receiver and not system.receiver.done()
    system.loop.call_soon_threadsafe(system.receiver.cancel)


NO_S3FS = (
    "import sys; sys.modules['s3fs'] = None\n"  # what Python itself puts where a package must not be imported
)
WRONG = [
    ("nosuch://bucket", "", "nosuch"),  # no such protocol
    ("gcs://bucket", "", "needs a package that is not installed here"),
    ("s3://bucket", NO_S3FS, "pip install 'showdown[s3]'"),
    ("{home}/nowhere", "", "it must be there, and this machine must be allowed to write"),
]


@pytest.mark.parametrize(("url", "before", "words"), WRONG)
def test_a_wrong_place_is_said_before_anything_is_taken(
    home: Path, url: str, before: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url.format(home=home)
    monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", url)
    if before:
        code = f"{before}from cli.main import main; main(['run', 'tiny-hybrid'])"
        made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        exit_code, said = made.returncode, made.stderr
    else:
        forget_settings()
        result = CliRunner().invoke(main, ["run", "tiny-hybrid"])
        exit_code, said = result.exit_code, result.stderr
    assert exit_code == 1 and said.startswith(f"showdown: SHOWDOWN_CHECKPOINTS={url} "), said
    assert words in said and "Traceback" not in said
    assert queries.run_list() == []


@pytest.mark.parametrize("command", ["worker", "up"])
def test_nothing_starts_with_a_wrong_place(home: Path, command: str) -> None:
    given = {**os.environ, "SHOWDOWN_CHECKPOINTS": "nosuch://user:secret@host/x"}
    made = subprocess.run([sys.executable, "-m", "cli", command], env=given, capture_output=True, text=True)
    assert made.returncode == 1 and "SHOWDOWN_CHECKPOINTS=nosuch://host/x cannot be used" in made.stderr
    assert "secret" not in made.stdout + made.stderr


def test_a_training_says_so_before_it_loads_a_model(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restart of a worker under another environment; the run keeps its checkpoint and can be
    put back."""
    monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", "nosuch://x")
    forget_settings()
    detail = queries.run_detail(train(run_config()))
    assert (detail.row.status, detail.row.error_kind) == (Status.FAILED, "SetupError")
    assert "SHOWDOWN_CHECKPOINTS=nosuch://x cannot be used" in (detail.row.error_message or "")
    assert "imports" not in (settings().run_folder(1) / "train.log").read_text()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", ""),
        ("here", "{cwd}/here"),
        ("/abs", "/abs"),
        ("s3://b/p", "s3://b/p"),
        ("sftp://u:p@h/x", "sftp://u:p@h/x"),
    ],
)
def test_the_setting_means_the_same_from_everywhere(
    given: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", given)
    assert Settings().checkpoints == wanted.format(cwd=tmp_path)
