"""A viewer of the dashboard without a browser: speaks Streamlit's websocket and the feed as its page does.

It opens a page, runs its timers, asks the feed once a second for every card as if all were on screen,
answers the pulse, and keeps nothing but what it must say that it has. So many viewers fit on the machine
of the server they load.
"""

import asyncio
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Seen:
    """What the viewers of one benchmark saw together."""

    answers: list[float] = field(default_factory=list)
    """Seconds that the feed took to answer, where it had something new."""
    cards: int = 0
    bytes: int = 0
    errors: list[str] = field(default_factory=list)


class Viewer:
    """One browser tab on one page."""

    def __init__(self, base: str, page: str, query: str, seen: Seen) -> None:
        self._base, self._page, self._query, self._seen = base, page, query, seen
        self._page_hash, self._timers = "", dict[str, float]()
        self._has = dict[str, list[Any]]()  # element -> what the feed is told
        # element -> fragment, least seconds between two answers
        self._pulses = dict[str, tuple[str, float]]()
        self._told_at = dict[str, float]()

    async def watch(self, seconds: float) -> None:
        """Look at the page for so long."""
        url = self._base.replace("http", "ws") + "/_stcore/stream"
        async with (
            httpx2.AsyncClient(timeout=60) as client,
            connect(url, subprotocols=["streamlit"], max_size=None) as socket,  # type: ignore[list-item]
        ):
            await self._ask(socket, None)
            tasks = [
                asyncio.create_task(work)
                for work in (self._read(socket), self._tick(socket), self._feed(socket, client))
            ]
            done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            for task in done:
                task.result()

    async def _ask(
        self, socket: ClientConnection, fragment: str | None, triggers: dict[str, str] | None = None
    ) -> None:
        message = BackMsg()
        script = message.rerun_script
        script.query_string, script.page_script_hash, script.page_name = (
            self._query,
            self._page_hash,
            self._page,
        )
        if fragment:
            script.fragment_id, script.is_auto_rerun = fragment, not triggers
        for widget, value in (triggers or {}).items():
            script.widget_states.widgets.add(id=widget, json_trigger_value=value)
        await socket.send(message.SerializeToString())

    async def _tick(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(1.0)
            for fragment in list(self._timers):
                await self._ask(socket, fragment)

    async def _feed(self, socket: ClientConnection, client: httpx2.AsyncClient) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            asked = list(self._has)
            if not asked:
                continue
            began = loop.time()
            answer = await client.post(
                f"{self._base}/showdown/feed", content=json.dumps([self._has[k] for k in asked])
            )
            answer.raise_for_status()
            self._seen.bytes += len(answer.content)
            new = 0
            for element, head in zip(asked, _heads(answer.content), strict=True):
                if head is None:
                    continue
                new += "card" in head
                if head["kind"] == "fault":
                    self._seen.errors.append(head["said"])
                keys = ("version", "epoch", "length", "frame") if "card" in head else ("version",)
                self._has[element] = [self._has[element][0], *(head.get(k, "") for k in keys)]
                fragment, spacing = self._pulses.get(element, ("", 0.0))
                if fragment and loop.time() - self._told_at.get(element, 0.0) > spacing:
                    self._told_at[element] = loop.time()
                    trigger = {
                        f"$$STREAMLIT_INTERNAL_KEY_{element}__events": json.dumps(
                            [{"event": "moved", "value": True}]
                        )
                    }
                    await self._ask(socket, fragment, trigger)
            self._seen.cards += new
            if new:
                self._seen.answers.append(loop.time() - began)

    async def _read(self, socket: ClientConnection) -> None:
        async for raw in socket:
            assert isinstance(raw, bytes)
            self._seen.bytes += len(raw)
            message = ForwardMsg()
            message.ParseFromString(raw)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._page_hash = message.new_session.page_script_hash
            elif kind == "auto_rerun":
                self._timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._element(message)

    def _element(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        if element.WhichOneof("type") == "exception":
            self._seen.errors.append(element.exception.message)
        if element.WhichOneof("type") != "bidi_component":
            return
        made = element.bidi_component
        if made.component_name.endswith(("chart_card", "pulse")):
            data = json.loads(made.json or made.mixed.json)
            token = data["token"]
            if self._has.get(made.id, [None])[0] != token:
                self._has[made.id] = [token]
            if made.component_name.endswith("pulse"):
                self._pulses[made.id] = (message.delta.fragment_id, data["spacing"] / 1000)


def _heads(content: bytes) -> Iterator[dict[str, Any] | None]:
    """The head of each message of an answer; None for one that has nothing new."""
    at = 0
    while at < len(content):
        (size,) = struct.unpack_from("<I", content, at)
        if size:
            (head,) = struct.unpack_from("<I", content, at + 4)
            yield json.loads(content[at + 8 : at + 8 + head])
        else:
            yield None
        at += 4 + size


async def look(base: str, page: str, query: str, viewers: int, seconds: float, seen: Seen) -> None:
    """So many viewers for so many seconds; the last comes after ten."""

    async def one(k: int) -> None:
        await asyncio.sleep(k * 10 / viewers)  # they do not all come at once
        await Viewer(base, page, query, seen).watch(seconds - k * 10 / viewers)

    await asyncio.gather(*(one(k) for k in range(viewers)))
