"""Are events found by an index, however many there are and whosoever's, by whatever plan?"""

import re
from collections.abc import AsyncIterator
from typing import Any

from tests.cast import World

from nambari.db import events
from nambari.db.events import Filter
from nambari.domain.access import Environment
from nambari.domain.events import MEANT

MANY = 60_000


class Explaining:
    """A connection that writes down the plan of all it is asked: for the values given, and for any."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plans: list[str] = []

    async def _explain(self, statement: str, values: tuple[Any, ...]) -> None:
        for mode in ("force_custom_plan", "force_generic_plan"):
            async with self._connection.transaction():
                await self._connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
                rows = await self._connection.fetch(f"EXPLAIN {statement}", *values)
                self.plans.append("\n".join(row[0] for row in rows))

    async def fetch(self, statement: str, *values: Any) -> Any:
        await self._explain(statement, values)
        return await self._connection.fetch(statement, *values)

    async def fetchval(self, statement: str, *values: Any) -> Any:
        await self._explain(statement, values)
        return await self._connection.fetchval(statement, *values)

    async def cursor(self, statement: str, *values: Any, prefetch: int) -> AsyncIterator[Any]:
        await self._explain(statement, values)
        async for row in self._connection.cursor(statement, *values, prefetch=prefetch):
            yield row


async def fill(world: World) -> str:
    """Many events of a few organizations; of the last one's, those of keys are as rare as they mostly are."""
    organizations = [await world.organization() for _ in range(4)]
    async with world.services.database.writing() as connection:
        await connection.execute(
            """
            INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id,
                                created_at)
            SELECT 'evt_' || n, ($1::text[])[1 + n % 4], 'live',
                   CASE WHEN n % 10000 = 3 THEN 'api_key.revoked' ELSE 'phone_number.updated' END,
                   'pn_' || n % 2000, '{}', '[]', 'req_1', now()
            FROM generate_series(1, $2::int) AS n
            """,
            organizations,
            MANY,
        )
    async with world.services.database.reading() as connection:
        await connection.execute("VACUUM ANALYZE events")
    return organizations[3]


CASES: dict[str, tuple[Filter, str, int]] = {
    "all": (Filter(), "events_of_organization", MANY // 4 + 1),
    "of a rare name": (Filter(names=MEANT["api_key.revoked"]), "events_by_name", 6),
    "of a rare group": (Filter(names=MEANT["api_key.*"]), "events_by_name", 6),
    "of a common name": (Filter(names=MEANT["phone_number.updated"]), "events_by_name", MANY // 4 - 6),
    "of one object": (Filter(subject_id="pn_3"), "events_of_subject", 30),
    "of one object and name": (Filter(subject_id="pn_3", names=MEANT["phone_number.*"]), "events_of_subject", 24),
}


async def test_no_page_is_found_by_looking_at_all(world: World) -> None:
    organization_id = await fill(world)
    async with world.services.database.reading() as connection:
        for name, (wanted, index, total) in CASES.items():
            for offset, starting_after in ((0, None), (3, None), (0, "newest")):
                explaining = Explaining(connection)
                if starting_after:
                    found = await page(connection, organization_id, wanted, 0, None)
                    starting_after = found.items[0]["id"]  # noqa: PLW2901
                found = await page(explaining, organization_id, wanted, offset, starting_after)
                assert found.total == total, name
                for plan in explaining.plans:
                    assert not re.search("Seq Scan on events|events_pkey", plan), f"{name}\n{plan}"
                lists = [plan for plan in explaining.plans if "Limit" in plan]
                assert len(lists) == 2
                for plan in lists:
                    assert f"Scan Backward using {index}" in plan, f"{name}\n{plan}"


async def page(connection: Any, organization_id: str, wanted: Filter, offset: int, starting_after: str | None) -> Any:
    return await events.page(
        connection, organization_id, Environment.LIVE, wanted, limit=5, offset=offset, starting_after=starting_after
    )


async def test_little_of_the_whole_trail_is_found_without_all_of_it(world: World) -> None:
    organization_id = await fill(world)
    async with world.services.database.writing() as connection:
        for owner, names, count in ((organization_id, MEANT["api_key.*"], 6), (None, None, 0)):
            explaining = Explaining(connection)
            found = [row["id"] async for row in events.whole_trail(explaining, owner, Environment.LIVE, names)]
            assert len(found) == len(set(found)) == count
            for plan in explaining.plans:
                assert "Seq Scan on events" not in plan, plan
