"""docker-compose.yml and what its containers start with keep their rules. No Docker engine is needed.

The schema is checked where the package `check-jsonschema` is installed (it ships the one of compose-spec),
and the file is read by Compose itself where `docker-compose` is on PATH; the rules of our own are checked
always.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from core.common.settings import Settings
from tests.conftest import REPO, free_port
from tests.support.compose import DOCKERFILE, FILE, OURS, SERVICES, TEXT, VARIABLE, WORKERS, without_variables

ENTRYPOINT = REPO / "docker" / "entrypoint.sh"
PINNED = re.compile(r"^[\w./-]+:[\w.-]*\d+\.\d+[\w.-]*$")
UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> float:
    return sum(float(n) * UNITS[u] for n, u in re.findall(r"([\d.]+)([smh])", duration))


def test_the_schema_of_compose_holds() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    found = importlib.util.find_spec("check_jsonschema")
    if found is None or found.origin is None:
        pytest.skip("no compose schema: install the package check-jsonschema")
    schema = json.loads(
        (Path(found.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json").read_text()
    )
    jsonschema.validate(FILE, schema)


@pytest.mark.parametrize("missing", [None, "SHOWDOWN_VERSION", "SHOWDOWN_SECRETS", "SHOWDOWN_LOGIN"])
def test_compose_itself_reads_the_file(missing: str | None, tmp_path: Path) -> None:
    compose = shutil.which(
        "docker-compose", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if compose is None:
        pytest.skip("no docker-compose on PATH")
    version = subprocess.run([compose, "version", "--short"], capture_output=True, text=True).stdout
    if version.startswith("1."):
        pytest.skip(f"docker-compose is Compose {version.strip()}; docs/deploy.md asks for 2.24 or newer")
    given = {
        "SHOWDOWN_VERSION": "0.1.0",
        "SHOWDOWN_SECRETS": str(tmp_path),
        "SHOWDOWN_LOGIN": "password",
        "PATH": os.environ["PATH"],
    }
    given.pop(missing or "", None)
    command = [
        compose,
        "--env-file",
        os.devnull,
        "--profile",
        "nvidia",
        "--profile",
        "cpu",
        "config",
        "--format",
        "json",
    ]
    made = subprocess.run(command, cwd=REPO, env=given, capture_output=True, text=True)
    if missing:
        assert made.returncode != 0 and f"required variable {missing} is missing a value" in made.stderr
        return
    assert made.returncode == 0, made.stderr
    assert set(json.loads(made.stdout)["services"]) == set(SERVICES)


def test_the_parts_are_those_of_the_design() -> None:
    assert set(SERVICES) == {"postgres", "redis"} | OURS
    assert {n: s.get("profiles") for n, s in SERVICES.items() if n in WORKERS} == {
        "worker": ["nvidia"],
        "worker-cpu": ["cpu"],
    }
    assert not [n for n, s in SERVICES.items() if "profiles" in s and n not in WORKERS]
    for name in WORKERS:
        assert "container_name" not in SERVICES[name] and "ports" not in SERVICES[name], (
            "neither can be scaled"
        )
    (gpu,) = SERVICES["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert gpu["driver"] == "nvidia" and "deploy" not in SERVICES["worker-cpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_unprivileged_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.match(without_variables(service["image"])), (
        "an image has a tag with a version, from the default registry"
    )
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "cap_add"} & set(service)
    assert not [v for v in service.get("volumes", []) if "docker.sock" in v]
    if name == "migrate":
        assert service["restart"] == "no" and "healthcheck" not in service
    else:
        assert service["restart"] == "unless-stopped"
        assert set(service["healthcheck"]) == {"test", "interval", "timeout", "start_period", "retries"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_start_in_order_and_on_fixed_numbers(name: str) -> None:
    service = SERVICES[name]
    wanted = {"postgres": "service_healthy"}
    if name != "migrate":
        wanted |= {"redis": "service_healthy", "migrate": "service_completed_successfully"}
    assert {k: v["condition"] for k, v in service["depends_on"].items()} == wanted
    assert service["user"] == "10001:10001" and "--uid 10001" in DOCKERFILE
    assert service["init"] is True
    assert service["build"]["target"] == ("worker" if name in WORKERS else "app")


DATA, COMPONENTS = "${SHOWDOWN_DATA:-data}:/data", "${SHOWDOWN_COMPONENTS:-components}:/components:ro"
SIGN_IN = "${SHOWDOWN_SIGN_IN:-sign-in}:/sign-in"  # what signs people in, which no worker sees
TMP = "/tmp:mode=1777,size=512m"
WORKER_TMP = "/tmp:exec,mode=1777,size=2g"  # Triton loads what it compiled there
POSTGRES_TMP = ["/tmp:mode=1777,size=64m", "/var/run/postgresql:mode=1777,size=1m"]


@pytest.mark.parametrize(
    ("name", "volumes", "tmpfs", "home"),
    [
        pytest.param("postgres", ["postgres:/var/lib/postgresql/data"], POSTGRES_TMP, None, id="postgres"),
        pytest.param("redis", ["redis:/data"], [], None, id="redis"),
        pytest.param("migrate", [], [TMP], "/tmp/showdown", id="migrate-needs-the-database-alone"),
        pytest.param(
            "app",
            [f"{DATA}:ro", COMPONENTS, SIGN_IN],
            [TMP],
            "/tmp/showdown",
            id="app-only-reads-what-workers-load",
        ),
        pytest.param("reaper", [], [TMP], "/tmp/showdown", id="reaper-needs-the-database-alone"),
        pytest.param("worker", [DATA, COMPONENTS], [WORKER_TMP], "/data", id="worker-writes-no-code"),
        pytest.param("worker-cpu", [DATA, COMPONENTS], [WORKER_TMP], "/data", id="worker-cpu-writes-no-code"),
    ],
)
def test_a_service_writes_where_the_file_says_and_nowhere_else(
    name: str, volumes: list[str], tmpfs: list[str], home: str | None
) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service.get("volumes", []) == volumes and service.get("tmpfs", []) == tmpfs
    given = service.get("environment", {})
    assert given.get("SHOWDOWN_HOME") == home
    if name in OURS:  # `~` is in the image, where nothing is written
        assert given["HOME"] == "/tmp" and given["SHOWDOWN_COMPONENTS"] == "/components"


def bytes_of(amount: str) -> int:
    """What a size of Compose means: 512m, 2g."""
    number, unit = re.fullmatch(r"(\d+)(m|g|gb|mb)", without_variables(amount)).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 2**20, "g": 2**30}[unit[0]]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits_that_hold_what_it_keeps_in_memory(name: str) -> None:
    service = SERVICES[name]
    assert not {"limits"} & set(service.get("deploy", {}).get("resources", {})), (
        "one way to say it, for both profiles"
    )
    in_memory = sum(bytes_of(re.search(r"size=(\w+)", place)[1]) for place in service.get("tmpfs", []))  # type: ignore[index]
    assert (
        bytes_of(service["mem_limit"]) >= in_memory + bytes_of(service.get("shm_size", "64m")) + 256 * 2**20
    )
    assert 64 <= service["pids_limit"] <= 8192
    if name in {"postgres", "redis", "app"} | WORKERS:  # what grows with the use of it
        part = "WORKER" if name in WORKERS else name.upper()
        assert service["mem_limit"].startswith(f"${{SHOWDOWN_{part}_MEMORY:-")


@pytest.mark.parametrize("name", sorted(WORKERS))
def test_a_worker_has_the_time_for_its_checkpoint(name: str) -> None:
    given = SERVICES[name]["environment"].get(
        "SHOWDOWN_STOP_GRACE_SECONDS", Settings.model_fields["stop_grace_seconds"].default
    )
    assert seconds(SERVICES[name]["stop_grace_period"]) > float(given) + 10


def test_commands_are_those_of_the_command_line() -> None:
    for name in sorted(OURS - {"migrate"}):
        program, *words = SERVICES[name]["command"]
        made = CliRunner().invoke(main, [*words, "--help"])
        assert program == "showdown" and made.exit_code == 0, made.output
    python, flag, code = SERVICES["migrate"]["command"]
    assert (python, flag) == ("python", "-c")
    subprocess.run([sys.executable, "-c", code.split(";")[0] + "; migrations.upgrade"], check=True, cwd=REPO)


def test_settings_that_are_given_exist() -> None:
    known = {f"SHOWDOWN_{n.upper()}" for n in Settings.model_fields}
    given = {k for s in SERVICES.values() for k in s.get("environment", {}) if k.startswith("SHOWDOWN_")}
    assert given <= known


def test_only_the_dashboard_is_published_and_on_loopback() -> None:
    assert {n: s["ports"] for n, s in SERVICES.items() if "ports" in s} == {
        "app": ["${SHOWDOWN_BIND:-127.0.0.1}:${SHOWDOWN_PORT:-8501}:8501"]
    }
    assert SERVICES["app"]["environment"]["SHOWDOWN_PORT"] == "8501"


def test_secrets_are_files_and_nothing_else() -> None:
    assert set(FILE["secrets"]) == {"postgres_password", "redis_password"}
    for name, secret in FILE["secrets"].items():
        assert set(secret) == {"file"} and re.fullmatch(
            r"\$\{SHOWDOWN_SECRETS:\?[^}]+\}/" + name, secret["file"]
        )
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            is_file = (
                str(value).startswith("/run/secrets/")
                or key.endswith("_FILE")
                and str(value).startswith("/sign-in/")
            )
            assert not re.search("PASSWORD|SECRET|TOKEN|KEY|_URL", key) or is_file, key
        assert not {"env_file", "configs"} & set(service)
        assert "ARG" not in str(service.get("build", {}).get("secrets", ""))
    assert "--requirepass" not in TEXT and "REDISCLI_AUTH=" in TEXT


def test_what_must_be_set_says_so_and_what_may_be_has_a_default() -> None:
    example = (REPO / "docker" / ".env.example").read_text()
    found = {name: kind for name, kind, _ in VARIABLE.findall(TEXT)}
    assert all(found.values()), "a bare ${VAR} is empty without a word"
    required = {name for name, kind in found.items() if kind == ":?"}
    assert required == {"SHOWDOWN_VERSION", "SHOWDOWN_SECRETS", "SHOWDOWN_LOGIN"}
    assert set(re.findall(r"^(\w+)=", example, re.M)) == required
    assert set(re.findall(r"^#(\w+)=", example, re.M)) == set(found) - required


def enter(secrets: Path, *words: str, **given: str) -> subprocess.CompletedProcess[str]:
    """A command behind the entrypoint."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, "SECRETS": str(secrets), "LANG": "en_US.UTF-8", **given}
    return subprocess.run(["sh", str(ENTRYPOINT), *words], env=env, capture_output=True, text=True, cwd=REPO)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "postgres_password").write_text("p@ss/word:1%\n")
    (tmp_path / "redis_password").write_text("re dis+2\n")
    return tmp_path


