"""Can somebody who catches up miss an event? Two transactions that commit in another order than they wrote."""

import asyncio
from typing import Any

import pytest
from tests.api.asking import made
from tests.cast import Person, World

from nambari.db import outbox
from nambari.domain.access import Environment
from nambari.domain.events import Event
from nambari.operations import deliver


async def announce(world: World, connection: Any, person: Person, event_id: str, subject_id: str = "ep_x") -> None:
    await outbox.announce(
        connection,
        person.organization_id,
        Environment.LIVE,
        event_id=event_id,
        event=Event.ENDPOINT_CREATED,
        subject_id=subject_id,
        data={},
        changes=[],
        key_id=None,
        request_id="req_test",
        now=world.services.clock(),
    )


async def shown(person: Person, query: str = "") -> list[str]:
    told = await person.client.get(f"/v1/events?type=endpoint.*{query}")
    assert told.status_code == 200, told.text
    return [each["id"] for each in told.json()["events"]]


async def placed(world: World) -> int:
    return await deliver.place(world.services, world.services.clock(), 500)


async def test_a_later_commit_is_never_put_before_what_was_shown(world: World) -> None:
    alice = await world.person()
    async with world.services.database.writing() as slow:
        await announce(world, slow, alice, "evt_first_written")
        async with world.services.database.writing() as quick:
            await announce(world, quick, alice, "evt_first_committed")
        await placed(world)
        assert await shown(alice) == ["evt_first_committed"]
    await placed(world)
    assert await shown(alice, "&starting_after=evt_first_committed") == ["evt_first_written"]
    sequences = await world.fetch("SELECT id FROM events WHERE event = 'endpoint.created' ORDER BY sequence")
    assert [row["id"] for row in sequences] == ["evt_first_written", "evt_first_committed"], "or this tested nothing"


async def test_what_is_undone_is_never_shown(world: World) -> None:
    alice = await world.person()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - what is undone is the block
        async with world.services.database.writing() as connection:
            await announce(world, connection, alice, "evt_undone")
            await placed(world)
            _ = 1 / 0
    await placed(world)
    assert await shown(alice) == []


async def test_one_at_a_time_gives_places(world: World) -> None:
    """While another does it, nothing is placed; and each event gets one place whatever number try."""
    alice = await world.person()
    await made(alice.client)
    async with world.services.database.writing() as connection:
        assert await outbox.take_turn_to_place(connection)
        assert await placed(world) == 0
    for _ in range(5):
        await asyncio.gather(*(made(alice.client) for _ in range(8)), *(placed(world) for _ in range(4)))
    while await placed(world):
        pass
    assert await world.value("SELECT count(*) FROM events WHERE position IS NULL") == 0
    assert await world.value("SELECT count(*) = count(DISTINCT position) AND max(position) = count(*) FROM events")


async def test_who_catches_up_during_a_storm_misses_none(world: World) -> None:
    alice = await world.person()
    over = asyncio.Event()
    read: list[str] = []

    async def place_on() -> None:
        while not over.is_set():
            await placed(world)

    async def catch_up() -> None:
        while True:
            last = over.is_set()
            if last:
                await placed(world)
            page = await shown(alice, f"&limit=7&starting_after={read[-1]}" if read else "&limit=7")
            read.extend(page)
            if last and not page:
                return

    async def write() -> None:
        for _ in range(20):
            await made(alice.client)

    placing, reading = asyncio.create_task(place_on()), asyncio.create_task(catch_up())
    await asyncio.gather(*(write() for _ in range(4)))
    over.set()
    await asyncio.gather(placing, reading)
    written = await world.fetch("SELECT id FROM events WHERE event = 'endpoint.created'")
    assert len(read) == len(set(read)) == 80
    assert set(read) == {row["id"] for row in written}
