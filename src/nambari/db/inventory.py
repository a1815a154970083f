"""SQL of stock: the numbers that are for sale, and their search."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from nambari.db.engine import Connection, fetch_planned_for
from nambari.db.paging import Page, total_told
from nambari.db.phone_numbers import like
from nambari.domain.access import Environment
from nambari.domain.lifecycle import StockStatus
from nambari.domain.offer import Search
from nambari.domain.pricing import Price
from nambari.domain.purchase import StockItem

COUNTED_AT_MOST = 10_000
"""Up to here a search tells exactly how many numbers match."""

Fetch: TypeAlias = Callable[..., Awaitable[list[Any]]]


async def search(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    wanted: Search,
    now: datetime,
    *,
    limit: int,
    offset: int,
) -> Page[StockItem]:
    """What this organization could buy now and matches, in the order of the numbers.

    What has no price is not for sale, nor is what another organization holds.
    """
    types_within = await _types_within(connection, environment, wanted)
    # A pattern and a price may fit few numbers or all: each has its plan. The other filters lead into an index,
    # whatever they ask.
    varies = wanted.contains or wanted.max_monthly_cost_cents is not None
    fetch = partial(fetch_planned_for, connection) if varies else connection.fetch
    asked = _Asked(organization_id, environment, wanted, types_within, now)
    runs, counted = _runs(wanted), None
    if runs:
        # What is found by its digits comes in no order: it is counted first, and where there is much of it, a page is
        # sooner walked to than sorted out.
        counted = await _counted(fetch, *asked.where(runs), ordered=False)
        runs = runs if counted <= COUNTED_AT_MOST else []
    where, values = asked.where(runs)
    # Walked in the index alone; only the numbers of the page are then looked up.
    rows = await fetch(
        f"""
        SELECT i.id, i.number, i.country, i.type, i.area_code, i.locality, i.capabilities, i.status, i.available_since,
               coalesce(i.setup_cost_cents, r.setup_cost_cents) AS setup_cost_cents,
               coalesce(i.monthly_cost_cents, r.monthly_cost_cents) AS monthly_cost_cents
        FROM (SELECT i.number FROM inventory AS i WHERE {where} ORDER BY i.number
              LIMIT {int(limit) + 1} OFFSET ${len(values) + 1}) AS page
        JOIN inventory AS i ON i.environment = $1 AND i.number = page.number
        LEFT JOIN rates AS r ON r.country = i.country AND r.type = i.type
        ORDER BY i.number
        """,
        *values,
        offset,
    )
    if counted is None:
        counted = total_told(len(rows), limit, offset)
    if counted is None:
        counted = await _counted(fetch, where, values, ordered=True)
    return Page(
        [stock_item(row) for row in rows[:limit]],
        min(counted, COUNTED_AT_MOST),
        has_more=len(rows) > limit,
        total_is_exact=counted <= COUNTED_AT_MOST,
    )


async def _counted(fetch: Fetch, where: str, values: list[Any], *, ordered: bool) -> int:
    """How many match, at most one more than is told exactly.

    Ordered, it walks the same index as the page: matches that are dense do not make it read the table.
    """
    order = "ORDER BY i.number" if ordered else ""
    (found,) = await fetch(
        f"""
        SELECT count(*) FROM (
            SELECT 1 FROM inventory AS i WHERE {where} {order} LIMIT {COUNTED_AT_MOST + 1}) AS counted
        """,
        *values,
    )
    return int(found[0])


async def countries(connection: Connection, environment: Environment) -> list[tuple[str, int | None]]:
    """Where there is anything available, and the least that a month costs there; from country to country in the index.

    None for a country whose stock has no price.
    """
    rows = await connection.fetch(
        """
        WITH RECURSIVE walked AS (
            SELECT min(country) AS country FROM inventory WHERE environment = $1 AND status = 'available'
            UNION ALL
            SELECT (SELECT min(i.country) FROM inventory AS i
                    WHERE i.environment = $1 AND i.status = 'available' AND i.country > walked.country)
            FROM walked WHERE walked.country IS NOT NULL
        )
        SELECT w.country, least(
            (SELECT min(i.monthly_cost_cents) FROM inventory AS i
             WHERE i.environment = $1 AND i.status = 'available' AND i.country = w.country),
            (SELECT min(r.monthly_cost_cents) FROM rates AS r WHERE r.country = w.country AND EXISTS (
                SELECT 1 FROM inventory AS i WHERE i.environment = $1 AND i.status = 'available'
                AND i.country = w.country AND i.type = r.type AND i.monthly_cost_cents IS NULL))
        ) AS monthly_cost_cents
        FROM walked AS w WHERE w.country IS NOT NULL ORDER BY w.country
        """,
        environment,
    )
    return [(row["country"], row["monthly_cost_cents"]) for row in rows]


# The rate card has few rows: asked once for each search, and not joined to each number.
_PRICED = """
    (i.setup_cost_cents IS NOT NULL AND i.monthly_cost_cents IS NOT NULL
     OR i.type = ANY (ARRAY(SELECT type FROM rates WHERE country = $2)))
