"""A receiver of webhooks that costs little: it answers 204, and tells afterwards when what arrived.

    python -m bench.receiver        prints its port, and serves until its input ends; then prints what arrived

What is posted to /slow is never answered.
"""

import asyncio
import json
import sys
import time
from typing import Any

ANSWER = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"
SLOW = b"/slow"

_arrived: list[tuple[float, bytes]] = []
"""When, in Unix seconds, and the body."""


class Receiving(asyncio.Protocol):
    def __init__(self) -> None:
        self._got = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._got[:end]).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            whole = end + 4 + length
            if len(self._got) < whole:
                return
            body = bytes(self._got[end + 4 : whole])
            del self._got[:whole]
            if head.split(b" ", 2)[1] != SLOW:
                _arrived.append((time.time(), body))
                self._transport.write(ANSWER)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiving, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin, lambda: over.set() if not sys.stdin.readline() else _tell())
    await over.wait()
    server.close()


def _tell() -> None:
    """What arrived since it was asked last: for each when, and the event's id and time."""
    told = [(at, event.get("id"), event.get("timestamp")) for at, body in _arrived for event in [json.loads(body)]]
    _arrived.clear()
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
