"""Forks training processes out of one that has imported the training stack: `python -m worker.forkserver`.

Started and asked by worker.warm over a socket on standard input. One message is one process to start: a module with its
arguments, as after `python -m`, the environment, and two file descriptors, for standard input and for the log. The fork is
the child of whoever asked, not of this process, so nothing that happens to this process concerns it. What may be
imported here, and why: docs/decisions/0033-warm-training-processes.md. Light until it is run: what it imports are names.
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

from worker.imports import EXTRAS, importing

# What a training imports in any case.
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
# Arrow's jemalloc, which is not the allocator it uses, would start a thread when it is loaded.
NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
READY, GO = b"ready", b"go"
MESSAGE_BYTES = 2**20  # an environment may be long
THREADS = "OMP_NUM_THREADS"
PARENT_SECONDS = 0.001  # between two looks whether the process in between has ended


@dataclass(frozen=True)
class Request:
    """A process to start. `command` is a module and its arguments."""

    command: list[str]
    environment: dict[str, str]
    supervisor: int


def main() -> None:
    """Serve until the supervising process ends. In a fork, run its module as `python -m` would."""
    control = socket.socket(fileno=0)
    _end_with(control)
    os.environ.update(NO_THREADS)  # of this process alone: a fork has the environment it was asked for with
    with importing(EXTRAS):  # a run that asks for one is not forked (worker.supervisor)
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
    """While imports keep this process from reading: let SIGIO end it when the other end of the socket is closed."""
    flags = fcntl.fcntl(control, fcntl.F_GETFL)
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(control, fcntl.F_SETFL, flags | os.O_ASYNC if watch else flags & ~os.O_ASYNC)


def _check() -> None:
    """Exit where a fork would not be safe: with another thread, or with an open GPU."""
    child = os.fork()  # libraries that know about forks, such as OpenBLAS, stop their threads before one
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    threads = [
        Path(f"/proc/self/task/{task}/comm").read_text(encoding="utf-8").strip() for task in os.listdir("/proc/self/task")
    ]
    if len(threads) > 1:
        names = [thread.name for thread in threading.enumerate()]
        sys.exit(f"importing the training stack started threads: {', '.join(threads)}; of Python: {', '.join(names)}")
    files = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    devices = [file for file in files if file.startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri"))]
    if devices:
        sys.exit(f"importing the training stack opened a GPU: {', '.join(devices)}")


def _serve(control: socket.socket) -> Request:
    """Start a process for each message. Returns in the processes started; this one exits from inside."""
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
    """0 here; in a grandchild, which the next subreaper above adopts, the id of the process in between."""
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
    """Turn this fork into the process asked for, as subprocess.Popen with start_new_session does. Exits when unwanted."""
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
    if os.read(0, len(GO)) != GO:  # given up meanwhile
        os._exit(1)


def _set_environment(environment: dict[str, str]) -> None:
    """Replace the environment, and catch up on what libraries read from it, or drew at random, when they were loaded."""
    threads = os.environ.get(THREADS)
    os.environ.clear()
    os.environ.update(environment)
    if environment.get(THREADS) != threads:
        sys.modules["torch"].set_num_threads(int(environment[THREADS]))
    sys.modules["numpy"].random.seed()  # at random, as where it is loaded; Python's own is, after a fork


def _set_title(words: list[str]) -> None:
    """Show the command in /proc/PID/cmdline, and so in ps, in the memory of the command this process was started with."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, the 48th and 49th of proc_pid_stat(5)
    room = end - start
    title = b"\0".join(os.fsencode(word) for word in words)[: room - 1]
    if room > 0:  # some sandboxes do not say where it is
        ctypes.memmove(start, title.ljust(room, b"\0"), room)


if __name__ == "__main__":
    main()
