"""A number changes hands while its webhook thinks: the answer of a former owner never moves a call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api.asking import bought, made
from tests.api.test_questions import URI, asking
from tests.api.test_routing import calls, inbound, proxy, rejected
from tests.cast import Person, World, assert_invariants
from tests.receiver import Receiver, answer, receiving

from nambari.settings import Settings

ROUTE = b'{"action":"route","sip_uri":"sip:chosen@sip.example.com"}'


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(lambda _: answer(200, ROUTE)) as made:
        made.gate = asyncio.Event()
        yield made


async def meanwhile(
    world: World, receiver: Receiver, number: dict[str, Any], change: Callable[[], Awaitable[Any]]
) -> dict[str, Any]:
    """What a call is told whose webhook was asked before the change, and answered after it."""
    assert receiver.gate is not None
    call = asyncio.create_task(inbound(await proxy(world), number["number"]))
    await receiver.asked.wait()
    await change()
    receiver.gate.set()
    return await call


async def test_a_released_number_is_not_its_former_owners(world: World, receiver: Receiver) -> None:
    alice, number, _ = await asking(world, receiver.url())

    async def release() -> None:
        assert (await alice.client.delete(f"/v1/phone-numbers/{number['id']}")).status_code == 200

    rejected(await meanwhile(world, receiver, number, release), "number_released", 404)
    assert await calls(world) == []
    await assert_invariants(world)


@pytest.mark.parametrize("theirs", ["agent", "webhook"])
async def test_nor_is_one_that_is_sold_again(world: World, receiver: Receiver, theirs: str) -> None:
    alice, number, _ = await asking(world, receiver.url())
    mallory = await world.person()

    async def sell_again() -> None:
        await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
        [item] = await world.fetch("SELECT id FROM inventory WHERE number = $1", number["number"])
        url = "sip:mallory@sip.example.com" if theirs == "agent" else receiver.url("/mallory")
        endpoint = await made(mallory.client, type=theirs, url=url)
        await bought(mallory.client, item["id"], endpoint_id=endpoint["id"])

    told = await meanwhile(world, receiver, number, sell_again)
    if theirs == "agent":
        assert told["sip_uri"] == "sip:mallory@sip.example.com"
    else:
        rejected(told, "endpoint_changed", 480)
    [event] = await calls(world)
    assert event["organization_id"] == mallory.organization_id
    assert len(receiver.received) == 1


async def detach(alice: Person, number: dict[str, Any], _: dict[str, Any]) -> None:
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"endpoint_id": None})


async def close(alice: Person, number: dict[str, Any], _: dict[str, Any]) -> None:
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"allow_inbound": False})


async def move(alice: Person, _: dict[str, Any], webhook: dict[str, Any]) -> None:
    await alice.client.patch(f"/v1/endpoints/{webhook['id']}", json={"url": webhook["url"] + "/new"})


async def rename(alice: Person, _: dict[str, Any], webhook: dict[str, Any]) -> None:
    await alice.client.patch(f"/v1/endpoints/{webhook['id']}", json={"name": "New name"})


@pytest.mark.parametrize(
    ("change", "outcome"),
    [(detach, "endpoint_missing"), (close, "inbound_off"), (move, "endpoint_changed"), (rename, URI)],
)
async def test_each_change_holds(world: World, receiver: Receiver, change: Any, outcome: str) -> None:
    alice, number, webhook = await asking(world, receiver.url())
    told = await meanwhile(world, receiver, number, lambda: change(alice, number, webhook))
    assert told.get("sip_uri", told.get("cause")) == outcome
