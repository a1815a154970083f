"""The disk with the data and the logs is full: 503, nothing lost, and it goes on by itself once there is room."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.faults.shop import assert_nothing_lost, assert_told_again, open_shop, prepare, soon
from tests.story.processes import Service, attach, database, service, until

from nambari.db import keeper
from nambari.db.migrate import migrate

SIZE = "256m"
BALLAST = "ballast"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"a full disk needs a small one, and root's right to mount a tmpfs: {done.stderr}"
    try:
        yield place
    finally:
        until(lambda: subprocess.run(["umount", str(place)], check=False).returncode == 0, 60, "the end of its use")


@pytest.fixture
def served(small_disk: Path) -> Iterator[Service]:
    """With the embedded PostgreSQL, and all it writes, on that disk. Not started yet."""
    with service(small_disk / "home") as made:
        made.settings["NAMBARI_DATABASE_TIMEOUT_SECONDS"] = "5"
        yield made


def fill(place: Path) -> None:
    """To the last byte."""
    with (place / BALLAST).open("ab", buffering=0) as ballast:
        for piece in (1 << 20, 4096, 1):
            try:
                while ballast.write(b"x" * piece):
                    pass
            except OSError:
                continue


async def test_a_full_disk(served: Service, small_disk: Path) -> None:
    served.home.mkdir()
    server = attach(served.home)
    try:
        await asyncio.to_thread(migrate, server.dsn)
        async with database(served.home) as world:
            shop = await prepare(world, [served.url])
        await asyncio.to_thread(served.start)
    finally:
        server.close()
    async with open_shop(shop):
        await shop.more(40)
        await asyncio.to_thread(fill, small_disk)
        await shop.after("503", 20)
        (small_disk / BALLAST).unlink()
        await shop.more(40, 120)

        # Now not even what is under way can be logged: PostgreSQL gives up, and cannot start while that is so.
        await soon(lambda: gave_up(served.home, small_disk, server.dsn), 90, "the end of PostgreSQL")
        await shop.after("503", 20)
        (small_disk / BALLAST).unlink()
        await shop.more(40, 120)
    assert served.process.poll() is None
    assert set(shop.outcomes) <= {"200", "201", "204", "404", "409", "503"}, shop.lost()
    await assert_told_again(shop)
    async with database(served.home) as world:
        await assert_nothing_lost(world, shop)


def gave_up(home: Path, disk: Path, dsn: str) -> bool:
    """Whether PostgreSQL has ended. Where it recovers, by taking back files of its own, what room it made is filled."""
    fill(disk)
    use_up_the_log(dsn)
    return not is_running(home)


def use_up_the_log(dsn: str) -> None:
    """A new file of it again and again, until there is none to be had."""
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for _ in range(200):
                connection.execute(
                    "SELECT pg_logical_emit_message(false, 'faults', repeat('x', 1000)), pg_switch_wal()"
                )
    except psycopg.Error:
        return
    raise AssertionError("there was room for 200 files of the log")


def is_running(home: Path) -> bool:
    fd = keeper.try_lock(str(home / "data" / keeper.SERVER_LOCK))
    if fd is None:
        return True
    os.close(fd)
    return False
