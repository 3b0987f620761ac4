"""GPUs as nvidia-smi prints them, and where it is missing, odd or hanging."""

import os
from pathlib import Path

import pytest

from core.store.workers import Gpu
from worker import gpus

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0, GPU-1, NVIDIA H200, 143771, 1024, 37", Gpu(0, "NVIDIA H200", 143771.0 * MIB, 1024.0 * MIB, 0.37, "GPU-1")),
        ("3, GPU-2, Tesla T4, 15360, 0, [N/A]", Gpu(3, "Tesla T4", 15360.0 * MIB, 0.0, None, "GPU-2")),  # MIG: no load
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
    monkeypatch.setattr(gpus, "SECONDS", 0.5)
    gpus.mine.cache_clear()
    assert len(gpus.read()) == count
    seen = gpus.environment([g.uuid for g in gpus.mine()][:1])  # with a driver that is silent the child gets no card either
    assert seen["CUDA_VISIBLE_DEVICES"] == ("0" if count else "")
    gpus.mine.cache_clear()


def test_no_driver_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.read() == [] and gpus.environment([]) == {}
