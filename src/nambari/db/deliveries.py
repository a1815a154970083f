"""SQL of deliveries: which event goes to which webhook, when it is due, and what came of it.

Of one object's pending deliveries to one webhook only the first is ever due. Whoever adds one behind it or takes it
away has the webhook's row locked, so that none is left waiting for nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.db.outbox import Placed
from nambari.db.paging import Page, UnknownCursor, total_told
from nambari.domain.access import Environment
from nambari.domain.webhook import DeliveryStatus, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    id: str
    organization_id: str
    environment: Environment
    webhook_id: str
    placed: Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that is ours to send until its lease ends, with all that sending needs."""

    id: str
    organization_id: str
    environment: Environment
    webhook_id: str
    subject_id: str
    attempts: int
    claims: int
    url: str
    secret: str
    previous_secret: str | None
    previous_secret_until: datetime | None
    event_id: str
    event: str
    happened_at: datetime
    data: Any


_SHOWN = """
    d.id, d.webhook_id, e.id AS event_id, e.event, d.subject_id, d.status, d.attempts, d.response_status, d.duration_ms,
    d.error, d.next_attempt_at, d.last_attempt_at, d.created_at
"""


async def add_of_all(
    connection: Connection, deliveries: Sequence[NewDelivery], first_attempt_at: datetime, now: datetime
) -> None:
    """Due, unless an earlier event of the same object is still pending there. The webhooks are locked."""
    await connection.execute(
        """
        INSERT INTO deliveries (id, organization_id, environment, webhook_id, sequence, position, subject_id, status,
                                next_attempt_at, created_at)
        SELECT n.id, n.organization_id, n.environment, n.webhook_id, n.sequence, n.position, n.subject_id, 'pending',
               CASE WHEN row_number() OVER (PARTITION BY n.webhook_id, n.subject_id ORDER BY n.position) = 1
                     AND NOT EXISTS (SELECT 1 FROM deliveries AS p WHERE p.webhook_id = n.webhook_id
                                     AND p.subject_id = n.subject_id AND p.status = 'pending')
                    THEN $1::timestamptz END,
               $2
        FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[])
             AS n (id, organization_id, environment, webhook_id, sequence, position, subject_id)
        """,
        first_attempt_at,
        now,
        [each.id for each in deliveries],
        [each.organization_id for each in deliveries],
        [each.environment for each in deliveries],
        [each.webhook_id for each in deliveries],
        [each.placed.sequence for each in deliveries],
        [each.placed.position for each in deliveries],
        [each.placed.subject_id for each in deliveries],
    )


async def claim_of_all(
    connection: Connection,
    now: datetime,
    leased_until: datetime,
    *,
    limit: int,
    allowance: Mapping[str, int],
) -> list[Claimed]:
    """Take what is due: up to `limit`, and of one webhook no more than its allowance; of those without any, one."""
    rows = await connection.fetch(
        """
        WITH due AS MATERIALIZED (
            SELECT d.id FROM webhooks AS w
            LEFT JOIN unnest($4::text[], $5::int[]) AS known (webhook_id, allowance) ON known.webhook_id = w.id
            CROSS JOIN LATERAL (
                SELECT id, next_attempt_at FROM deliveries
                WHERE webhook_id = w.id AND next_attempt_at <= $1
                ORDER BY next_attempt_at, position
                LIMIT coalesce(known.allowance, 1)
                FOR UPDATE SKIP LOCKED) AS d
            WHERE w.status = 'active'
            ORDER BY d.next_attempt_at LIMIT $3
        )
        UPDATE deliveries AS d SET next_attempt_at = $2, claims = d.claims + 1
        FROM due, webhooks AS w, events AS e
        WHERE d.id = due.id AND d.next_attempt_at <= $1 AND w.id = d.webhook_id AND e.sequence = d.sequence
        RETURNING d.id, d.organization_id, d.environment, d.webhook_id, d.subject_id, d.attempts, d.claims, w.url,
                  w.secret, w.previous_secret, w.previous_secret_until, e.id AS event_id, e.event,
                  e.created_at AS happened_at, e.data
        """,
        now,
        leased_until,
        limit,
        list(allowance),
        list(allowance.values()),
    )
    return [Claimed(**{**row, "environment": Environment(row["environment"])}) for row in rows]


async def settle(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    delivery: Claimed,
    outcome: Outcome,
    status: DeliveryStatus,
    next_attempt_at: datetime | None,
    now: datetime,
) -> bool:
    """Write down what came of it; False if somebody else has claimed it meanwhile. The webhook is locked."""
    row = await connection.fetchrow(
        """
        UPDATE deliveries SET status = $5, attempts = attempts + 1, next_attempt_at = $6, last_attempt_at = $7,
               response_status = $8, duration_ms = $9, error = $10
        WHERE organization_id = $1 AND environment = $2 AND id = $3 AND claims = $4 AND status = 'pending'
        RETURNING id
        """,
        organization_id,
        environment,
        delivery.id,
        delivery.claims,
        status,
        next_attempt_at,
        now,
        outcome.response_status,
        outcome.duration_ms,
        outcome.error,
    )
    return row is not None


async def let_next_go(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    webhook_id: str,
    subject_id: str,
    now: datetime,
) -> None:
    """Of the object's pending deliveries the first is due, if it was none yet. The webhook is locked."""
    await connection.execute(
        """
        UPDATE deliveries SET next_attempt_at = $5
        WHERE next_attempt_at IS NULL AND id = (
            SELECT id FROM deliveries
            WHERE organization_id = $1 AND environment = $2 AND webhook_id = $3 AND subject_id = $4
              AND status = 'pending'
            ORDER BY position LIMIT 1)
        """,
        organization_id,
        environment,
        webhook_id,
        subject_id,
        now,
    )


async def send_again(
    connection: Connection, organization_id: str, environment: Environment, delivery_id: str, now: datetime
) -> None:
    """As if it had never been tried; what waits for an earlier one of its object goes on waiting."""
    await connection.execute(
        """
        UPDATE deliveries SET attempts = 0, claims = claims + 1, status = 'pending', error = NULL,
               response_status = NULL, duration_ms = NULL,
               next_attempt_at = CASE WHEN status <> 'pending' OR next_attempt_at IS NOT NULL THEN $4::timestamptz END
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        delivery_id,
        now,
    )


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
    where = """
        d.organization_id = $1 AND d.environment = $2 AND d.webhook_id = $3 AND ($4::text IS NULL OR d.status = $4)
    """
    values = (organization_id, environment, webhook_id, status)
    cursor = None
    if starting_after is not None:
        cursor = await connection.fetchval(
            f"SELECT d.position FROM deliveries AS d WHERE {where} AND d.id = $5", *values, starting_after
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
