"""SQL of events: written in the transaction that made them true. One table is the outbox and the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nambari import traces
from nambari.db.engine import Connection, to_json
from nambari.domain.access import Environment
from nambari.domain.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One of several events of one organization that are written at once."""

    event_id: str
    event: Event
    subject_id: str
    data: object
    changes: object
    key_id: str | None
    request_id: str


async def announce_all(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    announcements: Sequence[Announcement],
    now: datetime,
) -> None:
    """In the order in which they are given."""
    if not announcements:
        return
    await connection.execute(
        """
        INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, key_id, request_id,
                            created_at, traceparent)
        SELECT e.id, $1, $2, e.event, e.subject_id, e.data::jsonb, e.changes::jsonb, e.key_id, e.request_id, $3, $11
        FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
             WITH ORDINALITY AS e (id, event, subject_id, data, changes, key_id, request_id, place)
        ORDER BY e.place
        """,
        organization_id,
        environment,
        now,
        [each.event_id for each in announcements],
        [each.event for each in announcements],
        [each.subject_id for each in announcements],
        [to_json(each.data) for each in announcements],
        [to_json(each.changes) for each in announcements],
        [each.key_id for each in announcements],
        [each.request_id for each in announcements],
        traces.traceparent(),
    )


async def announce(
    connection: Connection,
    organization_id: str | None,
    environment: Environment,
    *,
    event_id: str,
    event: Event,
    subject_id: str,
    data: object,
    changes: object,
    key_id: str | None,
    request_id: str,
    now: datetime,
) -> None:
    """Without an organization: what concerns an operator's key."""
    await connection.execute(
        """
        INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, key_id, request_id,
                            created_at, traceparent)
        VALUES ($3, $1, $2, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        organization_id,
        environment,
        event_id,
        event,
        subject_id,
        data,
        changes,
        key_id,
        request_id,
        now,
        traces.traceparent(),
    )


async def announce_call(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    *,
    event_id: str,
    event: Event,
    subject_id: str,
    data: object,
    changes: object,
    request_id: str,
    now: datetime,
) -> None:
    """What became of a call; of an event that is there already, nothing. In the time of the organization.

    It does not wait until it is on disk, which for many calls a second would be all that there is time for: if the
    server breaks down, the calls of its last second may be missing. Nothing else rests on them.
    """
    await connection.execute(
        """
        WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
        INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at,
                            traceparent)
        SELECT $3, $1, $2::environment, $4, $5, $6::jsonb, $7::jsonb, $8, $9::timestamptz + coalesce(
            (SELECT ahead FROM test_clocks WHERE organization_id = $1 AND $2::environment = 'test'), '0'), $10
        FROM relaxed
        ON CONFLICT (id) DO NOTHING
        """,
        organization_id,
        environment,
        event_id,
        event,
        subject_id,
        data,
        changes,
        request_id,
        now,
        traces.traceparent(),
    )


PLACING_LOCK = 0x6E616D6261726901
"""Advisory: one at a time gives events their places."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An event that has got its place."""

    organization_id: str | None
    environment: Environment
    sequence: int
    position: int
    event: str
    subject_id: str


async def anything_unplaced_of_all(connection: Connection) -> bool:
    found: bool = await connection.fetchval("SELECT EXISTS (SELECT 1 FROM events WHERE position IS NULL)")
    return found


async def take_turn_to_place(connection: Connection) -> bool:
    """Whether nobody else gives places; then nobody can until the transaction ends, and all given ones are seen."""
    mine: bool = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", PLACING_LOCK)
    return mine


async def place_of_all(connection: Connection, limit: int) -> list[Placed]:
    """Give up to `limit` events their places, behind all that have one. Needs the turn, taken in another statement.

    Two events of one object are placed as they happened: the second was written after the first was committed, so its
    sequence is greater, and whoever sees the second sees the first.
    """
    rows = await connection.fetch(
        """
        WITH next AS (
            SELECT sequence, row_number() OVER (ORDER BY sequence) AS place
            FROM (SELECT sequence FROM events WHERE position IS NULL ORDER BY sequence LIMIT $1) AS unplaced
        ), placed AS (
            UPDATE events AS e SET position = next.place + coalesce((SELECT max(position) FROM events), 0)
            FROM next WHERE e.sequence = next.sequence
            RETURNING e.organization_id, e.environment, e.sequence, e.position, e.event, e.subject_id
        )
        SELECT * FROM placed ORDER BY position
        """,
        limit,
    )
    return [
        Placed(
            row["organization_id"],
            Environment(row["environment"]),
            row["sequence"],
            row["position"],
            row["event"],
            row["subject_id"],
        )
        for row in rows
    ]
