"""Are kept answers and holds kept for as long as was promised, and then let go?"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.cast import World
from tests.delivering import delivered, hook
from tests.moving import MovingWorld
from tests.operations.racing import Processes
from tests.receiver import answer, receiving

from nambari import worker
from nambari.domain.access import Environment
from nambari.operations import deliver, forget
from nambari.settings import Settings

AGENT = {"name": "Agent", "type": "agent", "url": "sip:agent@sip.example.com"}


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


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


async def test_an_answer_of_the_test_environment_is_forgotten_by_the_worlds_time(moving: MovingWorld) -> None:
    """However far its clock is ahead: purchases, other writes and refusals."""
    tester = await moving.person(environment=Environment.TEST)
    [item] = await moving.stock(environment="test")
    assert (await tester.client.post("/v1/test/clock", json={"advance_days": 400})).status_code == 200
    await create(moving, tester.client, "a")
    for key, status in (("b", 201), ("c", 404)):
        answer = await tester.client.post(
            "/v1/phone-numbers", json={"inventory_id": item}, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == status
    kept_for = timedelta(hours=moving.services.settings.idempotency_hours)
    moving.clock.now += kept_for
    assert await forget.answers(moving.services, moving.clock.now, 100) == 0
    assert await create(moving, tester.client, "a") is True
    moving.clock.now += timedelta(microseconds=1)
    assert await forget.answers(moving.services, moving.clock.now, 100) == 3


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


async def test_deliveries_are_forgotten_after_their_time_and_never_what_is_pending(moving: MovingWorld) -> None:
    alice = await moving.person()
    async with receiving() as receiver:
        await hook(alice, receiver.url(), ["endpoint.*"])
        for place in range(6):
            await create(moving, alice.client, f"key {place}")
        assert await delivered(moving) == 6
        receiver.answers = lambda _: answer(500)
        await create(moving, alice.client, "waits")
        assert await delivered(moving) == 1
    async with moving.services.database.writing() as connection:
        await connection.execute(
            "UPDATE deliveries SET status = 'failed' WHERE status = 'delivered' AND position % 2 = 0"
        )
    last = moving.clock.now
    kept_for = timedelta(days=moving.services.settings.delivery_log_days)
    assert await forget.deliveries(moving.services, last + kept_for, 100) == 0
    later = last + kept_for + timedelta(microseconds=1)
    assert [await forget.deliveries(moving.services, later, 4) for _ in range(3)] == [4, 2, 0]
    assert await forget.deliveries(moving.services, later + timedelta(days=3650), 100) == 0
    assert await moving.value("SELECT string_agg(status, '') FROM deliveries") == "pending"
    assert await moving.value("SELECT count(*) FROM delivery_attempts") == 1


async def test_many_workers_forget_each_delivery_once(world: World, processes: Processes) -> None:
    alice = await world.person()
    await hook(alice, "https://example.com/", ["endpoint.*"])
    for place in range(30):
        await create(world, alice.client, f"key {place}")
    while await deliver.place(world.services, world.services.clock(), 500):
        pass
    async with world.services.database.writing() as connection:
        await connection.execute(
            "UPDATE deliveries SET status = 'failed', next_attempt_at = NULL, last_attempt_at = now()"
        )
    later = world.services.clock() + timedelta(days=31)
    done = await asyncio.gather(*(forget.deliveries(each.services, later, 7) for each in processes.worlds))
    left = await world.value("SELECT count(*) FROM deliveries")
    assert sum(done) + left == 30
    assert await forget.deliveries(world.services, later, 100) == left
