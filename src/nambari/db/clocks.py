"""SQL of the test clocks: each organization's time in its test environment, as a lead over the world's."""

from datetime import timedelta

from nambari.db.engine import Connection

NOT_AHEAD = timedelta()


async def ahead(connection: Connection, organization_id: str, *, for_update: bool = False) -> timedelta:
    """How far its test clock is ahead. `for_update` keeps others from moving it until the transaction ends."""
    if for_update:
        await connection.execute(
            "INSERT INTO test_clocks (organization_id, ahead) VALUES ($1, '0') ON CONFLICT DO NOTHING", organization_id
        )
    found: timedelta | None = await connection.fetchval(
        f"SELECT ahead FROM test_clocks WHERE organization_id = $1 {'FOR UPDATE' if for_update else ''}",
        organization_id,
    )
    return found if found is not None else NOT_AHEAD


async def set_ahead(connection: Connection, organization_id: str, lead: timedelta) -> None:
    """The caller has read it for update."""
    await connection.execute("UPDATE test_clocks SET ahead = $2 WHERE organization_id = $1", organization_id, lead)
