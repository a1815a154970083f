"""Who uses which connection? A pool that hands out open connections, and lets the others wait in line.

The driver's own pool takes about as long as the statement of a get: a task and two timers for every hand-over.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

CANCEL_SECONDS = 2.0


class Use(NamedTuple):
    """Connections that somebody has, how many there may be, and how many wait for one."""

    in_use: int
    most: int
    waiting: int


class Pool:
    """At most `most` connections, opened when they are needed and kept."""

    def __init__(self, open_connection: Callable[[], Awaitable[Any]], most: int, timeout_seconds: float) -> None:
        self._open_connection = open_connection
        self._timeout_seconds = timeout_seconds
        self._most = most
        self._places = most
        self._idle: list[Any] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def use(self) -> "Use":
        return Use(
            self._most - self._places - len(self._idle), self._most, sum(not each.done() for each in self._waiting)
        )

    async def take(self) -> Any:
        """A connection that is nobody else's until it is given back. Raises TimeoutError, and what opening raises."""
        connection = self.take_idle()
        if connection is not None:
            return connection
        if self._places:
            self._places -= 1
        else:
            connection = await self._wait()
        return connection if connection is not None else await self._open()

    def take_idle(self) -> Any | None:
        """As `take`, if that needs no waiting."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._places += 1
        return None

    def give(self, connection: Any) -> None:
        """Back to the pool; not to another user, if somebody has left it closed or in a transaction."""
        if self._closed or connection.is_closed() or connection.is_in_transaction():
            self.discard(connection)
        else:
            self._pass_on(connection)

    def discard(self, connection: Any) -> None:
        """Close it at once: nobody knows what state it is in."""
        connection.terminate()
        self._pass_on(None)

    async def abandon(self, connection: Any) -> None:
        """Close it after its statement, which may still be running, is cancelled.

        Closed at once, the database would not notice, and do later what the caller was told is not done.
        """
        ending = asyncio.create_task(self._end(connection))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)

    async def _end(self, connection: Any) -> None:
        try:
            with contextlib.suppress(Exception):  # however it ends: a close that fails has cut the connection
                async with asyncio.timeout(CANCEL_SECONDS):
                    await connection.close()
        finally:
            self._pass_on(None)

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*self._ending)
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close(timeout=self._timeout_seconds)

    async def _wait(self) -> Any:
        """The next connection that is given back; None where only its place is left."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # it came in the same moment: the next one shall have it
                self._pass_on(waiter.result())
            raise

    async def _open(self) -> Any:
        try:
            return await self._open_connection()
        except BaseException:
            self._pass_on(None)
            raise

    def _pass_on(self, connection: Any | None) -> None:
        """Give a connection, or the place of one that is gone, to who has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._places += 1
        else:
            self._idle.append(connection)
