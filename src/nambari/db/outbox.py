"""SQL of events: written in the transaction that made them true. One table is the outbox and the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
                            created_at)
        SELECT e.id, $1, $2, e.event, e.subject_id, e.data::jsonb, e.changes::jsonb, e.key_id, e.request_id, $3
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
                            created_at)
        VALUES ($3, $1, $2, $4, $5, $6, $7, $8, $9, $10)
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
        INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at)
        SELECT $3, $1, $2::environment, $4, $5, $6::jsonb, $7::jsonb, $8, $9::timestamptz + coalesce(
            (SELECT ahead FROM test_clocks WHERE organization_id = $1 AND $2::environment = 'test'), '0')
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
    )