def test_the_entrypoint_makes_urls_of_secret_files(secrets: Path) -> None:
    made = enter(
        secrets, "printenv", "SHOWDOWN_DATABASE_URL", "SHOWDOWN_BROKER_URL", POSTGRES_AT="10.0.0.5:6000"
    )
    assert made.stdout.splitlines() == [
        "postgresql+psycopg://showdown:p%40ss%2Fword%3A1%25@10.0.0.5:6000/showdown",
        "redis://:re%20dis%2B2@redis:6379/0",
    ], made.stderr


def test_a_url_that_is_given_wins_and_needs_no_secret(tmp_path: Path) -> None:
    given = {"SHOWDOWN_DATABASE_URL": "sqlite:///x.db", "SHOWDOWN_BROKER_URL": "redis://elsewhere"}
    made = enter(tmp_path, "printenv", *given, **given)
    assert made.stdout.split() == list(given.values()) and made.stderr == ""


def test_a_missing_secret_is_named_and_nothing_starts(tmp_path: Path) -> None:
    made = enter(tmp_path, "echo", "started")
    assert made.returncode != 0 and "started" not in made.stdout
    assert f"the secret {tmp_path}/postgres_password cannot be read by user" in made.stderr


def test_secrets_in_capitals_become_the_environment(secrets: Path) -> None:
    (secrets / "JUDGE_KEY").write_text("a key, 'quoted' $HOME\n")
    made = enter(secrets, "sh", "-c", 'printf %s "$JUDGE_KEY"; printenv postgres_password')
    assert made.stdout == "a key, 'quoted' $HOME"


