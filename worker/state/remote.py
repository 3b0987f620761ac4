"""The place that workers on several machines share, through fsspec: a run's checkpoints and its adapter.

A folder there counts once it contains its list of files, which is written last and removed first. Knows
folders and files, not what they mean. Light: fsspec is imported where it is used, because the dashboard's
machine need not have it.
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

from core.common import urls
from core.common.errors import PlaceUnavailable, SetupError, TrainingError
from core.common.settings import settings
from worker.common import liveness

LIST = "whole.json"
ANSWER_SECONDS = 30.0  # the time limit of an answer, without the transfer of a file's bytes
SLOWEST = 1e6  # bytes a second; a transfer may take as long as at this speed
STUCK_SECONDS = 30.0  # extra time after both, in case fsspec's own loop hangs
PART = "_run_coros_in_chunks.<locals>"  # fsspec's name for the tasks it splits a call into
SETTING = "SHOWDOWN_CHECKPOINTS"


def digest(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def shown() -> str:
    """The setting as messages may show it, without secrets."""
    return f"{SETTING}={urls.shown(settings().checkpoints)}"


def _said(error: object) -> str:
    """A file system's error text without secrets: it may quote the URL."""
    return urls.said_of(settings().checkpoints, error)


def file_system() -> tuple[Any, str]:
    """fsspec's file system of the place, and the path in it. Contacts no server.

    Raises SetupError when the URL is bad or a package is missing.
    """
    try:
        from fsspec.core import url_to_fs

        location: tuple[Any, str] = url_to_fs(settings().checkpoints)
        return location
    except ImportError as error:
        repair = (
            "pip install 'showdown[s3]'" if "s3fs" in str(error) else "install the package that fsspec names"
        )
        raise SetupError(
            f"{shown()} needs a package that is not installed here ({_said(error)}): {repair}"
        ) from error
    except Exception as error:  # each file system has its own errors for a bad URL
        raise SetupError(
            f"{shown()} cannot be used: {_said(error)}; give a folder, or a URL like s3://bucket/prefix"
        ) from error


def ask(system: Any, method: str, *words: Any, size: float = 0.0, **named: Any) -> Any:
    """Call a method of a file system, with a time limit that grows with `size` if it talks to a server.

    `size` is in bytes. s3fs on its own would never give up. Make one call at a time in a process: a call that
    is given up also ends calls made meanwhile.
    """
    liveness.touch()
    if not system.async_impl:
        return getattr(system, method)(*words, **named)
    from fsspec.asyn import sync

    limit = ANSWER_SECONDS + size / SLOWEST
    call = functools.partial(getattr(system, f"_{method}"), *words, **named)
    return sync(system.loop, _bounded, call, limit, timeout=limit + STUCK_SECONDS)


async def _bounded(call: Callable[[], Awaitable[Any]], limit: float) -> Any:
    """Await the call for at most `limit` seconds; raises TimeoutError and cancels its tasks after that.

    fsspec splits a call into tasks that its own timeout does not cancel: they would run on for minutes, and
    remove what a later call has put there. Other tasks live on, such as the receivers of an open channel,
    because later calls need them.
    """
    earlier_tasks = asyncio.all_tasks()
    async with asyncio.timeout(limit):
        try:
            return await call()
        except asyncio.CancelledError:
            unfinished = [
                t
                for t in asyncio.all_tasks() - earlier_tasks
                if PART in getattr(t.get_coro(), "__qualname__", "")
            ]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            raise


def check() -> None:
    """Check, before any run is taken, that the place can be written to; raises SetupError if not."""
    if not settings().checkpoints:
        return
    system, root = file_system()
    probe = f"{root}/.write-{uuid.uuid4().hex}"
    try:
        ask(system, "pipe_file", probe, b"")
        ask(system, "rm_file", probe)
    except Exception as error:  # each file system has its own errors
        raise SetupError(
            f"{shown()} cannot be written to ({type(error).__name__}: {_said(error)}); it must be there, "
            "and this machine must be allowed to write. Unset it to keep checkpoints in the data directory "
            "alone"
        ) from error


