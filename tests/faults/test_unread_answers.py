"""Who asks for 10 MB and reads nothing is let go, or makes room for others; who reads slowly gets them all."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import psutil  # type: ignore[import-untyped,unused-ignore]
from tests.api.papers import PDF
from tests.faults.conftest import Place
from tests.faults.shop import soon
from tests.story.processes import HOST, Service

from nambari.domain.document import MOST_BYTES

CONTENT = PDF + b" " * (MOST_BYTES - len(PDF))
FEWEST = 10
"""The fewest connections that a service can be set to keep."""
SLOWLY = 60_000
"""Bytes a second: of so many the system's buffer alone takes and gives for more than two of the service's looks."""
SLOW_SECONDS = 25


async def opened(served: Service, place: Place, connections: int) -> bytes:
    """What asks it for the largest document that somebody could send."""
    served.settings["NAMBARI_CLIENT_CONNECTIONS"] = str(connections)
    async with place.world() as world:
        alice = await world.person()
    await asyncio.to_thread(served.start)
    async with httpx2.AsyncClient(base_url=served.url, headers={"x-api-key": alice.api_key}, timeout=30) as client:
        query = {"type": "identity", "country": "GB"}
        headers = {"content-type": "application/pdf"}
        sent = await client.post("/v1/kyc/documents", params=query, content=CONTENT, headers=headers)
        assert sent.status_code == 201, sent.text
    path = f"/v1/kyc/documents/{sent.json()['id']}/content"
    return f"GET {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {alice.api_key}\r\n\r\n".encode()


@contextmanager
def asking(port: int, request: bytes, count: int) -> Iterator[list[socket.socket]]:
    """So many who have sent it, and whose answer has begun to come; none of it is read."""
    with ExitStack() as stack:
        made = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in made:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            one.settimeout(60)
            one.connect((HOST, port))
            one.sendall(request)
            one.recv(1, socket.MSG_PEEK)
        yield made


async def read_slowly(one: socket.socket, size: int) -> bytes:
    """So much of an answer's body: for a while a little now and then, then the rest at once."""
    loop = asyncio.get_running_loop()
    one.setblocking(False)
    received, begun = bytearray(), loop.time()
    while not received.count(b"\r\n\r\n") or len(received) - received.index(b"\r\n\r\n") - 4 < size:
        is_slow = loop.time() - begun < SLOW_SECONDS
        piece = await asyncio.wait_for(loop.sock_recv(one, SLOWLY // 4 if is_slow else 1_000_000), 60)
        assert piece, f"it was cut off after {len(received)} bytes"
        received += piece
        if is_slow:
            await asyncio.sleep(0.25)
    return bytes(received.partition(b"\r\n\r\n")[2])


def connections_of(served: Service) -> int:
    found = psutil.Process(served.process.pid).net_connections("tcp")
    return sum(each.laddr.port == served.port and each.status != psutil.CONN_LISTEN for each in found)


async def test_who_reads_nothing_is_let_go_and_who_reads_slowly_is_not(served: Service, place: Place) -> None:
    request = await opened(served, place, 100)
    with asking(served.port, request, 1) as slow, asking(served.port, request, FEWEST):
        reading = asyncio.create_task(read_slowly(slow[0], len(CONTENT)))
        await soon(lambda: connections_of(served) == 1, 60, "the end of those who read nothing")
        assert not reading.done()
        assert await reading == CONTENT


async def test_who_reads_nothing_makes_room(served: Service, place: Place) -> None:
    """At once, however many they are: who comes next is answered, and sends out nobody but them."""
    request = await opened(served, place, FEWEST)
    with asking(served.port, request, FEWEST):
        for _ in range(3 * FEWEST):
            answer = await asyncio.to_thread(httpx2.get, f"{served.url}/healthz", timeout=30)
            assert answer.status_code == 200
        with asking(served.port, request, 2 * FEWEST):
            assert connections_of(served) <= FEWEST + 1
