"""SQL of kept answers: what an Idempotency-Key was answered, in the transaction that did what it asked."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from nambari.db.engine import Connection
from nambari.domain.access import Environment


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    fingerprint: bytes
    refused: bool
    answer: bytes


def lock_of(organization_id: str, environment: Environment, idempotency_key: str) -> int:
    """The advisory lock that a request of this key holds while it runs: 64 bits, as PostgreSQL counts them."""
    text = f"{organization_id}/{environment}/{idempotency_key}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)


async def take_turn(
    connection: Connection, organization_id: str, environment: Environment, idempotency_key: str
) -> bool:
    """Whether no other request of this key is running; then none can until the transaction ends."""
    mine: bool = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock($1)", lock_of(organization_id, environment, idempotency_key)
    )
    return mine


async def find(
    connection: Connection, organization_id: str, environment: Environment, idempotency_key: str
) -> KeptAnswer | None:
    row = await connection.fetchrow(
        """
        SELECT fingerprint, refused, answer FROM kept_answers
        WHERE organization_id = $1 AND environment = $2 AND idempotency_key = $3
        """,
        organization_id,
        environment,
        idempotency_key,
    )
    return KeptAnswer(row["fingerprint"], row["refused"], row["answer"]) if row else None


async def confirm(connection: Connection) -> None:
    """See to it that what was kept before is where a commit has to be, by the end of this transaction.

    A wait for a synchronous standby that is cancelled leaves what was committed in the primary alone, for all to see,
    and a transaction that writes nothing waits for nothing. A word in the log behind it does wait.
    """
    await connection.execute(
        """
        SELECT pg_logical_emit_message(true, 'nambari', 'confirmed')
        WHERE current_setting('synchronous_standby_names') <> ''
        """
    )


async def keep(
    connection: Connection,
    organization_id: str,
    environment: Environment,
    idempotency_key: str,
    kept: KeptAnswer,
    now: datetime,
) -> bool:
    """Whether it was this key's turn, which is taken if the transaction has not done so; if not, nothing is kept.

    Raises Conflict where another request of this key was answered meanwhile.
    """
    row = await connection.fetchrow(
        """
        INSERT INTO kept_answers
               (organization_id, environment, idempotency_key, fingerprint, refused, answer, created_at)
        SELECT $1, $2, $3, $4, $5, $6, $7 WHERE pg_try_advisory_xact_lock($8)
        RETURNING 1
        """,
        organization_id,
        environment,
        idempotency_key,
        kept.fingerprint,
        kept.refused,
        kept.answer,
        now,
        lock_of(organization_id, environment, idempotency_key),
    )
    return row is not None


async def forget_of_all(connection: Connection, before: datetime, limit: int) -> int:
    """Remove up to `limit` answers older than `before`; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM kept_answers WHERE (organization_id, environment, idempotency_key) IN (
            SELECT organization_id, environment, idempotency_key FROM kept_answers
            WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING 1
        """,
        before,
        limit,
    )
    return len(rows)
