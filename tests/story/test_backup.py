"""docs/backup.md, lived: a shop is backed up while it sells, and restored elsewhere; the killed leave nothing half."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest
from tests.cast import assert_invariants
from tests.story.processes import Service, attach, database, environment, kill_database, processes_of, service, until

import nambari
from nambari.db import embedded
from nambari.db.migrate import migrate, newest_step

NUMBERS = 9_000
PRICE = 350
ROWS = 60_000
NEXT_STEP = """
from alembic import op
revision, down_revision = "{step}", "{before}"
def upgrade():
    op.execute("ALTER TABLE organizations ADD COLUMN nickname text DEFAULT 'none'")
"""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "nambari", *words]


def run(home: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*words), capture_output=True, text=True, check=False, timeout=120, env=environment(home) | more
    )


# ── A day in the life of a shop ──────────────────────────────────────────────────────────────────────────────────


async def test_backed_up_while_it_sells_and_served_from_an_empty_folder(served: Service, tmp_path: Path) -> None:
    key, items = await opened_shop(served)
    await asyncio.to_thread(served.start)
    bought: dict[str, str] = {}
    told: dict[str, bytes] = {}
    done = None
    file = tmp_path / "nambari.dump"
    async with httpx2.AsyncClient(base_url=served.url, headers={"x-api-key": key}, timeout=30) as client:
        wanted = iter(items)

        async def customer() -> None:
            """Buys until the backup is made, and one number more."""
            for item in wanted:
                is_the_last = done is not None
                answer = await buy(client, item)
                bought[item] = answer.json()["id"]
                told[item] = answer.content
                if is_the_last:
                    break

        selling = [asyncio.create_task(customer()) for _ in range(2)]
        while len(bought) < 50:  # noqa: ASYNC110 - some hundred answers a second: no need of an event
            await asyncio.sleep(0.001)
        before = set(bought.values())
        done = await asyncio.to_thread(run, served.home, "backup", str(file), "--json")
        after = len(bought)
        await asyncio.gather(*selling)
    assert done.returncode == 0, done.stderr
    assert len(before) < after < len(bought) <= NUMBERS, "it was not selling meanwhile"
    assert served.stop() == 0

    with service(tmp_path / "elsewhere") as second:
        restored = await asyncio.to_thread(run, second.home, "restore", str(file), "--json")
        assert restored.returncode == 0, restored.stderr
        await asyncio.to_thread(second.start)
        async with httpx2.AsyncClient(base_url=second.url, headers={"x-api-key": key}, timeout=30) as client:
            there = await everything(client)
            assert before <= there < set(bought.values())
            again = [item for item, number in bought.items() if number not in there]
            for item in again[-3:]:  # sold when the backup was made: here they are not
                assert (await buy(client, item)).json()["id"] != bought[item]
            assert (await buy(client, items[0])).content == told[items[0]], "a kept answer is another"
        assert second.stop() == 0
        async with database(second.home) as world:
            assert await world.value("SELECT count(*) FROM phone_numbers") == len(there) + len(again[-3:])
            await assert_invariants(world)


async def opened_shop(shop: Service) -> tuple[str, list[str]]:
    shop.home.mkdir(parents=True)
    server = attach(shop.home)
    await asyncio.to_thread(migrate, server.dsn)
    async with database(shop.home) as world:
        organization = await world.organization()
        await world.verify(organization)
        await world.fund(organization, NUMBERS * PRICE)
        made = (await world.key(organization))[1], await world.stock(NUMBERS)
    server.close()
    return made


async def buy(client: httpx2.AsyncClient, item: str) -> httpx2.Response:
    answer = await client.post("/v1/phone-numbers", json={"inventory_id": item}, headers={"Idempotency-Key": item})
    assert answer.status_code == 201, answer.text
    return answer


async def everything(client: httpx2.AsyncClient) -> set[str]:
    """The ids of all numbers that are owned."""
    found: set[str] = set()
    while True:
        page = (await client.get("/v1/phone-numbers", params={"limit": 100, "offset": len(found)})).json()
        found |= {each["id"] for each in page["phone_numbers"]}
        if not page["has_more"]:
            return found


# ── Killed ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def large(server: embedded.EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup whose restore takes a second or two."""
    home = tmp_path_factory.mktemp("large")
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE large TEMPLATE {template}")
        dsn = server.dsn.replace("/nambari?", "/large?")
        with psycopg.connect(dsn) as there:
            there.execute(
                """
                INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status,
                                       available_since, created_at)
                SELECT 'inv_' || md5(n::text), 'live', '+23480' || 30000000 + n, 'NG', 'mobile', '{voice}', 'pool',
                       'available', now(), now()
                FROM generate_series(1, %s) AS n
                """,
                [ROWS],
            )
        done = run(home, "backup", str(home / "large.dump"), NAMBARI_DATABASE_URL=dsn)
        connection.execute("DROP DATABASE large")
    assert done.returncode == 0, done.stderr
    return home / "large.dump"


