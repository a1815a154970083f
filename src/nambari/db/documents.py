"""SQL of documents: kept with their content until it is erased, decided by the operator, told of when they expire."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection
from nambari.db.paging import Listed, Page, newest
from nambari.db.renewals import Tenant
from nambari.domain.access import Environment
from nambari.domain.document import (
    COUNTED_AT_LEAST_BYTES,
    Document,
    DocumentStatus,
    DocumentType,
    Kept,
    MediaType,
)

_COLUMNS = (
    "id, type, country, media_type, size_bytes, status, reason, expires_on, due_at, created_at, decided_at, erased_at"
)


@dataclass(frozen=True, slots=True)
class Owned:
    """A document and whose it is, for the operator."""

    organization_id: str
    environment: Environment
    document: Document


async def take_turn(connection: Connection, organization_id: str, environment: Environment) -> Kept:
    """What there is of its documents; until the transaction ends nobody adds to them."""
    await connection.execute(
        "SELECT 1 FROM kyc WHERE organization_id = $1 AND environment = $2 FOR NO KEY UPDATE",
        organization_id,
        environment,
    )
    row = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
               coalesce(sum(CASE WHEN erased_at IS NULL THEN greatest(size_bytes, $3) ELSE $3 END), 0) AS counted_bytes
        FROM documents WHERE organization_id = $1 AND environment = $2
        """,
        organization_id,
        environment,
        COUNTED_AT_LEAST_BYTES,
    )
    return Kept(pending=row["pending"], counted_bytes=row["counted_bytes"])


async def insert(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    document: Document,
    content: bytes,
    sha256: bytes,
) -> None:
    await connection.execute(
        f"""
        INSERT INTO documents (organization_id, environment, content, sha256, {_COLUMNS})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        organization_id,
        environment,
        content,
        sha256,
        document.id,
        document.type,
        document.country,
        document.media_type,
        document.size_bytes,
        document.status,
        document.reason,
        document.expires_on,
        document.due_at,
        document.created_at,
        document.decided_at,
        document.erased_at,
    )


async def find(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    document_id: str,
    *,
    for_update: bool = False,
) -> Document | None:
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM documents WHERE organization_id = $1 AND environment = $2 AND id = $3
        {"FOR UPDATE" if for_update else ""}
        """,
        organization_id,
        environment,
        document_id,
    )
    return _document(row) if row else None


async def content(
    connection: Connection, organization_id: str, environment: Environment, document_id: str
) -> tuple[MediaType, bytes | None] | None:
    """None in its place where it was erased."""
    row = await connection.fetchrow(
        "SELECT media_type, content FROM documents WHERE organization_id = $1 AND environment = $2 AND id = $3",
        organization_id,
        environment,
        document_id,
    )
    return (MediaType(row["media_type"]), row["content"]) if row else None


async def page(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    *,
    limit: int,
    offset: int,
    starting_after: str | None,
) -> Page[Document]:
    """Newest first. Raises UnknownCursor."""
    return await newest(
        connection,
        organization_id,
        environment,
        Listed("documents", _COLUMNS, _document),
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


async def decide(connection: Connection, organization_id: str, environment: Environment, document: Document) -> None:
    """Write its status, reason and days; the caller holds its row."""
    await connection.execute(
        """
        UPDATE documents SET status = $4, reason = $5, expires_on = $6, due_at = $7, decided_at = $8
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        document.id,
        document.status,
        document.reason,
        document.expires_on,
        document.due_at,
        document.decided_at,
    )


async def erase(connection: Connection, organization_id: str, environment: Environment, document: Document) -> None:
    """Let go of its content; the caller holds its row."""
    await connection.execute(
        """
        UPDATE documents SET content = NULL, erased_at = $4
        WHERE organization_id = $1 AND environment = $2 AND id = $3
        """,
        organization_id,
        environment,
        document.id,
        document.erased_at,
    )


async def set_due(connection: Connection, organization_id: str, environment: Environment, document: Document) -> None:
    await connection.execute(
        "UPDATE documents SET due_at = $4 WHERE organization_id = $1 AND environment = $2 AND id = $3",
        organization_id,
        environment,
        document.id,
        document.due_at,
    )


# ── For the operator and the worker ──────────────────────────────────────────────────────────────────────────────


async def find_of_any_organization(connection: Connection, document_id: str) -> Owned | None:
    row = await connection.fetchrow(
        f"SELECT organization_id, environment, {_COLUMNS} FROM documents WHERE id = $1", document_id
    )
    return Owned(row["organization_id"], Environment(row["environment"]), _document(row)) if row else None


async def listing_of_all(
    connection: Connection, environment: Environment, status: DocumentStatus, organization_id: str | None, limit: int
) -> list[dict[str, Any]]:
    """The longest waiting first."""
    rows = await connection.fetch(
        """
        SELECT d.id, d.organization_id, o.name AS organization, d.type, d.country, d.media_type, d.size_bytes,
               d.status, d.reason, d.expires_on, d.created_at, d.erased_at
        FROM documents AS d JOIN organizations AS o ON o.id = d.organization_id
        WHERE d.environment = $1 AND d.status = $2 AND ($3::text IS NULL OR d.organization_id = $3)
        ORDER BY d.created_at, d.id LIMIT $4
        """,
        environment,
        status,
        organization_id,
        limit,
    )
    return [dict(row) for row in rows]


_WITH_DUE = """
    SELECT organization_id, environment, '0'::interval AS ahead FROM documents
    WHERE environment = 'live' AND due_at <= $1
    UNION
    SELECT d.organization_id, d.environment, coalesce(c.ahead, '0')
    FROM documents AS d LEFT JOIN test_clocks AS c USING (organization_id)
    WHERE d.environment = 'test' AND d.due_at <= $1::timestamptz + (SELECT coalesce(max(ahead), '0') FROM test_clocks)
      AND d.due_at <= $1::timestamptz + coalesce(c.ahead, '0')
    LIMIT $2
"""


async def tenants_with_due_of_all(connection: Connection, now: datetime, limit: int) -> list[Tenant]:
    rows = await connection.fetch(_WITH_DUE, now, limit)
    return [Tenant(row["organization_id"], Environment(row["environment"]), row["ahead"]) for row in rows]


async def due(
    connection: Connection, organization_id: str, environment: Environment, now: datetime, limit: int
) -> list[Document]:
    """Those of which something is to be told, locked; what somebody else has in hand is left to them."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM documents WHERE organization_id = $1 AND environment = $2 AND due_at <= $3
        ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED
        """,
        organization_id,
        environment,
        now,
        limit,
    )
    return [_document(row) for row in rows]


async def next_due_at(connection: Connection, organization_id: str, environment: Environment) -> datetime | None:
    found: datetime | None = await connection.fetchval(
        "SELECT min(due_at) FROM documents WHERE organization_id = $1 AND environment = $2 AND due_at IS NOT NULL",
        organization_id,
        environment,
    )
    return found


def _document(row: Any) -> Document:
    return Document(
        id=row["id"],
        type=DocumentType(row["type"]),
        country=row["country"],
        media_type=MediaType(row["media_type"]),
        size_bytes=row["size_bytes"],
        status=DocumentStatus(row["status"]),
        reason=row["reason"],
        expires_on=row["expires_on"],
        due_at=row["due_at"],
        created_at=row["created_at"],
        decided_at=row["decided_at"],
        erased_at=row["erased_at"],
    )
