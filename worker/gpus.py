"""What the NVIDIA driver says of this machine's GPUs, and which of them a child may see.

Called by worker.celery_app (heartbeat), worker.supervisor and cli.run (claims, the child's environment). Light: asks
nvidia-smi, loads no torch.
"""

import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from core.errors import SetupError
from core.settings import settings
from core.store.workers import Gpu

FIELDS = "index,uuid,name,memory.total,memory.used,utilization.gpu"
MIB = 1024 * 1024
FIRST_SECONDS = 60.0
DRIVER = Path("/proc/driver/nvidia/gpus")
VARIABLES = ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES")  # by which a training sees its GPUs and no others
SECONDS = 5.0  # a hanging driver must not stop the heartbeat
log = logging.getLogger("showdown.gpus")


def read() -> list[Gpu]:
    """The GPUs this process may use, by index; none where there is no driver or it does not answer."""
    try:
        return _ask(SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("nvidia-smi does not answer: %s", error)
        return []


def _ask(seconds: float) -> list[Gpu]:
    command, named = shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES")
    if command is None or named == "":
        return []
    asked = [command, f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits"]
    text = subprocess.run(asked, capture_output=True, text=True, timeout=seconds, check=True).stdout
    return visible([g for line in text.splitlines() if (g := parse(line)) is not None], named)


def parse(line: str) -> Gpu | None:
    """One line of nvidia-smi's CSV; None for a line that says something else."""
    parts = [p.strip() for p in line.split(",")]
    if len(parts) != 6 or not parts[0].isdigit():
        return None
    total, used, busy = (float(p) if p.replace(".", "", 1).isdigit() else None for p in parts[3:])
    if total is None:
        return None
    return Gpu(int(parts[0]), parts[2], total * MIB, (used or 0.0) * MIB, None if busy is None else busy / 100, parts[1])


def visible(found: Sequence[Gpu], named: str | None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES names, by index or by the beginning of a uuid; all where it is not set."""
    if named is None:
        return list(found)
    names = [n.strip() for n in named.split(",") if n.strip()]
    return [g for g in found if any(n == str(g.index) or (not n.isdigit() and g.uuid.startswith(n)) for n in names)]


@cache
def mine() -> tuple[Gpu, ...]:
    """The GPUs as they were at the first call: what is leased must not change with a driver's moods.

    SetupError where there are some that cannot be named: to train on the CPU, or on a GPU that is not leased, would be worse.
    """
    repair = "Repair it, or set CUDA_VISIBLE_DEVICES to nothing to train on the CPU"
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shutil.which("nvidia-smi") is None and named != "" and DRIVER.is_dir():
        raise SetupError(f"{DRIVER} shows NVIDIA GPUs, but there is no nvidia-smi to tell them apart. {repair}")
    try:
        found = _ask(FIRST_SECONDS)  # eight idle GPUs may take a while to wake up
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"nvidia-smi has not answered within {FIRST_SECONDS:.0f} s. {repair}") from error
    except (OSError, subprocess.SubprocessError) as error:  # it says that it has no driver: then CUDA has none either
        log.warning("nvidia-smi is here, but fails, so runs are trained on the CPU: %s", error)
        return ()
    if named and not found and named.strip() != "-1":
        raise SetupError(
            f"CUDA_VISIBLE_DEVICES={named} names no GPU that nvidia-smi shows (slices of one are not known). {repair}"
        )
    return tuple(found)


def uuids() -> tuple[str, ...]:
    """What this machine's runs lease; empty where they train on the CPU."""
    return tuple(g.uuid for g in mine())


def slots() -> int:
    """How many runs this machine trains at once."""
    return settings().slots or max(1, len(mine()))


def environment(leased: Sequence[str]) -> dict[str, str]:
    """The variables that let a child see the GPUs that are leased to its run, and no others."""
    if shutil.which("nvidia-smi") is None:
        return {}  # no NVIDIA driver: whatever torch finds
    # By index: not every library that reads the variable understands a uuid. The order must then be the driver's.
    seen = ",".join(str(g.index) for g in mine() if g.uuid in leased)
    return dict(zip(VARIABLES, ("PCI_BUS_ID", seen), strict=True))
