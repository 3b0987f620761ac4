"""`showdown logs`: a run's log, from its file where that is here, else its end from the database. Called by cli.main."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from cli.up import open_store
from core import logs
from core.errors import ShowdownError, StoreUnavailable
from core.settings import settings
from core.store import queries

LOOK_SECONDS = 1.0


def _here(run_id: int, attempt: int) -> Path | None:
    """The log's file, unless a newer attempt has written its own on another machine."""
    path = settings().run_folder(run_id) / "train.log"
    if not path.is_file():
        return None
    found = logs.ATTEMPT.findall(path.read_bytes().decode(errors="replace"))
    return path if not found or int(found[-1]) >= attempt else None


class Reader:
    """What the log says beyond what was read before. Only whole lines while it still grows."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self._at, self._tail = 0, ""
        detail = queries.run_detail(run_id)
        self.path = _here(run_id, detail.row.attempt)

    def read(self) -> tuple[str, bool]:
        """New text, and whether more may come."""
        detail = queries.run_detail(self.run_id)
        going = not detail.row.status.finished
        if self.path is None:
            now = detail.log_tail or ""
            now = now[: now.rfind("\n") + 1] if going else now
            new = logs.news(self._tail, now)
            self._tail = now or self._tail
            return (new if new is not None else f"[lines are missing here]\n{now}"), going
        with self.path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1] if going else data
        self._at += len(data)
        return logs.clean(data), going


def _followed(reader: Reader) -> Iterator[str]:
    going = True
    while going:
        try:
            text, going = reader.read()
        except StoreUnavailable as error:
            click.echo(f"showdown: {error}; looked for again", err=True)
            text = ""
        yield text
        if going:
            time.sleep(LOOK_SECONDS)


@click.command("logs")
@click.argument("run_id", type=int)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
def logs_command(run_id: int, follow: bool) -> None:
    """The log of a run: all of it on its worker's machine, its end elsewhere."""
    open_store()
    reader = Reader(run_id)
    if not follow:
        text = logs.clean(reader.path.read_bytes()) if reader.path else queries.run_detail(run_id).log_tail
        if not text:
            raise ShowdownError(f"run {run_id} has written no line yet")
        click.echo(text, nl=not text.endswith("\n"))
        return
    for text in _followed(reader):
        click.echo(text, nl=False)
        sys.stdout.flush()
