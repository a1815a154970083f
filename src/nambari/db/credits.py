"""SQL of credits: running balances, and the postings that are never changed or deleted."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
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


async def lock_balance(
    connection: Connection, organization_id: str, environment: Environment, *, wait: bool = True
) -> int | None:
    """The available cents, and until the transaction ends nobody else moves them.

    None where there is no such organization, or where somebody else has it locked and we do not `wait`. Rows that
    refer to the balance may be written meanwhile: its key stays.
    """
    cents: int | None = await connection.fetchval(
        "SELECT available_cents FROM balances WHERE organization_id = $1 AND environment = $2"
        f" FOR NO KEY UPDATE {'' if wait else 'SKIP LOCKED'}",
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


@dataclass(frozen=True, slots=True)
class Line:
    """A posting for a number, and the available cents after it; `month_from` where it pays a month."""

    id: str
    posting: Posting
    balance_after_cents: int
    phone_number_id: str
    month_from: datetime | None


async def post_all(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    lines: Sequence[Line],
    now: datetime,
    *,
    held_change_cents: int = 0,
) -> None:
    """Write lines one after the other. The caller has the balance locked, and knows what each line leaves.

    Raises Conflict for a month that is paid already.
    """
    if not lines:
        return
    await connection.execute(
        """
        WITH moved AS (
            UPDATE balances SET available_cents = $3, held_cents = held_cents + $14
            WHERE organization_id = $1 AND environment = $2 RETURNING 1
        )
        INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents,
                              balance_after_cents, phone_number_id, month_from, description, created_at)
        SELECT line.id, $1, $2, line.type, line.source, line.destination, line.cents, line.balance, line.number_id,
               line.month_from, line.description, $4
        FROM moved, unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::text[],
                           $12::timestamptz[], $13::text[]) WITH ORDINALITY
             AS line (id, type, source, destination, cents, balance, number_id, month_from, description, place)
        ORDER BY line.place
        """,
        organization_id,
        environment,
        lines[-1].balance_after_cents,
        now,
        [line.id for line in lines],
        [line.posting.type for line in lines],
        [line.posting.source for line in lines],
        [line.posting.destination for line in lines],
        [line.posting.amount_cents for line in lines],
        [line.balance_after_cents for line in lines],
        [line.phone_number_id for line in lines],
        [line.month_from for line in lines],
        [line.posting.description for line in lines],
        held_change_cents,
    )


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
