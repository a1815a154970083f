"""SQL of who is signed in to the console. Tokens never come here, only hashes."""

from dataclasses import replace
from datetime import datetime

from nambari.db import keys
from nambari.db.engine import Connection
from nambari.domain.access import Key
from nambari.domain.limits import Plan
from nambari.domain.operator import OperatorAccount


async def insert(
    connection: Connection,
    token_hash: bytes,
    *,
    key_id: str | None,
    operator_id: str | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    await connection.execute(
        """
        INSERT INTO console_sessions (token_hash, key_id, operator_id, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        """,
        token_hash,
        key_id,
        operator_id,
        now,
        expires_at,
    )


async def key_across_organizations(connection: Connection, token_hash: bytes, now: datetime) -> tuple[Key, str] | None:
    """The key of this session, good or not, and its organization's name. Asked before the tenant is known."""
    row = await connection.fetchrow(
        f"""
        SELECT {", ".join(f"k.{column}" for column in keys.COLUMNS)}, o.plan, o.name AS organization
        FROM console_sessions AS s
        JOIN api_keys AS k ON k.id = s.key_id
        JOIN organizations AS o ON o.id = k.organization_id
        WHERE s.token_hash = $1 AND s.expires_at > $2
        """,
        token_hash,
        now,
    )
    if row is None:
        return None
    return replace(keys.key_of_row(row), plan=Plan(row["plan"])), row["organization"]


async def operator(connection: Connection, token_hash: bytes, now: datetime) -> OperatorAccount | None:
    row = await connection.fetchrow(
        """
        SELECT o.id, o.name, o.created_at FROM console_sessions AS s JOIN operators AS o ON o.id = s.operator_id
        WHERE s.token_hash = $1 AND s.expires_at > $2
        """,
        token_hash,
        now,
    )
    return OperatorAccount(row["id"], row["name"], row["created_at"]) if row else None


async def end(connection: Connection, token_hash: bytes) -> None:
    await connection.execute("DELETE FROM console_sessions WHERE token_hash = $1", token_hash)


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Remove up to `limit` sessions that ended before then; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM console_sessions WHERE token_hash IN (
            SELECT token_hash FROM console_sessions WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING 1
        """,
        before,
        limit,
    )
    return len(rows)
