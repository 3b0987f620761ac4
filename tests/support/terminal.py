"""A command in a terminal of its own: what a person would see of it."""

import os
import pty
import select
import subprocess
from collections.abc import Callable, Sequence


def seen(
    command: Sequence[str], seconds: float = 60.0, look: Callable[[str], object] = lambda text: None
) -> tuple[int, str]:
    """Run it to its end; its exit status, and all that it wrote to the terminal. `seconds`: the longest it
    may be silent.

    `look` is called with what it has written so far, each time that it has written more.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while select.select([ours], [], [], seconds)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed: it has ended
            break
        if not part:
            break
        said += part
        look(said.decode(errors="ignore"))
    status = process.wait(60)
    os.close(ours)
    return status, said.decode()
