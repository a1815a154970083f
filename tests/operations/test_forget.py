"""Are kept answers and holds kept for as long as was promised, and then let go?"""

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.cast import World
from tests.operations.racing import Processes

from nambari import worker
from nambari.operations import forget

AGENT = {"name": "Agent", "type": "agent", "url": "sip:agent@sip.example.com"}


async def create(world: World, client: object, key: str) -> bool:
    """Whether the answer was a repeat."""
    answer = await client.post("/v1/endpoints", json=AGENT, headers={"Idempotency-Key": key})  # type: ignore[attr-defined,unused-ignore]
    assert answer.status_code == 201
    return "Idempotent-Replayed" in answer.headers


async def test_an_answer_is_forgotten_after_its_time_and_not_before(world: World) -> None:
    alice = await world.person()
    await create(world, alice.client, "a")
    kept_for = timedelta(hours=world.services.settings.idempotency_hours)
    now = await world.value("SELECT max(created_at) FROM kept_answers")
    assert await forget.answers(world.services, now + kept_for, 100) == 0
    assert await create(world, alice.client, "a") is True
    assert await forget.answers(world.services, now + kept_for + timedelta(microseconds=1), 100) == 1
    assert await create(world, alice.client, "a") is False
    assert await world.value("SELECT count(*) FROM endpoints") == 2


async def test_many_workers_forget_each_answer_once(world: World, processes: Processes) -> None:
    alice = await world.person()
    for place in range(30):
        await create(world, alice.client, f"key {place}")
    later = world.services.clock() + timedelta(hours=world.services.settings.idempotency_hours + 1)
    done = await asyncio.gather(*(forget.answers(each.services, later, 7) for each in processes.worlds))
    assert sum(done) <= 28
    left = await world.value("SELECT count(*) FROM kept_answers")
    assert sum(done) + left == 30
    services = replace(world.services, clock=lambda: later)
    assert await worker.sweep_all(services) == left + 2, "and two forecasts: live and test"
    assert await world.value("SELECT count(*) FROM kept_answers") == 0
    assert await worker.sweep_all(services) == 0, "nothing is done twice"


async def test_many_workers_forget_each_hold_once(world: World, processes: Processes) -> None:
    for _ in range(3):
        person = await world.person()
        for item in await world.stock(10):
            assert (await person.client.post("/v1/holds", json={"inventory_id": item})).status_code == 201
    expires = await world.value("SELECT min(expires_at) FROM holds")
    assert await forget.holds(world.services, expires, 100) == 0
    later = world.services.clock() + timedelta(minutes=16)
    done = await asyncio.gather(*(forget.holds(each.services, later, 7) for each in processes.worlds))
    assert sum(done) + await world.value("SELECT count(*) FROM holds") == 30
    assert await forget.holds(world.services, later, 100) == 30 - sum(done)
    assert await world.value("SELECT count(*) FROM holds") == 0
