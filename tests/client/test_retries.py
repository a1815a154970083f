"""When does the client ask again, after how long, and is anything ever done twice?"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
import pytest
from tenacity import Retrying
from tests.api.serving import serving
from tests.cast import World, assert_invariants
from tests.receiver import Answer, Received, Receiver, answer, receiving

from nambari.settings import Settings
from nambari_client import AsyncClient, Client, ConnectionFailed, DayLimit, Retries, UnexpectedAnswer, errors
from nambari_client.core import Core
from nambari_client.errors import BY_CODE

QUICK = Retries(first_wait_seconds=0.001)
CREDITS = answer(200, b'{"balance_cents": 5, "held_cents": 0, "currency": "USD"}')


def refusal(status: int, code: str, body: str = "", **headers: str) -> bytes:
    text = f'{{"error": "No.", "code": "{code}", "request_id": "req_1"{body}}}'
    return answer(status, text.encode(), **headers)


def cut(_: Received) -> Answer:
    raise ConnectionResetError


@asynccontextmanager
async def answering(*answers: Answer | Callable[[Received], Answer]) -> AsyncIterator[tuple[AsyncClient, Receiver]]:
    """A client, and who answers it: as it is said, the last for ever."""
    left = list(answers)

    def next_answer(received: Received) -> Answer:
        one = left.pop(0) if len(left) > 1 else left[0]
        return one(received) if callable(one) else one

    async with (
        receiving(next_answer) as receiver,
        AsyncClient("kros_live_x", base_url=receiver.url(""), retries=QUICK) as client,
    ):
        yield client, receiver


@pytest.mark.parametrize(
    "busy",
    [
        refusal(503, "SERVICE_UNAVAILABLE", **{"Retry-After": "0"}),
        refusal(429, "RATE_LIMIT_EXCEEDED", ', "retry_after": 0.001', **{"Retry-After": "1"}),
        answer(502, b"<html>Bad gateway"),
        answer(504),
        cut,
    ],
)
async def test_what_passes_is_asked_again_under_the_same_key(busy: Any) -> None:
    async with answering(busy, busy, CREDITS) as (client, receiver):
        assert (await client.move_test_credits(5)).balance_cents == 5
    sent = {(each.headers["idempotency-key"], each.body) for each in receiver.received}
    assert (len(receiver.received), len(sent)) == (3, 1)


async def test_it_knows_what_is_left_of_the_day() -> None:
    left = {"x-ratelimit-limit-day": "1000", "x-ratelimit-remaining-day": "7"}
    told, refused = (
        answer(200, b'{"balance_cents": 5, "held_cents": 0, "currency": "USD"}', **left),
        refusal(400, "X", **left),
    )
    for first in (told, refused):
        async with answering(first, CREDITS) as (client, _):
            assert client.day_limit is None
            with contextlib.suppress(errors.ApiError):
                await client.get_credits()
            assert client.day_limit == DayLimit(1000, 7)
            await client.get_credits()
            assert client.day_limit == DayLimit(1000, 7), "an answer that does not tell changes nothing"


async def test_another_request_has_another_key() -> None:
    async with answering(CREDITS) as (client, receiver):
        await client.move_test_credits(5)
        await client.move_test_credits(5)
        await client.move_test_credits(5, idempotency_key="mine")
        await client.get_credits()
    first, second, mine = (each.headers["idempotency-key"] for each in receiver.received[:3])
    assert len({first, second, mine}) == 3
    assert mine == "mine"
    assert "idempotency-key" not in receiver.received[3].headers


@pytest.mark.parametrize("code", sorted(BY_CODE.keys() - {"RATE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE"}))
async def test_a_refusal_is_asked_once(code: str) -> None:
    async with answering(refusal(400, code)) as (client, receiver):
        with pytest.raises(BY_CODE[code]) as refused:
            await client.move_test_credits(5)
    assert (type(refused.value), len(receiver.received)) == (BY_CODE[code], 1)


async def test_its_own_request_that_still_runs_is_waited_for() -> None:
    """The answer was lost, and not the request."""
    running = refusal(409, "IDEMPOTENCY_CONFLICT")
    async with answering(cut, running, CREDITS) as (client, receiver):
        assert (await client.move_test_credits(5)).balance_cents == 5
    assert len(receiver.received) == 3


async def test_it_listens_as_long_as_the_server_was_asked_to_take() -> None:
    asked: list[httpx2.Request] = []

    def no(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(404, json={"error": "No.", "code": "NUMBER_NOT_AVAILABLE"})

    transport = httpx2.MockTransport(no)
    async with AsyncClient("key", base_url="http://x", timeout_seconds=5, transport=transport) as client:
        for seconds in (20, None):
            with pytest.raises(errors.NumberNotAvailable):
                await client.purchase_phone_number("inv_1", wait_seconds=seconds)
    told = [(each.headers.get("prefer"), each.extensions["timeout"]["read"]) for each in asked]
    assert told == [("wait=20", 25), (None, 5)]


async def test_it_does_not_ask_for_ever() -> None:
    async with answering(refusal(503, "SERVICE_UNAVAILABLE")) as (client, receiver):
        with pytest.raises(errors.ServiceUnavailable):
            await client.get_credits()
        assert len(receiver.received) == QUICK.attempts
    async with answering(cut) as (client, receiver):
        with pytest.raises(ConnectionFailed) as lost:
            await client.move_test_credits(5, idempotency_key="mine")
        assert (lost.value.outcome_unknown, lost.value.idempotency_key) == (True, "mine")
        assert len(receiver.received) == QUICK.attempts


async def test_a_wait_that_is_too_long_is_left_to_the_caller() -> None:
    """The day's requests are used up: nobody wants to sleep until midnight."""
    tomorrow = refusal(429, "RATE_LIMIT_EXCEEDED", ', "retry_after": 3600.5, "details": {"allowed": 1000}')
    async with answering(tomorrow) as (client, receiver):
        with pytest.raises(errors.RateLimitExceeded) as refused:
            await client.get_credits()
    assert (refused.value.retry_after_seconds, refused.value.allowed) == (3600.5, 1000)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("failure", "least", "most"),
    [
        (errors.RateLimitExceeded("No.", status=429, retry_after_seconds=7.25), [7.25] * 3, [7.75] * 3),
        (errors.ServiceUnavailable("No.", status=503, retry_after_seconds=1), [1.0] * 3, [1.5] * 3),
        (errors.ServiceUnavailable("No.", status=503), [0.5, 1.0, 2.0], [1.0, 1.5, 2.5]),
        (ConnectionFailed("No.", outcome_unknown=True, idempotency_key=None), [0.5, 1.0, 2.0], [1.0, 1.5, 2.5]),
    ],
)
def test_how_long_it_waits(failure: Exception, least: list[float], most: list[float]) -> None:
    """At least what the server says; spread, so that those who were sent away do not come back together."""
    waits = set()
    for _ in range(20):
        slept: list[float] = []
        core = Core("key", None, 30, Retries(first_wait_seconds=0.5))

        def fail() -> None:
            raise failure

        with pytest.raises(type(failure)):
            Retrying(**core.retrying(), sleep=slept.append)(fail)
        assert all(low <= each <= high for low, each, high in zip(least, slept, most, strict=True)), slept
        waits.update(slept)
    assert len(waits) > 20


