"""Forks training processes from one that has already imported the training stack.

Run as `python -m worker.supervise.forkserver`. worker.supervise.warm starts it and sends requests over a
socket on standard input. Each message is one process to start: a module with its arguments, as after
`python -m`, the environment, and two file descriptors, for standard input and for the log. The fork becomes a
child of the requesting process, not of this one, so nothing that happens to this process affects it.
docs/decisions/0033-warm-training-processes.md says what may be imported here, and why. Light until it runs:
it refers to the training stack by name only.
"""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from worker.common.imports import EXTRAS, importing

# Modules that every training imports.
MODULES = (
    "numpy",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql",
    "pydantic_settings",
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "peft",
    "trl.trainer.grpo_trainer",
)
# Arrow does not allocate with its jemalloc, which would still start a thread when it is loaded.
NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
READY = b"ready"
GO = b"go"
MESSAGE_BYTES = 2**20  # an environment may be long
THREADS = "OMP_NUM_THREADS"
PARENT_SECONDS = 0.001  # between two looks at whether the process in between has ended


@dataclass(frozen=True)
class Request:
    """A process to start; `command` is a module and its arguments."""

    command: list[str]
    environment: dict[str, str]
    supervisor: int


def main() -> None:
    """Serve until the supervising process ends; in a fork, run its module as `python -m` would."""
    control = socket.socket(fileno=0)
    _end_with(control)
    os.environ.update(NO_THREADS)  # of this process only: a fork gets the environment of its request
    with importing(EXTRAS):  # a run that needs one is not forked (worker.supervise.supervisor)
        for name in MODULES:
            importlib.import_module(name)
        gc.collect()  # a collection in a fork would write to, and so copy, every page that holds an object
    _check()
    _end_with(control, watch=False)
    control.send(READY)
    request = _serve(control)
    sys.argv[:] = request.command  # run_module replaces the name by the file's path
    runpy.run_module(request.command[0], run_name="__main__", alter_sys=True)


def _end_with(control: socket.socket, watch: bool = True) -> None:
    """Let SIGIO end this process when the other end of the socket is closed; `watch=False` turns that off.

    Used while imports keep this process from reading the socket.
    """
    flags = fcntl.fcntl(control, fcntl.F_GETFL)
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(control, fcntl.F_SETFL, flags | os.O_ASYNC if watch else flags & ~os.O_ASYNC)


def _check() -> None:
    """Exit if forking is not safe: with another thread, or with an open GPU."""
    child = os.fork()  # libraries that know about forks, such as OpenBLAS, stop their threads before one
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    threads = [
        Path(f"/proc/self/task/{task}/comm").read_text(encoding="utf-8").strip()
        for task in os.listdir("/proc/self/task")
    ]
    if len(threads) > 1:
        names = [thread.name for thread in threading.enumerate()]
        sys.exit(
            f"importing the training stack started threads: {', '.join(threads)}; "
            f"of Python: {', '.join(names)}"
        )
    files = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    devices = [file for file in files if file.startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri"))]
    if devices:
        sys.exit(f"importing the training stack opened a GPU: {', '.join(devices)}")


def _serve(control: socket.socket) -> Request:
    """Start a process for each message. Returns in the started processes only; this one exits inside."""
    while True:
        message, files, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not message:
            sys.exit(0)
        if middle := _fork_twice():
            request = Request(**json.loads(message))
            control.detach()
            _become(request, files, middle)
            return request
        for file in files:
            os.close(file)


def _fork_twice() -> int:
    """Fork a grandchild, which the next subreaper above adopts.

    Returns 0 here, and in the grandchild the id of the process in between.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return 0
    middle = os.getpid()
    try:
        grandchild = os.fork()
    except OSError:
        os._exit(1)
    if grandchild:
        os._exit(0)
    return middle


def _become(request: Request, files: list[int], middle: int) -> None:
    """Turn this fork into the requested process, as subprocess.Popen with start_new_session does.

    Exits when it is no longer wanted.
    """
    os.setsid()
    stdin, log = files
    for source, target in ((stdin, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(stdin)
    os.close(log)
    while os.getppid() == middle:
        time.sleep(PARENT_SECONDS)
    if os.getppid() != request.supervisor:  # nobody could wait for it
        os._exit(1)
    _set_environment(request.environment)
    _set_title([sys.executable, "-m", *request.command])
    os.write(0, str(os.getpid()).encode())
    if os.read(0, len(GO)) != GO:  # the request was given up meanwhile
        os._exit(1)


def _set_environment(environment: dict[str, str]) -> None:
    """Replace the environment, and redo what libraries read from it, or drew at random, when loaded."""
    threads = os.environ.get(THREADS)
    os.environ.clear()
    os.environ.update(environment)
    if environment.get(THREADS) != threads:
        sys.modules["torch"].set_num_threads(int(environment[THREADS]))
    sys.modules["numpy"].random.seed()  # at random, as on import; Python reseeds its own after a fork


def _set_title(words: list[str]) -> None:
    """Show the command in /proc/PID/cmdline, and so in ps.

    Overwrites the memory of the command that this process was started with.
    """
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    # arg_start and arg_end, the 48th and 49th of proc_pid_stat(5)
    start = int(fields[45])
    end = int(fields[46])
    room = end - start
    title = b"\0".join(os.fsencode(word) for word in words)[: room - 1]
    if room > 0:  # some sandboxes do not say where it is
        ctypes.memmove(start, title.ljust(room, b"\0"), room)


if __name__ == "__main__":
    main()
