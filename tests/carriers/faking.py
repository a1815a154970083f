"""A carrier's API that is none, over real sockets: it keeps what it sold, and lies as real ones do when it is told to.

What is of one carrier is in fake_telnyx.py and fake_twilio.py.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from tests.carriers.recorded import Recorded

from nambari.domain.e164 import Number, identify


class Trick(StrEnum):
    CUT = "done, and the connection closed without a word"
    CUT_BEFORE = "not done, and the connection closed without a word"
    RESET = "done, and the connection reset"
    HALF = "done, and the connection closed in the middle of the answer"
    GARBLED = "done, and an answer that is no JSON"
    SHAPELESS = "done, and JSON of another form"
    ENDLESS = "done, and an answer that has no end"
    MUTE = "done, and never answered"


NOT_DONE = frozenset({Trick.CUT_BEFORE})


@dataclass
class Asked:
    """One request. `what` is its name in our protocol."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


@dataclass
class FakeCarrier:
    """`for_sale` are its numbers; `asked` is what it was asked, in order. `script`: what to do at the next ones."""

    for_sale: set[str] = field(default_factory=set)
    asked: list[tuple[str, Asked]] = field(default_factory=list)
    script: dict[str, deque[Trick | Recorded | None]] = field(default_factory=dict)
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    # What a carrier is.

    def named(self, asked: Asked) -> str:
        raise NotImplementedError

    def does(self, what: str, asked: Asked) -> tuple[int, Any]:
        """Do it: the status, and what is answered as JSON, None for no body."""
        raise NotImplementedError

    # How a test speaks to it.

    def offers(self, *numbers: str) -> None:
        self.for_sale.update(numbers)

    def will(self, what: str, *tricks: Trick | Recorded | None) -> None:
        self.script.setdefault(what, deque()).extend(tricks)

    def times_asked(self, what: str) -> int:
        return sum(name == what for name, _ in self.asked)

    def kind(self, number: str) -> Number:
        return identify(number, placed=False)

    # The wire.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        assert self._server is not None
        self._server.close()
        for each in list(self._open):
            each.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        asked = await _read(reader)
        what = self.named(asked)
        self.asked.append((what, asked))
        queue = self.script.get(what)
        trick = queue.popleft() if queue else None
        if isinstance(trick, Recorded):
            writer.write(_written(trick.status, trick.body, trick.headers))
            return True
        if trick in NOT_DONE:
            return False
        status, told = self.does(what, asked)
        body = b"" if told is None else msgspec.json.encode(told)
        if trick is None:
            writer.write(_written(status, body, {"content-type": "application/json"}))
            return True
        await _play(trick, status, body, reader, writer)
        return False


async def _read(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, _ = first.split()
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return Asked(method, parts.path, query, headers, body)


def _written(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _play(
    trick: Trick, status: int, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """What goes over the wire instead of the answer; the connection ends with it."""
    if trick is Trick.MUTE:
        await reader.read()  # until the other side has had enough
    elif trick is Trick.RESET:
        off = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
        writer.transport.abort()
    elif trick is Trick.HALF:
        writer.write(_written(status, body + b" " * 100, {})[:-101])
    elif trick is Trick.GARBLED:
        writer.write(_written(status, b"\x00\xff{", {}))
    elif trick is Trick.SHAPELESS:
        writer.write(_written(status, b'{"data": [[]], "incoming_phone_numbers": 1}', {}))
    elif trick is Trick.ENDLESS:
        writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: {10**12}\r\n\r\n".encode())
        while not writer.is_closing():
            writer.write(b"[" * 100_000)
            await writer.drain()
    await writer.drain()


@asynccontextmanager
async def faking(fake: FakeCarrier) -> AsyncIterator[None]:
    await fake.up()
    try:
        yield
    finally:
        await fake.down()
