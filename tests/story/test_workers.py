"""Does `serve --workers N` hold together? One port, several processes, one end; and a key's revocation reaches all."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil  # type: ignore[import-untyped,unused-ignore]
import psycopg
import pytest
from tests.scale.programs import listens
from tests.story.processes import (
    Service,
    attach,
    children,
    command_line,
    database,
    environment,
    processes_of,
    service,
    until,
)
from tests.story.test_signals import ENDPOINT

from nambari.db.migrate import migrate

WORKERS = 3
ASKED_EACH = 40


@pytest.fixture
def several(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path / "home", "--workers", str(WORKERS)) as made:
        yield made


def statuses(url: str, key: str, times: int) -> set[int]:
    """Each request on a connection of its own, so that the kernel spreads them over the processes."""
    return {httpx2.get(f"{url}/v1/credits", headers={"x-api-key": key}).status_code for _ in range(times)}


@pytest.fixture
async def key(several: Service) -> tuple[str, str]:
    """The id of a key and its secret, made before anything serves."""
    several.home.mkdir(parents=True, exist_ok=True)
    server = attach(several.home)
    migrate(server.dsn)
    async with database(several.home) as world:
        made = await world.key(await world.organization())
    server.close()
    return made


def revoke(home: Path, key_id: str) -> None:
    command = [sys.executable, "-m", "nambari", "key", "revoke", key_id]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(home))
    assert done.returncode == 0, done.stderr


def test_a_revoked_key_stops_within_a_second_on_every_process(several: Service, key: tuple[str, str]) -> None:
    key_id, secret = key
    several.start()
    assert statuses(several.url, secret, ASKED_EACH) == {200}
    revoke(several.home, key_id)
    revoked_at = time.monotonic()
    until(lambda: time.monotonic() > revoked_at + 1, 5, "a second")
    assert statuses(several.url, secret, ASKED_EACH) == {401}
    assert several.stop() == 0, several.output


def answering(several: Service) -> list[Any]:
    """The processes that are past their imports: each then has a thread that waits for the parent's end."""
    spawned = [each for each in children(several.process.pid) if "spawn_main" in command_line(each)]
    return [each for each in spawned if threads(each) > 1]


def threads(process: Any) -> int:
    try:
        return int(process.num_threads())
    except psutil.NoSuchProcess:
        return 0


def test_they_end_together(several: Service) -> None:
    several.start()
    until(lambda: len(answering(several)) == WORKERS, 120, "every process")
    assert several.interrupt() == 0, several.output
    until(lambda: not processes_of(several.home), 30, "the end of every process")
    assert "Traceback" not in several.output


async def test_a_request_in_flight_is_finished_and_no_other_is_taken(several: Service, key: tuple[str, str]) -> None:
    """Whoever comes while they end is refused at once, and can go to another machine."""
    await asyncio.to_thread(several.start)
    server = attach(several.home)
    try:
        async with httpx2.AsyncClient(base_url=several.url, headers={"x-api-key": key[1]}, timeout=60) as client:
            with psycopg.connect(server.dsn) as other, psycopg.connect(server.dsn, autocommit=True) as looking:
                other.execute("LOCK endpoints IN SHARE MODE")
                request = asyncio.create_task(client.post("/v1/endpoints", json=ENDPOINT))
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                await asyncio.to_thread(until, lambda: looking.execute(waiting).fetchone() != (0,), 30)
                several.process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(until, lambda: not listens(several.port), 30)
                assert several.process.poll() is None, "it did not wait for the request"
                other.rollback()
                answer = await request
        assert answer.status_code == 201
        assert several.process.wait(60) == 0, several.output
    finally:
        server.close()


def test_they_do_not_outlive_a_killed_parent(several: Service) -> None:
    several.start()
    os.kill(several.process.pid, signal.SIGKILL)
    several.process.wait(10)
    until(lambda: not processes_of(several.home), 60, "the end of every process")
    several.start()
    assert several.stop() == 0


def test_one_that_is_killed_is_replaced(several: Service) -> None:
    several.start()

    def serving() -> list[int]:
        return [each.pid for each in answering(several)]

    until(lambda: len(serving()) == WORKERS, 120, "every process")
    victim = serving()[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(serving()) == WORKERS and victim not in serving(), 120, "the replacement")
    assert {httpx2.get(f"{several.url}/healthz").status_code for _ in range(ASKED_EACH)} == {200}


def test_the_worker_alone(tmp_path: Path) -> None:
    """It serves nothing, ends on a signal, and leaves nothing."""
    with service(tmp_path / "home") as made:
        made.home.mkdir()
        with (made.home / "service.log").open("wb") as log:
            made._process = subprocess.Popen(
                [sys.executable, "-m", "nambari", "worker"],
                stdout=log,
                stderr=log,
                env=environment(made.home),
                start_new_session=True,
            )
        until(lambda: "worker is running" in made.output, 60, "the worker")
        assert made.stop() == 0, made.output
        until(lambda: not processes_of(made.home), 30, "the end of every process")
