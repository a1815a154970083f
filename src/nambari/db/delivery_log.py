"""SQL that reads deliveries: the log of what was sent to a webhook. deliveries.py writes it."""

from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Page, UnknownCursor, total_told
from nambari.domain.access import Environment
from nambari.domain.webhook import DeliveryStatus

_SHOWN = """
    d.id, d.webhook_id, e.id AS event_id, e.event, d.subject_id, d.status, d.attempts, d.response_status, d.duration_ms,
    d.error, d.next_attempt_at, d.last_attempt_at, d.created_at
"""


async def find(
    connection: Connection, organization_id: str, environment: Environment, webhook_id: str, delivery_id: str
) -> dict[str, Any] | None:
    row = await connection.fetchrow(
        f"""
        SELECT {_SHOWN} FROM deliveries AS d JOIN events AS e ON e.sequence = d.sequence
        WHERE d.organization_id = $1 AND d.environment = $2 AND d.webhook_id = $3 AND d.id = $4
        """,
        organization_id,
        environment,
        webhook_id,
        delivery_id,
    )
    return dict(row) if row else None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    webhook_id: str,
    status: DeliveryStatus | None,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[dict[str, Any]]:
    """Newest event first. Raises UnknownCursor."""
    log = "d.organization_id = $1 AND d.environment = $2 AND d.webhook_id = $3"
    where = f"{log} AND ($4::text IS NULL OR d.status = $4)"
    values = (organization_id, environment, webhook_id, status)
    cursor = None
    if starting_after is not None:
        # Whatever its status is by now: it may have been delivered since its page was read.
        cursor = await connection.fetchval(
            f"SELECT d.position FROM deliveries AS d WHERE {log} AND d.id = $4", *values[:3], starting_after
        )
        if cursor is None:
            raise UnknownCursor
    rows = await connection.fetch(
        f"""
        SELECT {_SHOWN} FROM deliveries AS d JOIN events AS e ON e.sequence = d.sequence
        WHERE {where} AND ($5::bigint IS NULL OR d.position < $5)
        ORDER BY d.position DESC LIMIT $6 OFFSET $7
        """,
        *values,
        cursor,
        limit + 1,
        offset,
    )
    total = total_told(len(rows), limit, offset) if starting_after is None else None
    if total is None:
        total = await connection.fetchval(f"SELECT count(*) FROM deliveries AS d WHERE {where}", *values)
    return Page([dict(row) for row in rows[:limit]], total, has_more=len(rows) > limit)


async def attempts(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    webhook_id: str,
    delivery_id: str,
    *,
    limit: int,
    offset: int,
) -> Page[dict[str, Any]]:
    """The oldest first: those of earlier sendings too."""
    source = """
        FROM delivery_attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id
        WHERE d.organization_id = $1 AND d.environment = $2 AND d.webhook_id = $3 AND d.id = $4
    """
    values = (organization_id, environment, webhook_id, delivery_id)
    rows = await connection.fetch(
        f"""
        SELECT a.attempted_at, a.duration_ms, a.response_status, a.response_body, a.error {source}
        ORDER BY a.sequence LIMIT $5 OFFSET $6
        """,
        *values,
        limit + 1,
        offset,
    )
    total = total_told(len(rows), limit, offset)
    if total is None:
        total = await connection.fetchval(f"SELECT count(*) {source}", *values)
    return Page([dict(row) for row in rows[:limit]], total, has_more=len(rows) > limit)
