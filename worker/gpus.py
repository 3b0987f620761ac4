"""What the NVIDIA driver says of this machine's GPUs. Called by worker.celery_app. Light: asks nvidia-smi, loads no torch."""

import shutil
import subprocess

from core.store.workers import Gpu

FIELDS = "index,name,memory.total,memory.used,utilization.gpu"
MIB = 1024 * 1024
SECONDS = 5.0  # a hanging driver must not stop the heartbeat


def read() -> list[Gpu]:
    """The GPUs, by index; none where there is no driver or it does not answer."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        asked = [command, f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits"]
        text = subprocess.run(asked, capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [g for line in text.splitlines() if (g := parse(line)) is not None]


def parse(line: str) -> Gpu | None:
    """One line of nvidia-smi's CSV; None for a line that says something else."""
    parts = [p.strip() for p in line.split(",")]
    if len(parts) != 5 or not parts[0].isdigit():
        return None
    total, used, busy = (float(p) if p.replace(".", "", 1).isdigit() else None for p in parts[2:])
    if total is None:
        return None
    return Gpu(int(parts[0]), parts[1], total * MIB, (used or 0.0) * MIB, None if busy is None else busy / 100)
