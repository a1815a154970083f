"""Does the service do what its OpenAPI document says? Asked by schemathesis, with every check, of a real server."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.api.asking import bought
from tests.api.serving import serving
from tests.cast import World, assert_invariants

from nambari.api.described import EXAMPLES
from nambari.domain.access import Environment
from nambari.domain.porting import PAPERS
from nambari.settings import Settings

HERE = Path(__file__).parent
MINUTES = float(os.environ.get("FUZZ_MINUTES", "3"))
"""How long a customer's key asks in sequences that answers lead to; all else a sixth of it. `make fuzz` takes more."""
SEED = os.environ.get("SEED", "20260923")
SECONDS = round(MINUTES * 60)
SECONDS_ONE_BY_ONE = max(45, SECONDS // 6)
SECONDS_WITH_AN_OPERATORS_KEY = max(20, SECONDS // 6)
SECONDS_WITH_A_TEST_KEY = max(20, SECONDS // 6)
OVER = 300
"""Seconds that a run may take over its time, which may be three times what it says: the machine may be busy."""


async def for_sale_by_the_examples_id(world: World) -> None:
    async with world.services.database.writing() as connection:
        for shape, number in (("NumberOrder", "+442079460123"), ("HoldOrder", "+442079460124")):
            await connection.execute(
                "UPDATE inventory SET id = $1 WHERE number = $2", EXAMPLES[shape]["inventory_id"], number
            )


async def papers_of_the_examples(world: World, organization_id: str) -> None:
    """So that the porting order of the examples can be submitted."""
    async with world.services.database.writing() as connection:
        await connection.execute("INSERT INTO rates VALUES ('GB', 'local', 100, 250)")
        for field, type_ in PAPERS.items():
            await connection.execute(
                "INSERT INTO documents (id, organization_id, environment, type, country, media_type, size_bytes,"
                " sha256, content, status, created_at) VALUES ($1, $2, 'live', $3, 'GB', 'image/png', 1, '', 'x',"
                " 'pending', now())",
                EXAMPLES["NewPortingOrder"][field],
                organization_id,
                type_,
            )


async def ask_all_it_says(port: int, api_key: str, folder: Path, seconds: int, *options: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"http://127.0.0.1:{port}/openapi.json", "--header", f"x-api-key: {api_key}"),
        *("--seed", SEED, "--max-time", str(seconds), "--no-color", *options),
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode()[-20_000:]


async def ask_until(
    reached: Callable[[], Awaitable[bool]], port: int, api_key: str, folder: Path, seconds: int, *options: str
) -> None:
    """Once more, and for twice as long, on a machine so slow that it did not get to the core."""
    await ask_all_it_says(port, api_key, folder, seconds, *options)
    if not await reached():
        await ask_all_it_says(port, api_key, folder, 2 * seconds, *options)
    assert await reached(), "it never got to the core"


REACHED = ("phone_numbers", "endpoints", "kept_answers", "holds", "porting_orders", "webhooks", "documents")


async def note_what_is_reached(world: World) -> None:
    """Which tables a row was committed to, ever: it may be gone again at the end, as schemathesis deletes what it made.

    PostgreSQL's own count of rows inserted has those of transactions that were undone as well.
    """
    async with world.services.database.writing() as connection:
        await connection.execute("CREATE TABLE reached (name text NOT NULL)")
        await connection.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO reached VALUES (TG_TABLE_NAME); RETURN NULL; END $$"
        )
        for table in REACHED:
            await connection.execute(
                f"CREATE TRIGGER note AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION note()"
            )


ONE_BY_ONE = "examples,coverage,fuzzing"


@pytest.mark.timeout(3 * SECONDS + OVER)
@pytest.mark.parametrize(
    ("phases", "seconds"), [(ONE_BY_ONE, SECONDS_ONE_BY_ONE), ("stateful", SECONDS)], ids=["one by one", "in sequences"]
)
async def test_schemathesis_finds_nothing(
    world: World, settings: Settings, dsn: str, tmp_path: Path, phases: str, seconds: int
) -> None:
    alice = await world.person(cents=10**10)
    await world.stock(1000)
    await for_sale_by_the_examples_id(world)
    await papers_of_the_examples(world, alice.organization_id)
    await note_what_is_reached(world)

    async def reached() -> bool:
        return {row["name"] for row in await world.fetch("SELECT DISTINCT name FROM reached")} == {*REACHED}

    async with serving(settings, dsn) as port:
        # A key that is listed can be revoked, and that is the one that asks.
        options = ("--exclude-operation-id", "revokeApiKey", "--phases", phases)
        await ask_until(reached, port, alice.api_key, tmp_path, seconds, *options)
    await assert_invariants(world)


@pytest.mark.timeout(3 * SECONDS_WITH_A_TEST_KEY + OVER)
async def test_nor_with_a_test_key(world: World, settings: Settings, dsn: str, tmp_path: Path) -> None:
    """What a live key finds nothing of, among purchases for which the moved clock has something to do."""
    tester = await world.person(await world.organization(), environment=Environment.TEST)
    await world.stock(1000, environment="test")
    await for_sale_by_the_examples_id(world)

    async def reached() -> bool:
        ahead = await world.value("SELECT max(ahead) FROM test_clocks") or timedelta()
        bought = await world.value("SELECT count(*) FROM phone_numbers WHERE environment = 'test'")
        return ahead > timedelta(days=1) and bought > 0

    async with serving(settings, dsn) as port:
        only = ("--include-path-regex", "^/v1/(test/|holds|phone-numbers)")
        await ask_until(reached, port, tester.api_key, tmp_path, SECONDS_WITH_A_TEST_KEY, *only)
    await assert_invariants(world)


@pytest.mark.timeout(3 * SECONDS_WITH_AN_OPERATORS_KEY + OVER)
async def test_nor_with_an_operators_key(world: World, settings: Settings, dsn: str, tmp_path: Path) -> None:
    """The number of the examples is held, so that some calls are somebody's."""
    alice = await world.person()
    await world.stock(1000)
    await for_sale_by_the_examples_id(world)
    await bought(alice.client, EXAMPLES["NumberOrder"]["inventory_id"])
    _, secret = await world.key(None)
    only = ("--include-path-regex", "^/v1/routing/", "--phases", ONE_BY_ONE)

    async def reached() -> bool:
        return bool(await world.value("SELECT count(*) FROM events WHERE event LIKE 'call.%'"))

    async with serving(settings, dsn) as port:
        await ask_until(reached, port, secret, tmp_path, SECONDS_WITH_AN_OPERATORS_KEY, *only)
