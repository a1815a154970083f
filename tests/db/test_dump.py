"""Which PostgreSQLs can be backed up and restored into which, and who learns the password on the way?"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.cast import World, assert_invariants
from tests.conftest import started
from tests.db.test_migrate import INSTALLED, OLDEST, live

from nambari.api.app import application, with_request_id
from nambari.db import archive, dump, dump_programs, embedded, server_program
from nambari.db.dump_programs import DumpFailed
from nambari.db.engine import DatabaseUnavailable
from nambari.db.migrate import migrate, newest_step
from nambari.operations import backup
from nambari.settings import Settings
from nambari.wiring import open_services

PASSWORD = "s p@ss/w:rd%'"
IN_A_URL = "s%20p%40ss%2Fw%3Ard%25%27"
PROGRAMS = {each.major: each.directory for each in dump_programs.installed()}
BOTH = pytest.mark.skipif(
    OLDEST not in INSTALLED or OLDEST not in PROGRAMS,
    reason=f"PostgreSQL {OLDEST} is not here (CI sees to it: test_migrate.py)",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nambari.dump"


def nothing(doing: str, part: float) -> None:
    """Nobody looks how far it is."""


async def write(settings: Settings, dsn: str, file: Path) -> backup.Backup:
    async with open_services(settings, dsn) as services:
        return await backup.write(services, dsn, file, nothing)


async def restore(settings: Settings, dsn: str, file: Path) -> int:
    with archive.opened(file) as found:
        async with open_services(settings, dsn) as services:
            return await backup.restore(services, dsn, found, nothing)


@contextmanager
def only(monkeypatch: pytest.MonkeyPatch, *directories: Path) -> Iterator[None]:
    """No other PostgreSQL on this machine."""
    with monkeypatch.context() as patch:
        patch.setattr(server_program, "_candidates", lambda: iter(directories))
        patch.setenv("PATH", "/nonexistent")
        yield


@pytest.fixture
async def oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """An empty database of the oldest PostgreSQL that we promise."""
    with monkeypatch.context() as patch:
        patch.setattr(server_program, "_candidates", lambda: iter([INSTALLED[OLDEST]]))
        server = await asyncio.to_thread(embedded.attach, tmp_path / "oldest", durable=False)
    try:
        yield server.dsn
    finally:
        await asyncio.to_thread(server.close)


async def bought(settings: Settings, dsn: str) -> None:
    """A number's life and a purchase that goes on, in a database that is up to date."""
    app = application(replace(settings, database_connections=4), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        await live(world)
        await world.close()


async def works(settings: Settings, dsn: str) -> None:
    """All rows keep the invariants, and what is sold now goes on where the sequences were."""
    app = application(replace(settings, database_connections=4), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        await assert_invariants(world)
        world._next_number = 100
        alice = await world.person()
        [item] = await world.stock(1)
        assert (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).status_code == 201
        await assert_invariants(world)
        await world.close()
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        connection.execute("DELETE FROM postings")


def clear(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


# ── Versions ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_extensions_are_those_of_the_schema(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql'").fetchall()
    assert {name for (name,) in found} == set(dump.EXTENSIONS)


@BOTH
async def test_from_the_embedded_one_into_the_oldest(dsn: str, oldest: str, settings: Settings, file: Path) -> None:
    """Which does not know every setting that the newer pg_restore sets."""
    await bought(settings, dsn)
    written = await write(settings, dsn, file)
    assert await restore(settings, oldest, file) == written.rows
    await works(settings, oldest)


@BOTH
async def test_from_the_oldest_into_the_embedded_one(oldest: str, empty: str, settings: Settings, file: Path) -> None:
    await asyncio.to_thread(migrate, oldest)
    await bought(settings, oldest)
    written = await write(settings, oldest, file)
    assert await restore(settings, empty, file) == written.rows
    await works(settings, empty)
    clear(oldest)
    assert await restore(settings, oldest, file) == written.rows
    await works(settings, oldest)


@BOTH
async def test_with_the_oldest_programs_alone(
    oldest: str, empty: str, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do for their own server; and what they wrote, newer ones read."""
    await asyncio.to_thread(migrate, oldest)
    await bought(settings, oldest)
    with only(monkeypatch, PROGRAMS[OLDEST]):
        written = await write(settings, oldest, file)
        clear(oldest)
        assert await restore(settings, oldest, file) == written.rows
    assert await restore(settings, empty, file) == written.rows
    await works(settings, oldest)


@BOTH
async def test_programs_that_are_older_than_the_server_or_the_file(
    dsn: str, empty: str, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(settings, dsn, file)
    with only(monkeypatch, PROGRAMS[OLDEST]):
        newer = max(INSTALLED)
        wanted = rf"The server is PostgreSQL {newer}, .* version {newer} or newer .*found here: {OLDEST}\. Install"
        with pytest.raises(DumpFailed, match=wanted):
            await write(settings, dsn, file.with_name("second"))
        with pytest.raises(DumpFailed, match=rf"newer than any pg_restore here \(found: {OLDEST};.* Install"):
            await restore(settings, empty, file)
    assert [each.name for each in file.parent.glob("*dump*")] == [file.name]


async def test_no_programs(
    dsn: str, empty: str, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(settings, dsn, file)
    with only(monkeypatch):
        with pytest.raises(DumpFailed, match="found here: none"):
            await write(settings, dsn, file.with_name("second"))
        with pytest.raises(DumpFailed, match="There is no pg_restore here"):
            await restore(settings, empty, file)


async def test_a_migration_at_the_same_time(dsn: str, empty: str, settings: Settings, file: Path) -> None:
    """As of a service that starts: whoever comes second finds a whole schema, and nothing to do or no room."""
    await bought(settings, dsn)
    written = await write(settings, dsn, file)
    restored, *migrated = await asyncio.gather(
        restore(settings, empty, file),
        *(asyncio.to_thread(migrate, empty) for _ in range(2)),
        return_exceptions=True,
    )
    assert migrated == [None, None]
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest_step(),)]
        [(events,)] = connection.execute("SELECT count(*) FROM events").fetchall()
    if isinstance(restored, DumpFailed):
        assert events == 0
    else:
        assert (restored, events > 0) == (written.rows, True)


# ── Passwords ────────────────────────────────────────────────────────────────────────────────────────────────────

RECORDER = """#!/bin/sh
printf '%s\\n' "$0" "$@" >> "{record}"
exec "{real}/$(basename "$0")" "$@"
"""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """The URL, with its password, of a server that asks for one."""
    server = embedded.attach(tmp_path / "guarded", durable=False)
    try:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE nambari PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
            access = server.home / "pgdata" / "pg_hba.conf"
            access.write_text("local all all scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE target")
        yield server.dsn.replace("nambari@", f"nambari:{IN_A_URL}@")
    finally:
        server.close()


async def test_a_password_is_in_no_argument_and_in_no_error(
    guarded: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    real = dump_programs.installed()[0].directory
    (recording := tmp_path / "bin").mkdir()
    for name in dump_programs.NAMES:
        (recording / name).write_text(RECORDER.format(record=tmp_path / "record", real=real))
        (recording / name).chmod(0o755)
    settings = replace(settings, database_url=guarded)
    await asyncio.to_thread(migrate, guarded)
    with monkeypatch.context() as patch:
        patch.setattr(server_program, "_candidates", lambda: iter([recording]))
        await write(settings, guarded, file)
        await restore(settings, guarded.replace("/nambari?", "/target?"), file)
    arguments = (tmp_path / "record").read_text()
    assert {Path(line).name for line in arguments.splitlines() if line.startswith(str(recording))} == set(
        dump_programs.NAMES
    )
    assert "user=nambari" in arguments
    assert PASSWORD not in arguments
    assert IN_A_URL not in arguments
    with pytest.raises(DatabaseUnavailable) as refused:
        await write(settings, guarded.replace(IN_A_URL, "swordfish"), file)
    assert "swordfish" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://nambari:sword%fish@127.0.0.1/nambari", "letters like @ : / in a password"),
        ("postgresql://nambari@127.0.0.1/nambari?sslpassword=swordfish", "sslpassword"),
    ],
)
def test_a_url_that_cannot_be_handed_on(url: str, reason: str) -> None:
    with pytest.raises(DumpFailed, match=reason) as failed:
        dump_programs.access_to(url, embedded=False, application_name="test")
    assert "fish" not in str(failed.value)


async def test_the_environment_does_not_lead_away_from_the_embedded_server(
    dsn: str, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor from the server of the URL, by a service whose words would count for more."""
    (service := file.with_name("services")).write_text("[other]\nhost=127.0.0.1\nport=1\npassword=x\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGSERVICE", "other")
    assert (await write(replace(settings, database_url=dsn), dsn, file)).rows
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense")
    assert dump_programs.program_environment(embedded=True).keys().isdisjoint({"PGHOSTADDR", "PGSERVICE", "PGOPTIONS"})


def test_the_wheel_brings_every_program() -> None:
    assert shutil.which("pg_dump", path=os.pathsep.join(map(str, server_program.program_directories())))
    assert dump_programs.installed()[0].major >= max(INSTALLED)
