"""Do the processes count together over a real Valkey, and does everything go on while there is none?

The limits here are of a day, and its end is far: what is counted does not hang on how fast the machine is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from math import floor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.cast import World
from tests.conftest import started
from tests.operations.racing import eventually
from tests.operations.valkey import Valkey, valkey

from nambari.api import limits
from nambari.api.app import application, with_request_id
from nambari.api.limits import WAIT_SECONDS
from nambari.domain.access import Environment
from nambari.settings import Settings
from nambari.wiring import open_shared_counts, with_port

PER_DAY = 30
NOON = 1_789_128_000  # 2026-09-11T12:00:00Z
AWAY = "rate limits are not held"
BACK = "rate limits are held again"
SLACK_SECONDS = 10
"""What a busy machine may take besides; were each request to wait, it would be more than twice as much."""

Start = Callable[..., Any]


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Valkey]:
    """Not started yet."""
    with valkey(tmp_path) as made:
        yield made


@pytest.fixture
def process(counting: Valkey, settings: Settings, dsn: str) -> Start:
    """An application with its own connections to both, as each process has it. Its day is far from its end."""

    @asynccontextmanager
    async def running(**changes: Any) -> AsyncIterator[World]:
        wanted: dict[str, Any] = {"rate_limit_url": counting.url, "enterprise_requests_per_day": PER_DAY, **changes}
        app = application(replace(settings, **wanted), dsn)
        async with started(app):
            if "enterprise_requests_per_day" not in changes:
                app.state.limiter._now = lambda: NOON
            world = World(app.state.services, with_request_id(app))
            yield world
            await world.close()

    return running


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No count is given up because the machine is busy."""
    monkeypatch.setattr(limits, "WAIT_SECONDS", 60.0)


def left(answer: httpx2.Response) -> int:
    assert answer.status_code == 200, answer.text
    return int(answer.headers["x-ratelimit-remaining"])


@pytest.mark.usefixtures("patient")
async def test_processes_count_together(process: Start, counting: Valkey) -> None:
    counting.start()
    async with AsyncExitStack() as stack:
        worlds = [await stack.enter_async_context(process()) for _ in range(3)]
        alice = await worlds[0].person()
        clients = [world.client(alice.api_key) for world in worlds]
        for count in range(1, 13):
            assert left(await clients[count % 3].get("/v1/kyc")) == PER_DAY - count
        answers = await asyncio.gather(*(clients[count % 3].get("/v1/kyc") for count in range(60)))
        served = [left(answer) for answer in answers if answer.status_code == 200]
        assert sorted(served) == list(range(PER_DAY - 12))
        for answer in answers:
            if answer.status_code != 200:
                assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
                assert answer.json()["details"] == {"exceeded": "requests_per_day", "allowed": PER_DAY}
                assert answer.headers["x-ratelimit-remaining"] == "0"
        _, test_key = await worlds[1].key(alice.organization_id, environment=Environment.TEST)
        mallory = await worlds[2].person()
        assert left(await worlds[0].client(test_key).get("/v1/kyc")) == PER_DAY - 1
        assert left(await worlds[0].client(mallory.api_key).get("/v1/kyc")) == PER_DAY - 1


@pytest.mark.usefixtures("patient")
async def test_what_is_counted_outlives_a_process(process: Start, counting: Valkey) -> None:
    counting.start()
    async with process() as world:
        alice = await world.person()
        assert left(await alice.client.get("/v1/kyc")) == PER_DAY - 1
    async with process() as world:
        assert left(await world.client(alice.api_key).get("/v1/kyc")) == PER_DAY - 2


@pytest.mark.usefixtures("patient")
async def test_seconds_are_counted_together_too(process: Start, counting: Valkey) -> None:
    """However long it takes, of 5 a second no second serves more; and who waits as told is served."""
    counting.start()
    async with process(enterprise_requests_per_day=0) as one, process(enterprise_requests_per_day=0) as two:
        organization_id = await one.organization(plan="free")
        person = await one.person(organization_id, verified=False, cents=0)
        clients = [person.client, two.client(person.api_key)]
        ask = {"url": "/v1/phone-numbers", "json": {"inventory_id": "inv_none", "validate_only": True}}
        begun = time.monotonic()
        answers = await asyncio.gather(*(clients[count % 2].post(**ask) for count in range(100)))
        seconds = time.monotonic() - begun
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 5 <= 100 - len(refused) <= 5 * (floor(seconds) + 1)
        assert "purchases_per_second" in {answer.json()["details"]["exceeded"] for answer in refused}
        answer = refused[-1]
        async with asyncio.timeout(20):
            while answer.status_code == 429:
                wait = answer.json()["retry_after"]
                assert 0 < wait <= 1
                await asyncio.sleep(wait)
                answer = await person.client.post(**ask)
        assert answer.json()["code"] == "KYC_REQUIRED"


