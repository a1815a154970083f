"""SQL of endpoints."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Listed, Page, newest
from nambari.domain.access import Environment
from nambari.domain.endpoint import Endpoint, EndpointStatus, EndpointType

_COLUMNS = "id, name, type, url, status, provider, provider_config, created_at, updated_at"


async def insert(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    endpoint: Endpoint,
    secret: str | None,
) -> None:
    await connection.execute(
        f"""
        INSERT INTO endpoints ({_COLUMNS}, organization_id, environment, secret)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        endpoint.id,
        endpoint.name,
        endpoint.type,
        endpoint.url,
        endpoint.status,
        endpoint.provider,
        endpoint.provider_config,
        endpoint.created_at,
        endpoint.updated_at,
        organization_id,
        environment,
        secret,
    )


async def find(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    endpoint_id: str,
    *,
    for_update: bool = False,
) -> Endpoint | None:
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM endpoints WHERE organization_id = $1 AND environment = $2 AND id = $3
        {"FOR UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
        endpoint_id,
    )
    return _endpoint(row) if row else None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[Endpoint]:
    """Newest first. Raises UnknownCursor."""
    return await newest(
        connection,
        organization_id,
        environment,
        Listed("endpoints", _COLUMNS, _endpoint),
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


async def names(
    connection: Connection, organization_id: str, environment: Environment, endpoint_ids: Collection[str]
) -> dict[str, str]:
    """By id, of those that there are."""
    rows = await connection.fetch(
        "SELECT id, name FROM endpoints WHERE organization_id = $1 AND environment = $2 AND id = ANY($3)",
        organization_id,
        environment,
        endpoint_ids,
    )
    return {row["id"]: row["name"] for row in rows}


async def update(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    endpoint: Endpoint,
    new_secret: str | None,
) -> None:
    """`new_secret` replaces the one there is; None leaves it."""
    await connection.execute(
        """
        UPDATE endpoints SET name = $4, type = $5, url = $6, status = $7, provider = $8, provider_config = $9,
               updated_at = $10, secret = CASE $5 WHEN 'webhook' THEN coalesce($11, secret) END
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        endpoint.id,
        endpoint.name,
        endpoint.type,
        endpoint.url,
        endpoint.status,
        endpoint.provider,
        endpoint.provider_config,
        endpoint.updated_at,
        new_secret,
    )


ATTACHING = ("endpoint_id", "fallback_endpoint_id")
"""The fields by which a number may be attached to an endpoint."""


async def delete(
    connection: Connection, organization_id: str, environment: Environment, endpoint_id: str, now: datetime
) -> list[tuple[str, str]]:
    """Which phone numbers are now detached, and in which field: released ones too, which may be restored without it."""
    detached = []
    for field in ATTACHING:
        rows = await connection.fetch(
            f"""
            UPDATE phone_numbers
            SET {field} = NULL, updated_at = CASE status WHEN 'released' THEN updated_at ELSE $4 END
            WHERE organization_id = $1 AND environment = $2 AND {field} = $3
            RETURNING id
            """,
            organization_id,
            environment,
            endpoint_id,
            now,
        )
        detached += [(row["id"], field) for row in rows]
    await connection.execute(
        "DELETE FROM endpoints WHERE organization_id = $1 AND environment = $2 AND id = $3",
        organization_id,
        environment,
        endpoint_id,
    )
    return detached


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(
        id=row["id"],
        name=row["name"],
        type=EndpointType(row["type"]),
        url=row["url"],
        status=EndpointStatus(row["status"]),
        provider=row["provider"],
        provider_config=row["provider_config"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
