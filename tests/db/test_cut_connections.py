"""What if the database ends a connection that nobody is using? Whoever takes it next is told that, and no riddle."""

import asyncio

import psycopg
import pytest
from tests.cast import World

from nambari.db.engine import DatabaseUnavailable


@pytest.mark.parametrize("turns", range(6))
async def test_an_end_that_is_half_seen_is_the_database_away(world: World, dsn: str, turns: int) -> None:
    """The server's last words and the end itself come one after the other; between them it looks open."""
    pid = await world.value("SELECT pg_backend_pid()")
    with psycopg.connect(dsn, autocommit=True) as admin:
        assert admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)
    for _ in range(turns):
        await asyncio.sleep(0)  # the loop reads what has come, a bit at a time

    try:
        assert await world.value("SELECT 1") == 1
    except DatabaseUnavailable:
        assert await world.value("SELECT 1") == 1, "the next one has a new connection"
