"""Shared places for tests: a directory, and a bucket of an S3-compatible server of this process; machines
beside them."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.common.settings import settings
from tests.conftest import forget_settings

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
QUICK = {"AWS_MAX_ATTEMPTS": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
BUCKET = "s3://showdown/runs"


def s3_environment(patch: pytest.MonkeyPatch, url: str) -> None:
    """This process and its children reach S3 at `url`; nothing of the machine's own keys and proxies is used."""
    from s3fs import S3FileSystem

    for name in [n for n in os.environ if n.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in {**KEYS, **QUICK, "AWS_ENDPOINT_URL": url}.items():
        patch.setenv(name, value)
    # one that is kept would go on asking where the last test's server was
    S3FileSystem.clear_instance_cache()


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3-compatible server with an empty bucket, as long as the block lasts; its address. One a process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        s3_environment(patch, f"http://{host}:{port}")
        from s3fs import S3FileSystem

        S3FileSystem().mkdir("showdown")
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def machine(home: Path, place: str, database: str) -> Iterator[Path]:
    """This process and its children are a machine with a data directory of its own, and the common
    database and place."""
    home.mkdir(exist_ok=True)
    given = {"SHOWDOWN_HOME": str(home), "SHOWDOWN_CHECKPOINTS": place, "SHOWDOWN_DATABASE_URL": database}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        forget_settings()
        yield settings().home
    forget_settings()
