"""SQL of credits: running balances, and the postings that are never changed or deleted."""

from collections.abc import AsyncIterator
from datetime import datetime

from nambari.db.engine import Connection
from nambari.db.paging import Page, UnknownCursor, total_told
from nambari.domain.access import Environment
from nambari.domain.ledger import Posting

STATEMENT_COLUMNS = (
    "id, type, CASE destination WHEN 'available' THEN amount_cents ELSE -amount_cents END AS amount_cents,"
    " balance_after_cents, phone_number_id, description, created_at"
)


async def balance(connection: Connection, organization_id: str, environment: Environment) -> tuple[int, int] | None:
    """Available and held cents; None where there is no such organization."""
    row = await connection.fetchrow(
        "SELECT available_cents, held_cents FROM balances WHERE organization_id = $1 AND environment = $2",
        organization_id,
        environment,
    )
    return (row["available_cents"], row["held_cents"]) if row else None


async def lock_balance(connection: Connection, organization_id: str, environment: Environment) -> int | None:
    """The available cents, and until the transaction ends nobody else moves them."""
    cents: int | None = await connection.fetchval(
        "SELECT available_cents FROM balances WHERE organization_id = $1 AND environment = $2 FOR UPDATE",
        organization_id,
        environment,
    )
    return cents


async def reference_used(
    connection: Connection, organization_id: str, environment: Environment, reference: str
) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT 1 FROM postings WHERE organization_id = $1 AND environment = $2 AND reference = $3)",
        organization_id,
        environment,
        reference,
    )
    return found


async def post(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    posting_id: str,
    posting: Posting,
    reference: str | None,
    now: datetime,
) -> int:
    """Write one posting that moves the available credits; the cents available after it.

    Raises Conflict where it would take them below zero, or where the reference was used.
    """
    cents: int = await connection.fetchval(
        """
        WITH moved AS (
            UPDATE balances SET available_cents = available_cents + $4
            WHERE organization_id = $1 AND environment = $2 RETURNING available_cents
        )
        INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents,
                              balance_after_cents, reference, description, created_at)
        SELECT $3, $1, $2, $5, $6, $7, $8, available_cents, $9, $10, $11 FROM moved
        RETURNING balance_after_cents
        """,
        organization_id,
        environment,
        posting_id,
        posting.signed_cents(),
        posting.type,
        posting.source,
        posting.destination,
        posting.amount_cents,
        reference,
        posting.description,
        now,
    )
    return cents


async def statement(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[dict[str, object]]:
    """The lines, newest first. Raises UnknownCursor."""
    cursor: int | None = None
    if starting_after is not None:
        cursor = await connection.fetchval(
            "SELECT sequence FROM postings WHERE organization_id = $1 AND environment = $2 AND id = $3",
            organization_id,
            environment,
            starting_after,
        )
        if cursor is None:
            raise UnknownCursor
    rows = await connection.fetch(
        f"""
        SELECT {STATEMENT_COLUMNS} FROM postings
        WHERE organization_id = $1 AND environment = $2 AND ($5::bigint IS NULL OR sequence < $5)
        ORDER BY sequence DESC LIMIT $3 OFFSET $4
        """,
        organization_id,
        environment,
        limit + 1,
        offset,
        cursor,
    )
    total = total_told(len(rows), limit, offset) if starting_after is None else None
    if total is None:
        total = await connection.fetchval(
            "SELECT count(*) FROM postings WHERE organization_id = $1 AND environment = $2",
            organization_id,
            environment,
        )
    return Page([dict(row) for row in rows[:limit]], total, has_more=len(rows) > limit)


async def whole_statement(
    connection: Connection, organization_id: str, environment: Environment
) -> AsyncIterator[dict[str, object]]:
    """All the lines, newest first, streamed; needs a transaction."""
    statement = f"""
        SELECT {STATEMENT_COLUMNS} FROM postings WHERE organization_id = $1 AND environment = $2
        ORDER BY sequence DESC
    """
    async for row in connection.cursor(statement, organization_id, environment, prefetch=5000):
        yield dict(row)
