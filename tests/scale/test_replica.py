"""Who is asked for a list? The replica, while it has what the reader wrote; a real one, whose replay the test stops."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.cast import Person, World
from tests.conftest import started
from tests.console.conftest import Visitor
from tests.operations.racing import eventually
from tests.scale.clusters import Pair, pair

from nambari.api.app import application, with_request_id
from nambari.console.app import CONSOLE
from nambari.db import positions
from nambari.db.migrate import migrate
from nambari.settings import Settings

SEARCH = "/v1/phone-numbers/available?country=GB"
LONG = 600.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("replica") / "servers", synchronous=False) as made:
        migrate(made.primary.dsn)
        yield made


@pytest.fixture
def here(servers: Pair, settings: Settings) -> Iterator[Pair]:
    """The pair with all that was written replayed, and nothing for sale of earlier tests."""
    servers.primary.tell("UPDATE inventory SET status = 'retired' WHERE status = 'available'")
    servers.standby.catch_up(servers.primary.position())
    yield servers
    servers.standby.go_on()


async def processes(servers: Pair, settings: Settings, lag_seconds: float) -> AsyncIterator[list[World]]:
    chosen = replace(
        settings,
        database_url=servers.primary.dsn,
        replica_url=servers.standby.dsn,
        replica_lag_seconds=lag_seconds,
    )
    async with AsyncExitStack() as stack:
        worlds = []
        stocked = servers.primary.tell("SELECT count(*)::int FROM inventory")
        for _ in range(2):
            app = application(chosen, servers.primary.dsn, doors=(CONSOLE,))
            await stack.enter_async_context(started(app))
            worlds.append(World(app.state.services, with_request_id(app), _next_number=stocked))
        yield worlds
        for world in worlds:
            await world.close()


@pytest.fixture
async def patient(here: Pair, settings: Settings) -> AsyncIterator[list[World]]:
    """Two processes that a replica may be far behind for, but for what the reader wrote."""
    async for worlds in processes(here, settings, LONG):
        yield worlds


@pytest.fixture
async def strict(here: Pair, settings: Settings) -> AsyncIterator[list[World]]:
    """Two processes that nobody shows what is older than half a second."""
    async for worlds in processes(here, settings, 0.5):
        yield worlds


async def asked(world: World, person: Person, path: str) -> dict[str, Any]:
    """The answer of this process."""
    async with world.client(person.api_key) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def for_sale(world: World, person: Person) -> set[str]:
    return {each["inventory_id"] for each in (await asked(world, person, SEARCH))["phone_numbers"]}


async def told(ask: Callable[[], Awaitable[Any]], wanted: object) -> None:
    """Until this is the answer, which only the replica gives: what is too slow there, the primary is asked for."""

    async def is_told() -> bool:
        return bool(await ask() == wanted)

    await eventually(is_told, 60)


async def test_who_wrote_sees_it_in_every_process_and_others_a_moment_later(here: Pair, patient: list[World]) -> None:
    """That Bella still sees the number shows that she was answered by the replica, which stands still."""
    one, two = patient
    alice, bella = await one.person(), await one.person()
    [item, other] = await one.stock(2)
    here.standby.catch_up(here.primary.position())
    assert await for_sale(two, bella) == {item, other}, "from now on this process knows how far the log went"
    here.standby.pause()

    bought = await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})
    assert bought.status_code == 201
    number = bought.json()["id"]
    for world in (one, two):
        assert await for_sale(world, alice) == {other}
        assert [each["id"] for each in (await asked(world, alice, "/v1/phone-numbers"))["phone_numbers"]] == [number]
        assert len((await asked(world, alice, "/v1/credits/transactions"))["transactions"]) == 3
        assert (await asked(world, alice, f"/v1/phone-numbers/{number}/history"))["total"] == 1
    await told(lambda: for_sale(two, bella), {item, other})

    here.standby.go_on()

    async def seen() -> bool:
        return await for_sale(two, bella) == {other}

    await eventually(seen, 30)


async def test_what_is_written_at_the_console_counts_too(here: Pair, patient: list[World]) -> None:
    one, two = patient
    alice = await one.person()
    visitor = Visitor(one.client())
    assert (await visitor.sign_in(alice.api_key)).status_code == 303
    here.standby.catch_up(here.primary.position())
    await asked(two, alice, "/v1/endpoints")
    here.standby.pause()
    await visitor.post("/console/endpoints/new/custom", name="Agent", url="sip:a@agent.example.com", active="1")
    assert [each["name"] for each in (await asked(two, alice, "/v1/endpoints"))["endpoints"]] == ["Agent"]


async def test_money_is_never_read_there(here: Pair, patient: list[World]) -> None:
    one, two = patient
    alice = await one.person(cents=1000)
    here.standby.catch_up(here.primary.position())
    assert (await asked(two, alice, "/v1/credits/transactions"))["total"] == 1
    here.standby.pause()
    await one.fund(alice.organization_id, 500)  # by the operator, and so nothing that Alice wrote
    assert (await asked(two, alice, "/v1/credits"))["balance_cents"] == 1500

    async def statement() -> int:
        return int((await asked(two, alice, "/v1/credits/transactions"))["total"])

    await told(statement, 1)


async def test_a_revoked_key_is_refused_while_the_replica_stands_still(here: Pair, patient: list[World]) -> None:
    one, two = patient
    alice = await one.person()
    here.standby.catch_up(here.primary.position())
    await asked(two, alice, "/v1/phone-numbers")
    here.standby.pause()
    assert (await alice.client.delete(f"/v1/api-keys/{alice.key_id}")).status_code == 200

    async def refused() -> bool:
        async with two.client(alice.api_key) as client:
            return (await client.get("/v1/phone-numbers")).status_code == 401

    await eventually(refused, 30)


async def test_what_is_too_old_is_not_shown_to_anybody(here: Pair, strict: list[World]) -> None:
    one, two = strict
    alice, bella = await one.person(), await one.person()
    [item, other] = await one.stock(2)
    here.standby.catch_up(here.primary.position())
    assert await for_sale(two, bella) == {item, other}
    here.standby.pause()
    assert (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).status_code == 201

    async def seen() -> bool:
        return await for_sale(two, bella) == {other}

    await eventually(seen, 30)


async def test_a_cursor_that_the_replica_does_not_know_is_one(here: Pair, patient: list[World]) -> None:
    one, two = patient
    alice = await one.person(cents=1000)
    here.standby.catch_up(here.primary.position())
    await asked(two, alice, "/v1/credits/transactions")
    here.standby.pause()
    await one.fund(alice.organization_id, 500)
    newest = await one.value("SELECT id FROM postings ORDER BY sequence DESC LIMIT 1")
    page = await asked(two, alice, f"/v1/credits/transactions?starting_after={newest}")
    assert [line["amount_cents"] for line in page["transactions"]] == [1000]


async def test_without_a_replica_that_answers_the_primary_does(here: Pair, strict: list[World]) -> None:
    """One that hangs, and one that is killed. It is asked again once it is back."""
    one, two = strict
    alice, [item] = await one.person(), await one.stock()
    await asyncio.to_thread(here.standby.catch_up, here.primary.position())
    assert await for_sale(two, alice) == {item}
    here.standby.send(signal.SIGSTOP)
    assert await for_sale(two, alice) == {item}
    here.standby.send(signal.SIGCONT)
    await asyncio.to_thread(here.standby.kill)
    assert (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).status_code == 201
    assert await for_sale(two, alice) == set()
    assert await for_sale(one, alice) == set()
    await asyncio.to_thread(here.standby.start)

    async def asked_again() -> bool:
        await for_sale(two, alice)
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nambari'"
        return bool(await asyncio.to_thread(here.standby.tell, sessions))

    await eventually(asked_again, 60)
    assert await for_sale(two, alice) == set()


async def test_one_that_became_a_primary_is_no_replica(strict: list[World]) -> None:
    """What is written there is not ours: after a failover it is named in another setting."""
    async with strict[0].services.database.reading() as connection:
        assert await positions.replayed(connection) is None
