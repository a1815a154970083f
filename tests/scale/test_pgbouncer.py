"""Does it run through a real PgBouncer in transaction mode? With fewer sessions than connections, so that all share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.cast import World, assert_invariants
from tests.conftest import moving_world, started
from tests.moving import MovingWorld
from tests.operations.racing import Processes, at_once, codes, watched
from tests.scale.bouncer import pgbouncer

from nambari.api.app import application, with_request_id
from nambari.db.engine import DatabaseUnavailable
from nambari.domain.access import Environment
from nambari.operations import stock
from nambari.settings import Settings
from nambari.wiring import open_services

SESSIONS = 3
PRICE = 350


@pytest.fixture
def pooled(dsn: str, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Of a service whose requests go through PgBouncer."""
    place = urlsplit(dsn)
    [host] = parse_qs(place.query)["host"]
    with pgbouncer(tmp_path / "pgbouncer", host, 5432, place.path[1:], SESSIONS) as url:
        yield replace(settings, database_url=dsn, pooler_url=url)


@pytest.fixture
async def through(pooled: Settings, dsn: str) -> AsyncIterator[Processes]:
    """Three processes with ten connections each to PgBouncer, which has three to PostgreSQL."""
    async with AsyncExitStack() as stack:
        worlds = []
        for _ in range(4):
            app = application(pooled, dsn)
            await stack.enter_async_context(started(app))
            worlds.append(World(app.state.services, with_request_id(app)))
        made = Processes(worlds[0], worlds[1:])
        yield made
        await made.close()


@pytest.fixture
async def moving_through(pooled: Settings, dsn: str) -> AsyncIterator[MovingWorld]:
    async with moving_world(dsn, pooled) as world:
        yield world


async def test_purchases_race_through_it(through: Processes) -> None:
    """Each number once, no cent lost, and every answer what it would be without it."""
    world = through.world
    people = [await world.person(cents=20 * PRICE) for _ in range(4)]
    items = await world.stock(20)
    async with watched(world) as looks:
        answers = await at_once(
            through.buy(people[place % 4], place, items[place % 20], f"key {place}") for place in range(80)
        )
        again = await at_once(
            through.buy(people[place % 4], place + 1, items[place % 20], f"key {place}") for place in range(80)
        )
    assert codes(answers) == {"201": 20, "NUMBER_NOT_AVAILABLE": 60}
    assert [each.status_code for each in again] == [each.status_code for each in answers]
    assert len(looks) > 1
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nambari' AND datname = current_database()"
    assert await world.value(ours) <= SESSIONS
    await assert_invariants(world)


async def test_reads_of_every_kind_share_its_sessions(through: Processes) -> None:
    """Other statements at once on the same sessions, with types that the driver has to look up first."""
    alice = await through.world.person()
    items = await through.world.stock(60)
    bought = [(await through.buy(alice, place, items[place])).json() for place in range(6)]
    paths = [
        *("/v1/phone-numbers", "/v1/phone-numbers/available?country=GB", "/v1/credits", "/v1/credits/transactions"),
        *("/v1/phone-numbers/available?country=GB&contains=*46*&max_monthly_cost_cents=300", "/v1/audit", "/v1/kyc"),
        *(f"/v1/phone-numbers/{each['id']}/history" for each in bought),
    ]
    answers = await at_once(through.client(alice, place).get(path) for place in range(9) for path in paths)
    assert codes(answers) == {"200": 9 * len(paths)}
    for place in range(len(paths)):
        assert len({answer.text for answer in answers[place :: len(paths)]}) == 1, paths[place]


async def test_months_renew_through_it_and_in_two_workers_at_once(moving_through: MovingWorld) -> None:
    world = moving_through
    alice, items = await world.person(cents=10 * 350 + 10 * 250), await world.stock(10)
    for item in items:
        assert (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).status_code == 201
    world.clock.now += timedelta(days=29)
    await asyncio.gather(world.sleep_days(0), world.sleep_days(0), world.sleep_days(0))
    assert await world.value("SELECT count(*) FROM postings WHERE type = 'monthly_fee'") == 20
    await world.pass_days(40, every=8)
    assert await world.value("SELECT count(*) FROM phone_numbers WHERE status = 'suspended'") == 10
    await assert_invariants(world)


async def test_what_needs_a_session_goes_past_it(through: Processes, tmp_path: Path) -> None:
    """An import stages its lines in a temporary table, over many statements."""
    file = tmp_path / "numbers.csv"
    file.write_text("number,monthly_cost_cents\n" + "".join(f"+4420794600{place:02d},250\n" for place in range(30)))
    services = through.world.services
    done = await stock.import_file(
        services, file, country=None, environment=Environment.LIVE, now=services.clock(), progress=lambda *_: None
    )
    assert done.added == 30


async def test_named_as_the_server_itself_it_is_refused_at_once(pooled: Settings) -> None:
    """And not when the first statement is missing that another session has prepared."""
    careless = replace(pooled, database_url=pooled.pooler_url, pooler_url="")
    with pytest.raises(DatabaseUnavailable, match="jit"):
        async with open_services(careless, careless.database_url):
            pass