@pytest.mark.parametrize("part", ["app", "worker", "reaper"])
def test_a_health_check_says_what_is_missing(part: str, secrets: Path) -> None:
    away = f"127.0.0.1:{free_port()}"
    given = {"POSTGRES_AT": away, "REDIS_AT": away, "SHOWDOWN_PORT": away.split(":")[1], "HOME": str(secrets)}
    made = enter(secrets, "python", "docker/health.py", part, PYTHONPATH=str(REPO), **given)
    assert made.returncode == 1 and made.stderr.startswith(f"{part}: ") and "Traceback" not in made.stderr


def test_no_password_is_said_when_the_broker_is_away(secrets: Path) -> None:
    code = "from core.common import errors\nfrom core.store import broker\n"
    code += "try: broker.enqueue(1)\nexcept errors.BrokerError as error: print(error)"
    made = enter(
        secrets,
        "python",
        "-c",
        code,
        REDIS_AT=f"127.0.0.1:{free_port()}",
        HOME=str(secrets),
        PYTHONPATH=str(REPO),
    )
    assert "does not answer" in made.stdout, made.stderr
    assert "re%20dis%2B2" not in made.stdout and "re dis+2" not in made.stdout


def test_no_password_is_said_when_the_database_is_away(secrets: Path) -> None:
    code = "from core.common import errors\nfrom core.store import transitions\n"
    code += "try: transitions.queued()\nexcept errors.StoreUnavailable as error: print(error)"
    made = enter(
        secrets,
        "python",
        "-c",
        code,
        POSTGRES_AT=f"127.0.0.1:{free_port()}",
        HOME=str(secrets),
        PYTHONPATH=str(REPO),
    )
    assert "does not answer" in made.stdout, made.stderr
    assert "p%40ss" not in made.stdout and "p@ss" not in made.stdout
