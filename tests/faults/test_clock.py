"""The clock jumps by hours, on and back: months are charged once, holds end, answers are kept, nobody pays twice.

libfaketime moves the wall clock of the running service and its worker, and leaves the one alone that only counts
seconds, as a jump does in life.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from tests.cast import Person, World
from tests.faults.conftest import Place
from tests.faults.shop import HANG_SECONDS, PRICE, assert_nothing_lost, assert_told_again, open_shop, prepare, soon
from tests.story.processes import Service

from nambari.domain.access import Environment
from nambari.domain.purchase import Order
from nambari.domain.renewal import months_after
from nambari.operations.purchase import purchase

JUMP = timedelta(hours=6)
NUMBERS = 20
DUE_IN = timedelta(hours=3)
MONTHLY = 250


@pytest.fixture
def clock(served: Service, tmp_path: Path) -> Path:
    """A file that says how far the service's clock is off."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "a clock that jumps needs libfaketime; on Debian: apt-get install libfaketime"
    file = tmp_path / "clock"
    file.write_text("+0\n")
    served.settings |= {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return file


def jump(clock: Path, by: timedelta) -> None:
    """In one step, or the service might read half of it."""
    new = clock.with_suffix(".new")
    new.write_text(f"{by.total_seconds():+.0f}\n")
    new.replace(clock)


async def bought_a_month_ago(world: World, person: Person) -> None:
    """Numbers whose next month is due in three hours."""
    at = months_after(datetime.now(UTC) + DUE_IN, -1)
    attempt = world.operator(person.organization_id, Environment.LIVE)
    items = await world.stock(NUMBERS)
    await world.fetch("UPDATE inventory SET available_since = $1, created_at = $1 WHERE id = ANY($2)", at, items)
    for item in items:
        await purchase(world.services, attempt, Order(inventory_id=item), at)


async def charged(place: Place, person: Person) -> int:
    async with place.world() as world:
        count = "SELECT count(*) FROM postings WHERE type = 'monthly_fee' AND organization_id = $1"
        return int(await world.value(count, person.organization_id))


async def charged_is(place: Place, person: Person, wanted: int) -> None:
    deadline = time.monotonic() + 60
    while (so_far := await charged(place, person)) != wanted:  # the worker is another process
        assert time.monotonic() < deadline, (so_far, wanted, await months_of(place, person))
        await asyncio.sleep(0.1)


async def months_of(place: Place, person: Person) -> list[tuple[object, ...]]:
    """How the first numbers stand, for whoever reads a failure."""
    async with place.world() as world:
        query = "SELECT now(), status, renews_at, due_at FROM phone_numbers WHERE organization_id = $1 LIMIT 2"
        return [tuple(row) for row in await world.fetch(query, person.organization_id)]


async def test_hours_on_and_back(served: Service, place: Place, clock: Path) -> None:
    async with place.world() as world:
        shop = await prepare(world, [served.url])
        tenant = await world.person(cents=NUMBERS * (PRICE + MONTHLY))
        world._next_number = 5000
        await bought_a_month_ago(world, tenant)
        [held] = await world.stock()
        await asyncio.to_thread(served.start)
        client = httpx2.AsyncClient(headers={"x-api-key": tenant.api_key}, base_url=served.url, timeout=HANG_SECONDS)
        rival = shop.client(await world.person())
        async with client, rival:
            assert (await client.post("/v1/holds", json={"inventory_id": held})).status_code == 201
            order = {"inventory_id": held}
            async with open_shop(shop):
                await shop.more(30)
                refused = await rival.post(f"{served.url}/v1/phone-numbers", json=order)
                assert refused.status_code == 404, "it is held"

                jump(clock, JUMP)
                await charged_is(place, tenant, 2 * NUMBERS)
                await shop.more(30)
                bought = await rival.post(f"{served.url}/v1/phone-numbers", json=order)
                assert bought.status_code == 201, "the hold has ended"

                jump(clock, timedelta())
                await shop.more(60)
                jump(clock, -JUMP)
                await shop.more(60)
            jump(clock, timedelta())
            await assert_told_again(shop)
            await soon(served.is_ready, 30, "readiness")
            assert await charged(place, tenant) == 2 * NUMBERS
            assert (await client.get("/v1/phone-numbers")).json()["total"] == NUMBERS
        await assert_nothing_lost(world, shop)
