"""SQL of stocking: a file's lines into a staging table, and from there what is new into the inventory.

All on one connection and in one transaction: an import happens whole or not at all.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.domain.access import Environment

STAGED = (
    *("line", "given", "reason", "id", "number", "country", "type", "area_code", "locality"),
    *("setup_cost_cents", "monthly_cost_cents", "capabilities", "carrier"),
)


async def prepare(connection: Connection) -> None:
    """The staging table, gone with the transaction. A line with a reason is a rejected one."""
    await connection.execute(
        """
        CREATE TEMPORARY TABLE staged (
            line bigint, given text, reason text, id text, number text, country text, type text, area_code text,
            locality text, setup_cost_cents bigint, monthly_cost_cents bigint, capabilities text[], carrier text
        ) ON COMMIT DROP
        """
    )


async def stage(connection: Connection, lines: Sequence[tuple[Any, ...]]) -> None:
    await connection.copy_records_to_table("staged", records=lines, columns=STAGED)


async def sort_out(connection: Connection, environment: Environment) -> None:
    """Give a reason to whatever stands in the file twice or cannot be stocked for what the inventory says of it.

    From here to the end of the transaction it is the only import: two that go on side by side, with the same numbers
    in another order, would each wait for a number that the other has just written. Buyers are not kept waiting.
    """
    await connection.execute("SELECT pg_advisory_xact_lock('inventory'::regclass::oid::int, 0)")
    await connection.execute("ANALYZE staged")
    await connection.execute(
        """
        UPDATE staged SET reason = 'stands in the file before, on line ' || twice.first
        FROM (SELECT line, first_value(line) OVER same AS first FROM staged WHERE reason IS NULL
              WINDOW same AS (PARTITION BY number ORDER BY line)) AS twice
        WHERE twice.line = staged.line AND twice.first <> staged.line
        """
    )
    await connection.execute(
        """
        UPDATE staged SET reason = CASE i.status
            WHEN 'in_service' THEN 'is owned by a customer'
            WHEN 'aging' THEN 'was given back by a customer and is aging'
            WHEN 'leaving' THEN 'is on its way back to its carrier'
            WHEN 'elsewhere' THEN 'is with another carrier; a porting order brings it here'
            ELSE 'is retired; bring it back with `nambari inventory restock`' END
        FROM inventory AS i
        WHERE staged.reason IS NULL AND i.environment = $1 AND i.number = staged.number
          AND i.status NOT IN ('available', 'gone')
        """,
        environment,
    )


async def reprice(connection: Connection, environment: Environment, terms: Sequence[str]) -> int:
    """Bring what is for sale already to these terms of the file, columns of both tables; how many had others."""
    if not terms:
        return 0
    before, after = (", ".join(f"{table}.{term}" for term in terms) for table in "is")
    tag: str = await connection.execute(
        f"""
        UPDATE inventory AS i SET {", ".join(f"{term} = s.{term}" for term in terms)}
        FROM staged AS s
        WHERE s.reason IS NULL AND i.environment = $1 AND i.number = s.number AND i.status = 'available'
          AND ROW({before}) IS DISTINCT FROM ROW({after})
        """,
        environment,
    )
    return int(tag.rsplit(maxsplit=1)[-1])


async def add(connection: Connection, environment: Environment, first_line: int, last_line: int, now: datetime) -> int:
    """Stock what is new among these lines of the file; how many were."""
    tag: str = await connection.execute(
        """
        INSERT INTO inventory (id, environment, number, country, type, area_code, locality, capabilities,
                               setup_cost_cents, monthly_cost_cents, carrier, status, available_since, created_at)
        SELECT id, $1, number, country, type, area_code, locality, capabilities,
               setup_cost_cents, monthly_cost_cents, carrier, 'available', $4, $4
        FROM staged WHERE reason IS NULL AND line BETWEEN $2 AND $3 ORDER BY number
        ON CONFLICT (environment, number) DO NOTHING
        """,
        environment,
        first_line,
        last_line,
        now,
    )
    return int(tag.rsplit(maxsplit=1)[-1])


async def bring_back(connection: Connection, environment: Environment, now: datetime) -> int:
    """Stock again what was a carrier's, went back there, and stands in the file; how many were."""
    tag: str = await connection.execute(
        """
        UPDATE inventory AS i
        SET capabilities = s.capabilities, setup_cost_cents = s.setup_cost_cents, carrier = s.carrier,
            monthly_cost_cents = s.monthly_cost_cents, status = 'available',
            available_since = greatest(i.available_since, $2)
        FROM staged AS s
        WHERE s.reason IS NULL AND i.environment = $1 AND i.number = s.number AND i.status = 'gone'
        """,
        environment,
        now,
    )
    return int(tag.rsplit(maxsplit=1)[-1])


