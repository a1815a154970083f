"""How is the database written to a file while it is in use? By pg_dump, at the snapshot of a transaction of ours.

Also what else a backup asks of a database, and a restore of the one it is to fill. Reading the file: `archive.py`.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from nambari.db import seal
from nambari.db.dump_programs import Access, DumpFailed, Programs, reason, running
from nambari.db.engine import Connection

EXTENSIONS = ("pg_trgm", "btree_gin")
"""Those that the migrations make. Others are the server's own affair, and may not be made on another."""
APPLICATION = f"nambari backup {os.getpid()}"
"""What the programs call themselves to the server, which so can tell how far ours are."""
POLL_SECONDS = 0.2
LOCK_MILLISECONDS = 60_000

Tell = Callable[[str, float], None]

# What a backup holds of: the schema public, but nothing in it that belongs to an extension.
_OURS = """
    FROM {table} AS o
    LEFT JOIN pg_depend AS d ON d.classid = '{table}'::regclass AND d.objid = o.oid AND d.deptype = 'e'
    WHERE o.{schema} = 'public'::regnamespace AND d.objid IS NULL
"""
_TABLES = f"SELECT o.oid::regclass::text AS name {_OURS.format(table='pg_class', schema='relnamespace')}"


async def hold(connection: Connection) -> str:
    """The name of this transaction's snapshot, which others may share as long as it lasts, however long that is."""
    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    await connection.execute("SET LOCAL search_path = public")
    snapshot: str = await connection.fetchval("SELECT pg_export_snapshot()")
    return snapshot


async def tables(connection: Connection) -> list[str]:
    """Every table, as it is written in a statement, in the order in which it is dumped."""
    rows = await connection.fetch(f"{_TABLES} AND o.relkind = 'r' ORDER BY o.relname COLLATE \"C\"")
    return [row["name"] for row in rows]


async def rows(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in await tables(connection)}


async def obstacles(connection: Connection) -> list[str]:
    """What there is in the way of a restore: a database is empty if it has no table, view, function or type."""
    found = await connection.fetch(
        f"""
        SELECT name FROM (
            SELECT o.relname AS name, 1 AS place {_OURS.format(table="pg_class", schema="relnamespace")}
            AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            UNION ALL SELECT o.proname, 2 {_OURS.format(table="pg_proc", schema="pronamespace")}
            UNION ALL SELECT o.typname, 3 {_OURS.format(table="pg_type", schema="typnamespace")}
            AND o.typtype IN ('d', 'e', 'r')
        ) AS objects ORDER BY place, name
        """
    )
    return [row["name"] for row in found]


async def unknown_settings(connection: Connection, names: Sequence[str]) -> set[str]:
    """Those that this server does not have: a newer program sets what an older server has never heard of."""
    found = await connection.fetch(
        "SELECT name FROM unnest($1::text[]) AS name WHERE current_setting(name, true) IS NULL", names
    )
    return {row["name"] for row in found}


async def refresh_statistics(connection: Connection) -> None:
    """For the planner, and for index-only scans: no dump carries them."""
    await connection.execute(f"VACUUM (ANALYZE) {', '.join(await tables(connection))}")


async def _copied(connection: Connection) -> tuple[str, int] | None:
    """The table that our program is reading now, and how many of its rows it has."""
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    row = await connection.fetchrow(
        "SELECT c.relid::regclass::text AS name, c.tuples_processed AS count FROM pg_stat_progress_copy AS c"
        " JOIN pg_stat_activity AS a USING (pid) WHERE a.application_name = $1",
        APPLICATION,
    )
    return (row["name"], row["count"]) if row and row["name"] else None


async def write(
    connection: Connection, programs: Programs, access: Access, snapshot: str, into: Path, tell: Tell
) -> tuple[dict[str, int], int]:
    """Write to a file what this transaction, which holds the snapshot, sees; how many rows by table, how many bytes.

    Raises DumpFailed. The file is in pg_dump's custom format, packed, with a seal behind it.
    """
    counts = await rows(connection)
    command = [
        *(programs["pg_dump"], "--format=custom", "--no-password", f"--dbname={access.conninfo}"),
        f"--file={into}",  # on its standard output, pg_dump 18 writes the list of contents twice
        *(f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_MILLISECONDS}", "--schema=public"),
        *(f"--extension={name}" for name in EXTENSIONS),
        *("--no-privileges", "--no-comments", "--no-security-labels", "--no-publications", "--no-subscriptions"),
    ]
    devnull = asyncio.subprocess.DEVNULL
    with tempfile.TemporaryFile() as said:
        async with running(command, access.environment, stdin=devnull, stdout=devnull, stderr=said) as process:
            code = await ended(process, lambda: _tell_copied(connection, counts, tell))
        if code:
            raise DumpFailed(f"No backup was made: {reason(said, code)}.")
    try:
        return counts, seal.put(into)
    except OSError as error:
        raise DumpFailed(f"No backup was made: {error.strerror}.") from error


async def _tell_copied(connection: Connection, counts: dict[str, int], tell: Tell) -> None:
    now = await _copied(connection)
    if now and now[0] in counts:
        name, done = now
        before = sum(count for table, count in counts.items() if table < name)
        tell("writing the rows", min(1.0, (before + done) / max(1, sum(counts.values()))))


async def ended(process: asyncio.subprocess.Process, meanwhile: Callable[[], Awaitable[None]]) -> int:
    """The exit code of a program, once it has ended; something is done again and again until then."""
    waiting = asyncio.ensure_future(process.wait())
    try:
        while not (await asyncio.wait({waiting}, timeout=POLL_SECONDS))[0]:
            await meanwhile()
        return waiting.result()
    finally:
        waiting.cancel()