"""
_WITHIN = """
    (i.monthly_cost_cents <= ${0} OR i.monthly_cost_cents IS NULL AND i.type = ANY (${1}::text[]))
    AND (cardinality(${1}::text[]) > 0
         OR EXISTS (SELECT 1 FROM inventory AS own WHERE own.status = 'available' AND own.environment = $1
                    AND own.country = $2 AND own.monthly_cost_cents <= ${0}))
"""
"""The second part holds or not for all numbers alike: below every price, none is looked at."""


async def _types_within(connection: Connection, environment: Environment, wanted: Search) -> list[str]:
    """The types of which there is stock that the rate card sells within the price asked for.

    Told as values to the statements that search, and not asked in them: so their planner knows when there are none.
    """
    if wanted.max_monthly_cost_cents is None:
        return []
    rows = await connection.fetch(
        """
        SELECT type FROM rates AS r WHERE r.country = $2 AND r.monthly_cost_cents <= $3
           AND EXISTS (SELECT 1 FROM inventory AS i WHERE i.status = 'available' AND i.environment = $1
                       AND i.country = $2 AND i.monthly_cost_cents IS NULL AND i.type = r.type)
        """,
        environment,
        wanted.country,
        wanted.max_monthly_cost_cents,
    )
    return [row["type"] for row in rows]


def _runs(wanted: Search) -> list[str]:
    """Every three digits in a row that the pattern names, each with the country before it, as the index has them."""
    found = re.findall(r"[0-9]{3,}", wanted.contains or "")
    return [f"{wanted.country}{run[at : at + 3]}" for run in found for at in range(len(run) - 2)]


# Put so that the planner takes it to be true of all: the runs tell it how many numbers match, and a pattern beside
# them, which says the same again, would make it expect next to none. Of a pattern without a run it takes a walk.
_MATCHES = "CASE WHEN i.number LIKE {0} THEN true END IS NOT NULL"


# Read once into a hash, and asked for each number that is walked: holds are few, and not in the indexes.
_NOT_HELD_BY_ANOTHER = """
    i.number NOT IN (SELECT number FROM holds WHERE environment = $1 AND expires_at > $3 AND organization_id <> $4)
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search, and all that decides what it shows."""

    organization_id: str
    environment: Environment
    wanted: Search
    types_within: list[str]
    now: datetime

    def where(self, runs: list[str]) -> tuple[str, list[Any]]:
        """The conditions and their values; of the pattern these runs, where there are any, are looked up."""
        wanted = self.wanted
        values: list[Any] = [self.environment, wanted.country, self.now, self.organization_id]
        conditions = ["i.status = 'available'", "i.environment = $1", "i.country = $2", _PRICED, _NOT_HELD_BY_ANOTHER]
        asked = {
            "i.type = {0}": wanted.type,
            "i.area_code = {0}": wanted.area_code,
            # Both by the database, whose locale may fold ASCII alone: what is spelt as it is stored is then found.
            "lower(i.locality) = lower({0}::text)": wanted.locality or None,
            "digit_runs(i.country, i.number) @> {0}": runs or None,
            _MATCHES: like(wanted.contains) if wanted.contains else None,
        }
        for condition, value in asked.items():
            if value is not None:
                values.append(value)
                conditions.append(condition.format(f"${len(values)}"))
        if wanted.max_monthly_cost_cents is not None:
            values += [wanted.max_monthly_cost_cents, self.types_within]
            conditions.append(_WITHIN.format(len(values) - 1, len(values)))
        return " AND ".join(conditions), values


def stock_item(row: Any) -> StockItem:
    """A row of inventory with its prices joined."""
    priced = row["setup_cost_cents"] is not None and row["monthly_cost_cents"] is not None
    return StockItem(
        id=row["id"],
        number=row["number"],
        country=row["country"],
        type=row["type"],
        area_code=row["area_code"],
        locality=row["locality"],
        capabilities=row["capabilities"],
        status=StockStatus(row["status"]),
        available_since=row["available_since"],
        price=Price(row["setup_cost_cents"], row["monthly_cost_cents"]) if priced else None,
    )


async def come_of_age_of_all(connection: Connection, now: datetime, limit: int) -> int:
    """Put on sale what has aged long enough; how many. In the test environment by its last holder's clock.

    There a number for sale is for all, by the world's clock: from now on, whatever that holder's clock says.
    """
    rows = await connection.fetch(
        """
        UPDATE inventory SET status = 'available',
               available_since = CASE environment WHEN 'test' THEN $1 ELSE available_since END
        WHERE id IN (
            SELECT i.id FROM inventory AS i
            LEFT JOIN test_clocks AS c ON i.environment = 'test' AND c.organization_id = i.released_by
            WHERE i.status = 'aging' AND i.environment = ANY ('{live,test}')
              AND i.available_since <= $1::timestamptz + (SELECT coalesce(max(ahead), '0') FROM test_clocks)
              AND i.available_since <= $1::timestamptz + coalesce(c.ahead, '0')
            LIMIT $2 FOR UPDATE OF i SKIP LOCKED)
        RETURNING 1
        """,
        now,
        limit,
    )
    return len(rows)


async def come_of_age(connection: Connection, released_by: str, now: datetime, world_now: datetime) -> int:
    """Put on sale the test numbers that this organization gave back and that have aged by its clock; how many."""
    rows = await connection.fetch(
        """
        UPDATE inventory SET status = 'available', available_since = $3
        WHERE environment = 'test' AND status = 'aging' AND released_by = $1 AND available_since <= $2 RETURNING 1
        """,
        released_by,
        now,
        world_now,
    )
    return len(rows)


async def any_for_sale(
    connection: Connection, organization_id: str, environment: Environment, now: datetime
) -> str | None:
    """The inventory id of some number that has a price; another one each time, if there are several."""
    found: str | None = await connection.fetchval(
        """
        SELECT id FROM (
            SELECT i.id FROM inventory AS i LEFT JOIN rates AS r USING (country, type)
            WHERE i.environment = $2 AND i.status = 'available'
              AND coalesce(i.setup_cost_cents, r.setup_cost_cents) IS NOT NULL
              AND coalesce(i.monthly_cost_cents, r.monthly_cost_cents) IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM holds WHERE inventory_id = i.id AND organization_id <> $1
                              AND expires_at > $3)
            LIMIT 200) AS found
        ORDER BY random() LIMIT 1
        """,
        organization_id,
        environment,
        now,
    )
    return found


async def lock_aging(connection: Connection, released_by: str) -> None:
    """The test numbers that this organization gave back and that age: until the transaction ends none is restored."""
    await connection.execute(
        """
        SELECT 1 FROM inventory WHERE environment = 'test' AND status = 'aging' AND released_by = $1
        ORDER BY id FOR UPDATE
        """,
        released_by,
    )


async def next_of_age_at(connection: Connection, released_by: str) -> datetime | None:
    """When the first test number that this organization gave back has aged long enough, by its clock."""
    found: datetime | None = await connection.fetchval(
        "SELECT min(available_since) FROM inventory WHERE environment = 'test' AND status = 'aging'"
        " AND released_by = $1",
        released_by,
    )
    return found
