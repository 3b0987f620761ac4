"""This machine's NVIDIA GPUs as nvidia-smi reports them, and which of them a child may see.

Light: runs nvidia-smi and does not load torch.
"""

import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from core.common.errors import SetupError
from core.common.settings import settings
from core.store.workers import Gpu

FIELDS = "index,uuid,name,memory.total,memory.used,utilization.gpu"
MIB = 1024 * 1024
FIRST_SECONDS = 60.0
DRIVER = Path("/proc/driver/nvidia/gpus")
VARIABLES = ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES")  # limit a training to its own GPUs
SECONDS = 5.0  # a hanging driver must not stop the heartbeat
log = logging.getLogger("showdown.gpus")


def read() -> list[Gpu]:
    """The GPUs this process may use, by index; empty without a driver that answers."""
    try:
        return _ask(SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("nvidia-smi does not answer: %s", error)
        return []


def _ask(seconds: float) -> list[Gpu]:
    command = shutil.which("nvidia-smi")
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if command is None or allowed == "":
        return []
    query = [command, f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits"]
    text = subprocess.run(query, capture_output=True, text=True, timeout=seconds, check=True).stdout
    return visible([g for line in text.splitlines() if (g := parse(line)) is not None], allowed)


def parse(line: str) -> Gpu | None:
    """The GPU in one line of nvidia-smi's CSV; None for any other line."""
    parts = [p.strip() for p in line.split(",")]
    if len(parts) != 6 or not parts[0].isdigit():
        return None
    total, used, busy = (float(p) if p.replace(".", "", 1).isdigit() else None for p in parts[3:])
    if total is None:
        return None
    return Gpu(
        int(parts[0]),
        parts[2],
        total * MIB,
        (used or 0.0) * MIB,
        None if busy is None else busy / 100,
        parts[1],
    )


def visible(found: Sequence[Gpu], named: str | None) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES names by index or uuid prefix; all of them when it is not set.

    `named` is the variable's value.
    """
    if named is None:
        return list(found)
    names = [n.strip() for n in named.split(",") if n.strip()]
    return [
        g
        for g in found
        if any(n == str(g.index) or (not n.isdigit() and g.uuid.startswith(n)) for n in names)
    ]


@cache
def mine() -> tuple[Gpu, ...]:
    """The GPUs as they were at the first call: leases must not change with a driver's moods.

    Raises SetupError when there are GPUs that cannot be identified: training on the CPU, or on a GPU that is
    not leased, would be worse.
    """
    repair = "Repair it, or set CUDA_VISIBLE_DEVICES to nothing to train on the CPU"
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shutil.which("nvidia-smi") is None and allowed != "" and DRIVER.is_dir():
        raise SetupError(
            f"{DRIVER} shows NVIDIA GPUs, but there is no nvidia-smi to tell them apart. {repair}"
        )
    try:
        gpus = _ask(FIRST_SECONDS)  # eight idle GPUs may take a while to wake up
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"nvidia-smi has not answered within {FIRST_SECONDS:.0f} s. {repair}") from error
    # nvidia-smi reports that it has no driver: then CUDA has none either
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("nvidia-smi is here, but fails, so runs are trained on the CPU: %s", error)
        return ()
    if allowed and not gpus and allowed.strip() != "-1":
        raise SetupError(
            f"CUDA_VISIBLE_DEVICES={allowed} names no GPU that nvidia-smi shows "
            f"(slices of one are not known). {repair}"
        )
    return tuple(gpus)


def uuids() -> tuple[str, ...]:
    """The uuids of the GPUs that this machine's runs lease; empty where they train on the CPU."""
    return tuple(g.uuid for g in mine())


def slots() -> int:
    """How many runs this machine trains at once."""
    return settings().slots or max(1, len(mine()))


def environment(leased: Sequence[str]) -> dict[str, str]:
    """The variables that let a child see the GPUs that are leased to its run, and no others."""
    if shutil.which("nvidia-smi") is None:
        return {}  # no NVIDIA driver: whatever torch finds
    # By index, since not every library that reads the variable understands a uuid. So the order must be the
    # driver's.
    indices = ",".join(str(g.index) for g in mine() if g.uuid in leased)
    return dict(zip(VARIABLES, ("PCI_BUS_ID", indices), strict=True))
