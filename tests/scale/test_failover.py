"""Does a failover lose an acknowledged purchase? The primary dies under buyers, its synchronous standby takes over."""

import asyncio
import signal
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.cast import World, assert_invariants
from tests.scale.clusters import Pair, pair
from tests.story.processes import Service, service
from tests.story.test_crash import Shop

from nambari.db.migrate import migrate
from nambari.settings import Settings
from nambari.wiring import open_services

PURCHASES = 300
BUYERS = 8
PRICE = 350
KILLED_AFTER = 100


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path / "servers", synchronous=True) as made:
        yield made


def either(servers: Pair) -> str:
    """The URL of whichever of the two is the primary."""
    places = f"{servers.primary.place},{servers.standby.place}"
    return f"postgresql://nambari@{places}/postgres?target_session_attrs=read-write"


@pytest.fixture
def served(servers: Pair, tmp_path: Path) -> Iterator[Service]:
    """It knows both servers. Not started yet."""
    with service(tmp_path / "home") as made:
        made.settings = {"NAMBARI_DATABASE_URL": either(servers), "NAMBARI_DATABASE_TIMEOUT_SECONDS": "3"}
        yield made


async def prepare(dsn: str, count: int) -> tuple[list[str], list[str]]:
    """Keys of one organization with credits for just these numbers; and the numbers."""
    await asyncio.to_thread(migrate, dsn)
    async with open_services(Settings(), dsn) as services:
        world = World(services, None)
        organization = await world.organization()
        await world.verify(organization)
        await world.fund(organization, count * PRICE)
        keys = [(await world.key(organization))[1] for _ in range(2)]
        return keys, await world.stock(count)


async def assert_sold_as_told(servers: Pair, told: dict[str, httpx2.Response]) -> None:
    async with open_services(Settings(), servers.standby.dsn) as services:
        world = World(services, None)
        held = {
            row["id"]: row["inventory_id"] for row in await world.fetch("SELECT id, inventory_id FROM phone_numbers")
        }
        for key, answer in told.items():
            assert answer.status_code == 201, f"{key}: {answer.text}"
            assert answer.json()["id"] in held, f"{key} was told {answer.json()['id']}, and it is gone"
        assert len({answer.json()["id"] for answer in told.values()}) == len(told) == len(held)
        assert (
            await world.value("SELECT available_cents FROM balances WHERE environment = 'live'")
            == (PURCHASES - len(told)) * PRICE
        )
        await assert_invariants(world)


async def test_no_acknowledged_purchase_is_lost(servers: Pair, served: Service) -> None:
    """Each buyer repeats with the same key until there is an answer; each number is then sold once."""
    keys, items = await prepare(either(servers), PURCHASES)
    await asyncio.to_thread(served.start)
    shop = Shop(deque((f"purchase {place}", item) for place, item in enumerate(items)), served.url, keys)
    acknowledged: dict[str, str] = {}

    async def fail_over() -> None:
        while len(shop.told) < KILLED_AFTER:  # noqa: ASYNC110 - as in the story of crashes
            await asyncio.sleep(0.001)
        await asyncio.to_thread(servers.primary.kill)
        acknowledged.update((key, answer.json()["id"]) for key, answer in shop.told.items())
        await asyncio.to_thread(servers.standby.promote)

    await asyncio.gather(fail_over(), *(shop.customer(place) for place in range(BUYERS)))

    assert KILLED_AFTER <= len(acknowledged) < PURCHASES, "it died in the middle"
    assert shop.lost + shop.refused > 0, "nobody noticed"
    await assert_sold_as_told(servers, shop.told)
    async with httpx2.AsyncClient(base_url=served.url, headers={"x-api-key": keys[0]}, timeout=30) as client:
        for key, item in [(f"purchase {place}", items[place]) for place in range(0, PURCHASES, 10)]:
            again = await shop.insist(client, key, item)
            assert again.json()["id"] == shop.told[key].json()["id"]
    assert served.stop() == 0, served.output[-3000:]
    assert "Traceback" not in served.output


async def test_what_only_the_primary_has_is_not_acknowledged_by_a_repetition(servers: Pair, served: Service) -> None:
    """A wait for the standby that is given up leaves the purchase in the primary, for all to see. It may be lost."""
    [key, _], [item] = await prepare(either(servers), 1)
    await asyncio.to_thread(served.start)
    async with httpx2.AsyncClient(base_url=served.url, headers={"x-api-key": key}, timeout=60) as client:

        async def buy() -> httpx2.Response:
            return await client.post(
                "/v1/phone-numbers", json={"inventory_id": item}, headers={"Idempotency-Key": "once"}
            )

        servers.standby.send(signal.SIGSTOP)
        answers = [await buy() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [503] * 3, answers[-1].text
        bought = servers.primary.tell("SELECT count(*) FROM phone_numbers")
        assert bought == 1, "the primary has it"
        await asyncio.to_thread(servers.primary.kill)
        servers.standby.send(signal.SIGCONT)
        await asyncio.to_thread(servers.standby.promote)
        shop = Shop(deque(), served.url, [key])
        told = await shop.insist(client, "once", item)
    assert told.status_code == 201
    async with open_services(Settings(), servers.standby.dsn) as services:
        world = World(services, None)
        assert await world.value("SELECT array_agg(id) FROM phone_numbers") == [told.json()["id"]]
        await assert_invariants(world)
