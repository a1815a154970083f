"""A real service for the customer's commands: in a thread of its own, as a command runs in this one."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from tests.api.serving import serving

from nambari.settings import Settings

Served = TypeVar("Served")


@contextmanager
def served(settings: Settings, dsn: str) -> Iterator[str]:
    """Its address."""
    with in_a_thread(lambda: serving(settings, dsn)) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def in_a_thread(opened: Callable[[], AbstractAsyncContextManager[Served]]) -> Iterator[Served]:
    """What is served there, in a loop of its own."""
    ready = threading.Event()
    found: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, Served]] = []

    async def live() -> None:
        over = asyncio.Event()
        async with opened() as value:
            found.append((asyncio.get_running_loop(), over, value))
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
    [(loop, over, value)] = found
    try:
        yield value
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
