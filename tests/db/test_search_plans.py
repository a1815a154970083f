"""Does every search and every list walk an index, however large the pool? The plans of the very statements, as run."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.conftest import Databases

from nambari.db import inventory, phone_numbers
from nambari.db.inventory import COUNTED_AT_MOST
from nambari.db.phone_numbers import Filter
from nambari.domain.access import Environment
from nambari.domain.offer import Search
from nambari.settings import Settings
from nambari.wiring import open_services

POOL = 200_000
HELD = 20_000
MINE = 400
LIMIT = 50

# Numbers with two digits too many, so that they are nobody's. Of five in a hundred the price is not known.
FILL = f"""
INSERT INTO organizations SELECT 'org_' || n, 'Org', 'pro', now() FROM generate_series(1, {HELD // MINE}) AS n;
INSERT INTO rates VALUES ('GB', 'local', 100, 250), ('GB', 'mobile', 0, 400), ('NG', 'local', 0, 300),
                         ('NG', 'mobile', 0, 115), ('US', 'local', 0, 100);
INSERT INTO inventory (id, environment, number, country, type, area_code, locality, capabilities, setup_cost_cents,
                       monthly_cost_cents, carrier, status, available_since, created_at)
SELECT 'inv_' || n,
       CASE WHEN n % 20 = 19 THEN 'test' ELSE 'live' END::environment,
       CASE country WHEN 'GB' THEN '+44207946' WHEN 'NG' THEN '+234803555' ELSE '+1212555' END || 100000 + n,
       country, type,
       CASE WHEN type = 'toll_free' THEN '800' WHEN area < 20 THEN '20' ELSE (100 + area)::text END,
       CASE WHEN type <> 'local' THEN NULL WHEN area < 20 THEN 'London' ELSE 'Town ' || area END,
       '{{voice}}',
       CASE WHEN country = 'US' OR n % 2 = 1 THEN 100 WHEN type = 'toll_free' THEN 0 END,
       CASE WHEN country = 'US' THEN 500 + n % 100 WHEN n % 2 = 1 THEN 100 + n % 1000 END,
       'pool',
       CASE WHEN n <= {HELD} THEN 'in_service' WHEN n % 25 = 0 THEN 'retired' ELSE 'available' END,
       now(), now()
FROM (SELECT n, (hashint4(n) & 1023) % 100 AS area,
             CASE WHEN n % 8 < 4 THEN 'GB' WHEN n % 8 < 6 THEN 'NG' ELSE 'US' END AS country,
             CASE (hashint4(n + 7) & 1023) % 10 WHEN 0 THEN 'toll_free' WHEN 1 THEN 'mobile' ELSE 'local' END AS type
      FROM generate_series(1, {POOL}) AS n) AS drawn;
INSERT INTO endpoints (id, organization_id, environment, name, type, url, status, provider_config,
                       created_at, updated_at)
SELECT 'ep_' || id, id, 'live', 'Agent', 'agent', 'sip:agent@sip.example.com', 'active', '{{}}', now(), now()
FROM organizations;
INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, area_code, locality,
                           status, endpoint_id, allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents,
                           monthly_cost_cents, currency, renews_at, created_at, updated_at, released_at)
SELECT 'pn_' || n, 'org_' || 1 + n % {HELD // MINE}, environment, id, number, country, type, area_code, locality,
       CASE WHEN n % 3 = 0 THEN 'released' ELSE 'active' END,
       CASE WHEN n % 4 = 0 AND environment = 'live' THEN 'ep_org_' || 1 + n % {HELD // MINE} END, true, true,
       CASE WHEN n % 5 = 0 THEN ARRAY['desk'] ELSE '{{}}' END, false, 0, 100, 'USD', now(),
       now() - n * interval '1 minute', now(), CASE WHEN n % 3 = 0 THEN now() END
FROM (SELECT *, substr(id, 5)::int AS n FROM inventory WHERE status = 'in_service') AS i;
"""


ASKING = "org_1"
NOW = datetime.now(UTC)
SEARCHED = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'inventory_search%'"


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[str]:
    dsn = databases.make()
    with psycopg.connect(dsn, autocommit=True) as connection:
        indexes = connection.execute(SEARCHED).fetchall()  # made anew when the rows are there, which is faster
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute(FILL)
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM ANALYZE inventory, phone_numbers, rates")
    yield dsn
    databases.drop(dsn)


SETTLED = 6
"""At the sixth time PostgreSQL decides whether one plan for all values will do."""


class Explaining:
    """A connection that keeps the plans of each statement that is read by it, as it was with the values it was given.

    Of a statement that the driver prepares once and keeps, there are two: PostgreSQL plans for the values at first, and
    may later take one plan for all values.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plans: list[dict[str, Any]] = []

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        await self._explain(statement, values, kept=True)
        return list(await self._connection.fetch(statement, *values))

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        await self._explain(statement, values, kept=True)
        return await self._connection.fetchrow(statement, *values)

    async def fetchval(self, statement: str, *values: Any) -> Any:
        await self._explain(statement, values, kept=True)
        return await self._connection.fetchval(statement, *values)

    async def prepare(self, statement: str) -> "PreparedOnce":
        return PreparedOnce(self, statement)

    async def _explain(self, statement: str, values: tuple[Any, ...], *, kept: bool) -> None:
        prepared = await self._connection.prepare(statement)
        self.plans.append((await prepared.explain(*values, analyze=True))[0]["Plan"])
        if kept:
            await self._connection.execute(f"PREPARE kept AS {statement}")
            given = ", ".join(sql.Literal(str(v) if isinstance(v, str) else v).as_string(None) for v in values)
            execute = f"EXECUTE kept ({given})" if values else "EXECUTE kept"
            for _ in range(SETTLED):
                told = await self._connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {execute}")
            await self._connection.execute("DEALLOCATE kept")
            self.plans.append(json.loads(told)[0]["Plan"])


@dataclass
class PreparedOnce:
    explaining: Explaining
    statement: str

    async def fetch(self, *values: Any) -> list[Any]:
        await self.explaining._explain(self.statement, values, kept=False)
        return list(await self.explaining._connection.fetch(self.statement, *values))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


READING = {"inventory", "phone_numbers"}
DIGITS = "inventory_search_digits"
"""What is read of it are lists of places; the numbers there are read by the scan of the table, which has its bound."""


def scans(plan: dict[str, Any], most_rows: int, most_for_each_found: int = 0) -> list[str]:
    """What in this plan reads a table as a whole, or more rows of it or its indexes than either bound."""
    found = []
    for node in nodes(plan):
        index = node.get("Index Name", "")
        table = node.get("Relation Name", index.split("_search")[0])
        if table not in READING or index == DIGITS:
            continue
        removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        rows = round((node["Actual Rows"] + removed) * node["Actual Loops"])
        most = max(most_rows, most_for_each_found * node["Actual Rows"])
        if node["Node Type"].endswith("Seq Scan") or rows > most:
            found.append(f"{node['Node Type']} of {index or table}: {rows:,} rows, {removed:,.0f} of them for nothing")
    return found


@asynccontextmanager
async def explaining(dsn: str, settings: Settings) -> AsyncIterator[Explaining]:
    async with open_services(settings, dsn) as services, services.database.reading() as connection:
        yield Explaining(connection)


# ── What is for sale ─────────────────────────────────────────────────────────────────────────────────────────────

MOST_SEARCHED = 3 * COUNTED_AT_MOST
"""To count ten thousand, some more are passed over; the smallest country has more than this, the largest area less."""

SEARCHES: list[dict[str, Any]] = [
    {},
    {"type": "local"},
    {"type": "mobile"},
    {"type": "toll_free"},
    {"area_code": "20"},
    {"area_code": "150"},
    {"area_code": "999"},
    {"locality": "London"},
    {"locality": "Town 50"},
    {"locality": "Atlantis"},
    {"contains": "1234"},
    {"contains": "123"},
    {"contains": "123*5"},
    {"contains": "7946"},  # all numbers of the country
    {"contains": "000000"},  # none
    {"max_monthly_cost_cents": 1},  # below every price
    {"max_monthly_cost_cents": 101},  # a few that have a price of their own
    {"max_monthly_cost_cents": 250},  # one type by the rate card
    {"max_monthly_cost_cents": 10_000},  # all
    {"type": "local", "area_code": "20"},
    {"type": "mobile", "area_code": "20"},
    {"type": "local", "locality": "London"},
    {"type": "mobile", "locality": "London"},  # none
    {"type": "mobile", "contains": "123"},
    {"type": "local", "max_monthly_cost_cents": 101},
    {"type": "mobile", "max_monthly_cost_cents": 250},
    {"area_code": "20", "locality": "London"},
    {"area_code": "150", "contains": "12*4"},
    {"area_code": "20", "max_monthly_cost_cents": 101},
    {"locality": "London", "contains": "123"},
    {"contains": "123", "max_monthly_cost_cents": 101},
    {"type": "local", "area_code": "20", "locality": "London", "contains": "123", "max_monthly_cost_cents": 250},
]


def named(wanted: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in wanted.items()) or "all"


@pytest.mark.parametrize("offset", [0, 5_000])
@pytest.mark.parametrize("wanted", SEARCHES, ids=named)
async def test_a_search_never_scans_the_pool(
    filled: str, settings: Settings, wanted: dict[str, Any], offset: int
) -> None:
    async with explaining(filled, settings) as connection:
        search = Search(country="GB", **wanted)
        await inventory.search(connection, ASKING, Environment.LIVE, search, NOW, limit=LIMIT, offset=offset)
    assert connection.plans
    assert [scans(plan, MOST_SEARCHED) for plan in connection.plans] == [[]] * len(connection.plans)


@pytest.mark.parametrize("country", ["NG", "US", "KE"])
@pytest.mark.parametrize("cents", [1, 100, 115, 150, 600])
async def test_a_price_leads_into_an_index_wherever_prices_come_from(
    filled: str, settings: Settings, country: str, cents: int
) -> None:
    """In the US each number has its own, above the rate card's; in Kenya there are none at all.

    Where one in twenty or more matches, they are sooner counted by walking the country's index than looked up one by
    one in the table; and the walk ends at ten thousand.
    """
    async with explaining(filled, settings) as connection:
        search = Search(country=country, max_monthly_cost_cents=cents)
        await inventory.search(connection, ASKING, Environment.LIVE, search, NOW, limit=LIMIT, offset=0)
    assert [scans(plan, MOST_SEARCHED, most_for_each_found=20) for plan in connection.plans] == [[]] * len(
        connection.plans
    )


# ── One's own numbers ────────────────────────────────────────────────────────────────────────────────────────────

MOST_LISTED = 2 * MINE

LISTS: list[dict[str, Any]] = [
    {},
    {"status": "active"},
    {"status": "released"},
    {"country": "GB"},
    {"type": "mobile"},
    {"endpoint_id": "ep_org_1"},
    {"number": "+44207946100500"},
    {"contains": "100"},
    {"tag": "desk"},
    {"status": "active", "country": "GB", "type": "local", "contains": "1", "tag": "desk"},
]


@pytest.mark.parametrize("place", [{"offset": 0}, {"offset": 100}, {"offset": 0, "starting_after": "pn_2000"}])
@pytest.mark.parametrize("wanted", LISTS, ids=named)
async def test_a_list_never_scans_the_numbers_of_others(
    filled: str, settings: Settings, wanted: dict[str, Any], place: dict[str, Any]
) -> None:
    given = {"starting_after": None, **place}
    async with explaining(filled, settings) as connection:
        await phone_numbers.page(connection, "org_1", Environment.LIVE, Filter(**wanted), limit=LIMIT, **given)
    assert connection.plans
    assert [scans(plan, MOST_LISTED) for plan in connection.plans] == [[]] * len(connection.plans)


@pytest.mark.parametrize("wanted", [{}, {"country": "GB"}], ids=named)
async def test_what_is_held_is_counted_in_the_index_that_is_small(
    filled: str, settings: Settings, wanted: dict[str, Any]
) -> None:
    async with explaining(filled, settings) as connection:
        await phone_numbers.page(
            connection, "org_1", Environment.LIVE, Filter(**wanted), limit=LIMIT, offset=0, starting_after=None
        )
    for plan in connection.plans:
        counted = [node for part in nodes(plan) if part["Node Type"] == "Aggregate" for node in nodes(part)]
        assert [node["Index Name"] for node in counted if "Index Name" in node] == ["phone_numbers_held"]


# ── Or this test would pass whatever happens ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        ("inventory_search", {}),
        ("inventory_search_type", {"type": "mobile"}),
        ("inventory_search_area", {"area_code": "150"}),
        ("inventory_search_locality", {"locality": "Town 50"}),
        ("inventory_search_digits", {"contains": "1234"}),
        ("inventory_search_own_price", {"max_monthly_cost_cents": 101}),
    ],
)
async def test_a_search_without_its_index_is_found(
    filled: str, settings: Settings, index: str, wanted: dict[str, Any]
) -> None:
    async with open_services(settings, filled) as services, services.database.reading() as connection:
        dropped = connection.transaction()
        await dropped.start()
        await connection.execute(f"DROP INDEX {index}")
        explained = Explaining(connection)
        search = Search(country="GB", **wanted)
        await inventory.search(explained, ASKING, Environment.LIVE, search, NOW, limit=LIMIT, offset=0)
        await dropped.rollback()
    assert any(scans(plan, MOST_SEARCHED) for plan in explained.plans)


async def test_a_list_without_its_index_is_found(filled: str, settings: Settings) -> None:
    async with open_services(settings, filled) as services, services.database.reading() as connection:
        dropped = connection.transaction()
        await dropped.start()
        await connection.execute("DROP INDEX phone_numbers_newest, phone_numbers_held")
        await connection.execute("ALTER TABLE phone_numbers DROP CONSTRAINT phone_numbers_of_tenant CASCADE")
        explained = Explaining(connection)
        await phone_numbers.page(
            explained, "org_1", Environment.LIVE, Filter(), limit=LIMIT, offset=0, starting_after=None
        )
        await dropped.rollback()
    assert [told.split(":")[0] for told in scans(explained.plans[0], MOST_LISTED)] == ["Seq Scan of phone_numbers"] * 2
