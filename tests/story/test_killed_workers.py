"""Is each month charged exactly once, whoever is killed? 10,000 due renewals, several workers, kill -9 at random."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import psycopg
from tests.cast import World, assert_invariants
from tests.story.processes import Service, attach, database, environment, until

from nambari.db.migrate import migrate
from nambari.domain.renewal import months_after

NUMBERS = 10_000
ORGANIZATIONS = 20
WORKERS = 3
KILLS = 12
PRICE = 250
MONTHS = 3
PAID_EACH = 2
"""Three months are due, and the credits reach for two: of each number, as the oldest debts are paid first."""
PAYABLE = NUMBERS * PAID_EACH
SEED = 20260923

BOUGHT_LONG_AGO = """
    WITH stocked AS (
        INSERT INTO inventory (id, environment, number, country, type, capabilities, setup_cost_cents,
                               monthly_cost_cents, carrier, status, available_since, created_at)
        SELECT 'inv_' || n, 'live', '+999' || lpad(n::text, 7, '0'), 'GB', 'local', '{voice}', 0, $2, 'pool',
               'in_service', $3, $3
        FROM generate_series(1, $1) AS n RETURNING id, number
    ), bought AS (
        INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,
                                   allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents,
                                   monthly_cost_cents, currency, renews_at, created_at, updated_at, billing_anchor_at,
                                   paid_until)
        SELECT 'pn_' || substr(id, 5), ($4::text[])[1 + substr(id, 5)::int % cardinality($4::text[])], 'live', id,
               number, 'GB', 'local', 'active', true, true, '{}', false, 0, $2, 'USD', $5, $3, $3, $3, $5
        FROM stocked RETURNING id, organization_id
    ), announced AS (
        INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at)
        SELECT 'evt_' || id, organization_id, 'live', 'phone_number.purchased', id, '{}', '[]', 'req_test', $3
        FROM bought
    )
    SELECT count(*) FROM bought
"""
FIRST_MONTHS = """
    INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents,
                          balance_after_cents, phone_number_id, month_from, description, created_at)
    SELECT 'txn_' || id, organization_id, 'live', 'monthly_fee', 'available', 'revenue', monthly_cost_cents,
           $1 - monthly_cost_cents * row_number() OVER (PARTITION BY organization_id ORDER BY id), id, created_at,
           'First month', created_at
    FROM phone_numbers ORDER BY organization_id, id
"""
"""A month each, as the purchases would have taken them."""


async def sold(world: World, months_ago: int) -> None:
    """All the numbers, bought so many months ago, with credits for two of the three months that are due since.

    Their country code, 999, is assigned to nobody.
    """
    now = datetime.now(UTC)
    bought_at = months_after(now.replace(day=min(now.day, 28)), -months_ago)
    organizations = [await world.organization() for _ in range(ORGANIZATIONS)]
    cents = (1 + PAID_EACH) * PRICE * NUMBERS // ORGANIZATIONS
    for each in organizations:
        await world.fund(each, cents)
    async with world.services.database.writing() as connection:
        await connection.execute(
            BOUGHT_LONG_AGO, NUMBERS, PRICE, bought_at, organizations, months_after(bought_at, 1), timeout=60
        )
        await connection.execute(FIRST_MONTHS, cents)
        await connection.execute(
            "UPDATE balances AS b SET available_cents = available_cents - (SELECT coalesce(sum(amount_cents), 0)"
            " FROM postings AS p WHERE p.organization_id = b.organization_id AND p.type = 'monthly_fee')"
            " WHERE environment = 'live'"
        )


@contextmanager
def worker(service: Service) -> Iterator["subprocess.Popen[bytes]"]:
    with (service.home / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "nambari", "worker"],
            stdout=log,
            stderr=log,
            env=environment(service.home),
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def paid(dsn: str) -> int:
    """How many months were paid so far; as many as ever, while the database is away."""
    try:
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT count(*) FROM postings WHERE type = 'monthly_fee'").fetchone()
    except psycopg.OperationalError:
        return 0
    assert row is not None
    return int(row[0]) - NUMBERS


def storm(home: Service, dsn: str) -> int:
    """Workers until all is paid that can be; each is killed after a while, and another begins. How many were killed."""
    chance = random.Random(SEED)
    killed = 0
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(home)) for _ in range(WORKERS)]
        while (done := paid(dsn)) < PAYABLE:
            goal = done + chance.randrange(1, PAYABLE // KILLS)
            until(lambda goal=goal: paid(dsn) >= min(goal, PAYABLE), 120, "progress")  # type: ignore[misc]
            victim = workers.pop(0)
            victim.kill()
            victim.wait(60)
            killed += 1
            workers.append(stack.enter_context(worker(home)))
        until(lambda: nothing_due(dsn), 120, "the end")
    return killed


def nothing_due(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM phone_numbers WHERE due_at <= now()").fetchone()
    return row == (0,)


async def test_10000_due_renewals_are_charged_exactly_once(served: Service) -> None:
    served.home.mkdir(parents=True)
    server = attach(served.home)
    try:
        await asyncio.to_thread(migrate, server.dsn)
        async with database(served.home) as world:
            await sold(world, MONTHS)
            killed = await asyncio.to_thread(storm, served, server.dsn)
            assert killed >= WORKERS, "nobody died: that proves nothing"
            rows = await world.fetch("""
                SELECT phone_number_id, count(*) AS months, count(DISTINCT month_from) AS different FROM postings
                WHERE type = 'monthly_fee' GROUP BY phone_number_id""")
            assert {(row["months"], row["different"]) for row in rows} == {(1 + PAID_EACH, 1 + PAID_EACH)}
            assert len(rows) == NUMBERS
            assert await world.value("SELECT sum(available_cents) FROM balances WHERE environment = 'live'") == 0
            statuses = await world.fetch("SELECT status, count(*) FROM phone_numbers GROUP BY status")
            assert [tuple(row) for row in statuses] == [("suspended", NUMBERS)]
            await assert_one_event_each(world)
            await assert_invariants(world)
    finally:
        server.close()


async def assert_one_event_each(world: World) -> None:
    counts = await world.fetch("SELECT event, count(*) FROM events WHERE environment = 'live' GROUP BY event")
    told = {row["event"]: row["count"] for row in counts}
    assert told["phone_number.renewed"] == NUMBERS * PAID_EACH
    assert told["phone_number.suspended"] == NUMBERS
