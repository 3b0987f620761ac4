"""The dashboard as it is served: Streamlit's pages (main.py) and the routes of the live charts.

Started by cli.server.up: `streamlit run serve.py`. A live chart asks here and not through a page: a run
of a page's script costs ten times what an answer costs (docs/decisions/0024-feed.md).
"""

import logging
import pkgutil
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import views
from app.live import feed as live
from app.server import failures, request_body
from app.server.hosts import Hosts
from app.sign_in.gate import Gate
from app.text.escaping import slug
from core.common.settings import settings

MOST_BYTES = 100_000
NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@failures.told
async def feed(request: Request) -> Response:
    """What the live charts of the asking browser lack."""
    body = await request_body.read(request, MOST_BYTES)
    if body is None:
        return PlainTextResponse(f"give at most {MOST_BYTES} bytes", 413)
    try:
        asks = live.asked(body)
    except ValueError as error:
        return PlainTextResponse(str(error), 400)
    content = await run_in_threadpool(live.answered, asks)
    # Said to be encoded already, or Streamlit's server compresses each answer anew, which takes longer than
    # making it.
    headers = {**NO_STORE, "Content-Encoding": "identity"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@failures.told
async def table(request: Request) -> Response:
    """A chart's points as a CSV file."""
    chart_file = await run_in_threadpool(live.file_of, request.path_params["token"])
    if chart_file is None:
        return PlainTextResponse("There is no such chart any more; load the page again.", 404)
    title, text = chart_file
    name = slug(title) or "chart"
    headers = {**NO_STORE, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, media_type="text/csv", headers=headers)


def of_one_who_left(record: logging.LogRecord) -> bool:
    """Whether a record is only about a browser that is gone.

    Streamlit logs with a traceback that it had more to send when a page was closed or reloaded.
    """
    error = record.exc_info[1] if record.exc_info else None
    return isinstance(error, RuntimeError) and "after sending 'websocket.close'" in str(error)


websocket = logging.getLogger("streamlit.web.server.starlette.starlette_websocket")
websocket.addFilter(lambda record: not of_one_who_left(record))
logging.getLogger("streamlit.error_util").addFilter(lambda record: not failures.is_without_id(record))
# caches are made before there is a runtime
quiet = logging.getLogger("streamlit.runtime.caching.cache_data_api")
quiet.setLevel(logging.ERROR)
# what pages import: not when the first reader waits for one
for module in pkgutil.walk_packages(views.__path__, f"{views.__name__}."):
    if not module.name.endswith(".page"):
        import_module(module.name)
quiet.setLevel(logging.NOTSET)
# where a proxy has a path for us
BASE = "/".join(["", *filter(None, [str(st.get_option("server.baseUrlPath")).strip("/")])])
app = st.App(
    Path(__file__).parent / "main.py",
    routes=[
        Route(f"{BASE}/showdown/feed", feed, methods=["POST"]),
        Route(f"{BASE}/showdown/table/{{token}}", table),
    ],
    middleware=[
        Middleware(Hosts, allowed=settings().hosts),
        *([Middleware(Gate, base=BASE)] if settings().has_login else []),
    ],
    on_script_error=failures.of_page,
)
