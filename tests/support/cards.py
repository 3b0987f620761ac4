"""What chart cards say, read back in Python; the browser's reader is app/elements/wire.js."""

import json
import struct
from typing import Any

import numpy as np

from app.live.chart_protocol import Said
from app.live.feed import known


def card_of(message: bytes) -> dict[str, Any]:
    """The card of a whole message, its traces with arrays; of another message what it has."""
    (size,) = struct.unpack_from("<I", message)
    head = json.loads(message[4 : 4 + size])
    body = message[4 + size + -(4 + size) % 8 :]
    card: dict[str, Any] = head.get("card", {})
    for trace in card.get("traces", []):
        for key, value in trace.items():
            if isinstance(value, dict) and "keep" in value:
                trace[key] = np.frombuffer(body, f"<{value['type']}", value["n"], value["at"])
    return card


def shown(token: str) -> dict[str, Any]:
    """The card behind a token, as a browser that has nothing gets it."""
    found = known(token)
    assert isinstance(found, Said)
    return card_of(found.since(None))
