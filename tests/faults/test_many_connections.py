"""10,000 silent connections, and heads and bodies that drip: who has something to ask is answered all the same."""

import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from tests.faults.conftest import Place
from tests.faults.shop import Shop, assert_nothing_lost, open_shop, prepare, soon
from tests.story.processes import HOST, Service

SILENT = int(os.environ.get("FAULTS_CONNECTIONS", "10000"))
KEPT = 2000
"""How many connections the service is set to keep."""
OF_ONE_ADDRESS = 5000
"""How many come from each address of the loopback, as one has no more than some 28,000 ports."""
MOST_GROWTH = 150_000_000
DRIPPING = 40
LONGEST_HEAD_SECONDS = 60
"""A head that does not end gets ten seconds; the rest is for slow machines."""


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many descriptors as the system grants this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = SILENT + 1000
    assert hard == resource.RLIM_INFINITY or hard >= needed, (
        f"this test opens {SILENT} connections, and the system grants {hard} files (ulimit -Hn): grant {needed}, or set"
        " FAULTS_CONNECTIONS to fewer"
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def silent(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections; some say nothing, some begin a head, some end each line with an empty one."""
    openings = (b"", b"GET / HT", b"GET /healthz HTTP/1.1\r\nhost: x\r\n", b"\r\n")
    with ExitStack() as stack:
        made = []
        for place in range(count):
            one = stack.enter_context(socket.socket())
            one.bind((f"127.0.0.{2 + place // OF_ONE_ADDRESS}", 0))
            one.settimeout(30)
            one.connect((HOST, port))
            one.setblocking(False)
            if opening := openings[place % len(openings)]:
                with_nobody_there(one, opening)
            made.append(one)
        yield made


def with_nobody_there(one: socket.socket, data: bytes) -> bool:
    """Sends; whether the other end still takes it."""
    try:
        one.send(data)
    except (ConnectionError, BlockingIOError):
        return False
    return True


async def shop_of(served: Service, place: Place) -> Shop:
    served.settings["NAMBARI_CLIENT_CONNECTIONS"] = str(KEPT)
    async with place.world() as world:
        shop = await prepare(world, [served.url])
    await asyncio.to_thread(served.start)
    return shop


@pytest.mark.usefixtures("many_files")
async def test_10000_silent_ones(served: Service, place: Place) -> None:
    shop = await shop_of(served, place)
    shop.reconnect = True
    process = psutil.Process(served.process.pid)
    async with open_shop(shop):
        await shop.more(20)
        before = process.memory_info().rss
        with ExitStack() as stack:
            await asyncio.to_thread(lambda: stack.enter_context(silent(served.port, SILENT)))
            await shop.more(20)
            assert process.num_fds() < KEPT + 300
            assert process.memory_info().rss - before < MOST_GROWTH
            assert (await asyncio.to_thread(httpx2.get, f"{served.url}/readyz", timeout=30)).status_code == 200
        await shop.more(20)
    assert set(shop.outcomes) <= {"200", "201", "204", "404"}, shop.lost()
    async with place.world() as world:
        await assert_nothing_lost(world, shop)


class Dripping(asyncio.Protocol):
    """Sends its opening, then a drop again and again until the other end has enough."""

    def __init__(self, opening: bytes, drop: bytes) -> None:
        self._opening, self._drop = opening, drop
        self.heard = b""
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._opening)
        self._drip()

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._drop)
            asyncio.get_running_loop().call_later(0.5, self._drip)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.over.done():
            self.over.set_result(None)


async def dripping(port: int, opening: bytes, drop: bytes) -> bytes:
    """All that it is answered, once it is ended by the other side."""
    _, one = await asyncio.get_running_loop().create_connection(lambda: Dripping(opening, drop), HOST, port)
    async with asyncio.timeout(LONGEST_HEAD_SECONDS):
        await one.over
    return one.heard


async def test_what_drips_is_ended(served: Service, place: Place) -> None:
    """Heads, bodies of customers and of strangers, and empty lines: each is ended by us, and in time."""
    shop = await shop_of(served, place)
    key = shop.people[0].api_key.encode()
    body = b"POST /v1/endpoints HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\nx-api-key: "
    request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    kinds = [
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n", b"x: y\r\n", b"408"),
        (body + key + b"\r\n\r\n", b"x", b"408"),
        (body + b"nobody\r\n\r\n", b"x", b"401"),
        (request, b"\r\n", b"200"),
    ]
    async with open_shop(shop):
        ends = [dripping(served.port, opening, drop) for opening, drop, _ in kinds for _ in range(DRIPPING // 4)]
        heard = await asyncio.gather(*ends)
        await shop.more(20)
    for place_, each in enumerate(heard):
        assert each.startswith(b"HTTP/1.1 " + kinds[place_ // (DRIPPING // 4)][2]), (place_, each[:200])
    assert set(shop.outcomes) <= {"200", "201", "204", "404"}, shop.lost()
    await soon(lambda: len(psutil.Process(served.process.pid).net_connections("tcp")) < 60, 60, "their end")
    async with place.world() as world:
        await assert_nothing_lost(world, shop)
