"""SQL about the database itself: which step is its schema at, and what server is it?"""

from datetime import datetime

from nambari.db.engine import Connection


async def step(connection: Connection) -> str | None:
    """The newest migration that was applied; None on an empty database."""
    if await connection.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return None
    found: str | None = await connection.fetchval("SELECT max(version_num) FROM alembic_version")
    return found


async def server(connection: Connection) -> tuple[int, str, datetime]:
    """The server's major version, that version as it is written, and the server's clock."""
    row = await connection.fetchrow(
        "SELECT current_setting('server_version_num')::int / 10000 AS major,"
        " split_part(current_setting('server_version'), ' ', 1) AS version, clock_timestamp() AS now"
    )
    return row["major"], row["version"], row["now"]