@contextmanager
def restoring(home: Path, file: Path, dsn: str | None, moment: str) -> Iterator["subprocess.Popen[str]"]:
    """A restore that has just told the moment. Python tries a folder for temporary files by writing one: it is ours.

    The embedded server may need a short one for its socket.
    """
    ours = environment(home) | ({"NAMBARI_DATABASE_URL": dsn, "TMPDIR": str(home)} if dsn else {})
    with subprocess.Popen(
        command("restore", str(file)), stderr=subprocess.PIPE, text=True, env=ours, start_new_session=True
    ) as process:
        try:
            assert process.stderr is not None
            assert any(line.startswith(moment) for line in process.stderr), f"it never told {moment!r}"
            yield process
        finally:
            process.kill()


def rows_of(dsn: str) -> int | None:
    """How many numbers are there; None if the database is empty."""
    with psycopg.connect(dsn) as connection:
        there = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        if connection.execute(there).fetchone() == (0,):
            return None
        [(count,)] = connection.execute("SELECT count(*) FROM inventory").fetchall()
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest_step(),)
        return int(count)


def is_left_alone(dsn: str) -> bool:
    """Nobody but us is connected: what the killed had begun is over."""
    with psycopg.connect(dsn) as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return connection.execute(others).fetchone() == (0,)


@pytest.mark.parametrize(
    "moment",
    ["restoring the rows: 0", "restoring the rows: 20", "restoring the rows: 50", "restoring the rows: 80"],
)
def test_kill_9_in_the_middle_of_a_restore(tmp_path: Path, large: Path, empty: str, moment: str) -> None:
    with restoring(tmp_path, large, empty, moment) as process:
        process.kill()
        process.wait(30)
    until(lambda: is_left_alone(empty), 30, "the end of its transaction")
    assert rows_of(empty) is None
    until(lambda: not processes_of(tmp_path), 30, "the end of its programs")
    assert run(tmp_path, "restore", str(large), NAMBARI_DATABASE_URL=empty).returncode == 0
    assert rows_of(empty) == ROWS


def test_kill_9_in_the_middle_of_a_restore_into_a_folder(tmp_path: Path, large: Path) -> None:
    """With its only user the embedded server goes too; what is there the next time is empty."""
    with restoring(tmp_path, large, None, "restoring the rows: 50") as process:
        process.kill()
        process.wait(30)
    until(lambda: not processes_of(tmp_path), 60, "the end of the database")
    again = run(tmp_path, "restore", str(large), "--json")
    assert again.returncode == 0, again.stderr
    server = attach(tmp_path)
    try:
        assert rows_of(server.dsn) == ROWS
    finally:
        server.close()


