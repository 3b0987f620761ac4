"""docker/Dockerfile, docker/build.sh and .dockerignore keep their rules. tests/images tries what they build."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.support.compose import DOCKERFILE, OURS, SERVICES, without_variables

BUILD = REPO / "docker" / "build.sh"


def test_the_images_are_built_from_pinned_parts() -> None:
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.M)
    assert len(stages) == len(re.findall(r"^FROM", DOCKERFILE, re.M))
    outside = [image for i, (image, _) in enumerate(stages) if image not in {name for _, name in stages[:i]}]
    assert outside == ["${BASE}"]
    assert re.search(r"^ARG BASE=python:3\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.M)
    assert "python3 -m venv /opt/venv" in DOCKERFILE, "Debian's own base has no `python`"
    assert not re.search(r"https?://|\bapt-get\b|\bcurl\b|\bADD\b|^# syntax", DOCKERFILE, re.M)
    installs = re.findall(r"pip install ([^\n\\;]+)", DOCKERFILE)
    mounts = DOCKERFILE.count("RUN --mount=type=secret,id=pip,target=/etc/pip.conf \\\n")
    assert mounts == len(re.findall(r"^RUN (?:.*\\\n.*)*?\bpip install", DOCKERFILE, re.M)), (
        "where packages come from is a secret"
    )
    assert "ARG PIP" not in DOCKERFILE and "import app.serve" in DOCKERFILE, (
        "all that the dashboard serves is made here"
    )
    assert installs and all("--constraint constraints.txt" in i or "--no-deps" in i for i in installs)
    for target in ("app", "worker"):
        last = DOCKERFILE.split(f" AS {target}\n")[1].split("FROM ")[0]
        assert "USER 10001:10001" in last and "entrypoint.sh" in last and "pip" not in last
        assert f"--from={target}-packages" in last
    assert (
        "torch"
        not in DOCKERFILE.split("AS worker-packages")[0].replace('find_spec("torch")', "").split("RUN", 1)[1]
    )


def test_nothing_but_the_sources_can_enter_an_image() -> None:
    lines = [x for x in (REPO / ".dockerignore").read_text().splitlines() if x and not x.startswith("#")]
    assert lines[0] == "*"
    allowed = {x[1:] for x in lines if x.startswith("!")}
    copied = {w for c in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M) for w in c.split()}
    assert allowed == copied
    assert all((REPO / name).exists() for name in copied)
    assert not [n for n in allowed if ".env" in n or "secret" in n]


def test_build_makes_the_images_that_compose_starts(tmp_path: Path) -> None:
    """With a buildah that has every base, and writes down what it is asked to build."""
    (tmp_path / "buildah").write_text('#!/bin/sh\n[ "$1" = inspect ] || echo "$*"\n')
    (tmp_path / "buildah").chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "IMAGES": "app worker-cpu worker-cuda"}
    made = subprocess.run(
        [BUILD, "0.1.0", "--network", "host"], env=env, capture_output=True, text=True, check=True
    )
    built = set(
        re.findall(
            r"--target (\S+) --tag (\S+) --file docker/Dockerfile --network host \.$", made.stdout, re.M
        )
    )
    assert built == {
        (service["build"]["target"], without_variables(service["image"]))
        for name, service in SERVICES.items()
        if name in OURS
    }
    assert made.stdout.count("--build-arg BASE=localhost/showdown-base:bookworm") == len(built)


@pytest.mark.parametrize(
    ("words", "images", "message"),
    [
        pytest.param([], "app", "usage: docker/build.sh VERSION", id="no version"),
        pytest.param(
            ["0.1.0"],
            "worker",
            "there is no image worker; IMAGES names some of app",
            id="neither CPU nor CUDA",
        ),
    ],
)
def test_build_says_what_it_was_not_told(words: list[str], images: str, message: str) -> None:
    made = subprocess.run(
        [BUILD, *words], env={**os.environ, "IMAGES": images}, capture_output=True, text=True
    )
    assert made.returncode == 2 and message in made.stderr and made.stdout == ""
