"""The built images, started by Compose from docker-compose.yml as it stands: read-only, limited, and a run
trained to its end.

Left out unless TEST_IMAGES names the version that was built, in the engine that `docker` talks to.
TEST_STORES names an image to take in place of PostgreSQL's and Redis' own. How to run it: docs/deploy.md.
"""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.store.status import Status
from tests.conftest import free_port, wait_for
from tests.support import compose
from tests.support.gate import small
from tests.support.samples import HYBRID, run_config

VERSION, STORES = os.environ.get("TEST_IMAGES", ""), os.environ.get("TEST_STORES", "")
# no GPU is asked for
SERVICES = {name: service for name, service in compose.SERVICES.items() if name != "worker"}
OURS = ("app", "reaper", "worker-cpu")
STEPS = 4
SECONDS = 600.0  # a worker loads its training stack for minutes where the machine is busy
COMPONENT = """
import numpy as np
from core.rewards.component import Component, ComponentParams

COMPONENT = Component(name="mine", title="Mine", params=ComponentParams, score=lambda batch, params: np.full(len(batch), 0.5),
                      range=(0.0, 1.0), side="hard", what="Half a point.", how_it_is_gamed="Not at all.")
"""
pytestmark = [
    pytest.mark.skipif(not VERSION, reason="set TEST_IMAGES to a version that docker/build.sh built"),
    pytest.mark.timeout(1800),
]


