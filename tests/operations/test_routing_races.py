"""Calls while the number changes hands: what was answered before a call began holds for it, in every process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from tests.cast import Person, World, assert_invariants
from tests.operations.racing import Processes, at_once, eventually

CALLERS = 8
ROUNDS = 6


@dataclass
class Calls:
    """What calls were answered, what was known when each began, and how many changes had begun when it ended.

    What is known is the `era` that the test has declared, and it counts what it `begun`.
    """

    era: str = "before"
    begun: int = 0
    told: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)

    def of(self, era: str) -> list[dict[str, Any]]:
        return [answer for began, _, answer in self.told if began == era]

    async def enough(self) -> None:
        """Until each caller has, about twice, asked and been answered in this era."""
        era = self.era

        async def many() -> bool:
            return len(self.of(era)) >= 2 * CALLERS

        await eventually(many)


@asynccontextmanager
async def ringing(processes: Processes, number: str) -> AsyncIterator[Calls]:
    """Proxies that ask for the number's route again and again, at every process, until the block ends."""
    _, secret = await processes.world.key(None)
    clients = [world.client(secret) for world in processes.worlds]
    seen, over = Calls(), asyncio.Event()

    async def ring(place: int, client: httpx2.AsyncClient) -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            began = seen.era
            body = {"to": number, "from": "+442079460999", "call_id": f"{place}-{turn}"}
            answer = await client.post("/v1/routing/inbound", json=body)
            assert answer.status_code == 200, answer.text
            seen.told.append((began, seen.begun, answer.json()))

    tasks = [asyncio.create_task(ring(place, clients[place % len(clients)])) for place in range(CALLERS)]
    try:
        yield seen
    finally:
        over.set()
        await asyncio.gather(*tasks)
        for client in clients:
            await client.aclose()


async def agent(person: Person, name: str) -> str:
    body = {"name": name, "type": "agent", "url": f"sip:{name}@sip.example.com"}
    found: str = (await person.client.post("/v1/endpoints", json=body)).json()["id"]
    return found


async def test_after_a_release_no_call_reaches_the_former_owner(processes: Processes) -> None:
    alice, mallory = await processes.world.person(), await processes.world.person()
    endpoints = {alice.organization_id: await agent(alice, "alice"), mallory.organization_id: await agent(mallory, "m")}
    [item] = await processes.world.stock()
    [row] = await processes.world.fetch("SELECT number FROM inventory")
    for place in range(ROUNDS):
        mine = {"endpoint_id": endpoints[alice.organization_id]}
        first = (await processes.buy(alice, place, item, **mine)).json()
        async with ringing(processes, row["number"]) as calls:
            await calls.enough()
            released = await processes.client(alice, place).delete(f"/v1/phone-numbers/{first['id']}")
            assert released.status_code == 200
            calls.era = "released"
            await calls.enough()
            theirs = {"endpoint_id": endpoints[mallory.organization_id]}
            second = await processes.buy(mallory, place + 1, item, **theirs)
            assert second.status_code == 201
            calls.era = "sold again"
            await calls.enough()
        assert {each.get("phone_number_id", each.get("cause")) for each in calls.of("before")} <= {
            first["id"],
            "number_released",
            second.json()["id"],  # answered as late as that: the owner of then
        }
        assert {each.get("phone_number_id", each.get("cause")) for each in calls.of("released")} <= {
            second.json()["id"],
            "number_released",
        }
        assert {each["phone_number_id"] for each in calls.of("sold again")} == {second.json()["id"]}
        for _, _, each in calls.told:
            if each["action"] == "route":
                assert each["endpoint_id"] == endpoints[each["organization_id"]], "never one's number, another's agent"
        await processes.client(mallory, place).delete(f"/v1/phone-numbers/{second.json()['id']}")
    await assert_each_call_is_its_owners(processes.world)
    await assert_invariants(processes.world)


async def assert_each_call_is_its_owners(world: World) -> None:
    foreign = await world.fetch("""
        SELECT e.id FROM events AS e JOIN phone_numbers AS n ON n.id = e.data ->> 'phone_number_id'
        WHERE e.event LIKE 'call.%' AND e.organization_id <> n.organization_id""")
    assert foreign == []
    assert await world.value("SELECT count(*) FROM events WHERE event = 'call.routed'") > 0


async def test_a_change_holds_for_the_next_call(processes: Processes) -> None:
    alice = await processes.world.person()
    first, second = await agent(alice, "first"), await agent(alice, "second")
    [item] = await processes.world.stock()
    number = (await processes.buy(alice, 0, item, endpoint_id=first)).json()
    path = f"/v1/phone-numbers/{number['id']}"
    changes: list[tuple[dict[str, Any], str]] = [
        ({"endpoint_id": second}, second),
        ({"allow_inbound": False}, "inbound_off"),
        ({"allow_inbound": True, "endpoint_id": first}, first),
        ({"endpoint_id": None}, "endpoint_missing"),
    ]
    async with ringing(processes, number["number"]) as calls:
        await calls.enough()
        calls.era = "changing"
        for place, (change, outcome) in enumerate(changes * 3):
            calls.begun = place + 1
            assert (await processes.client(alice, place).patch(path, json=change)).status_code == 200
            calls.era = f"{place} {outcome}"
            await calls.enough()
            calls.era = "changing"
    for began, begun, told in calls.told:
        if began[0].isdigit():
            # It may have ended after other changes began, and so be told of one of those.
            since = range(int(began.split()[0]), begun)
            assert told.get("endpoint_id", told.get("cause")) in {changes[each % len(changes)][1] for each in since}


async def test_the_same_call_at_once_is_one_event(processes: Processes) -> None:
    """A proxy that lost patience, and its other half."""
    alice = await processes.world.person()
    [item] = await processes.world.stock()
    number = (await processes.buy(alice, 0, item, endpoint_id=await agent(alice, "a"))).json()
    _, secret = await processes.world.key(None)
    clients = [world.client(secret) for world in processes.worlds]
    body = {"to": number["number"], "from": "+442079460999", "call_id": "once"}
    answers = await at_once(clients[place % len(clients)].post("/v1/routing/inbound", json=body) for place in range(16))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert await processes.world.value("SELECT count(*) FROM events WHERE event = 'call.routed'") == 1
    for client in clients:
        await client.aclose()
