"""Kill -9 at random moments of 2,000 purchases: each is done exactly once, and no cent is lost."""

import asyncio
import os
import random
from collections import deque
from dataclasses import dataclass, field

import httpx2
from tests.cast import World, assert_invariants
from tests.story.processes import Service, attach, database, kill_database

from nambari.db.migrate import migrate

PURCHASES = 2000
CLIENTS = 12
SEED = int(os.environ.get("STORY_SEED", "20260301"))
KILLS = 5
PRICE = 350
PATIENCE_SECONDS = 150


@dataclass
class Shop:
    """What the customers want, what they were told, and how often they were left without an answer."""

    wanted: deque[tuple[str, str]]
    url: str
    api_keys: list[str]
    told: dict[str, httpx2.Response] = field(default_factory=dict)
    lost: int = 0
    refused: int = 0

    async def customer(self, place: int) -> None:
        headers = {"x-api-key": self.api_keys[place % len(self.api_keys)]}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=20) as client:
            while self.wanted:
                key, item = self.wanted.popleft()
                self.told[key] = await self.insist(client, key, item)

    async def insist(self, client: httpx2.AsyncClient, key: str, item: str) -> httpx2.Response:
        """The same request with the same key, until there is an answer."""
        while True:
            try:
                answer = await client.post(
                    "/v1/phone-numbers", json={"inventory_id": item}, headers={"Idempotency-Key": key}
                )
            except httpx2.TransportError:
                self.lost += 1
            else:
                # 409: what was asked before the crash is still being done by the database.
                if answer.status_code < 500 and answer.status_code != 409:
                    return answer
                self.refused += 1
            await asyncio.sleep(0.05)


async def prepare(service: Service) -> tuple[list[str], list[str]]:
    """One organization with credits for just these numbers; keys and inventory ids."""
    service.home.mkdir(parents=True)
    server = attach(service.home)
    await asyncio.to_thread(migrate, server.dsn)
    async with database(service.home) as world:
        organization = await world.organization()
        await world.verify(organization)
        await world.fund(organization, PURCHASES * PRICE)
        keys = [(await world.key(organization))[1] for _ in range(2)]
        items = await stock(world)
    server.close()
    return keys, items


async def stock(world: World) -> list[str]:
    """Two ranges that Ofcom keeps for drama, a thousand numbers each."""
    london = await world.stock(PURCHASES // 2)
    world._next_number = 0
    return london + await world.stock(PURCHASES // 2, prefix="+44113496", area_code="113", locality="Leeds")


async def kill_now_and_then(service: Service, shop: Shop) -> None:
    """At seeded counts of answers, and then a moment later that nobody chose; sometimes the database dies too."""
    chance = random.Random(SEED)
    moments = sorted(chance.sample(range(50, PURCHASES - 100), KILLS))
    for number, moment in enumerate(moments):
        while len(shop.told) < moment:  # noqa: ASYNC110 - a hundred answers a second: no need of an event
            await asyncio.sleep(0.001)
        for _ in range(chance.randrange(200)):
            await asyncio.sleep(0)
        if number % 2:
            kill_database(service.home)
        service.kill()
        await asyncio.to_thread(service.start)


async def test_2000_purchases_through_crashes(served: Service) -> None:
    api_keys, items = await prepare(served)
    await asyncio.to_thread(served.start)
    wanted = deque((f"purchase {place}", item) for place, item in enumerate(items))
    shop = Shop(wanted, served.url, api_keys)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(kill_now_and_then(served, shop), *(shop.customer(place) for place in range(CLIENTS)))

    assert {answer.status_code for answer in shop.told.values()} == {201}
    assert shop.lost >= KILLS, "no request was in flight at any kill: that proves nothing"
    await assert_told_again(shop, items)
    served.stop()
    async with database(served.home) as world:
        await assert_each_bought_once(world, shop, items)


async def assert_told_again(shop: Shop, items: list[str]) -> None:
    async with httpx2.AsyncClient(base_url=shop.url, headers={"x-api-key": shop.api_keys[0]}) as client:
        for place in range(0, PURCHASES, 97):
            again = await shop.insist(client, f"purchase {place}", items[place])
            assert again.headers["Idempotent-Replayed"] == "true"
            assert again.content == shop.told[f"purchase {place}"].content


async def assert_each_bought_once(world: World, shop: Shop, items: list[str]) -> None:
    rows = await world.fetch("SELECT id, inventory_id FROM phone_numbers WHERE status = 'active'")
    assert len(rows) == PURCHASES
    told = {items[int(key.split()[1])]: answer.json()["id"] for key, answer in shop.told.items()}
    assert {row["inventory_id"]: row["id"] for row in rows} == told, "a customer was told of another number"
    assert await world.value("SELECT count(*) FROM phone_numbers") == PURCHASES
    assert await world.value("SELECT count(*) FROM postings WHERE phone_number_id IS NOT NULL") == 2 * PURCHASES
    assert await world.value("SELECT available_cents FROM balances WHERE environment = 'live'") == 0
    assert await world.value("SELECT count(*) FROM kept_answers") == PURCHASES
    await assert_invariants(world)
