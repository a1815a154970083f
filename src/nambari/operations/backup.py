"""Keep the whole database in a file, and fill an empty one from it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nambari.db import archive, dump, dump_programs, schema
from nambari.db.archive import Archive
from nambari.db.dump import Tell
from nambari.db.dump_programs import Access, DumpFailed
from nambari.db.server_program import OLDEST_MAJOR
from nambari.wiring import Services

NAMED_OBSTACLES = 3


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written: how large the file is, and what a restore of it will have."""

    size_bytes: int
    tables: int
    rows: int
    step: str


async def write(services: Services, dsn: str, path: Path, tell: Tell) -> Backup:
    """Write the database, as of one moment, to a file that only its owner may read. Never half a file.

    Raises DumpFailed, OSError.
    """
    access = _access(services, dsn)
    async with (
        services.database.bulk() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        snapshot = await dump.hold(connection)
        step = await schema.step(connection)
        if step is None:
            raise DumpFailed("There is nothing to back up: this database is empty.")
        major, _, _ = await schema.server(connection)
        programs = dump_programs.for_server(major)
        tell("writing the rows", 0.0)
        with _whole(path) as partial:
            counts, size_bytes = await dump.write(connection, programs, access, snapshot, partial, tell)
            tell("writing the rows", 1.0)
    return Backup(size_bytes, len(counts), sum(counts.values()), step)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """An empty file that takes the place of this one when the block ends well; else nothing is left of it."""
    path = path.resolve()  # a link is followed: what it leads to is replaced
    try:
        fd, name = tempfile.mkstemp(prefix=".nambari-", suffix=".part", dir=path.parent)  # for its owner alone
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    os.close(fd)
    partial = Path(name)
    try:
        yield partial
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        partial.unlink(missing_ok=True)


async def restore(services: Services, dsn: str, backup: Archive, tell: Tell) -> int:
    """Fill an empty database, in one transaction; how many rows. Raises DumpFailed; then it is empty as before."""
    access = _access(services, dsn)
    async with services.database.bulk() as connection:
        major, version, _ = await schema.server(connection)
        if major < OLDEST_MAJOR:
            raise DumpFailed(f"The server is PostgreSQL {version}: Nambari needs {OLDEST_MAJOR} or newer.")
        if found := await dump.obstacles(connection):
            more = ", …" if len(found) > NAMED_OBSTACLES else ""
            raise DumpFailed(
                f"The database is not empty: it has {', '.join(found[:NAMED_OBSTACLES])}{more}. A backup is restored"
                " into an empty one only: name another folder in NAMBARI_DATA_DIR, or a new database in"
                " NAMBARI_DATABASE_URL."
            )
        tell("restoring the rows", 0.0)
        rows = await archive.restore(connection, backup, access, tell)
        tell("gathering statistics", 0.0)
        await dump.refresh_statistics(connection)
    return rows


def _access(services: Services, dsn: str) -> Access:
    embedded = not services.settings.database_url
    return dump_programs.access_to(dsn, embedded=embedded, application_name=dump.APPLICATION)
