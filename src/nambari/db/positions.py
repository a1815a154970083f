"""SQL of positions in the primary's log: up to where an organization has written, and what a replica has of it."""

from nambari.db.engine import Connection
from nambari.domain.access import Environment


async def note(connection: Connection, organization_id: str, environment: Environment) -> None:
    """That the organization has written, and this is committed. No purchase waits here for the disk."""
    await connection.execute(
        """
        WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
        INSERT INTO commit_positions AS known (organization_id, environment, position)
        SELECT $1, $2, pg_current_wal_flush_lsn() FROM relaxed
        ON CONFLICT (organization_id, environment)
            DO UPDATE SET position = greatest(known.position, excluded.position)
        """,
        organization_id,
        environment,
    )


async def of_primary(connection: Connection, organization_id: str, environment: Environment) -> tuple[int, int | None]:
    """How far the log goes, and up to where this organization wrote it; bytes."""
    row = await connection.fetchrow(
        """
        SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint AS now,
               (SELECT (position - '0/0')::bigint FROM commit_positions
                WHERE organization_id = $1 AND environment = $2) AS own
        """,
        organization_id,
        environment,
    )
    return row["now"], row["own"]


async def replayed(connection: Connection) -> int | None:
    """How far a replica shows what is in the log; None of a server that is none, or has become a primary."""
    found: int | None = await connection.fetchval(
        "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint WHERE pg_is_in_recovery()"
    )
    return found
