"""The place that workers of several machines share: the checkpoints and the adapter of a run, through fsspec.

Called by worker.keeper, and by cli.up (is it there?) and cli.transfer (an export's adapter). A folder there counts once its
list of files lies in it: the list is written last and removed first. Knows folders and files, not what they mean. Light:
fsspec is imported where it is used, for the dashboard's machine need not have it.
"""

import asyncio
import functools
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from core import urls
from core.errors import PlaceUnavailable, SetupError, TrainingError
from core.settings import settings
from worker import stall

LIST = "whole.json"
ANSWER_SECONDS, SLOWEST = 30.0, 1e6  # an answer may take so long, and a file's bytes at so many a second beside
STUCK_SECONDS = 30.0  # and so long after that, should fsspec's loop itself hang
PART = "_run_coros_in_chunks.<locals>"  # fsspec's name for the tasks into which it cuts a call
SETTING = "SHOWDOWN_CHECKPOINTS"


def digest(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def shown() -> str:
    """The setting as it may be said."""
    return f"{SETTING}={urls.shown(settings().checkpoints)}"


def _said(error: object) -> str:
    """What a file system says, which may quote the URL."""
    return urls.said_of(settings().checkpoints, error)


def file_system() -> tuple[Any, str]:
    """fsspec's file system of the place, and the path in it. SetupError where the URL or a package is at fault; asks nobody."""
    try:
        from fsspec.core import url_to_fs

        found: tuple[Any, str] = url_to_fs(settings().checkpoints)
        return found
    except ImportError as error:
        known = "pip install 'showdown[s3]'" if "s3fs" in str(error) else "install the package that fsspec names"
        raise SetupError(f"{shown()} needs a package that is not installed here ({_said(error)}): {known}") from error
    except Exception as error:  # every file system has its own words for a bad URL
        raise SetupError(
            f"{shown()} cannot be used: {_said(error)}; give a folder, or a URL like s3://bucket/prefix"
        ) from error


def ask(system: Any, method: str, *words: Any, size: float = 0.0, **named: Any) -> Any:
    """Call a method; one that talks to a server gives up after a time that grows with the bytes. s3fs alone never would.

    One call at a time in a process: one that is given up ends what is asked meanwhile.
    """
    stall.touch()
    if not system.async_impl:
        return getattr(system, method)(*words, **named)
    from fsspec.asyn import sync

    limit = ANSWER_SECONDS + size / SLOWEST
    call = functools.partial(getattr(system, f"_{method}"), *words, **named)
    return sync(system.loop, _bounded, call, limit, timeout=limit + STUCK_SECONDS)


async def _bounded(call: Callable[[], Awaitable[Any]], limit: float) -> Any:
    """What the call gives, within seconds; TimeoutError. What was given up is asked no more.

    fsspec asks in tasks of their own, which its own time-out leaves alone: they would go on for minutes, and remove what a
    later call has put there. Other tasks live on, as those that receive for an open channel: later calls need them.
    """
    before = asyncio.all_tasks()
    async with asyncio.timeout(limit):
        try:
            return await call()
        except asyncio.CancelledError:
            left = [t for t in asyncio.all_tasks() - before if PART in getattr(t.get_coro(), "__qualname__", "")]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            raise


def check() -> None:
    """Write a file to the place and remove it again: SetupError says what is wrong, before any run is taken."""
    if not settings().checkpoints:
        return
    system, root = file_system()
    probe = f"{root}/.write-{uuid.uuid4().hex}"
    try:
        ask(system, "pipe_file", probe, b"")
        ask(system, "rm_file", probe)
    except Exception as error:  # as above
        raise SetupError(
            f"{shown()} cannot be written to ({type(error).__name__}: {_said(error)}); it must be there, "
            "and this machine must be allowed to write. Unset it to keep checkpoints in the data directory alone"
        ) from error


class Shared:
    """What of one run lies in the shared place. Every method but the first raises PlaceUnavailable when that is away."""

    def __init__(self, run_id: int) -> None:
        self.system, self.root = file_system()
        self.folder = f"{self.root}/{run_id}"

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Every file system has its own errors; what they say of the network and of rights may all be over later."""
        try:
            # A mount that is gone leaves an empty place, or none: nothing may be made or missed there.
            if self.has_folders and not ask(self.system, "isdir", self.root):
                raise FileNotFoundError(f"the folder {self.root} is not there")
            self.system.invalidate_cache()  # other machines write there too
            yield
        except Exception as error:
            said = f"{type(error).__name__}: {_said(error)}"
            raise PlaceUnavailable(f"{shown()} does not answer as it should ({said})") from error

    @property
    def has_folders(self) -> bool:
        """Paths from a root are those of real folders; in an object store a path begins with the bucket."""
        return self.root.startswith("/")

    def files(self, name: str) -> dict[str, Any] | None:
        """What the list of a folder says: `step`, and size and hash of each of `files`. None unless the folder is whole."""
        with self._asked():
            try:
                listed: dict[str, Any] = json.loads(ask(self.system, "cat_file", f"{self.folder}/{name}/{LIST}"))
                return listed
            except (FileNotFoundError, ValueError):  # half a list is none
                return None

    def steps(self) -> tuple[set[int], set[int]]:
        """The checkpoints that are whole, and all of which anything lies there."""
        with self._asked():
            names = [p.removeprefix(f"{self.folder}/") for p in ask(self.system, "find", self.folder)]
        found = [m for m in map(re.compile(r"checkpoint-(\d+)/(.+)").fullmatch, names) if m]
        return {int(m[1]) for m in found if m[2] == LIST}, {int(m[1]) for m in found}

    def send(self, source: Path, name: str, step: int) -> None:
        """Put a folder there in place of what has its name; `step`: what it holds is of this step."""
        names = sorted(p.relative_to(source).as_posix() for p in source.rglob("*") if not p.is_dir())
        there = [f"{self.folder}/{name}/{n}" for n in names]
        self.remove(name)
        with self._asked():
            if self.has_folders:
                for parent in sorted({str(PurePosixPath(t).parent) for t in there}):
                    ask(self.system, "makedirs", parent, exist_ok=True)
            files = {n: digest(source / n) for n in names}
            with stall.waiting():  # it has its own bound, and is no hang before that
                ask(self.system, "put", [str(source / n) for n in names], there, size=_size(files))
            ask(self.system, "pipe_file", f"{self.folder}/{name}/{LIST}", json.dumps({"step": step, "files": files}).encode())

    def fetch(self, name: str, target: Path) -> bool:
        """Take a folder from there to `target`, which is whole or as before. False: it is not whole there.

        TrainingError where its list is there, but not what the list names.
        """
        said = self.files(name)
        if said is None:
            return False
        part = target.with_name(f"fetching-{target.name}")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        names = [n for n in said["files"] if (part / n).resolve().is_relative_to(part.resolve())]
        for parent in {(part / n).parent for n in names}:
            parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._asked(), suppress(FileNotFoundError):  # seen below
                there = [f"{self.folder}/{name}/{n}" for n in names]
                with stall.waiting():  # as in `send`
                    ask(self.system, "get", there, [str(part / n) for n in names], size=_size(said["files"]))
            if not is_same(part, said):
                raise TrainingError(
                    f"{self.folder}/{name} is damaged: its files are not those that its {LIST} names; put them back from a "
                    "backup, or remove the folder, and the run begins anew"
                )
            shutil.rmtree(target, ignore_errors=True)
            os.replace(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return True

    def remove(self, name: str) -> None:
        """Take a folder away, its list first: what is left of it when this is killed does not count.

        Only what is there: a deletion that the server carries out late must not meet what is sent after it.
        """
        folder = f"{self.folder}/{name}"
        with self._asked():
            found = ask(self.system, "find", folder)
            with suppress(FileNotFoundError):
                if f"{folder}/{LIST}" in found:
                    ask(self.system, "rm", f"{folder}/{LIST}")
                if found or self.has_folders:  # an empty folder counts as something there
                    ask(self.system, "rm", folder, recursive=True)


def _size(files: dict[str, Any]) -> int:
    return sum(f["bytes"] for f in files.values())


def is_same(folder: Path, said: dict[str, Any]) -> bool:
    """The folder holds the files of a list, byte for byte."""
    return not difference(folder, said["files"])


def difference(folder: Path, files: Mapping[str, Any]) -> str:
    """What is another in the folder than the size and hash that are said of each file; empty where nothing is."""
    for name, known in files.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if digest(folder / name) != known:
            return f"{name} has another size or hash than when it was written"
    return ""
