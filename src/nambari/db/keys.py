"""SQL of API keys. Their secrets never come here, only hashes."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Listed, Page, newest
from nambari.domain.access import Environment, Key
from nambari.domain.limits import Plan
from nambari.domain.spending import Bounds

COLUMNS = (
    *("id", "organization_id", "environment", "name", "visible", "scopes", "allowed_ips"),
    *("monthly_cap_cents", "countries", "expires_at", "revoked_at", "last_used_at", "created_at"),
)
_COLUMNS = ", ".join(COLUMNS)


async def insert(connection: Connection, key: Key, secret_hash: bytes) -> None:
    await connection.execute(
        f"""
        INSERT INTO api_keys ({_COLUMNS}, secret_hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        key.id,
        key.organization_id,
        key.environment,
        key.name,
        key.visible,
        sorted(key.scopes),
        list(key.allowed_ips),
        key.bounds.monthly_cap_cents,
        list(key.bounds.countries),
        key.expires_at,
        key.revoked_at,
        key.last_used_at,
        key.created_at,
        secret_hash,
    )


async def by_hash_across_organizations(connection: Connection, secret_hash: bytes) -> Key | None:
    """The key with this hash, revoked or not, and its plan. The one question asked before the tenant is known."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS}, (SELECT plan FROM organizations AS o WHERE o.id = organization_id) AS plan
        FROM api_keys WHERE secret_hash = $1
        """,
        secret_hash,
    )
    if row is None:
        return None
    return replace(key_of_row(row), plan=Plan(row["plan"]) if row["plan"] else None)


async def of_organization(connection: Connection, organization_id: str) -> list[Key]:
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM api_keys WHERE organization_id = $1 ORDER BY created_at, id", organization_id
    )
    return [key_of_row(row) for row in rows]


async def find(
    connection: Connection, organization_id: str, environment: Environment, key_id: str, *, for_share: bool = False
) -> Key | None:
    """`for_share`: nobody revokes it until the transaction ends."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM api_keys WHERE organization_id = $1 AND environment = $2 AND id = $3
        {"FOR SHARE" if for_share else ""}
        """,
        organization_id,
        environment,
        key_id,
    )
    return key_of_row(row) if row else None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[Key]:
    """Newest first. Raises UnknownCursor."""
    return await newest(
        connection,
        organization_id,
        environment,
        Listed("api_keys", _COLUMNS, key_of_row),
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


async def revoke(
    connection: Connection, organization_id: str, environment: Environment, key_id: str, now: datetime
) -> Key | None:
    """The key, if this revoked it; None where it was revoked already, or is none. Of several at once, one does it."""
    row = await connection.fetchrow(
        f"""
        UPDATE api_keys SET revoked_at = $4
        WHERE organization_id = $1 AND environment = $2 AND id = $3 AND revoked_at IS NULL RETURNING {_COLUMNS}
        """,
        organization_id,
        environment,
        key_id,
        now,
    )
    return key_of_row(row) if row else None


async def find_of_any_organization(connection: Connection, key_id: str) -> Key | None:
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM api_keys WHERE id = $1", key_id)
    return key_of_row(row) if row else None


async def revoke_of_any_organization(connection: Connection, key_id: str, now: datetime) -> Key | None:
    """The key, if this revoked it; None where it was revoked already, or is none. Of several at once, one does it."""
    row = await connection.fetchrow(
        f"UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING {_COLUMNS}", key_id, now
    )
    return key_of_row(row) if row else None


async def touch_of_any_organization(connection: Connection, key_id: str, now: datetime) -> None:
    await connection.execute("UPDATE api_keys SET last_used_at = greatest(last_used_at, $2) WHERE id = $1", key_id, now)


def key_of_row(row: Any) -> Key:
    return Key(
        id=row["id"],
        organization_id=row["organization_id"],
        environment=Environment(row["environment"]),
        name=row["name"],
        visible=row["visible"],
        scopes=frozenset(row["scopes"]),
        allowed_ips=tuple(row["allowed_ips"]),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
        bounds=Bounds(row["monthly_cap_cents"], tuple(row["countries"])),
    )
