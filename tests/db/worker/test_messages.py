"""What may lie in the queue: a worker drops what it cannot read, and goes on."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from core.store import broker as queue
from migrations import upgrade
from tests.conftest import wait_for
from tests.support.children import start

Envelope = dict[str, Any]
FIRST = 1000  # the first of the runs that good messages name


def _with_body(text: str) -> Callable[[Envelope], Envelope]:
    return lambda envelope: (
        envelope | {"body": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()}
    )


def _without(*path: str) -> Callable[[Envelope], Envelope]:
    def made(envelope: Envelope) -> Envelope:
        inner: Any = envelope
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        return envelope

    return made


def _with(value: object, *path: str) -> Callable[[Envelope], Envelope]:
    def made(envelope: Envelope) -> Envelope:
        inner: Any = envelope
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value
        return envelope

    return made


# Of a message as Celery sends it: what is wrong with it.
WRONG: dict[str, Callable[[Envelope], Any]] = {
    **{f"the body {text[:40]!r}": _with_body(text) for text in (
        '"x"', "7", "null", "[]", "{}", "[[1]]", '[[], {}, "x"]', '[["x"], {}, {}]', "[[1, 2, 3], {}, {}]",
        '[[1], {"x": 1}, {}]',
        '[[[1]], {}, {"chord": 7, "callbacks": 3}]', '[{"run_id": 1}, [], null]', "not JSON", "", "[" * 20_000, "1" * 5_000,
        '{"task": "train_run", "id": "x", "args": 7}', "[[1e999], {}, {}]",
    )},
    "a body that is no base64": lambda e: e | {"body": "\x00\x01!"},
    "a body that is a number": lambda e: e | {"body": 7},
    "an encoding nobody knows": _with("rot13", "properties", "body_encoding"),
    "a serializer that is not allowed": _with("application/x-python-serialize", "content-type"),
    "a charset nobody knows": _with("klingon", "content-encoding"),
    "compressed by something": _with("zstd-9000", "headers", "compression"),
    "no headers": _without("headers"),
    "headers that are a list": _with([], "headers"),
    "headers that are nothing": _with(None, "headers"),
    "no properties": _without("properties"),
    "properties that are a text": _with("x", "properties"),
    "no tag": _without("properties", "delivery_tag"),
    "no delivery information": _without("properties", "delivery_info"),
    "a task nobody knows": _with("train_ruin", "headers", "task"),
    "a task that is a list": _with(["train_run"], "headers", "task"),
    "no id": _without("headers", "id"),
    "an id that is a map": _with({"a": 1}, "headers", "id"),
    "a time that is none": _with("tomorrow", "headers", "eta"),
    "an end that is none": _with({"x": 1}, "headers", "expires"),
    "a priority that is a text": _with("high", "properties", "priority"),
    "limits that are texts": _with(["a", "b"], "headers", "timelimit"),
    "retries without end": _with(10**400, "headers", "retries"),
    **{f"the envelope {text[:20]!r}": lambda _, text=text: text for text in (
        "", "x", "7", "null", "[]", "{}", '"x"', "{" * 5_000, "\x00", '{"body": "x"}', "\ud800",
    )},
}  # fmt: skip


def sent(client: "redis.Redis[bytes]", run_id: int) -> bytes:
    """A message as Celery puts it there, taken out again."""
    queue.enqueue(run_id)
    found = client.rpop(queue.QUEUE)
    assert isinstance(found, bytes)
    return found


@pytest.mark.parametrize("broker", ["redis-server"], indirect=True)
def test_a_worker_outlives_every_message(broker: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade()
    monkeypatch.setenv("SHOWDOWN_WARM", "0")
    client = redis.Redis(unix_socket_path=str(broker))
    log = home / "worker.log"
    # before there is a worker who would take them
    goods = [sent(client, FIRST + n) for n in range(len(WRONG) + 1)]
    worker = start("worker", log)
    try:
        for n, (name, wrong) in enumerate(WRONG.items()):
            made = wrong(json.loads(goods[-1]))
            client.lpush(
                queue.QUEUE,
                made.encode("utf-8", "surrogatepass") if isinstance(made, str) else json.dumps(made),
            )
            client.lpush(queue.QUEUE, goods[n])
            woken = f"woken for run {FIRST + n}\n"
            wait_for(
                f"the message after {name}",
                lambda w=woken: w in log.read_text() or worker.poll() is not None,
                30,
            )
            assert worker.poll() is None, (name, log.read_text()[-3000:])
        wait_for("nothing to be left of them", lambda: not client.hlen("unacked"))
    finally:
        worker.terminate()
        worker.wait(60)
        client.close()
