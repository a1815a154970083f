"""SIGTERM under load: no request fails, and no client has to send one twice.

No request fails means: each one that a client sends, on a connection that it keeps or on a new one, is answered by
200, 201 or 204 (404 for a number that a rival has), at its first attempt. The listening socket is the service
manager's, as with systemd's socket units: who connects between two processes waits in its queue. Without one, a
client may be refused while nothing listens; it has sent nothing then, and what it has sent is answered all the same.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults.conftest import Place
from tests.faults.shop import assert_nothing_lost, open_shop, prepare
from tests.story.processes import HOST, Service, environment, serve

RESTARTS = int(os.environ.get("FAULTS_RESTARTS", "1"))
AT_FIRST = {"200", "201", "204", "404"}
ENDED_WELL = {0, -signal.SIGTERM, 128 + signal.SIGTERM}


HAND_DOWN = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def launch_on(service: Service, listening: socket.socket) -> None:
    """As a service manager does: the socket is descriptor 3, and two variables say so."""
    service.home.mkdir(parents=True, exist_ok=True)
    given = listening.fileno()
    with (service.home / "service.log").open("ab") as log:
        service._process = subprocess.Popen(
            [sys.executable, "-c", HAND_DOWN, str(given), *serve(1, *service.options)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(service.home) | service.settings,
            pass_fds=[given],
            start_new_session=True,
        )


@pytest.mark.parametrize("reconnect", [False, True], ids=["kept connections", "new connections"])
async def test_no_request_fails(served: Service, place: Place, tmp_path: Path, *, reconnect: bool) -> None:
    with socket.create_server((HOST, 0), backlog=256) as listening:
        served.port = listening.getsockname()[1]
        async with place.world() as world:
            shop = await prepare(world, [served.url])
        shop.reconnect = reconnect
        launch_on(served, listening)
        async with open_shop(shop):
            for _ in range(RESTARTS):
                await shop.more(60, 120)
                ended = await asyncio.to_thread(served.stop)
                assert ended in ENDED_WELL, served.output
                launch_on(served, listening)
            await shop.more(60, 120)
        served.stop()
    assert set(shop.outcomes) <= AT_FIRST, shop.lost()
    async with place.world() as world:
        await assert_nothing_lost(world, shop)


async def test_what_was_sent_is_answered(served: Service, place: Place) -> None:
    """Without a socket of the service manager's: a client is refused at most, before it has sent anything."""
    async with place.world() as world:
        shop = await prepare(world, [served.url])
    await asyncio.to_thread(served.start)
    async with open_shop(shop):
        for _ in range(RESTARTS):
            await shop.more(60, 120)
            ended = await asyncio.to_thread(served.stop)
            assert ended in ENDED_WELL, served.output
            await asyncio.to_thread(served.start)
    assert set(shop.outcomes) <= {*AT_FIRST, "ConnectError"}, shop.lost()
    async with place.world() as world:
        await assert_nothing_lost(world, shop)
