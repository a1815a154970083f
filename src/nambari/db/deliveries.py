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
    request_id: str
    """Of the request that the event is of."""
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What came of one claimed delivery, at an instant, and what it is by that; `again_at`: when it is tried again."""

    delivery: Claimed
    outcome: Outcome
    at: datetime
    status: DeliveryStatus
    again_at: datetime | None


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
                  e.created_at AS happened_at, e.data, e.request_id, e.traceparent
        """,
        now,
        leased_until,
        limit,
        list(allowance),
        list(allowance.values()),
    )
    return [Claimed(**{**row, "environment": Environment(row["environment"])}) for row in rows]


async def settle_of_all(connection: Connection, settlements: Sequence[Settlement]) -> list[Settlement]:
    """Write down what came of them; of which nobody has claimed meanwhile. The webhooks are locked.

    Each attempt is in the log, whoever has the delivery now: it was made.
    """
    rows = await connection.fetch(
        """
        WITH come AS MATERIALIZED (
            SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[],
                                 $7::int[], $8::text[], $9::text[])
                WITH ORDINALITY AS come (id, claims, status, again_at, at, response_status, duration_ms, error,
                                         response_body, place)
        ), logged AS (
            INSERT INTO delivery_attempts (delivery_id, attempted_at, duration_ms, response_status, response_body,
                                           error)
            SELECT d.id, come.at, come.duration_ms, come.response_status, come.response_body, come.error
            FROM come JOIN deliveries AS d ON d.id = come.id
            ORDER BY come.place
        )
        UPDATE deliveries AS d SET status = come.status, attempts = d.attempts + 1, next_attempt_at = come.again_at,
               last_attempt_at = come.at, response_status = come.response_status, duration_ms = come.duration_ms,
               error = come.error
        FROM come WHERE d.id = come.id AND d.claims = come.claims AND d.status = 'pending'
        RETURNING d.id, d.claims
        """,
        [each.delivery.id for each in settlements],
        [each.delivery.claims for each in settlements],
        [each.status for each in settlements],
        [each.again_at for each in settlements],
        [each.at for each in settlements],
        [each.outcome.response_status for each in settlements],
        [each.outcome.duration_ms for each in settlements],
        [each.outcome.error for each in settlements],
        [each.outcome.response_body for each in settlements],
    )
    ours = {(row["id"], row["claims"]) for row in rows}
    return [each for each in settlements if (each.delivery.id, each.delivery.claims) in ours]


async def let_next_go_of_all(connection: Connection, objects: Sequence[tuple[str, str]], now: datetime) -> None:
    """Of each object's pending deliveries to a webhook the first is due, if it was none yet. The webhooks are locked.

    `objects`: the webhook's id and the object's.
    """
    await connection.execute(
        """
        UPDATE deliveries AS d SET next_attempt_at = $3
        FROM unnest($1::text[], $2::text[]) AS o (webhook_id, subject_id)
        CROSS JOIN LATERAL (
            SELECT id FROM deliveries
            WHERE webhook_id = o.webhook_id AND subject_id = o.subject_id AND status = 'pending'
            ORDER BY position LIMIT 1) AS first
        WHERE d.id = first.id AND d.next_attempt_at IS NULL
        """,
        [webhook_id for webhook_id, _ in objects],
        [subject_id for _, subject_id in objects],
        now,
    )


async def send_again(
    connection: Connection, organization_id: str, environment: Environment, delivery_id: str, now: datetime
) -> bool:
    """As if it had never been tried; what waits for an earlier one of its object goes on waiting. False: it is gone."""
    row = await connection.fetchrow(
        """
        UPDATE deliveries SET attempts = 0, claims = claims + 1, status = 'pending', error = NULL,
               response_status = NULL, duration_ms = NULL,
               next_attempt_at = CASE WHEN status <> 'pending' OR next_attempt_at IS NOT NULL THEN $4::timestamptz END
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        RETURNING id
        """,
        organization_id,
        environment,
        delivery_id,
        now,
    )
    return row is not None


async def send_many_again(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    webhook_id: str,
    events: Sequence[tuple[str, Placed]],
    now: datetime,
) -> None:
    """Each as if it had never been tried, or for the first time: then by the id beside it. The webhook is locked.

    Of each object the first that is pending goes first, and what was due behind it waits; who is sending that now
    settles nothing. So all of them arrive in their order, whatever had arrived before.
    """
    await connection.execute(
        """
        INSERT INTO deliveries (id, organization_id, environment, webhook_id, sequence, position, subject_id, status,
                                created_at)
        SELECT n.id, $1, $2, $3, n.sequence, n.position, n.subject_id, 'pending', $4
        FROM unnest($5::text[], $6::bigint[], $7::bigint[], $8::text[]) AS n (id, sequence, position, subject_id)
        ON CONFLICT (webhook_id, position) DO UPDATE
        SET attempts = 0, claims = deliveries.claims + 1, status = 'pending', error = NULL, response_status = NULL,
            duration_ms = NULL, next_attempt_at = NULL
        """,
        organization_id,
        environment,
        webhook_id,
        now,
        [delivery_id for delivery_id, _ in events],
        [placed.sequence for _, placed in events],
        [placed.position for _, placed in events],
        [placed.subject_id for _, placed in events],
    )
    await connection.execute(
        """
        UPDATE deliveries AS d SET claims = d.claims + 1,
               next_attempt_at = CASE WHEN o.place = 1 THEN coalesce(d.next_attempt_at, $5::timestamptz) END
        FROM (SELECT id, row_number() OVER (PARTITION BY subject_id ORDER BY position) AS place FROM deliveries
              WHERE organization_id = $1 AND environment = $2 AND webhook_id = $3 AND status = 'pending'
                AND subject_id = ANY ($4::text[])) AS o
        WHERE d.id = o.id AND (o.place = 1) = (d.next_attempt_at IS NULL)
        """,
        organization_id,
        environment,
        webhook_id,
        list({placed.subject_id for _, placed in events}),
        now,
    )


async def forget_of_all(connection: Connection, before: datetime, limit: int) -> int:
    """Remove up to `limit` that are done with since before that instant, with their log; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM deliveries WHERE id IN (
            SELECT id FROM deliveries WHERE status <> 'pending' AND last_attempt_at < $1
            ORDER BY last_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING 1
        """,
        before,
        limit,
    )
    return len(rows)
