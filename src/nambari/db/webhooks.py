"""SQL of webhooks: whom to tell of events."""

from collections.abc import Sequence
from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Listed, Page, newest
from nambari.domain.access import Environment
from nambari.domain.subscriber import Webhook, WebhookStatus

_COLUMNS = "id, url, events, status, failing_since, previous_secret_until, created_at, updated_at"


async def insert(
    connection: Connection, organization_id: str, environment: Environment, webhook: Webhook, secret: str
) -> None:
    await connection.execute(
        """
        INSERT INTO webhooks (organization_id, environment, id, url, events, status, secret, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        organization_id,
        environment,
        webhook.id,
        webhook.url,
        webhook.events,
        webhook.status,
        secret,
        webhook.created_at,
        webhook.updated_at,
    )


async def count(connection: Connection, organization_id: str, environment: Environment) -> int:
    """How many there are, whatever their status."""
    found: int = await connection.fetchval(
        "SELECT count(*) FROM webhooks WHERE organization_id = $1 AND environment = $2", organization_id, environment
    )
    return found


async def find(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    webhook_id: str,
    *,
    for_update: bool = False,
) -> Webhook | None:
    """Whoever changes a webhook, or the order of its deliveries, has it `for_update`."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM webhooks WHERE organization_id = $1 AND environment = $2 AND id = $3
        {"FOR NO KEY UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
        webhook_id,
    )
    return _webhook(row) if row else None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[Webhook]:
    """Newest first. Raises UnknownCursor."""
    return await newest(
        connection,
        organization_id,
        environment,
        Listed("webhooks", _COLUMNS, _webhook),
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


async def update(connection: Connection, organization_id: str, environment: Environment, webhook: Webhook) -> None:
    await connection.execute(
        """
        UPDATE webhooks SET url = $4, events = $5, status = $6, failing_since = $7, updated_at = $8
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        webhook.id,
        webhook.url,
        webhook.events,
        webhook.status,
        webhook.failing_since,
        webhook.updated_at,
    )


async def rotate(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    webhook: Webhook,
    secret: str,
) -> None:
    """The secret there is becomes the previous one, valid until the webhook says."""
    await connection.execute(
        """
        UPDATE webhooks SET secret = $4, previous_secret = secret, previous_secret_until = $5, updated_at = $6
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        webhook.id,
        secret,
        webhook.previous_secret_until,
        webhook.updated_at,
    )


async def delete(connection: Connection, organization_id: str, environment: Environment, webhook_id: str) -> None:
    """With the log of its deliveries."""
    await connection.execute(
        "DELETE FROM webhooks WHERE organization_id = $1 AND environment = $2 AND id = $3",
        organization_id,
        environment,
        webhook_id,
    )


async def lock_active_of_all(
    connection: Connection, organization_ids: Sequence[str], environments: Sequence[str]
) -> list[tuple[str, str, Webhook]]:
    """The active webhooks of these tenants, each with its tenant; locked, always in the same order."""
    rows = await connection.fetch(
        f"""
        SELECT organization_id, environment, {_COLUMNS} FROM webhooks
        WHERE status = 'active'
          AND (organization_id, environment) IN (SELECT o, e FROM unnest($1::text[], $2::text[]) AS tenant (o, e))
        ORDER BY id FOR NO KEY UPDATE
        """,
        organization_ids,
        environments,
    )
    return [(row["organization_id"], row["environment"], _webhook(row)) for row in rows]


async def lock_of_all(connection: Connection, webhook_ids: Sequence[str]) -> dict[str, Webhook]:
    """Those of these that are still there, whatever their status; locked, always in the same order."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM webhooks WHERE id = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE", webhook_ids
    )
    return {row["id"]: _webhook(row) for row in rows}


def _webhook(row: Any) -> Webhook:
    return Webhook(
        id=row["id"],
        url=row["url"],
        events=list(row["events"]),
        status=WebhookStatus(row["status"]),
        failing_since=row["failing_since"],
        previous_secret_until=row["previous_secret_until"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