def test_nobody_there() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with Client("key", base_url=url, retries=QUICK) as client, pytest.raises(ConnectionFailed) as failed:
            client.get_credits()
    assert "cannot be reached" in str(failed.value)
    assert not failed.value.outcome_unknown


@pytest.mark.parametrize(
    "strange",
    [
        answer(200, b"<html>"),
        answer(200, b'{"balance_cents": "5"}'),
        answer(200, b"\xff"),
        answer(404, b"<html>"),
        answer(404, b"[1]"),
        answer(302, b"", location="https://example.com/"),
    ],
)
async def test_what_is_no_answer_of_the_api(strange: bytes) -> None:
    async with answering(strange) as (client, receiver):
        with pytest.raises(UnexpectedAnswer, match="Check the base URL"):
            await client.get_credits()
    assert len(receiver.received) == 1


@asynccontextmanager
async def losing_the_first_answer(port: int) -> AsyncIterator[int]:
    """A way to the service on which the first answer is lost: the connection is cut once it comes back."""
    lost = False

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lost
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def forward(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while read := await source.read(65536):
                target.write(read)
                await target.drain()

        asking = asyncio.create_task(forward(reader, back))
        try:
            if not lost:
                await there.read(1)
                lost = True
                return
            await forward(there, writer)
        finally:
            asking.cancel()
            writer.close()
            back.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_purchase_whose_answer_is_lost_is_done_once(world: World, settings: Settings, dsn: str) -> None:
    alice = await world.person(cents=1000)
    [item] = await world.stock(setup=100, monthly=250)
    async with (
        serving(settings, dsn) as port,
        losing_the_first_answer(port) as lossy,
        AsyncClient(alice.api_key, base_url=f"http://127.0.0.1:{lossy}", retries=QUICK) as client,
    ):
        number = await client.purchase_phone_number(item)
        assert [each.id async for each in client.list_phone_numbers()] == [number.id]
        assert (await client.get_credits()).balance_cents == 650
    await assert_invariants(world)


async def test_the_limit_of_a_plan_is_waited_out(world: World) -> None:
    """As the service itself says it: what is asked too fast is all answered in the end."""
    alice = await world.person(await world.organization(plan="free"))
    transport_of = world.client(alice.api_key)._transport
    async with AsyncClient(alice.api_key, base_url="http://nambari.test", transport=transport_of) as client:
        answers = await asyncio.gather(*(client.get_kyc() for _ in range(14)))
    assert {each.status for each in answers} == {"not_submitted"}
    assert msgspec.json.encode(answers[0])
