"""Is each organization held to its plan? On a clock that the tests move: nothing here waits, nothing here is about."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from math import ceil
from typing import Any

import httpx2
import pytest
from tests.api.asking import AGENT, READS, WRITES, bought, faults, made, refused
from tests.cast import Person, World, assert_invariants
from tests.conftest import started

from nambari.api.app import application, with_request_id
from nambari.api.limits import OwnCounts, own_limiter
from nambari.domain.access import Environment
from nambari.domain.limits import DAY, Limit, LimitKind, allowances
from nambari.operations import organizations
from nambari.settings import Settings

NOON = 1_789_128_000.25  # 2026-09-11T12:00:00.25Z
PER_SECOND = {"free": 10, "pro": 50, "business": 200}
KEY = "Idempotency-Key"


class Clock:
    """What the limits take for the time."""

    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def limited(dsn: str, settings: Settings, clock: Clock) -> AsyncIterator[World]:
    app = application(settings, dsn)
    async with started(app):
        app.state.limiter = own_limiter(allowances(0, 0), clock)
        world = World(app.state.services, with_request_id(app))
        yield world
        await world.close()


async def customer(world: World, plan: str, **wanted: Any) -> Person:
    """Somebody of a new organization of this plan, verified and funded."""
    organization_id = await world.organization(plan=plan)
    await world.verify(organization_id)
    await world.fund(organization_id, 1_000_000)
    return await world.person(organization_id, **wanted)


def standing(answer: httpx2.Response) -> tuple[int, int, int]:
    """Limit, remaining and reset, as the headers have it, each once."""
    [limit], [remaining], [reset] = (
        answer.headers.get_list(f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset")
    )
    return int(limit), int(remaining), int(reset)


def day(answer: httpx2.Response) -> tuple[str | None, str | None]:
    """Limit and remaining of the day, as the headers have it; None where they do not."""
    limit, remaining = (answer.headers.get(f"x-ratelimit-{name}-day") for name in ("limit", "remaining"))
    return limit, remaining


def tells_nothing(answer: httpx2.Response) -> bool:
    return not [name for name in answer.headers if name.startswith("x-ratelimit")]


def too_many(answer: httpx2.Response) -> dict[str, Any]:
    """The details of a 429 whose body and headers agree."""
    details = refused(answer, 429, "RATE_LIMIT_EXCEEDED")
    wait = answer.json()["retry_after"]
    assert wait > 0
    assert answer.headers["retry-after"] == str(ceil(wait))
    assert re.search(r"Try again in [0-9.,]+ s\.$", answer.json()["error"])
    limit, remaining, _ = standing(answer)
    assert (limit, remaining) == (details["allowed"], 0)
    return details


# ── How much ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("plan", PER_SECOND)
async def test_so_many_a_second(limited: World, clock: Clock, plan: str) -> None:
    most = PER_SECOND[plan]
    alice = await customer(limited, plan)
    for count in range(1, most + 1):
        answer = await alice.client.get("/v1/kyc")
        assert answer.status_code == 200
        assert standing(answer) == (most, most - count, ceil(NOON + 1))
    clock.now = NOON + 0.375
    refusal = await alice.client.get("/v1/kyc")
    assert too_many(refusal) == {"exceeded": "requests_per_second", "allowed": most}
    assert refusal.json()["retry_after"] == 0.625
    assert refusal.headers["retry-after"] == "1"
    assert standing(refusal) == (most, 0, ceil(NOON + 1))
    assert day(refusal) == (None, None)  # it was not asked
    clock.now += refusal.json()["retry_after"]
    answer = await alice.client.get("/v1/kyc")
    assert (answer.status_code, standing(answer)) == (200, (most, most - 1, ceil(clock.now + 1)))


async def test_never_more_in_any_second(limited: World, clock: Clock) -> None:
    """Not even across the tick of a clock, where windows that begin anew would let twice as many through."""
    alice = await customer(limited, "free")
    served: list[float] = []
    for step in range(6 * 32):
        clock.now = NOON + step / 32
        if (await alice.client.get("/v1/kyc")).status_code == 200:
            served.append(clock.now)
    assert len(served) == 60  # the first 10 of each second
    assert all(later - earlier >= 1 for earlier, later in zip(served, served[10:], strict=False))


async def test_of_many_at_once_exactly_so_many_are_served(limited: World) -> None:
    alice = await customer(limited, "free")
    answers = await asyncio.gather(*(alice.client.get("/v1/kyc") for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 30
    assert sorted(standing(answer)[1] for answer in answers if answer.status_code == 200) == list(range(10))


async def test_so_many_a_day(limited: World, clock: Clock) -> None:
    alice = await customer(limited, "free")
    midnight = NOON - 0.25 + DAY / 2
    for count in range(1, 1001):
        clock.now += 0.25
        answer = await alice.client.get("/v1/kyc")
        assert answer.status_code == 200
        assert day(answer) == ("1000", str(1000 - count))
        if 3 < count <= 993:
            assert standing(answer)[:2] == (10, 6)
        elif count > 993:  # from here on the day refuses first
            assert standing(answer) == (1000, 1000 - count, midnight)
    clock.now += 0.25
    refusal = await alice.client.get("/v1/kyc")
    assert too_many(refusal) == {"exceeded": "requests_per_day", "allowed": 1000}
    assert refusal.json()["retry_after"] == midnight - clock.now
    assert standing(refusal)[2] == midnight
    assert day(refusal) == ("1000", "0")
    clock.now = midnight - 1
    too_many(await alice.client.get("/v1/kyc"))
    clock.now = midnight
    answer = await alice.client.get("/v1/kyc")
    assert (answer.status_code, standing(answer)[:2]) == (200, (10, 9))


async def test_what_is_refused_uses_up_nothing_of_the_day(limited: World, clock: Clock) -> None:
    alice = await customer(limited, "free")
    for second in range(100):
        clock.now = NOON + second
        answers = [await alice.client.get("/v1/kyc") for _ in range(13)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 3
    clock.now += 1
    assert too_many(await alice.client.get("/v1/kyc"))["exceeded"] == "requests_per_day"


@pytest.mark.parametrize("plan", PER_SECOND)
async def test_five_purchases_a_second(limited: World, clock: Clock, plan: str) -> None:
    alice = await customer(limited, plan)
    items = await limited.stock(7)
    for count, item in enumerate(items[:5], 1):
        answer = await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})
        assert answer.status_code == 201
        assert standing(answer) == (5, 5 - count, ceil(NOON + 1))
    refusal = await alice.client.post("/v1/phone-numbers", json={"inventory_id": items[5]})
    assert too_many(refusal) == {"exceeded": "purchases_per_second", "allowed": 5}
    dry = await alice.client.post("/v1/phone-numbers", json={"inventory_id": items[5], "validate_only": True})
    too_many(dry)
    answer = await alice.client.get("/v1/phone-numbers")
    assert (answer.status_code, answer.json()["total"]) == (200, 5)
    assert standing(answer)[:2] == (PER_SECOND[plan], PER_SECOND[plan] - 6)  # purchases are requests too
    clock.now += 1
    await bought(alice.client, items[6])
    await assert_invariants(limited)


async def test_enterprise_is_not_limited_and_its_headers_are_numbers(limited: World) -> None:
    """Of a kind that no client can stumble over: they fit into 32 bits, and never make anybody wait."""
    alice = await limited.person()
    for item in await limited.stock(12):
        answer = await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})
        assert (answer.status_code, standing(answer)) == (201, (2**31 - 1, 2**31 - 1, ceil(NOON)))
        assert day(answer) == (None, None)


async def test_enterprise_has_what_the_operator_sets(dsn: str, settings: Settings, clock: Clock) -> None:
    app = application(replace(settings, enterprise_requests_per_second=100_000, enterprise_requests_per_day=9), dsn)
    async with started(app):
        app.state.limiter._now = clock
        world = World(app.state.services, with_request_id(app))
        alice = await world.person()
        left = [standing(await alice.client.get("/v1/kyc"))[:2] for _ in range(9)]
        assert left == [(9, 9 - count) for count in range(1, 10)]
        refusal = await alice.client.post("/v1/phone-numbers", json={})
        assert too_many(refusal) == {"exceeded": "requests_per_day", "allowed": 9}


# ── Whose ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_keys_of_an_organization_share_and_nobody_else_does(limited: World) -> None:
    alice = await customer(limited, "free")
    bob = await limited.person(alice.organization_id)
    mallory = await customer(limited, "free")
    for client in (alice.client, bob.client) * 5:
        assert (await client.get("/v1/kyc")).status_code == 200
    too_many(await alice.client.get("/v1/kyc"))
    too_many(await bob.client.get("/v1/kyc"))
    assert standing(await mallory.client.get("/v1/kyc"))[1] == 9


async def test_nothing_of_one_environment_is_seen_in_the_other(limited: World) -> None:
    live = await customer(limited, "free")
    test = await limited.person(live.organization_id, environment=Environment.TEST)
    for _ in range(11):
        answer = await live.client.get("/v1/kyc")
    too_many(answer)
    assert standing(await test.client.get("/v1/kyc"))[1] == 9


async def test_another_plan_holds_as_soon_as_the_key_is_read_anew(dsn: str, settings: Settings, clock: Clock) -> None:
    app = application(replace(settings, key_cache_seconds=0), dsn)
    async with started(app):
        app.state.limiter = own_limiter(allowances(0, 0), clock)
        world = World(app.state.services, with_request_id(app))
        alice = await customer(world, "free")
        assert standing(await alice.client.get("/v1/kyc"))[:2] == (10, 9)
        await organizations.set_plan(world.services, alice.organization_id, "pro", "req_1", world.services.clock())
        assert standing(await alice.client.get("/v1/kyc"))[:2] == (50, 48)


# ── Which answers ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_answer_after_a_good_key_counts_and_tells(limited: World) -> None:
    alice = await customer(limited, "business")
    [item] = await limited.stock()
    number, endpoint = await bought(alice.client, item), await made(alice.client)
    path = f"/v1/phone-numbers/{number['id']}"
    await alice.client.patch(path, json={"deletion_lock": True})
    used = 3
    for method, url, sent, status in (
        ("GET", "/v1/phone-numbers", {}, 200),
        ("GET", "/v1/phone-numbers/pn_none", {}, 404),
        ("GET", "/v1/endpoints/%00", {}, 404),
        ("GET", "/v1/phone-numbers?colour=red", {}, 400),
        ("GET", "/v1/kyc?colour=red", {}, 400),
        ("POST", "/v1/endpoints", {"json": {"name": 5}}, 400),
        ("POST", "/v1/endpoints", {"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ("POST", "/v1/endpoints", {"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ("POST", "/v1/endpoints", {"content": b" " * 1_000_001}, 413),
        ("DELETE", path, {}, 409),
        ("PATCH", f"/v1/endpoints/{endpoint['id']}", {"json": {"name": "x"}, "headers": {KEY: "k"}}, 200),
        ("PATCH", f"/v1/endpoints/{endpoint['id']}", {"json": {"name": "x"}, "headers": {KEY: "k"}}, 200),
        ("DELETE", path, {"headers": {KEY: "locked"}}, 409),
        ("DELETE", path, {"headers": {KEY: "locked"}}, 409),
        ("HEAD", "/v1/kyc", {}, 200),
    ):
        answer = await alice.client.request(method, url, **sent)
        used += 1
        assert (answer.status_code, standing(answer)[:2]) == (status, (200, 200 - used)), (method, url, answer.text)
    assert answer.content == b""
    async with limited.services.database.writing() as connection:
        await connection.execute("ALTER TABLE kyc RENAME TO elsewhere")
    answer = await alice.client.get("/v1/kyc")
    assert (answer.status_code, standing(answer)[:2]) == (500, (200, 199 - used))


async def test_what_asks_for_no_key_neither_counts_nor_tells(limited: World) -> None:
    alice = await customer(limited, "free")
    for method, path in (
        *(("GET", path) for path in ("/healthz", "/readyz", "/openapi.json", "/docs", "/nowhere", "/v1/nowhere")),
        *(("OPTIONS", "/v1/kyc"), ("PUT", "/v1/kyc"), ("OPTIONS", "/v1/phone-numbers")),
    ):
        for _ in range(3):
            assert tells_nothing(await alice.client.request(method, path)), (method, path)
    assert standing(await alice.client.get("/v1/kyc"))[1] == 9


async def test_a_stranger_learns_nothing_of_limits_and_uses_none_up(limited: World) -> None:
    alice = await customer(limited, "free")
    bound = await limited.person(alice.organization_id, allowed_ips=["192.0.2.1"])
    soon = limited.services.clock().replace(year=2100)
    expired = await limited.person(alice.organization_id, expires_at=soon)
    async with limited.services.database.writing() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() WHERE expires_at IS NOT NULL")
    for method, path, _ in READS + WRITES:
        for client, status in (
            (limited.client(), 401),
            (limited.client("kros_live_" + "a" * 32), 401),
            (expired.client, 401),
            (bound.client, 403),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == status
            assert tells_nothing(answer)
    assert standing(await alice.client.get("/v1/kyc"))[1] == 9


async def test_authentication_scope_rate_body(limited: World) -> None:
    alice = await customer(limited, "free")
    reader = await limited.person(alice.organization_id, scopes=["kyc:read"])
    for count in range(1, 11):  # a lack of scope is an answer to a good key as well
        answer = await reader.client.post("/v1/phone-numbers", content=b"{")
        if count <= 5:
            refused(answer, 403, "INSUFFICIENT_SCOPE")
            assert standing(answer)[:2] == (5, 5 - count)
        await alice.client.get("/v1/kyc")
    wrong: dict[str, Any] = {"url": "/v1/endpoints?nonsense=1", "content": b"{", "headers": {"content-type": "a/b"}}
    refused(await limited.client().post(**wrong), 401, "MISSING_API_KEY")
    answer = await reader.client.post(**wrong)
    refused(answer, 403, "INSUFFICIENT_SCOPE")
    assert standing(answer)[:2] == (10, 0)
    too_many(await alice.client.post(**wrong))
    too_many(await alice.client.post(**{**wrong, "url": "/v1/endpoints"}))


async def test_the_body_is_looked_at_after_the_rate(limited: World, clock: Clock) -> None:
    alice = await customer(limited, "free")
    for _ in range(10):
        assert set(faults(await alice.client.post("/v1/endpoints", json={"name": 5}))) >= {"name"}
    too_many(await alice.client.post("/v1/endpoints", json={"name": 5}))
    clock.now += 1
    faults(await alice.client.post("/v1/endpoints", json={"name": 5}))


async def test_it_changes_nothing_and_is_not_kept(limited: World, clock: Clock) -> None:
    alice = await customer(limited, "free")
    [item] = await limited.stock()
    for _ in range(10):
        await alice.client.get("/v1/kyc")
    told = await limited.value("SELECT count(*) FROM events")
    order = {"url": "/v1/phone-numbers", "json": {"inventory_id": item}, "headers": {KEY: "k"}}
    for _ in range(2):
        too_many(await alice.client.post(**order))
    assert await limited.value("SELECT count(*) FROM events") == told
    assert await limited.value("SELECT count(*) FROM kept_answers") == 0
    clock.now += 1
    answer = await alice.client.post(**order)
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False)
    clock.now += 1
    replayed = await alice.client.post(**order)
    assert (replayed.content, replayed.headers["idempotent-replayed"]) == (answer.content, "true")
    assert standing(replayed) == (5, 4, ceil(clock.now + 1))
    await assert_invariants(limited)


async def test_a_replay_counts_as_any_request(limited: World) -> None:
    alice = await customer(limited, "free")
    for count in range(1, 11):
        answer = await alice.client.post("/v1/endpoints", json=AGENT, headers={KEY: "k"})
        assert (answer.status_code, standing(answer)[1]) == (201, 10 - count)
    too_many(await alice.client.post("/v1/endpoints", json=AGENT, headers={KEY: "k"}))


async def test_an_operators_key_has_no_plan(limited: World) -> None:
    _, secret = await limited.key(None)
    answer = await limited.client(secret).get("/v1/kyc")
    refused(answer, 403, "INSUFFICIENT_SCOPE")
    assert standing(answer)[:2] == (2**31 - 1, 2**31 - 1)


# ── The counts of one process ────────────────────────────────────────────────────────────────────────────────────

SECOND_LIMIT = Limit(LimitKind.REQUESTS_PER_SECOND, 3, 1)
DAY_LIMIT = Limit(LimitKind.REQUESTS_PER_DAY, 3, DAY)


async def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    counts = OwnCounts()
    for now in (NOON, NOON - 3600, NOON - 2 * DAY):
        for limit in (SECOND_LIMIT, DAY_LIMIT):
            exceeded = [(await counts.take("a", limit, now)).exceeded for _ in range(4)]
            assert exceeded == ([False] * 3 + [True] if limit is SECOND_LIMIT or now != NOON - 3600 else [True] * 4)


async def test_who_asks_no_more_is_forgotten() -> None:
    counts = OwnCounts()
    for tenant in range(1000):
        for limit in (SECOND_LIMIT, DAY_LIMIT):
            await counts.take(f"tenant{tenant}", limit, NOON)
    for minutes in (2, 4):
        await counts.take("a", SECOND_LIMIT, NOON + minutes * 60)
    await counts.take("a", DAY_LIMIT, NOON + DAY)
    assert len(counts._recent) + len(counts._before) + len(counts._of_day) <= 3
