"""Are kept answers kept for as long as was promised, and then let go?"""

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
    swept = await worker.sweep_all(replace(world.services, clock=lambda: later))
    assert sum(done) + swept == 30
    assert await world.value("SELECT count(*) FROM kept_answers") == 0
