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
        ("0, NVIDIA H200, 143771, 1024, 37", Gpu(0, "NVIDIA H200", 143771.0 * MIB, 1024.0 * MIB, 0.37)),
        (
            "3, Tesla T4, 15360, 0, [N/A]",
            Gpu(3, "Tesla T4", 15360.0 * MIB, 0.0, None),
        ),  # MIG: no load
        ("No devices were found", None),
        ("0, NVIDIA, [N/A], 1, 2", None),
        ("", None),
    ],
)
def test_a_line(line: str, expected: Gpu | None) -> None:
    assert gpus.parse(line) == expected


@pytest.mark.parametrize(
    ("script", "count"),
    [("printf '0, A, 1, 1, 1\\n1, B, 2, 2, 2\\n'", 2), ("echo broken driver >&2; exit 9", 0), ("sleep 60", 0)],
)
def test_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, count: int) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(gpus, "SECONDS", 0.5)
    assert len(gpus.read()) == count


def test_no_driver_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.read() == []
