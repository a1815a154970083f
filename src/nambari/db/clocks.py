"""SQL of the test clocks: each organization's time in its test environment, as a lead over the world's."""

from datetime import timedelta

from nambari.db.engine import Connection

NOT_AHEAD = timedelta()


async def take_turn(connection: Connection, organization_id: str) -> bool:
    """Whether nobody else moves its test clock; then nobody can until the transaction ends.

    By a lock of its own, as the row is not there before it is moved for the first time.
    """
    mine: bool = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('test clock of ' || $1, 0))", organization_id
    )
    return mine


async def ahead(connection: Connection, organization_id: str) -> timedelta:
    """How far its test clock is ahead."""
    found: timedelta | None = await connection.fetchval(
        "SELECT ahead FROM test_clocks WHERE organization_id = $1", organization_id
    )
    return found if found is not None else NOT_AHEAD


async def set_ahead(connection: Connection, organization_id: str, lead: timedelta) -> None:
    """The caller has the turn."""
    await connection.execute(
        """
        INSERT INTO test_clocks (organization_id, ahead) VALUES ($1, $2)
        ON CONFLICT (organization_id) DO UPDATE SET ahead = $2
        """,
        organization_id,
        lead,
    )