class Shared:
    """One run's files in the shared place.

    Every method but the constructor raises PlaceUnavailable when the place is away.
    """

    def __init__(self, run_id: int) -> None:
        self.system, self.root = file_system()
        self.folder = f"{self.root}/{run_id}"

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Turns any error of the file system into PlaceUnavailable: it may pass, as network errors do."""
        try:
            # A lost mount leaves the place empty or absent: nothing may be created, or count as missing,
            # there.
            if self.has_folders and not ask(self.system, "isdir", self.root):
                raise FileNotFoundError(f"the folder {self.root} is not there")
            self.system.invalidate_cache()  # other machines write there too
            yield
        except Exception as error:
            message = f"{type(error).__name__}: {_said(error)}"
            raise PlaceUnavailable(f"{shown()} does not answer as it should ({message})") from error

    @property
    def has_folders(self) -> bool:
        """Whether the place has real folders; in an object store a path begins with the bucket."""
        return self.root.startswith("/")

    def files(self, name: str) -> dict[str, Any] | None:
        """The list of a folder: `step`, and size and hash of each of `files`; None if it is incomplete."""
        with self._asked():
            try:
                listing: dict[str, Any] = json.loads(
                    ask(self.system, "cat_file", f"{self.folder}/{name}/{LIST}")
                )
                return listing
            except (FileNotFoundError, ValueError):  # half a list counts as none
                return None

    def steps(self) -> tuple[set[int], set[int]]:
        """The steps of the complete checkpoints, and of all checkpoints that have any file there."""
        with self._asked():
            names = [p.removeprefix(f"{self.folder}/") for p in ask(self.system, "find", self.folder)]
        matches = [m for m in map(re.compile(r"checkpoint-(\d+)/(.+)").fullmatch, names) if m]
        return {int(m[1]) for m in matches if m[2] == LIST}, {int(m[1]) for m in matches}

    def send(self, source: Path, name: str, step: int) -> None:
        """Send a folder, replacing the one of that name; `step` is the step that its contents belong to."""
        names = sorted(p.relative_to(source).as_posix() for p in source.rglob("*") if not p.is_dir())
        targets = [f"{self.folder}/{name}/{n}" for n in names]
        self.remove(name)
        with self._asked():
            if self.has_folders:
                for parent in sorted({str(PurePosixPath(t).parent) for t in targets}):
                    ask(self.system, "makedirs", parent, exist_ok=True)
            files = {n: digest(source / n) for n in names}
            with liveness.waiting():  # it has its own time limit, and is not a hang before that
                ask(self.system, "put", [str(source / n) for n in names], targets, size=_size(files))
            ask(
                self.system,
                "pipe_file",
                f"{self.folder}/{name}/{LIST}",
                json.dumps({"step": step, "files": files}).encode(),
            )

    def fetch(self, name: str, target: Path) -> bool:
        """Copy a folder from the shared place to `target`; False when it is not complete there.

        `target` ends up complete or as before. Raises TrainingError when the files do not match their list.
        """
        listing = self.files(name)
        if listing is None:
            return False
        part = target.with_name(f"fetching-{target.name}")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        names = [n for n in listing["files"] if (part / n).resolve().is_relative_to(part.resolve())]
        for parent in {(part / n).parent for n in names}:
            parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._asked(), suppress(FileNotFoundError):  # found by is_same below
                sources = [f"{self.folder}/{name}/{n}" for n in names]
                with liveness.waiting():  # it has its own time limit
                    ask(
                        self.system,
                        "get",
                        sources,
                        [str(part / n) for n in names],
                        size=_size(listing["files"]),
                    )
            if not is_same(part, listing):
                raise TrainingError(
                    f"{self.folder}/{name} is damaged: its files are not those that its {LIST} names; "
                    "put them back from a backup, or remove the folder, and the run begins anew"
                )
            shutil.rmtree(target, ignore_errors=True)
            os.replace(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return True

    def remove(self, name: str) -> None:
        """Remove a folder, its list first, so that the rest does not count if this is killed.

        Deletes only what is there: a deletion that the server carries out late must not hit files sent after
        it.
        """
        folder = f"{self.folder}/{name}"
        with self._asked():
            paths = ask(self.system, "find", folder)
            with suppress(FileNotFoundError):
                if f"{folder}/{LIST}" in paths:
                    ask(self.system, "rm", f"{folder}/{LIST}")
                if paths or self.has_folders:  # a folder may be there without files
                    ask(self.system, "rm", folder, recursive=True)


def _size(files: dict[str, Any]) -> int:
    return sum(f["bytes"] for f in files.values())


def is_same(folder: Path, said: dict[str, Any]) -> bool:
    """Whether the folder holds the files of a list, byte for byte."""
    return not difference(folder, said["files"])


def difference(folder: Path, files: Mapping[str, Any]) -> str:
    """Describes the first file that is missing or has another size or hash than listed; empty if none."""
    for name, expected in files.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if digest(folder / name) != expected:
            return f"{name} has another size or hash than when it was written"
    return ""
