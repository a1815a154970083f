"""More requests than connections, and each of them waits in the database: a queue, then 503, and never a hang."""

import asyncio

import httpx2
from tests.faults.conftest import TIMEOUT_SECONDS, Place
from tests.faults.shop import HANG_SECONDS, assert_nothing_lost, open_shop, prepare, soon
from tests.story.processes import Service

BUYERS = 40
CONNECTIONS = 4


async def test_a_row_that_is_locked_from_outside(served: Service, place: Place) -> None:
    """All purchases of an organization wait for its balance; with all the connections waiting, the others do too."""
    served.settings["NAMBARI_DATABASE_CONNECTIONS"] = str(CONNECTIONS)
    async with place.world() as world:
        shop = await prepare(world, [served.url])
    await asyncio.to_thread(served.start)
    async with open_shop(shop, BUYERS), httpx2.AsyncClient(timeout=HANG_SECONDS) as client:
        await shop.more(40)
        with place.postgres.admin(place.name) as other, other.transaction():
            other.execute("SELECT * FROM balances FOR UPDATE")
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
            with place.postgres.admin() as looking:
                await soon(
                    lambda: (looking.execute(waiting, [place.name]).fetchone() or (0,))[0] >= CONNECTIONS,
                    60,
                    "every connection's wait",
                )
            await shop.after("503", BUYERS)
            # Alive, and says so; ready or not, it says that too.
            assert (await client.get(f"{served.url}/healthz")).status_code == 200
            assert (await client.get(f"{served.url}/readyz")).status_code in {200, 503}
        await shop.more(40)
        await soon(served.is_ready, 60, "readiness")
    assert shop.quickest_503 >= TIMEOUT_SECONDS, "there was no queue"
    assert set(shop.outcomes) <= {"200", "201", "204", "404", "409", "503"}, shop.lost()
    async with place.world() as world:
        await assert_nothing_lost(world, shop)
