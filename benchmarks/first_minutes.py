"""How long until the dashboard answers, and until the demo's first step is stored: the limits of the first
five minutes.

    .venv/bin/python benchmarks/first_minutes.py

Prints each time and its ratio to the limit (5 s, 30 s). Uses a fresh data directory and a free port.
"""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

LIMITS = {"dashboard answers": 5.0, "first step stored": 30.0}


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


def stepped(database: Path) -> bool:
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return bool(connection.execute("select count(*) from run where step >= 1").fetchone()[0])
    except sqlite3.OperationalError:
        return False


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        env = {**os.environ, "SHOWDOWN_HOME": home, "SHOWDOWN_PORT": str(port)}
        process = subprocess.Popen([sys.executable, "-m", "cli", "demo"], env=env, start_new_session=True)
        checks = {
            "dashboard answers": lambda: answers(port),
            "first step stored": lambda: stepped(Path(home) / "showdown.db"),
        }
        took: dict[str, float] = {}
        while len(took) < len(checks) and time.perf_counter() - began < 120:
            for name, check in checks.items():
                if name not in took and check():
                    took[name] = time.perf_counter() - began
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.wait()
    for name, limit in LIMITS.items():
        seconds = took.get(name, float("inf"))
        print(f"{name:<20} {seconds:6.1f} s   {seconds / limit:.2f} of the limit of {limit:.0f} s")


if __name__ == "__main__":
    main()