# ── Without it ───────────────────────────────────────────────────────────────────────────────────────────────────


async def until_counted(client: httpx2.AsyncClient) -> None:
    """Ask until an answer tells that it was counted."""

    async def counted() -> bool:
        return left(await client.get("/v1/kyc")) < PER_DAY

    await eventually(counted, 20)


async def assert_all_served(client: httpx2.AsyncClient) -> None:
    """More than the limit allows, uncounted; the wait is of one request, not of each."""
    begun = time.monotonic()
    for _ in range(PER_DAY * 2):
        assert left(await client.get("/v1/kyc")) == PER_DAY
    assert time.monotonic() - begun < 2 * WAIT_SECONDS + SLACK_SECONDS


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that was logged so far."""
    seen = []

    def read() -> str:
        seen.extend(capfd.readouterr())
        return "".join(seen)

    return read


@pytest.mark.usefixtures("patient")
async def test_it_may_be_away_at_the_start(process: Start, counting: Valkey, logged: Callable[[], str]) -> None:
    async with process() as world:
        alice = await world.person()
        await assert_all_served(alice.client)
        assert (logged().count(AWAY), logged().count(BACK)) == (1, 0)
        assert str(counting.port) in logged()
        counting.start()
        await until_counted(alice.client)
        assert (logged().count(AWAY), logged().count(BACK)) == (1, 1)


@pytest.mark.usefixtures("patient")
async def test_it_may_be_killed_and_come_back_empty(
    process: Start, counting: Valkey, logged: Callable[[], str]
) -> None:
    counting.start()
    async with process() as world:
        alice = await world.person()
        for count in range(1, 6):
            assert left(await alice.client.get("/v1/kyc")) == PER_DAY - count
        counting.kill()
        await assert_all_served(alice.client)
        assert (logged().count(AWAY), logged().count(BACK)) == (1, 0)
        counting.start()
        await until_counted(alice.client)
        answer = await alice.client.get("/v1/kyc")
        assert left(answer) == PER_DAY - 2
        assert logged().count(BACK) == 1


async def test_it_may_hang(
    process: Start, counting: Valkey, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its connections open and its port accepting: nothing but time tells that it does not answer."""
    counting.start()
    async with process() as world:
        alice = await world.person()
        with monkeypatch.context() as patient:
            patient.setattr(limits, "WAIT_SECONDS", 60.0)
            for count in range(1, 6):
                assert left(await alice.client.get("/v1/kyc")) == PER_DAY - count
        counting.freeze()
        begun = time.monotonic()
        answers = await asyncio.gather(*(alice.client.get("/v1/kyc") for _ in range(50)))
        assert {left(answer) for answer in answers} == {PER_DAY}
        assert time.monotonic() - begun < WAIT_SECONDS + SLACK_SECONDS
        await assert_all_served(alice.client)
        assert logged().count(AWAY) == 1
        counting.thaw()
        await until_counted(alice.client)
        assert logged().count(BACK) == 1


async def test_it_may_hang_at_the_end(process: Start, counting: Valkey) -> None:
    counting.start()
    async with process() as world:
        alice = await world.person()
        await alice.client.get("/v1/kyc")
        counting.freeze()
        begun = time.monotonic()
    assert time.monotonic() - begun < 1 + SLACK_SECONDS
    counting.thaw()


async def test_what_answers_nonsense_is_away(process: Start, settings: Settings, logged: Callable[[], str]) -> None:
    """As when the URL names the port of something else, or the password is wrong."""
    server = await asyncio.start_server(_talk_nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with process(rate_limit_url=f"redis://:swordfish@127.0.0.1:{port}/0") as world:
            alice = await world.person()
            await assert_all_served(alice.client)
        server.close()
    assert logged().count(AWAY) == 1
    assert "swordfish" not in logged()


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("valkey://127.0.0.1", "valkey://127.0.0.1:6379"),
        ("redis://:swordfish@cache.example.com:/1", "redis://:swordfish@cache.example.com:6379/1"),
        ("valkey://[::1]/", "valkey://[::1]:6379/"),
        ("valkey://[::1]:7000", "valkey://[::1]:7000"),
        ("rediss://cache.example.com:6380/1", "rediss://cache.example.com:6380/1"),
    ],
)
async def test_a_port_need_not_be_named(url: str, meant: str) -> None:
    """That of Redis is meant; the library would refuse it when the service starts. Nothing is asked here yet."""
    assert with_port(url) == meant
    async with open_shared_counts(url):
        pass


async def _talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()
