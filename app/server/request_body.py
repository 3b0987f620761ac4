"""Reads the body of a request, whose length a stranger decides."""

from starlette.requests import Request


async def read(request: Request, max_bytes: int) -> bytes | None:
    """The whole body; None, without reading on, once it is longer than `max_bytes`."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            return None
    return body
