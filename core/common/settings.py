"""Settings from the environment; the only reader of SHOWDOWN_* variables.

Defaults describe the laptop: everything under one data directory, SQLite, a private broker on a unix
socket.
"""

import hashlib
import os
import re
import stat
import tempfile
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.common.errors import SetupError
from core.common.messages import said, shown

EVERYWHERE = ("0.0.0.0", "::", "")  # stand for every interface of the machine, not for an address
MOST_ROOTS = 64
SOCKET_PATH_LIMIT = 100  # bytes: a unix socket path is cut at 108 on Linux and 104 on macOS


class Settings(BaseSettings):
    """What a process needs to know about its surroundings. Each field is read from SHOWDOWN_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="SHOWDOWN_", env_ignore_empty=True, frozen=True)

    home: Path = Path.home() / ".showdown"
    """Data directory: database, logs, checkpoints, the private broker's files."""
    database_url: str = ""
    """SQLAlchemy URL. Empty: SQLite in the data directory."""
    broker_url: str = ""
    """Celery broker URL. Empty: a private Valkey or Redis on a unix socket."""
    host: str = "127.0.0.1"
    """Address the dashboard listens on."""
    insecure: bool = False
    """Serve the dashboard beyond this machine without a login: whoever reaches it may do everything."""
    login: Literal["none", "password", "oidc", "proxy"] = "none"
    """How people sign in to the dashboard. With `none` nobody has to, and it is served to this machine
    alone."""
    session_hours: float = Field(12.0, gt=0, le=720)
    """A sign-in ends after this many hours."""
    allowed_users: str = ""
    """Who may sign in, with commas between: e-mail addresses that the provider has verified, `@domain` for
    all of a domain, `*` for everybody whom the provider knows. Needed with `oidc`; with `proxy` empty
    means everybody whom it lets in."""
    password_file: Path | None = None
    """With `password`: the hash that `showdown password` writes. Empty: `password` in the data directory."""
    oidc_file: Path | None = None
    """With `oidc`: Streamlit's secrets.toml with its section [auth]. Empty: `secrets.toml` in the data
    directory."""
    proxies: str = ""
    """Addresses or networks of the proxies in front, with commas between: what they say of who asks is
    believed."""
    user_header: str = "X-Forwarded-User"
    """With `proxy`: the header in which the proxy says who asks."""
    sign_out_address: str = ""
    """With `proxy`: where a user is sent to sign out of the proxy. Empty: the pages have no "Sign out"."""
    port: int = Field(8501, ge=1, le=65535)
    """Port the dashboard listens on."""
    allowed_hosts: str = ""
    """Host names under which browsers reach the dashboard, with commas between. This machine's own are
    always allowed."""
    data_roots: str = ""
    """Folders (or single files) in which a config may name data and models, with `:` between, as in PATH;
    the data directory is always one. Empty: the user's home as well, unless others may queue runs."""
    components: Path | None = None
    """Directory of one's own reward components. Empty: `components` in the data directory."""
    checkpoints: str = ""
    """Where workers of several machines share checkpoints and adapters: a folder, or any URL that fsspec
    knows, such as s3://bucket/prefix. One place for one database. Empty: they lie in the data directory
    alone."""
    slots: int | None = Field(None, ge=1)
    """How many runs this machine trains at once. Empty: one for each of its GPUs, one where it has none."""
    lease_seconds: float = Field(60.0, gt=0)
    """A run whose worker has not been heard of for this long is given to another."""
    reap_seconds: float = Field(5.0, gt=0)
    """How often lost runs are looked for."""
    busy_seconds: float = Field(60.0, gt=0)
    """How long a write waits for a locked SQLite file, or a locked row of PostgreSQL, before the database
    counts as away."""
    stop_grace_seconds: float = Field(120.0, gt=0)
    """How long a training may take to write its checkpoint before it is killed."""
    stall_seconds: float = Field(1800.0, gt=0)
    """A training without a line in its log and without a forward of its model for this long hangs: it is
    ended."""

    warm: bool = True
    """Fork trainings from a process that has imported the training stack, which saves the import of each.
    Linux only."""

    @field_validator("home", "components", "password_file", "oidc_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """Make paths absolute: processes that run in different directories must all mean the same place."""
        return path and path.expanduser().absolute()

    @field_validator("checkpoints")
    @classmethod
    def _absolute_place(cls, place: str) -> str:
        return place if not place or "://" in place else str(Path(place).expanduser().absolute())

    @field_validator("data_roots")
    @classmethod
    def _absolute_roots(cls, given: str) -> str:
        """Refuse relative roots: in a process with another current directory they are other folders."""
        roots = [os.path.expanduser(root) for root in given.split(os.pathsep) if root.strip()]
        for root in roots:
            if not os.path.isabs(root):
                raise ValueError(
                    f"SHOWDOWN_DATA_ROOTS: {shown(root)} does not begin at the root or with ~; "
                    "write the whole path"
                )
        if len(roots) > MOST_ROOTS:
            raise ValueError(
                f"SHOWDOWN_DATA_ROOTS names {len(roots)} folders, more than {MOST_ROOTS}; "
                "name one that holds them"
            )
        return os.pathsep.join(roots)

    @field_validator("database_url")
    @classmethod
    def _absolute_file(cls, url: str) -> str:
        head, slashes, path = url.partition(":///")
        if not head.startswith("sqlite") or not path or path.startswith((":memory:", "/", "file:")):
            return url
        return f"{head}{slashes}{Path(path).expanduser().absolute()}"

    @field_validator("user_header")
    @classmethod
    def _header(cls, name: str) -> str:
        if not re.fullmatch("[A-Za-z0-9-]{1,60}", name):
            raise ValueError("SHOWDOWN_USER_HEADER is no name of a header: use letters, digits and -")
        return name

    @field_validator("sign_out_address")
    @classmethod
    def _address(cls, url: str) -> str:
        is_path = url.startswith("/") and not url.startswith(("//", "/\\"))
        if url and not is_path and not url.startswith(("http://", "https://")):
            raise ValueError(
                "SHOWDOWN_SIGN_OUT_ADDRESS is no address: begin it with https:// or, "
                "for one of this host, with /"
            )
        return url

    @property
    def is_public(self) -> bool:
        """Whether other machines may reach the dashboard's address.

        A host name counts as public: it may lead anywhere.
        """
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    @property
    def is_shared(self) -> bool:
        """Whether people other than this machine's user may queue runs.

        They may through the dashboard, a proxy before it, a broker or a database.
        """
        own_database = not self.database_url or self.database_url.startswith("sqlite")
        served = self.is_public or self.has_login or bool(self.allowed_hosts.strip())
        return served or bool(self.broker_url) or not own_database

    @property
    def roots(self) -> list[Path]:
        """The data roots (core.files.data_roots).

        A home that is the root of the machine, as some containers have, is not one.
        """
        named = [Path(root) for root in self.data_roots.split(os.pathsep) if root]
        home = Path.home()
        own = [] if named or self.is_shared or home == Path(home.anchor) else [home]
        return [self.home, *named, *own]

    @property
    def hosts(self) -> list[str]:
        """The host names allowed besides the machine's own: those named, and the address listened on."""
        named = [name.strip() for name in self.allowed_hosts.split(",") if name.strip()]
        return named if self.host in EVERYWHERE else [*named, self.host]

    @property
    def has_login(self) -> bool:
        """Whether people must sign in to the dashboard."""
        return self.login != "none"

    @property
    def allowed(self) -> frozenset[str]:
        """The entries of `allowed_users` in lower case."""
        return frozenset(entry.strip().lower() for entry in self.allowed_users.split(",") if entry.strip())

    @property
    def password(self) -> Path:
        """The file with the hash of the shared password."""
        return self.password_file or self.home / "password"

    @property
    def oidc(self) -> Path:
        """The file from which Streamlit reads the OIDC provider."""
        return self.oidc_file or self.home / "secrets.toml"

    @property
    def own_components(self) -> Path:
        """The directory of the user's own components."""
        return self.components or self.home / "components"

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'showdown.db'}"

    @property
    def broker(self) -> str:
        return self.broker_url or f"redis+socket://{self.broker_socket}?virtual_host=0"

    @property
    def broker_socket(self) -> Path:
        """The private broker's socket.

        If its path would be too long, it lies in a folder that nobody else may open.
        """
        path = self.home / "broker.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return own_folder() / f"{name}.sock"

    def run_folder(self, run_id: int) -> Path:
        """Where a run keeps its log, checkpoints and adapter."""
        return self.home / "runs" / str(run_id)


def own_folder() -> Path:
    """A folder of this user's with a short path.

    SetupError if somebody else could have put something into it.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    parents = (
        [Path(runtime)]
        if runtime and len(os.fsencode(runtime)) <= SOCKET_PATH_LIMIT // 2 and os.path.isdir(runtime)
        else []
    )
    folder = [*parents, Path(tempfile.gettempdir())][0] / f"showdown-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise SetupError(
            f"{folder} is not a folder that only you may open: remove it, "
            f"or set SHOWDOWN_HOME to a directory with a "
            "shorter path"
        )
    return folder


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    An invalid value ends the process with the name of its variable: no command, worker or page could do
    anything else, and this is called while modules are loaded.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = (said(e, f"SHOWDOWN_{str(e['loc'][0]).upper()}") for e in error.errors())
        raise SystemExit(
            "showdown: " + "; ".join(wrong) + "; correct it, or unset it for the default"
        ) from None
