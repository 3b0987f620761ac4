"""A viewer of the dashboard without a browser: speaks Streamlit's websocket as its page does. Called by benchmarks.viewers.

It opens a page, runs its timers, answers the pulse when something is new, says of every card that it is on screen, and keeps
nothing. So many viewers fit on the machine of the server they load.
"""

import asyncio
import json
import struct
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Seen:
    """What the viewers of one benchmark saw together."""

    answers: list[float] = field(default_factory=list)
    """Seconds from asking for a new drawing to its first chart."""
    cards: int = 0
    bytes: int = 0
    errors: list[str] = field(default_factory=list)


class Viewer:
    """One browser tab on one page."""

    def __init__(self, base: str, page: str, query: str, seen: Seen) -> None:
        self._url, self._page, self._query, self._seen = base.replace("http", "ws") + "/_stcore/stream", page, query, seen
        self._page_hash, self._timers = "", dict[str, float]()
        self._visible: dict[str, str] = {}
        self._asked_at: float | None = None
        self._pulse: str | None = None

    async def watch(self, seconds: float) -> None:
        """Look at the page for so long."""
        async with connect(self._url, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
            await self._ask(socket, None)
            reader = asyncio.create_task(self._read(socket))
            timer = asyncio.create_task(self._tick(socket))
            done, _ = await asyncio.wait([reader, timer], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, timer):
                task.cancel()
            for task in done:
                task.result()

    async def _ask(self, socket: ClientConnection, fragment: str | None, triggers: dict[str, str] | None = None) -> None:
        message = BackMsg()
        script = message.rerun_script
        script.query_string, script.page_script_hash, script.page_name = self._query, self._page_hash, self._page
        if fragment:
            script.fragment_id, script.is_auto_rerun = fragment, not triggers
        states = WidgetStates()
        for widget, value in self._visible.items():
            states.widgets.add(id=widget, json_value=value)
        for widget, value in (triggers or {}).items():
            states.widgets.add(id=widget, json_trigger_value=value)
        script.widget_states.CopyFrom(states)
        await socket.send(message.SerializeToString())

    async def _tick(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(1.0)
            for fragment in list(self._timers):
                await self._ask(socket, fragment)

    async def _read(self, socket: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
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
                await self._element(socket, message, loop.time())

    async def _element(self, socket: ClientConnection, message: ForwardMsg, now: float) -> None:
        element = message.delta.new_element
        if element.WhichOneof("type") == "exception":
            self._seen.errors.append(element.exception.message)
        if element.WhichOneof("type") != "bidi_component":
            return
        made = element.bidi_component
        if made.component_name.endswith("chart_card"):
            self._visible[made.id] = json.dumps({"visible": True})
            (size,) = struct.unpack_from("<I", made.bytes)
            if json.loads(made.bytes[4 : 4 + size])["kind"] in ("whole", "tail", "lean"):
                self._seen.cards += 1
                if self._asked_at is not None:
                    self._seen.answers.append(now - self._asked_at)
                    self._asked_at = None
        elif made.component_name.endswith("pulse"):
            said = json.loads(made.json or made.mixed.json)
            if said["version"] != said["drawn"] and self._asked_at is None:
                self._asked_at = now
                trigger = {f"$$STREAMLIT_INTERNAL_KEY_{made.id}__events": json.dumps([{"event": "moved", "value": True}])}
                await self._ask(socket, message.delta.fragment_id, trigger)
