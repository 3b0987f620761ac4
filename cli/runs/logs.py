"""`showdown logs`: a run's log, from its file where that is here, else its end from the database."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from cli.server.up import open_store
from core.common import logs
from core.common.errors import ShowdownError, StoreUnavailable
from core.common.settings import settings
from core.store.runs import queries

LOOK_SECONDS = 1.0


def _here(run_id: int, attempt: int) -> Path | None:
    """The log's file on this machine; None where there is none or a newer attempt wrote elsewhere."""
    path = settings().run_folder(run_id) / "train.log"
    if not path.is_file():
        return None
    attempts = logs.ATTEMPT.findall(path.read_bytes().decode(errors="replace"))
    return path if not attempts or int(attempts[-1]) >= attempt else None


class Reader:
    """Reads what is new in a run's log; only whole lines while the log still grows."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self._at = 0
        self._tail = ""
        detail = queries.run_detail(run_id)
        self.path = _here(run_id, detail.row.attempt)

    def read(self) -> tuple[str, bool]:
        """New text, and whether more may come."""
        detail = queries.run_detail(self.run_id)
        growing = not detail.row.status.finished
        if self.path is None:
            tail = detail.log_tail or ""
            tail = tail[: tail.rfind("\n") + 1] if growing else tail
            new_text = logs.news(self._tail, tail)
            self._tail = tail or self._tail
            return (new_text if new_text is not None else f"[lines are missing here]\n{tail}"), growing
        with self.path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1] if growing else data
        self._at += len(data)
        return logs.clean(data), growing


def _followed(reader: Reader) -> Iterator[str]:
    growing = True
    while growing:
        try:
            text, growing = reader.read()
        except StoreUnavailable as error:
            click.echo(f"showdown: {error}; looked for again", err=True)
            text = ""
        yield text
        if growing:
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
