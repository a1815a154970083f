"""SQL about the schema itself: which step is the database at?"""

from nambari.db.engine import Connection


async def step(connection: Connection) -> str | None:
    """The newest migration that was applied; None on an empty database."""
    if await connection.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return None
    found: str | None = await connection.fetchval("SELECT max(version_num) FROM alembic_version")
    return found