class Project:
    """The services of the file as containers of a Compose project of their own, with files of this test's
    on the host."""

    def __init__(self, folder: Path) -> None:
        secrets, components = folder / "secrets", folder / "components"
        for made in (secrets, components):
            made.mkdir()
            made.chmod(0o755)  # the containers' users are others than this one
        texts = {secrets / name: "p@ss/word 1%\n" for name in compose.FILE["secrets"]}
        for path, text in (texts | {components / "mine.py": COMPONENT}).items():
            path.write_text(text)
            path.chmod(0o444)
        self.port = free_port()
        given = {
            "VERSION": VERSION,
            "SECRETS": secrets,
            "COMPONENTS": components,
            "PORT": self.port,
            "LOGIN": "password",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOWDOWN_")}
        self.environment = inherited | {f"SHOWDOWN_{name}": str(value) for name, value in given.items()}
        has_plugin = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
        program = ["docker", "compose"] if has_plugin else ["docker-compose"]
        path = folder / "docker-compose.yml"
        self.name = f"showdown-test-{os.getpid()}"
        self.compose = [*program, "--file", str(path), "--project-name", self.name, "--profile", "cpu"]
        stand_ins = (
            {name: {**SERVICES[name], "image": STORES} for name in ("postgres", "redis")} if STORES else {}
        )
        # All but its name, which Compose 1 does not know.
        parts = {
            "services": SERVICES | stand_ins,
            "secrets": compose.FILE["secrets"],
            "volumes": compose.FILE["volumes"],
        }
        path.write_text(yaml.safe_dump(parts))

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.compose, *words], input=text, capture_output=True, text=True, env=self.environment
        )

    def must(self, *words: str, text: str = "") -> str:
        """What a command of Compose prints, which has to succeed."""
        done = self.run(*words, text=text)
        assert done.returncode == 0, (
            f"{' '.join(words)}: {done.stdout}{done.stderr}\n{self.run('logs', '--no-color').stdout}"
        )
        return done.stdout

    def inside(self, service: str, command: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """A line of shell in the service's container."""
        return self.run("exec", "-T", service, "sh", "-c", command, text=text)

    def showdown(self, service: str, *words: str) -> str:
        """A command of ours in the service's container. `exec` does not go through the image's entry,
        which makes the URLs."""
        return self.must("exec", "-T", service, "sh", "/opt/showdown/entrypoint.sh", "showdown", *words)

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of the service's container."""
        labels = [
            f"label=com.docker.compose.project={self.name}",
            f"label=com.docker.compose.service={service}",
        ]
        words = [
            "docker",
            "ps",
            "--all",
            "--quiet",
            *(word for label in labels for word in ("--filter", label)),
        ]
        (identifier,) = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        inspected = subprocess.run(
            ["docker", "inspect", identifier], check=True, capture_output=True, text=True
        )
        (known,) = json.loads(inspected.stdout)
        return dict(known)

    def wait_healthy(self) -> None:
        for service in (name for name, values in SERVICES.items() if "healthcheck" in values):
            wait_for(
                f"{service} to be healthy; {self.run('logs', '--no-color', service).stdout[-3000:]}",
                lambda name=service: self.container(name)["State"]["Health"]["Status"] == "healthy",
                SECONDS,
            )

    def run_state(self, run_id: int) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.showdown("app", "show", str(run_id), "--json"))
        return shown


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Everything is up and healthy, after the migration."""
    made = Project(tmp_path_factory.mktemp("project"))
    try:
        made.must("run", "--rm", "-T", "--no-deps", "app", "showdown", "password", text="a shared password\n")
        made.must("up", "--detach", "--no-build")
        made.wait_healthy()
        yield made
    finally:
        made.run("down", "--volumes", "--timeout", "150")


@pytest.mark.parametrize("name", SERVICES)
def test_the_engine_holds_the_limits_of_the_file(project: Project, name: str) -> None:
    host = project.container(name)["HostConfig"]
    assert host["ReadonlyRootfs"] is True and host["Privileged"] is False and host["CapDrop"] == ["ALL"]
    amount, unit = (
        SERVICES[name]["mem_limit"].split(":-")[-1].rstrip("}")[:-1],
        SERVICES[name]["mem_limit"].rstrip("}")[-1],
    )
    assert host["Memory"] == int(amount) * {"m": 2**20, "g": 2**30}[unit]
    assert host["PidsLimit"] == SERVICES[name]["pids_limit"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_no_service_writes_to_its_image(project: Project, name: str) -> None:
    folders = ["/", "/etc", "/usr/local/bin", "/opt", "/var/tmp", "/home"]
    done = project.inside(name, "for folder in " + " ".join(folders) + "; do touch $folder/probe; done")
    assert done.stderr.count("Read-only file system") == len(folders), done.stderr


@pytest.mark.parametrize(
    ("service", "folder", "can"),
    [
        pytest.param("app", "/tmp", True, id="the dashboard's own"),
        pytest.param("app", "/sign-in", True, id="the hash of the shared password"),
        pytest.param("app", "/data", False, id="checkpoints, models and the hub's cache, which workers load"),
        pytest.param("app", "/components", False, id="code that workers run"),
        pytest.param("app", "/opt/venv/lib/python3.11/site-packages/worker", False, id="code of the image"),
        pytest.param("reaper", "/data", False, id="the reaper has no need"),
        pytest.param("worker-cpu", "/data", True, id="a worker's checkpoints"),
        pytest.param("worker-cpu", "/components", False, id="a worker changes no code either"),
    ],
)
def test_who_may_write_where(project: Project, service: str, folder: str, can: bool) -> None:
    done = project.inside(service, f"touch {folder}/probe && rm {folder}/probe")
    assert (done.returncode == 0) is can, done.stderr
    assert can or "Read-only file system" in done.stderr


def test_a_page_is_shown_to_nobody_who_is_not_signed_in(project: Project) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{project.port}/runs", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert "/showdown/sign-in?next=/runs" in answer.url and b"Password" in answer.read()


def test_a_run_that_the_dashboards_container_submits_is_trained_and_outlives_its_containers(
    project: Project,
) -> None:
    mix = {
        **HYBRID,
        "terms": [
            *HYBRID["terms"],
            {"component": "closeness", "side": "hard", "weight": 0.1, "name": "mine"},
        ],
    }
    values = run_config(mix=mix, **small(STEPS)).model_dump(mode="json", by_alias=True)
    # known to the containers alone
    values["mix"]["terms"][-1] = {"component": "mine", "side": "hard", "weight": 0.1}
    written = project.inside("worker-cpu", "cat > /data/run.yaml", text=yaml.safe_dump(values))
    assert written.returncode == 0, written.stderr
    (run_id,) = json.loads(project.showdown("app", "submit", "/data/run.yaml", "--json"))["runs"]

    def finished() -> dict[str, Any] | None:
        shown = project.run_state(run_id)
        return shown if Status(shown["row"]["status"]).finished else None

    shown = wait_for(f"the end of run {run_id}", finished, SECONDS)
    assert (
        isinstance(shown, dict) and shown["row"]["status"] == Status.DONE and shown["row"]["step"] == STEPS
    ), shown
    files = f"/data/runs/{run_id}/adapter/adapter_config.json"
    assert project.inside("app", f"cat {files}").returncode == 0, (
        "what a worker wrote can be read by the dashboard"
    )
    assert "Read-only" in project.inside("app", f"rm {files}").stderr

    with urllib.request.urlopen(f"http://127.0.0.1:{project.port}/_stcore/health", timeout=10) as answer:
        assert answer.status == 200
    project.must("stop", "--timeout", "150")
    for name in OURS:
        state = project.container(name)["State"]
        assert (state["ExitCode"], state["OOMKilled"]) in ((0, False), (143, False)), (name, state)
    project.must("down", "--timeout", "150")
    project.must("up", "--detach", "--no-build")
    project.wait_healthy()
    assert project.run_state(run_id)["row"]["status"] == Status.DONE
