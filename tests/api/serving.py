"""The service as it is really run, on a free port of the loopback."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from litestar import Router

from nambari.api.app import create_app
from nambari.server import configure
from nambari.settings import Settings


@asynccontextmanager
async def serving(settings: Settings, dsn: str, doors: Sequence[Router] = ()) -> AsyncIterator[int]:
    """Its port."""
    server = uvicorn.Server(configure(create_app(settings, dsn, doors=doors), host="127.0.0.1", port=0))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        server.should_exit = True
        await task
