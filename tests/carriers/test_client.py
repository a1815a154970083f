"""The Python client buys a carrier's number: it may be pending, or be waited for."""

import asyncio

import httpx2
from tests.carriers.conftest import FIRST, SECOND, THIRD, Shop
from tests.cast import Person

from nambari_client import AsyncClient, Retries


def client_of(shop: Shop, person: Person) -> AsyncClient:
    transport = httpx2.ASGITransport(app=shop.world.app)
    return AsyncClient(person.api_key, base_url="http://nambari.test", transport=transport, retries=Retries(attempts=1))


async def test_it_is_pending_until_it_is_decided_or_waited_for(shop: Shop) -> None:
    alice = await shop.world.person()
    async with client_of(shop, alice) as client:
        offers = {each.number: each.inventory_id async for each in client.search_available_numbers(country="GB")}
        assert offers.keys() == {FIRST, SECOND, THIRD}
        number = await client.purchase_phone_number(offers[FIRST])
        assert number.status == "pending"
        assert (await client.get_credits()).held_cents == 350
        await shop.see_to_orders()
        assert (await client.get_phone_number(number.id)).status == "active"
        waiting = asyncio.create_task(client.purchase_phone_number(offers[SECOND], wait_seconds=20))
        while not await shop.world.value("SELECT count(*) = 2 FROM carrier_orders"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not waiting.done()
        await shop.see_to_orders()
        assert (await waiting).status == "active"
