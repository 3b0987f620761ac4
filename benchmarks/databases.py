"""A PostgreSQL that is nobody's, for the benchmarks beside it; benchmarks.home makes it theirs."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgresql() -> Iterator[str | None]:
    """A cluster of one's own; None without the programs."""
    if given := os.environ.get("SHOWDOWN_BENCH_POSTGRES"):
        yield given
        return
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        yield None
        return
    folder = Path(f"/tmp/showdown-bench-{os.getpid()}")  # short: a socket's path may have 107 bytes
    folder.mkdir(mode=0o755)
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")

    def pg(name: str, *args: str) -> None:
        command = [*as_user, str(found[-1] / name), "-D", str(folder / "data"), *args]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    pg("initdb", "-U", "showdown", "--auth", "trust")
    try:
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        pg("pg_ctl", "-o", options, "-l", str(folder / "log"), "-w", "start")
        yield f"postgresql+psycopg://showdown@/postgres?host={folder}"
        pg("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
