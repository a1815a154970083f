"""Does the release before this one go on serving while its database is brought up to date, and this one beside it?

Its code and a world that it made are kept in data, by `python -m devtools.release`. As nothing is released yet, it is
an earlier state, of the commit that stands there.
"""

import asyncio
import io
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from devtools.release import BUYERS, CODE, COMMIT, ITEMS, WORLD, paths, unpack
from psycopg.conninfo import conninfo_to_dict
from tests.cast import World, assert_invariants
from tests.conftest import dsn_of
from tests.docs.blocks import blocks
from tests.story.processes import HOST, Service, environment, service, until

from nambari.db import embedded
from nambari.db.migrate import migrate, newest_step
from nambari.settings import Settings
from nambari.wiring import open_services


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the code of the release before."""
    home = tmp_path_factory.mktemp("old")
    unpack(home)
    return home


def test_the_commit_that_is_named_is_that_of_the_code() -> None:
    """Git writes it into each archive that it makes."""
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(CODE.read_bytes()))) as kept:
        assert COMMIT.read_text(encoding="ascii").strip() == kept.pax_headers["comment"]


class Old(Service):
    """A service of the release before: started in its folder, on its paths."""

    code: Path

    def launch(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nambari", "serve", "--host", HOST, "--port", str(self.port)],
                cwd=self.code,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self.home) | self.settings | paths(self.code),
                start_new_session=True,
            )


@contextmanager
def of_before(home: Path, code: Path, dsn: str) -> Iterator[Old]:
    made = Old(home, settings={"NAMBARI_DATABASE_URL": dsn})
    made.code = code
    try:
        yield made
    finally:
        made.end()


def command_of_before(code: Path, home: Path, dsn: str, *what: str) -> str:
    """What it answers."""
    done = subprocess.run(
        [sys.executable, "-m", "nambari", *what],
        cwd=code,
        env=environment(home) | {"NAMBARI_DATABASE_URL": dsn} | paths(code),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def step(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert found is not None
    return str(found[0])


async def buys_all(url: str, key: str, items: list[str], told: Counter[tuple[str, int]]) -> None:
    async with httpx2.AsyncClient(base_url=url, headers={"x-api-key": key}, timeout=60) as client:
        for item in items:
            bought = await client.post("/v1/phone-numbers", json={"inventory_id": item})
            told[item, bought.status_code] += 1
            if bought.status_code == 201:
                number = bought.json()["id"]
                assert (await client.get(f"/v1/phone-numbers/{number}")).json()["status"] == "active"
                changed = await client.patch(f"/v1/phone-numbers/{number}", json={"label": "desk"})
                assert changed.status_code == 200, changed.text
                assert (await client.get(f"/v1/phone-numbers/{number}/history")).status_code == 200
            assert (await client.get("/v1/credits")).status_code == 200
            listed = await client.get("/v1/phone-numbers?limit=100")
            assert listed.status_code == 200, listed.text


async def race(urls: list[str], keys: list[str], items: list[str]) -> Counter[tuple[str, int]]:
    """Who got which number; each buyer tries all of them, in an order of its own."""
    told: Counter[tuple[str, int]] = Counter()
    lots = random.Random(20261129)
    async with asyncio.TaskGroup() as tasks:
        for url in urls:
            for key in keys:
                tasks.create_task(buys_all(url, key, lots.sample(items, len(items)), told))
    return told


async def test_both_serve_while_the_schema_moves_on(tmp_path: Path, old: Path, empty: str) -> None:
    command_of_before(old, tmp_path / "old", empty, "restore", str(WORLD))
    before = step(empty)
    assert before < newest_step(), "there is nothing to upgrade: run python -m devtools.release at the release"
    with of_before(tmp_path / "old", old, empty) as first, service(tmp_path / "new") as second:
        first.start()
        assert step(empty) == before
        made = json.loads(BUYERS.read_text())
        keys, items = made["api_keys"], made["inventory_ids"]
        assert (len(keys), len(items)) == (2, ITEMS)
        alone = await race([first.url], keys, items[:4])
        assert {item for (item, status), _ in alone.items() if status == 201} == set(items[:4])

        moving = asyncio.create_task(race([first.url], keys, items[4:12]))
        await asyncio.to_thread(migrate, empty)
        meanwhile = await moving
        assert step(empty) == newest_step()
        assert {item for (item, status), _ in meanwhile.items() if status == 201} == set(items[4:12])

        second.settings |= {"NAMBARI_DATABASE_URL": empty}
        second.start()
        # Not asked of the first: the release that is kept is from before a newer schema was served as ready (0078).
        assert httpx2.get(f"{second.url}/readyz", timeout=60).status_code == 200
        told = await race([first.url, second.url], keys, items[12:])
        for item in items[12:]:
            assert told[item, 201] == 1, "sold once, to one of those who wanted it"
        assert {status for _, status in told} <= {201, 404, 409}, "who comes late is told so"
        for url in (first.url, second.url):
            held = [
                httpx2.get(f"{url}/v1/phone-numbers?limit=1", headers={"x-api-key": key}, timeout=60).json()["total"]
                for key in keys
            ]
            assert sum(held) >= ITEMS, "either sees what was bought of both"
        until(lambda: waiting(empty) == 0, what="both workers' end of what was due")
        assert first.stop() == 0, first.output
        assert second.stop() == 0, second.output
        assert "unexpected exception" not in first.output + second.output
        assert "failed" not in first.output + second.output
    async with open_services(Settings(data_dir=tmp_path), empty) as services:
        await assert_invariants(World(services, None))


def test_what_went_wrong_is_rolled_back(tmp_path: Path, old: Path, server: embedded.EmbeddedServer) -> None:
    """As docs/operations.md says: a backup goes into a new database, by the release before, which then serves it."""
    [block] = [each for each in blocks("docs/operations.md") if each.why == "tests/upgrade/test_upgrade.py"]
    restored = dsn_of(server, "nambari_before")
    shutil.copy(WORLD, tmp_path / "before.dump")
    program = tmp_path / "bin" / "nambari"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m nambari "$@"\n')
    program.chmod(0o755)
    where = conninfo_to_dict(server.dsn)
    subprocess.run(
        ["bash", "-e", "-c", block.text.replace("postgresql://…/nambari_before", f"'{restored}'")],
        cwd=tmp_path,
        env=environment(tmp_path)
        | paths(old)
        | {f"PG{name.upper()}": str(where[name]) for name in ("host", "port", "user")}
        | {"PATH": f"{program.parent}:{os.environ['PATH']}:/usr/lib/postgresql/15/bin"},
        check=True,
        timeout=300,
    )
    try:
        with of_before(tmp_path / "old", old, restored) as first:
            first.start()
            key = json.loads(BUYERS.read_text())["api_keys"][0]
            answer = httpx2.get(f"{first.url}/v1/phone-numbers", headers={"x-api-key": key}, timeout=60)
            assert answer.status_code == 200, answer.text
            assert step(restored) < newest_step()
            assert first.stop() == 0, first.output
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("DROP DATABASE nambari_before WITH (FORCE)")


def waiting(dsn: str) -> Any:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT (SELECT count(*) FROM events WHERE position IS NULL)"
            " + (SELECT count(*) FROM phone_numbers WHERE environment = 'live' AND due_at <= now())"
        ).fetchone()[0]  # type: ignore[index,unused-ignore]
