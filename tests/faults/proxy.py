"""What lies between the service and its database, and may delay, swallow or cut what passes it?"""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.story.processes import HOST, until

RESET = struct.pack("ii", 1, 0)
"""A linger of no seconds: the end is a reset."""
CHUNK = 65536


@dataclass
class Wire:
    """A proxy in a thread of its own. What it does to bytes is what its fields say at that moment."""

    target: int
    delay_seconds: float = 0.0
    """Before each piece is passed on, either way."""
    swallows: bool = False
    """Nothing is passed on any more, and nothing is said of that: a cable that was pulled out."""
    swallow_answers: bool = False
    """What the service asks arrives, and no answer comes back."""
    deaf_to: bytes | None = None
    """What the service asks with these words in it does not arrive."""
    cut_after: int | None = None
    """Each connection is reset after so many bytes of the service's, counted from when this is set."""
    port: int = 0
    cuts: int = 0
    passed: dict[int, int] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def run(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._joined, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(3):
            await asyncio.sleep(0)  # the loop sees to what was aborted

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._between(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        try:
            while self.swallows:  # noqa: ASYNC110 - set from another thread; not even a connection is made
                await asyncio.sleep(0.02)
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
            ends.add(far_writer)
            self._writers |= ends
            await asyncio.gather(
                self._pass(reader, far_writer, ends, asks=True), self._pass(far_reader, writer, ends, asks=False)
            )
        except OSError:
            pass  # nobody there: ours ends too
        finally:
            self._writers -= ends
            for each in ends:
                each.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[asyncio.StreamWriter], *, asks: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if self.swallows or (self.swallow_answers and not asks):
                    continue
                if asks and self.deaf_to is not None and self.deaf_to in data:
                    continue
                if asks and self.cut_after is not None:
                    sent = self.passed.get(id(writer), 0)
                    self.passed[id(writer)] = sent + len(data)
                    if sent + len(data) > self.cut_after:
                        writer.write(data[: self.cut_after - sent])
                        self._reset(ends)
                        return
                writer.write(data)
                await writer.drain()
        if not self.swallows:
            for each in ends:
                each.close()

    def _reset(self, ends: set[asyncio.StreamWriter]) -> None:
        self.cuts += 1
        for each in ends:
            sock = each.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            each.transport.abort()

    def cut_at(self, count: int | None) -> None:
        """Reset each connection, those that are there and those to come, after so many bytes more; None: no more."""
        self.passed.clear()
        self.cut_after = count

    def cut_all(self) -> None:
        """Reset what is connected now."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: self._reset(set(self._writers)))

    def end(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._over.set)


@contextmanager
def wire(target: int) -> Iterator[Wire]:
    made = Wire(target)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        until(lambda: made.port, 30, "the proxy")
        yield made
    finally:
        made.end()
        thread.join(30)
