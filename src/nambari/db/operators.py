"""SQL of the operators' accounts in the console. Their passwords never come here, only hashes."""

from dataclasses import dataclass
from datetime import datetime

from nambari.db.engine import Connection
from nambari.domain.operator import OperatorAccount


@dataclass(frozen=True, slots=True)
class Credentials:
    account: OperatorAccount
    password_hash: str
    failures: int
    """How many passwords did not match, in a row."""
    barred_until: datetime | None

    def is_barred(self, now: datetime) -> bool:
        return self.barred_until is not None and self.barred_until > now


async def insert(connection: Connection, account: OperatorAccount, password_hash: str) -> None:
    """Raises Conflict for a name that is taken."""
    await connection.execute(
        "INSERT INTO operators (id, name, password_hash, created_at) VALUES ($1, $2, $3, $4)",
        account.id,
        account.name,
        password_hash,
        account.created_at,
    )


async def lock_by_name(connection: Connection, name: str) -> Credentials | None:
    row = await connection.fetchrow(
        """
        SELECT id, name, created_at, password_hash, failures, barred_until FROM operators WHERE name = $1
        FOR NO KEY UPDATE
        """,
        name,
    )
    if row is None:
        return None
    account = OperatorAccount(row["id"], row["name"], row["created_at"])
    return Credentials(account, row["password_hash"], row["failures"], row["barred_until"])


async def listing(connection: Connection) -> list[OperatorAccount]:
    rows = await connection.fetch("SELECT id, name, created_at FROM operators ORDER BY created_at, id")
    return [OperatorAccount(row["id"], row["name"], row["created_at"]) for row in rows]


async def note_attempt(connection: Connection, operator_id: str, failures: int, barred_until: datetime | None) -> None:
    """The caller holds the row."""
    await connection.execute(
        "UPDATE operators SET failures = $2, barred_until = $3 WHERE id = $1", operator_id, failures, barred_until
    )


async def note_success(connection: Connection, operator_id: str) -> None:
    await connection.execute("UPDATE operators SET failures = 0, barred_until = NULL WHERE id = $1", operator_id)


async def remove(connection: Connection, name: str) -> bool:
    """With all sessions; False if there is none of this name."""
    row = await connection.fetchrow(
        """
        WITH ended AS (
            DELETE FROM console_sessions WHERE operator_id = (SELECT id FROM operators WHERE name = $1) RETURNING 1
        )
        DELETE FROM operators WHERE name = $1 AND (SELECT count(*) FROM ended) >= 0 RETURNING id
        """,
        name,
    )
    return row is not None
