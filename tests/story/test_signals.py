"""How does the service end, and what does it survive? Signals, a taken port, a database that dies under it."""

import asyncio
import signal
import socket
import subprocess
import sys

import httpx2
import psycopg
from tests.story.processes import (
    HOST,
    Service,
    attach,
    database,
    environment,
    kill_database,
    processes_of,
    serve,
    until,
)

from nambari.db import embedded
from nambari.db.migrate import migrate

ENDED_WELL = {0, -signal.SIGTERM, 128 + signal.SIGTERM}
INTERRUPTED = {0, -signal.SIGINT, 128 + signal.SIGINT}
ENDPOINT = {"name": "Agent", "type": "agent", "url": "sip:agent@sip.example.com"}


async def customer(service: Service) -> tuple[str, list[str]]:
    """An API key with credits, and ten numbers to buy."""
    service.home.mkdir(parents=True)
    server = attach(service.home)
    await asyncio.to_thread(migrate, server.dsn)
    async with database(service.home) as world:
        person = await world.organization()
        await world.verify(person)
        await world.fund(person, 100_000)
        made = (await world.key(person))[1], await world.stock(10)
    server.close()
    return made


def is_listening(service: Service) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, service.port)) == 0


async def test_a_request_in_flight_is_finished_before_the_end(served: Service) -> None:
    key, _ = await customer(served)
    await asyncio.to_thread(served.start)
    server = attach(served.home)
    try:
        async with httpx2.AsyncClient(base_url=served.url, headers={"x-api-key": key}, timeout=30) as client:
            with psycopg.connect(server.dsn) as other, psycopg.connect(server.dsn, autocommit=True) as looking:
                other.execute("LOCK endpoints IN SHARE MODE")
                request = asyncio.create_task(client.post("/v1/endpoints", json=ENDPOINT))
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                await asyncio.to_thread(until, lambda: looking.execute(waiting).fetchone() != (0,), 10)
                served.process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(until, lambda: not is_listening(served), 10)
                assert served.process.poll() is None, "it did not wait for the request"
                other.rollback()
                answer = await request
        assert answer.status_code == 201
        assert served.process.wait(30) in ENDED_WELL, served.output
        with psycopg.connect(server.dsn) as looking:
            assert looking.execute("SELECT id FROM endpoints").fetchall() == [(answer.json()["id"],)]
    finally:
        server.close()


def test_ctrl_c_leaves_nothing(served: Service) -> None:
    served.start()
    assert len(processes_of(served.home)) > 2, "service, keeper and PostgreSQL should be there"
    assert served.interrupt() in INTERRUPTED, served.output
    until(lambda: not processes_of(served.home), 30, "the end of every process")
    assert "Traceback" not in served.output
    assert not is_listening(served)


def test_ctrl_c_while_it_starts_leaves_nothing(served: Service) -> None:
    """The first time a database is made, which takes a while. Interrupted in it, all ends; and the next start works."""
    served.launch()
    until((served.home / "data").exists, 30, "the data directory")
    served.interrupt()
    until(lambda: not processes_of(served.home), 60, "the end of every process")
    served.start()
    assert served.stop() in ENDED_WELL


def test_killed_it_starts_again(served: Service) -> None:
    served.start()
    served.kill()
    served.start()
    assert served.stop() in ENDED_WELL
    until(lambda: not processes_of(served.home), 30, "the end of every process")


def test_a_second_service_on_the_same_port_says_so(served: Service) -> None:
    served.start()
    second = subprocess.run(
        serve(served.port), capture_output=True, text=True, timeout=60, check=False, env=environment(served.home)
    )
    assert second.returncode == 1
    lines = second.stderr.strip().splitlines()
    assert len(lines) == 1, second.stderr
    assert str(served.port) in lines[0]
    assert "in use" in lines[0]
    assert httpx2.get(f"{served.url}/readyz").status_code == 200, "the first one is as well as before"


async def test_the_database_dies_and_comes_back(served: Service) -> None:
    """503 while it is gone, never anything else; and both are back by themselves."""
    key, items = await customer(served)
    await asyncio.to_thread(served.start)
    async with httpx2.AsyncClient(base_url=served.url, headers={"x-api-key": key}, timeout=30) as client:

        async def buy(item: str) -> httpx2.Response:
            order = {"inventory_id": item}
            return await client.post("/v1/phone-numbers", json=order, headers={"Idempotency-Key": item})

        assert (await buy(items[0])).status_code == 201
        kill_database(served.home)

        first = await buy(items[1])
        assert first.status_code == 201 or first.json()["code"] == "SERVICE_UNAVAILABLE"  # as fast as it is back
        answers = [first, *await asyncio.gather(*(buy(item) for item in items))]
        assert {each.status_code for each in answers} <= {201, 503}
        assert all(int(each.headers["Retry-After"]) >= 1 for each in answers if each.status_code == 503)
        assert (await client.get("/healthz")).status_code == 200

        await asyncio.to_thread(until, served.is_ready, 60, "recovery")
        answers = await asyncio.gather(*(buy(item) for item in items))
        assert {each.status_code for each in answers} == {201}
        assert (await client.get("/v1/phone-numbers")).json()["total"] == len(items)
    assert served.stop() in ENDED_WELL


ASKING = """
import signal, sys
from nambari.cli import session
from nambari.settings import Settings
from nambari.wiring import open_services

async def ask(dsn):
    print("asking", flush=True)
    while True:
        async with open_services(Settings(), dsn) as services, services.database.writing() as connection:
            await connection.fetch("SELECT 1")

signal.signal(signal.SIGTERM, session.on_sigterm)
session.run(ask(sys.argv[1]))
"""


def test_sigterm_while_an_answer_is_read(server: embedded.EmbeddedServer) -> None:
    """An exception that comes up within the driver's compiled code crashes the process, or is lost there."""
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", ASKING, server.dsn], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.terminate()
            try:
                assert process.wait(30) == 128 + signal.SIGTERM
            finally:
                process.kill()
