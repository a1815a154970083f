"""SQL of events: written in the transaction that made them true. One table is the outbox and the history."""

from datetime import datetime

from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.events import Event


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
