"""SIGSTOP of one of two services: the other goes on, and the one that wakes up late does no harm.

It stands still until all that is bounded by time has run out: its transactions (the database's time-out, twice), its
keys (half a second). FAULTS_STOPPED_SECONDS makes it longer.
"""

import asyncio
import os
import signal
import time
from typing import Any

import httpx2
from tests.faults.conftest import TIMEOUT_SECONDS, Place
from tests.faults.shop import CUT, HANG_SECONDS, assert_nothing_lost, assert_told_again, open_shop, prepare, soon
from tests.story.processes import Service

from nambari.operations import keys

STOPPED_SECONDS = float(os.environ.get("FAULTS_STOPPED_SECONDS", str(TIMEOUT_SECONDS * 2 + 1)))
TURNS = 3
BLINK = 40
"""How many requests are acknowledged between two short stops: one of them should be in the middle of a transaction."""


async def test_one_of_two_stands_still(served: Service, second: Service, place: Place) -> None:
    async with place.world() as world:
        shop = await prepare(world, [second.url, served.url], numbers=max(3000, int(STOPPED_SECONDS * 600)))
        mallory = await world.person()
    await asyncio.gather(asyncio.to_thread(served.start), asyncio.to_thread(second.start))
    waits: dict[str, Any] = {"timeout": HANG_SECONDS + STOPPED_SECONDS, "headers": {"x-api-key": mallory.api_key}}
    async with httpx2.AsyncClient(**waits) as kept, httpx2.AsyncClient(**waits) as late:
        assert (await kept.get(f"{served.url}/v1/credits")).status_code == 200
        async with open_shop(shop):
            await shop.more(40)
            os.kill(served.process.pid, signal.SIGSTOP)
            stopped_at = time.monotonic()
            shop.urls = [second.url]  # as a load balancer does once it is not ready
            asked = [asyncio.create_task(each.get(f"{served.url}/v1/credits")) for each in (late, kept)]
            try:
                async with place.world() as world:
                    await keys.revoke(world.services, mallory.key_id, "req_test", world.services.clock())
                await shop.more(BLINK)
                await soon(lambda: time.monotonic() - stopped_at > STOPPED_SECONDS, STOPPED_SECONDS + 30, "the time")
            finally:
                os.kill(served.process.pid, signal.SIGCONT)
            # What it finds in its mail, on a new connection and on one that was kept: requests of a key that is revoked
            # by now; and its own that it was amidst.
            assert [each.status_code for each in await asyncio.gather(*asked)] == [401, 401]
            shop.urls = [second.url, served.url]
            await shop.more(BLINK)
        assert served.process.poll() is None
    assert set(shop.outcomes) <= {"200", "201", "204", "404", "409", "503", *CUT}, shop.lost()
    await assert_told_again(shop)
    async with place.world() as world:
        await assert_nothing_lost(world, shop)
