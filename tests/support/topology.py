"""The services of docker-compose.yml as processes on loopback: their own commands, entrypoint, secrets and
health checks.

No Docker engine is needed. What a container would have at a fixed place (/run/secrets, /data,
/opt/showdown, a host name) is put where the test has it; everything else is run as it is written in the
file.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPO, forget_settings, free_port, wait_for

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SERVICES: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text())["services"]
QUICK = {"SHOWDOWN_LEASE_SECONDS": "8", "SHOWDOWN_REAP_SECONDS": "0.5"}
# every one needs care in a URL
PASSWORDS = {"postgres_password": "p@ss/word:1%", "redis_password": "re dis+2"}
NEEDS = (
    pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL: install Debian's `postgresql`"),
    pytest.mark.skipif(
        not shutil.which("redis-server"), reason="no redis-server on PATH: install Debian's `redis-server`"
    ),
)


class Postgres:
    """A cluster of its own on a TCP port, with user, database and password as the image makes them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self.folder, self.port, self.data = folder, free_port(), str(folder / "data")
        self.as_user: list[str] = []
        password = folder / "password"
        password.write_text(PASSWORDS["postgres_password"])
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            shutil.chown(
                password, "postgres"
            )  # whatever the umask is: a test before may have set ours, as `showdown` does
            self.as_user = ["runuser", "-u", "postgres", "--"]
        self.run(
            "initdb",
            "-D",
            self.data,
            "-U",
            "showdown",
            "--auth",
            "scram-sha-256",
            "--pwfile",
            str(password),
            "--no-sync",
        )
        self.start()
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "showdown", "showdown")

    def run(self, program: str, *words: str) -> None:
        command = [*self.as_user, str(POSTGRES[-1] / program), *words]
        env = {**os.environ, "PGPASSWORD": PASSWORDS["postgres_password"]}
        # Not captured: a server that is started here would hold the pipe open.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, env=env)

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def kill(self) -> None:
        """No checkpoint, no goodbye: the next start recovers from the write-ahead log."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")


class Topology:
    """Services of the compose file, started and killed one by one."""

    def __init__(self, home: Path, secrets: Path, postgres: Postgres, settings: Mapping[str, str]) -> None:
        """`settings`: what an operator sets for every service."""
        self.home, self.secrets, self.postgres, self.settings = home, secrets, postgres, settings
        self.redis_port, self.app_port = free_port(), free_port()
        self.processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.gate = home / "components" / "hold"  # runs wait at the second step as long as it is there
        (home / "redis").mkdir()

    def running(self, service: str) -> subprocess.Popen[bytes]:
        """The process of this service that lives, else a new one."""
        living = [process for name, process in self.processes if name == service and process.poll() is None]
        return living[-1] if living else self.start(service)

    def urls(self) -> dict[str, str]:
        """What the entrypoint makes of the secrets, for this process."""
        names = ("SHOWDOWN_DATABASE_URL", "SHOWDOWN_BROKER_URL")
        entry = ["sh", str(REPO / "docker" / "entrypoint.sh"), "printenv", *names]
        made = subprocess.run(entry, check=True, capture_output=True, text=True, env=self.environment("app"))
        return dict(zip(names, made.stdout.split(), strict=True))

    def words(self, given: list[str], data: Path) -> list[str]:
        """A command line of the file, with the places of a container put where they are here."""
        places = {
            "/run/secrets": str(self.secrets),
            "/opt/showdown": str(REPO / "docker"),
            "dir /data": f"dir {data}\nbind 127.0.0.1\nport {self.redis_port}",
            "redis-cli": f"redis-cli -p {self.redis_port}",
            "$$": "$",
        }
        words = []
        for word in given:
            for there, here in places.items():
                word = word.replace(there, here)
            words.append(word)
        return words

    def environment(self, service: str) -> dict[str, str]:
        given = {
            k: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(v))
            for k, v in SERVICES[service].get("environment", {}).items()
        }
        here = {
            "HOME": str(self.home),
            "SHOWDOWN_HOME": str(self.home),
            "SHOWDOWN_COMPONENTS": str(self.home / "components"),
            "SHOWDOWN_HOST": "127.0.0.1",
            "SHOWDOWN_LOGIN": "none",
            "SHOWDOWN_PORT": str(self.app_port),
            "POSTGRES_AT": f"127.0.0.1:{self.postgres.port}",
            "REDIS_AT": f"127.0.0.1:{self.redis_port}",
            "SECRETS": str(self.secrets),
            "HF_HOME": str(self.home / "huggingface"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        ours = {k: v for k, v in os.environ.items() if not k.startswith("SHOWDOWN_")}
        return {**ours, **given, **self.settings, **here}

    def command(self, service: str) -> list[str]:
        entry = [] if service == "redis" else ["sh", str(REPO / "docker" / "entrypoint.sh")]
        return entry + self.words(SERVICES[service]["command"], self.home / "redis")

    def start(self, service: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{service}.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(service),
                stdout=log,
                stderr=log,
                env=self.environment(service),
                start_new_session=True,
            )
        self.processes.append((service, process))
        return process

    def once(self, service: str) -> None:
        """A one-shot service, to its end."""
        subprocess.run(self.command(service), check=True, env=self.environment(service))

    def healthy(self, service: str) -> bool:
        """What its health check says."""
        kind, *test = SERVICES[service]["healthcheck"]["test"]
        command = self.words(["sh", "-c", *test] if kind == "CMD-SHELL" else test, self.home)
        return subprocess.run(command, env=self.environment(service), capture_output=True).returncode == 0

    def wait_healthy(self, *services: str) -> None:
        for service in services:
            wait_for(f"{service} to be healthy", lambda s=service: self.healthy(s))

    def end(self) -> None:
        for _, process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)  # a stopped one could not end
                process.terminate()
        for _, process in self.processes:
            process.wait(60)

    def logs(self) -> str:
        return "\n".join(f"--- {p.name}\n{p.read_text()}" for p in sorted(self.home.glob("*.log")))


def kill(process: subprocess.Popen[bytes]) -> None:
    """As `docker kill` does, but for the container's other processes: a training is in a session of its
    own and lives on."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def topology_of(home: Path, secrets: Path, settings: Mapping[str, str] = QUICK) -> Iterator[Topology]:
    """PostgreSQL, Redis and the migration done, in the order of the file; this process's settings point at
    them."""
    for name, word in PASSWORDS.items():
        (secrets / name).write_text(word + "\n")
    # short and enterable, as in tests/conftest.py
    folder = Path(f"/tmp/showdown-topology-{os.getpid()}-{time.time_ns()}")
    made = Topology(home, secrets, Postgres(folder), settings)
    with pytest.MonkeyPatch.context() as patch:
        try:
            made.start("redis")
            made.once("migrate")
            made.wait_healthy("redis")
            for name in [name for name in os.environ if name.startswith("SHOWDOWN_")]:
                patch.delenv(name)
            for name, value in {"SHOWDOWN_HOME": str(home), **made.urls()}.items():
                patch.setenv(name, value)
            forget_settings()
            yield made
        finally:
            forget_settings()  # no connection of ours holds the server
            made.end()
            made.postgres.kill()
            shutil.rmtree(folder)
    forget_settings()
