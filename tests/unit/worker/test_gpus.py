"""GPUs as nvidia-smi prints them, and where it is missing, odd or hanging."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from core.common.errors import SetupError
from core.store.workers import Gpu
from worker.common import gpus

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "0, GPU-1, NVIDIA H200, 143771, 1024, 37",
            Gpu(0, "NVIDIA H200", 143771.0 * MIB, 1024.0 * MIB, 0.37, "GPU-1"),
        ),
        (
            "3, GPU-2, Tesla T4, 15360, 0, [N/A]",
            Gpu(3, "Tesla T4", 15360.0 * MIB, 0.0, None, "GPU-2"),
        ),  # MIG: no load
        ("No devices were found", None),
        ("0, GPU-1, NVIDIA, [N/A], 1, 2", None),
        ("", None),
    ],
)
def test_a_line(line: str, expected: Gpu | None) -> None:
    assert gpus.parse(line) == expected


CARDS = [Gpu(i, "T4", 1.0, 0.0, None, f"GPU-{c}{i}") for i, c in enumerate("abc")]


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        (None, [0, 1, 2]),
        ("", []),  # set and empty: none
        ("-1", []),
        ("2,0", [0, 2]),
        ("GPU-b1", [1]),
        ("GPU-b", [1]),  # CUDA takes the beginning of a uuid
        ("GPU-b1, 2", [1, 2]),
    ],
)
def test_a_worker_uses_what_it_may_see(named: str | None, seen: list[int]) -> None:
    assert [g.index for g in gpus.visible(CARDS, named)] == seen


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("printf '0, u, A, 1, 1, 1\\n1, v, B, 2, 2, 2\\n'", 2),
        ("echo broken driver >&2; exit 9", 0),
        ("sleep 60", 0),
    ],
)
def test_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, count: int) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if script == SLOW:
        monkeypatch.setattr(gpus, "SECONDS", 0.5)
        monkeypatch.setattr(gpus, "FIRST_SECONDS", 0.5)
    gpus.mine.cache_clear()
    assert len(gpus.read()) == count
    if script != SLOW:
        # with a driver that fails the child gets no card either
        seen = gpus.environment([g.uuid for g in gpus.mine()][:1])
        assert seen["CUDA_VISIBLE_DEVICES"] == ("0" if count else "")
    gpus.mine.cache_clear()


SLOW = "sleep 60"
BROKEN = "echo no driver >&2; exit 9"
ONE = "printf '0, GPU-u, A, 1, 1, 1\\n'"


@pytest.mark.parametrize(
    ("script", "named", "count", "fault"),
    [
        (ONE, None, 1, ""),
        (
            SLOW,
            None,
            0,
            "has not answered within",
        ),  # to train on the CPU for the worker's whole life would be worse
        (SLOW, "", 0, ""),  # nobody asks: the CPU is wanted
        (BROKEN, None, 0, ""),  # no driver, so CUDA finds no GPU either
        (ONE, "MIG-1", 0, "CUDA_VISIBLE_DEVICES=MIG-1 names no GPU"),
        (ONE, "-1", 0, ""),
    ],
)
def test_what_a_worker_leases_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, named: str | None, count: int, fault: str
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if script == SLOW:
        monkeypatch.setattr(gpus, "FIRST_SECONDS", 0.5)
    if named is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    gpus.mine.cache_clear()
    with pytest.raises(SetupError, match=fault) if fault else nullcontext():
        assert len(gpus.uuids()) == count
    gpus.mine.cache_clear()


def test_gpus_that_nobody_can_name_are_not_shared_by_accident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpus, "DRIVER", tmp_path)  # the folder is there, nvidia-smi is not
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus.mine.cache_clear()
    with pytest.raises(SetupError, match="there is no nvidia-smi"):
        gpus.uuids()
    gpus.mine.cache_clear()


def test_no_driver_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.read() == [] and gpus.environment([]) == {}
