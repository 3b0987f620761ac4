"""A page that fails in the dashboard as it is served, over its real WebSocket."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPO

# A process of its own: a process has one Streamlit server in its life.
SERVED = """
from app import elements, serve
from starlette.testclient import TestClient
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

def fails():
    raise RuntimeError("private words")

elements.warm = fails  # called last by every page
with TestClient(serve.app, base_url="http://localhost") as client:
    with client.websocket_connect("ws://localhost/_stcore/stream") as browser:
        ask, said = BackMsg(), ForwardMsg()
        ask.rerun_script.query_string = ""
        browser.send_bytes(ask.SerializeToString())
        while said.WhichOneof("type") != "script_finished":
            sent = browser.receive_bytes()
            assert b"private words" not in sent and b"Traceback" not in sent
            said = ForwardMsg.FromString(sent)
            if alert := said.delta.new_element.alert.body:
                print(alert)
"""


def test_a_page_that_fails_says_an_id_and_the_log_has_it_with_the_traceback(sqlite: Path) -> None:
    settings = REPO / "app"  # Streamlit looks for .streamlit/ in the current directory
    done = subprocess.run(
        [sys.executable, "-c", SERVED], capture_output=True, text=True, timeout=120, cwd=settings
    )
    assert done.returncode == 0, done.stderr
    (key,) = re.findall(r"^Something went wrong .* under ([0-9a-f]{8})\.$", done.stdout, re.MULTILINE)
    assert (
        f"{key}: a page failed\nTraceback" in done.stderr
        and done.stderr.count("RuntimeError: private words") == 1
    )
    assert "private words" not in done.stdout, "nor is it printed by Streamlit"
