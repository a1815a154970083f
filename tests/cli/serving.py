"""A real service for the customer's commands: in a thread of its own, as a command runs in this one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.api.serving import serving

from nambari.settings import Settings


@contextmanager
def served(settings: Settings, dsn: str) -> Iterator[str]:
    """Its address."""
    ready = threading.Event()
    found: dict[str, object] = {}

    async def live() -> None:
        over = asyncio.Event()
        found.update(loop=asyncio.get_running_loop(), over=over)
        async with serving(settings, dsn) as port:
            found["port"] = port
            ready.set()
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield f"http://127.0.0.1:{found['port']}"
    finally:
        loop, over = found["loop"], found["over"]
        assert isinstance(loop, asyncio.AbstractEventLoop)
        assert isinstance(over, asyncio.Event)
        loop.call_soon_threadsafe(over.set)
        thread.join()