@pytest.mark.parametrize("moment", ["restoring the rows: 50", "putting the indexes in order"])
def test_the_database_dies_in_the_middle_of_a_restore(tmp_path: Path, large: Path, moment: str) -> None:
    with restoring(tmp_path, large, None, moment) as process:
        kill_database(tmp_path)
        assert process.stderr is not None
        last = process.stderr.read().splitlines()[-1]
        assert process.wait(60) == 1
    assert last.startswith("nambari: ")
    until(lambda: not processes_of(tmp_path), 60, "the end of the database")
    again = run(tmp_path, "restore", str(large), "--json")
    assert again.returncode == 0 or (moment.startswith("putting") and "not empty" in again.stderr), again.stderr
    server = attach(tmp_path)
    try:
        assert rows_of(server.dsn) == ROWS
    finally:
        server.close()


@pytest.mark.parametrize("moment", ["putting the indexes in order", "gathering statistics"])
def test_kill_9_towards_the_end_of_a_restore(tmp_path: Path, large: Path, empty: str, moment: str) -> None:
    """It may be whole by then: half it is not."""
    with restoring(tmp_path, large, empty, moment) as process:
        process.kill()
        process.wait(30)
    until(lambda: is_left_alone(empty), 30, "the end of its transaction")
    assert rows_of(empty) in ({None, ROWS} if moment.startswith("putting") else {ROWS})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_restore_that_is_ended_leaves_nothing(
    tmp_path: Path, large: Path, empty: str, number: signal.Signals, code: int
) -> None:
    with restoring(tmp_path, large, empty, "restoring the rows: 20") as process:
        process.send_signal(number)
        assert process.wait(30) == code
    assert processes_of(tmp_path) == []
    until(lambda: is_left_alone(empty), 30, "the end of its transaction")
    assert rows_of(empty) is None


def test_a_backup_that_is_ended_leaves_no_file(tmp_path: Path, server: embedded.EmbeddedServer, dsn: str) -> None:
    ours = environment(tmp_path) | {"NAMBARI_DATABASE_URL": dsn}
    (folder := tmp_path / "folder").mkdir()
    with psycopg.connect(dsn) as other:
        other.execute("LOCK TABLE rates IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(
            command("backup", str(folder / "nambari.dump")), stderr=subprocess.PIPE, env=ours, start_new_session=True
        ) as process:
            try:
                with psycopg.connect(server.dsn, autocommit=True) as looking:
                    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                    until(lambda: looking.execute(waiting).fetchone() != (0,), 30, "its wait for the table")
                process.terminate()
                assert process.wait(30) == 143
            finally:
                process.kill()
    assert processes_of(tmp_path) == []
    assert list(folder.iterdir()) == []


# ── Another Nambari ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_older_backup_is_brought_up_to_date_and_a_newer_is_refused(tmp_path: Path) -> None:
    """The newer Nambari is this one and a step more."""
    step = f"{int(newest_step()) + 1:04}"
    source = Path(nambari.__file__).parent
    shutil.copytree(source, tmp_path / "newer" / "nambari", ignore=shutil.ignore_patterns("__pycache__"))
    text = NEXT_STEP.format(step=step, before=newest_step())
    (tmp_path / "newer" / "nambari" / "db" / "migrations" / "versions" / f"{step}_next.py").write_text(text)
    newer = {"PYTHONPATH": str(tmp_path / "newer"), "PYTHONDONTWRITEBYTECODE": "1"}
    old, new = str(tmp_path / "old.dump"), str(tmp_path / "new.dump")

    def done(folder: str, *words: str, **more: str) -> str:
        (home := tmp_path / folder).mkdir(exist_ok=True)
        finished = run(home, *words, **more)
        assert finished.returncode == 0, finished.stderr
        until(lambda: not processes_of(home), 30, "the end of the database")
        return finished.stdout

    done("this", "org", "create", "--name", "Acme")
    done("this", "backup", old)
    told = done("next", "restore", old, **newer)
    assert f"They were of schema step {newest_step()}; it is now at {step}." in told
    assert "Acme" in done("next", "org", "list", **newer)
    done("next", "backup", new, **newer)

    refused = run(tmp_path / "back", "restore", new)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"its schema is at step {step}, this program knows those up to {newest_step()}" in refused.stderr
    assert not (tmp_path / "back").exists()
