"""A slow network to the database, one that swallows everything, and one that cuts: 503 in time, and nothing twice."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest
from tests.faults.conftest import TIMEOUT_SECONDS, Place, settings
from tests.faults.proxy import Wire, wire
from tests.faults.shop import HANG_SECONDS, assert_nothing_lost, assert_told_again, open_shop, prepare, soon
from tests.story.processes import Service

SEED = 20261129
ANSWERED = {"200", "201", "204", "404", "409", "503"}
CUTS = 12
TYPE_QUERY = b"pg_type"
"""In what each new connection is asked first."""
CONNECTIONS = 10 + 1
"""Those of the service's pool, and one that may just be ending."""


@pytest.fixture
def line(place: Place, served: Service) -> Iterator[Wire]:
    """Between the service and its database."""
    with wire(place.postgres.port) as made:
        served.settings |= settings(place.postgres.dsn(place.name, made.port))
        yield made


async def test_slow_silent_and_cut(served: Service, place: Place, line: Wire) -> None:
    chance = random.Random(SEED)
    async with place.world() as world:
        shop = await prepare(world, [served.url])
    await asyncio.to_thread(served.start)
    async with open_shop(shop):
        await shop.more(20)
        line.delay_seconds = 0.05
        await shop.more(20)
        line.delay_seconds = 0
        line.swallows = True
        await shop.after("503", 20)
        line.swallows = False
        await shop.more(20)
        line.swallow_answers = True  # what is asked is done, and nobody is told
        await shop.after("503", 10)
        line.swallow_answers = False
        line.cut_all()
        await shop.more(20)
        for _ in range(CUTS):
            cuts = line.cuts
            line.cut_at(chance.randrange(1, 4000))
            await soon(lambda cuts=cuts: line.cuts > cuts, 30, "a cut")
            line.cut_at(None)
        await shop.more(20)
    assert set(shop.outcomes) <= ANSWERED, shop.lost()
    await assert_told_again(shop)
    async with place.world() as world:
        await assert_nothing_lost(world, shop)


async def test_what_a_pulled_cable_leaves_locked_is_free_again(
    served: Service, second: Service, place: Place, line: Wire
) -> None:
    """The database sees no end of a connection that is swallowed: it must not keep its locks for hours."""
    async with place.world() as world:
        shop = await prepare(world, [second.url], numbers=10)
    await asyncio.gather(asyncio.to_thread(served.start), asyncio.to_thread(second.start))
    item, _ = shop.wanted.popleft()
    headers = {"x-api-key": shop.people[0].api_key}
    async with httpx2.AsyncClient(headers=headers, timeout=HANG_SECONDS) as client:
        bought = await client.post(f"{second.url}/v1/phone-numbers", json={"inventory_id": item})
        path = f"/v1/phone-numbers/{bought.json()['id']}"

        async def label(service: Service) -> int:
            headers = {"Idempotency-Key": "a label"}
            return (await client.patch(f"{service.url}{path}", json={"label": "cut"}, headers=headers)).status_code

        with place.postgres.admin(place.name) as other, other.transaction():
            other.execute("SELECT FROM phone_numbers FOR UPDATE")
            first = asyncio.create_task(label(served))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
            with place.postgres.admin() as looking:
                await soon(lambda: looking.execute(waiting, [place.name]).fetchone() == (1,), 30, "the wait")
            line.swallows = True
        assert await first == 503
        seen: list[int] = []
        deadline = time.monotonic() + TIMEOUT_SECONDS + 30
        while not seen or seen[-1] in {409, 503}:
            assert time.monotonic() < deadline, (Counter(seen), place.postgres.activity(place.name))
            seen.append(await label(second))
        assert seen[-1] == 200, seen
    line.swallows = False
    async with place.world() as world:
        told = await world.fetch("SELECT label FROM phone_numbers")
        assert [row["label"] for row in told] == ["cut"]
        assert await world.value("SELECT count(*) FROM events WHERE event = 'phone_number.updated'") == 1


async def test_connections_that_fail_half_way_do_not_pile_up(served: Service, place: Place, line: Wire) -> None:
    """Let in by the database, and then not answered: each was left open, and in the end it had none left to give."""
    async with place.world() as world:
        shop = await prepare(world, [served.url], numbers=1000)
    await asyncio.to_thread(served.start)
    async with open_shop(shop):
        await shop.more(10)
        line.deaf_to = TYPE_QUERY
        line.cut_all()
        await shop.after("503", 25)
        line.deaf_to = None
        await shop.more(10)
        assert len(place.postgres.backends(place.name)) <= CONNECTIONS
    assert set(shop.outcomes) <= ANSWERED, shop.lost()
    async with place.world() as world:
        await assert_nothing_lost(world, shop)