async def counts(connection: Connection) -> tuple[int, int]:
    """How many lines are usable, and how many are rejected."""
    row = await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE reason IS NULL) AS usable, count(reason) AS rejected FROM staged"
    )
    return row["usable"], row["rejected"]


async def last_line(connection: Connection) -> int:
    """The number of the last line that was staged; 0 if none was."""
    line: int = await connection.fetchval("SELECT coalesce(max(line), 0) FROM staged")
    return line


async def rejected(connection: Connection) -> AsyncIterator[tuple[int, str, str]]:
    """Line, what it gave as number, reason; in the order of the file."""
    statement = "SELECT line, given, reason FROM staged WHERE reason IS NOT NULL ORDER BY line"
    async for row in connection.cursor(statement, prefetch=5000):
        yield row["line"], row["given"], row["reason"]


async def unpriced(connection: Connection, environment: Environment) -> int:
    """How much of the stock nothing gives a price: it is not for sale."""
    count: int = await connection.fetchval(
        """
        SELECT count(*) FROM inventory AS i LEFT JOIN rates AS r USING (country, type)
        WHERE i.environment = $1 AND i.status = 'available' AND r.country IS NULL
          AND (i.setup_cost_cents IS NULL OR i.monthly_cost_cents IS NULL)
        """,
        environment,
    )
    return count


async def refresh_statistics(connection: Connection) -> None:
    """For the planner, and for index-only scans: after an import, not whenever the server finds time."""
    await connection.execute("VACUUM (ANALYZE) inventory", timeout=3600)


async def move(
    connection: Connection, environment: Environment, number: str, before: str, after: str, now: datetime
) -> bool:
    """Take stock from one status to another; False if it is not in the first."""
    row = await connection.fetchrow(
        """
        UPDATE inventory SET status = $4, available_since = greatest(available_since, $5)
        WHERE environment = $1 AND number = $2 AND status = $3 RETURNING id
        """,
        environment,
        number,
        before,
        after,
        now,
    )
    return row is not None


async def status(connection: Connection, environment: Environment, number: str) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT status FROM inventory WHERE environment = $1 AND number = $2", environment, number
    )
    return found


async def count(connection: Connection, environment: Environment) -> int:
    numbers: int = await connection.fetchval("SELECT count(*) FROM inventory WHERE environment = $1", environment)
    return numbers


async def fill(connection: Connection, environment: Environment) -> dict[str, dict[str, int]]:
    """How much stock there is in each status, by country. All of it is counted: seconds where there are millions."""
    rows = await connection.fetch(
        "SELECT country, status, count(*) AS numbers FROM inventory WHERE environment = $1 GROUP BY country, status",
        environment,
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["country"], {})[row["status"]] = row["numbers"]
    return found


async def listing(
    connection: Connection, environment: Environment, country: str | None, wanted_status: str | None
) -> AsyncIterator[dict[str, Any]]:
    """The stock in the order of the numbers, streamed; needs a transaction."""
    statement = """
        SELECT number, country, type, area_code, locality, capabilities, setup_cost_cents, monthly_cost_cents,
               carrier, status
        FROM inventory
        WHERE environment = $1 AND ($2::text IS NULL OR country = $2) AND ($3::text IS NULL OR status = $3)
        ORDER BY number
    """
    async for row in connection.cursor(statement, environment, country, wanted_status, prefetch=5000):
        yield dict(row)


async def set_rates(connection: Connection, rates: Sequence[tuple[str, str, int, int]]) -> None:
    """Country, type, set-up and monthly cents; in place of those there are for the same country and type."""
    await connection.executemany(
        """
        INSERT INTO rates (country, type, setup_cost_cents, monthly_cost_cents) VALUES ($1, $2, $3, $4)
        ON CONFLICT (country, type) DO UPDATE
        SET setup_cost_cents = excluded.setup_cost_cents, monthly_cost_cents = excluded.monthly_cost_cents
        """,
        rates,
    )


async def rates(connection: Connection) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        "SELECT country, type, setup_cost_cents, monthly_cost_cents FROM rates ORDER BY country, type"
    )
    return [dict(row) for row in rows]
