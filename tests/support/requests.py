"""Single requests to a dashboard, with exactly the headers that a test wants."""

import http.client
import socket
from urllib.parse import urlsplit


def asked(
    address: str, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    """The dashboard's answer to one request, its body read."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, path, body or None, {**form, **(headers or {})})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def upgraded(address: str, headers: list[tuple[str, str]]) -> int:
    """What it answers to somebody who wants a WebSocket."""
    place = urlsplit(address)
    lines = [
        "GET /_stcore/stream HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", *(f"{name}: {value}" for name, value in headers),
    ]  # fmt: skip
    with socket.create_connection((str(place.hostname), place.port or 80), timeout=60) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(line.recv(64).split()[1])
