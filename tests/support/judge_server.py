"""A real OpenAI-compatible server whose answers a test decides."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Server", str], tuple[int, str]]


class Server(ThreadingHTTPServer):
    """An OpenAI-compatible server. `answer(server, what was asked)` gives status and body; it may wait for
    `release`."""

    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.release = answer, threading.Event()
        self.lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.now = self.peak = 0
        self.drip = 0.0  # seconds between two bytes of a body

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a reply waits 40 ms between its head and its body
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.asked.append({**body, "path": self.path})
            server.headers.append(dict(self.headers))
            server.now += 1
            server.peak = max(server.peak, server.now)
        try:
            status, text = server.answer(server, body["messages"][-1]["content"])
        finally:
            with server.lock:
                server.now -= 1
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            pieces = [text] if not server.drip else list(text)
            for piece in pieces:
                self.wfile.write(piece.encode())
                if server.drip and server.release.wait(server.drip):
                    return
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has given up

    def log_message(self, format: str, *args: Any) -> None: ...


def says(text: str | None) -> tuple[int, str]:
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
