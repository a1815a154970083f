"""The test environment: magic numbers that bring each refusal about, and credits that come and go."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from tests.api.asking import bought, faults, refused
from tests.api.testers import FREE, PRICE, add, balance, for_sale, leave_with, order, statement, tester_of
from tests.cast import World, assert_invariants
from tests.moving import MovingWorld

from nambari.domain.access import Environment
from nambari.domain.testing import SLOW_SECONDS

# ── Magic numbers ────────────────────────────────────────────────────────────────────────────────────────────────

MAGIC: list[tuple[str, int, str, dict[str, Any]]] = [
    ("inv_test_taken", 404, "NUMBER_NOT_AVAILABLE", {}),
    ("inv_test_kyc_required", 400, "KYC_REQUIRED", {"kyc_status": "not_submitted"}),
    ("inv_test_kyc_pending", 400, "KYC_PENDING", {}),
    (
        "inv_test_no_balance",
        400,
        "INSUFFICIENT_BALANCE",
        {"required_cents": 350, "available_cents": 0, "shortfall_cents": 350},
    ),
]


@pytest.mark.parametrize(("item", "status", "code", "details"), MAGIC)
async def test_each_magic_number_brings_its_refusal(
    world: World, item: str, status: int, code: str, details: dict[str, Any]
) -> None:
    tester = await tester_of(world)
    assert refused(await order(tester, item), status, code) == details
    assert refused(await order(tester, item, validate_only=True), status, code) == details
    first, again = await order(tester, item, "k"), await order(tester, item, "k")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert await balance(tester) == FREE
    assert await world.value("SELECT count(*) FROM phone_numbers") == 0


@pytest.mark.parametrize(("item", "status", "code", "details"), MAGIC)
async def test_its_refusal_is_that_of_the_real_thing(
    world: World, item: str, status: int, code: str, details: dict[str, Any]
) -> None:
    """Word for word, or a client that is tested with it meets something else in life."""
    magic = await order(await tester_of(world), item)
    poor = await world.person(cents=0, verified=code not in {"KYC_REQUIRED", "KYC_PENDING"})
    if code == "KYC_PENDING":
        await poor.client.post("/v1/kyc", json={"legal_name": "Ada Example", "country": "GB"})
    [sold] = await world.stock()
    if code == "NUMBER_NOT_AVAILABLE":
        await bought((await world.person()).client, sold)
    real = await order(poor, sold)
    assert refused(real, status, code) == details
    assert real.json()["error"] == magic.json()["error"]


async def test_to_a_live_key_no_number_is_magic(world: World) -> None:
    alice = await world.person()
    for item in [*(row[0] for row in MAGIC), "inv_test_slow"]:
        begun = time.monotonic()
        refused(await order(alice, item), 404, "NUMBER_NOT_AVAILABLE")
        assert time.monotonic() - begun < SLOW_SECONDS
    assert await balance(alice) == 1_000_000


async def test_the_slow_number_is_bought_after_a_while_and_once_for_each_key(world: World) -> None:
    tester, hasty, unlucky = [await tester_of(world) for _ in range(3)]
    await world.stock(3, environment="test")
    await leave_with(unlucky, PRICE - 1)
    begun = time.monotonic()
    slow = "inv_test_slow"
    plain, first, second, poor, hasty_first = await asyncio.gather(
        order(tester, slow),
        order(tester, slow, "k"),
        order(tester, slow, "k"),
        order(unlucky, slow, "k"),
        order(hasty, slow, "k", label="slow"),
    )
    assert time.monotonic() - begun >= SLOW_SECONDS
    assert (plain.status_code, hasty_first.status_code, hasty_first.json()["label"]) == (201, 201, "slow")
    [bought_once] = {each.content for each in (first, second) if each.status_code == 201}
    for each in (first, second):
        if each.status_code != 201:
            refused(each, 409, "IDEMPOTENCY_CONFLICT")
    refused(poor, 400, "INSUFFICIENT_BALANCE")
    begun = time.monotonic()
    again = await order(tester, slow, "k")
    assert (again.content, again.headers["idempotent-replayed"]) == (bought_once, "true")
    assert time.monotonic() - begun < SLOW_SECONDS, "what is answered is not waited for"
    assert await world.value("SELECT count(*) FROM phone_numbers") == 3
    await assert_invariants(world)


async def test_the_slow_number_can_be_validated_as_it_is_bought(world: World) -> None:
    tester = await tester_of(world)
    refused(await order(tester, "inv_test_slow", validate_only=True), 404, "NUMBER_NOT_AVAILABLE")
    await world.stock(1, environment="test")
    begun = time.monotonic()
    quoted = await order(tester, "inv_test_slow", validate_only=True)
    assert time.monotonic() - begun >= SLOW_SECONDS
    assert (quoted.status_code, quoted.json()["total_cents"]) == (200, PRICE)
    assert await world.value("SELECT count(*) FROM phone_numbers") == 0


async def test_the_slow_number_passes_by_what_others_hold_but_not_what_they_held(moving: MovingWorld) -> None:
    tester, other = await tester_of(moving), await tester_of(moving)
    free, held = await moving.stock(2, environment="test")
    await other.client.post("/v1/holds", json={"inventory_id": held, "minutes": 15})
    assert (await order(tester, "inv_test_slow")).status_code == 201
    assert await for_sale(tester) == []
    assert await moving.value("SELECT inventory_id FROM phone_numbers") == free
    moving.clock.now += timedelta(minutes=15)
    assert (await order(tester, "inv_test_slow")).status_code == 201
    refused(await order(tester, "inv_test_slow"), 404, "NUMBER_NOT_AVAILABLE")


# ── Credits ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_credits_come_and_go_and_never_below_zero(world: World) -> None:
    tester = await tester_of(world)
    live = await world.person(tester.organization_id)
    for cents, left in ((1, FREE + 1), (-1, FREE), (0, FREE), (-FREE, 0), (500, 500), (-499, 1)):
        answer = await add(tester, cents)
        assert (answer.status_code, answer.json()) == (
            201,
            {"balance_cents": left, "held_cents": 0, "currency": "USD"},
        )
    details = refused(await add(tester, -2), 400, "INSUFFICIENT_BALANCE")
    assert details == {"required_cents": 2, "available_cents": 1, "shortfall_cents": 1}
    assert await balance(tester) == 1
    lines = [(line["type"], line["amount_cents"], line["balance_after_cents"]) for line in await statement(tester)]
    assert lines[:5] == [
        ("test_credits_removed", -499, 1),
        ("top_up", 500, 500),
        ("test_credits_removed", -FREE, 0),
        ("test_credits_removed", -1, FREE),
        ("top_up", 1, FREE + 1),
    ]
    assert (await balance(live), await statement(live)) == (0, [])
    await assert_invariants(world)


async def test_as_many_credits_as_an_account_can_hold(world: World) -> None:
    tester = await tester_of(world)
    assert faults(await add(tester, 10**12 + 1)) == {"amount_cents": "must be at most 1000000000000"}
    assert faults(await add(tester, -(10**12) - 1)) == {"amount_cents": "must be at least -1000000000000"}
    refused(await add(tester, 10**12), 409, "INVALID_STATE")
    assert (await add(tester, 10**12 - FREE)).status_code == 201
    assert await balance(tester) == 10**12


async def test_credits_move_once_for_each_key(world: World) -> None:
    tester = await tester_of(world)
    first = await add(tester, 5, "k")
    again = await add(tester, 5, "k")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    refused(await add(tester, 6, "k"), 409, "IDEMPOTENCY_CONFLICT")
    assert await balance(tester) == FREE + 5


async def test_a_repeated_answer_is_the_first_whatever_was_spent_since(world: World) -> None:
    tester = await tester_of(world)
    [item] = await world.stock(environment="test")
    first = await add(tester, 5, "k")
    await bought(tester.client, item)
    assert (await add(tester, 5, "k")).content == first.content


async def test_credits_at_once_are_added_up(world: World) -> None:
    tester = await tester_of(world)
    answers = await asyncio.gather(*(add(tester, 3 if place % 2 else -2) for place in range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert await balance(tester) == FREE + 8 * 3 - 8 * 2
    await assert_invariants(world)


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────

OF_TEST_KEYS: list[tuple[str, str, Any]] = [
    ("POST", "/v1/test/credits", {"amount_cents": 5}),
    ("GET", "/v1/test/clock", None),
    ("POST", "/v1/test/clock", {"advance_days": 5}),
]


@pytest.mark.parametrize(("method", "path", "body"), OF_TEST_KEYS)
async def test_to_a_live_key_there_is_nothing_here(world: World, method: str, path: str, body: Any) -> None:
    alice = await world.person()
    before = await world.fetch("SELECT * FROM balances ORDER BY organization_id, environment")
    answer = await alice.client.request(method, path, **({"json": body} if body else {}))
    assert refused(answer, 404, "NOT_FOUND") == {}
    assert "kros_test_" in answer.json()["error"]
    assert await world.fetch("SELECT * FROM balances ORDER BY organization_id, environment") == before
    assert await world.value("SELECT count(*) FROM test_clocks") == 0


@pytest.mark.parametrize(("method", "path", "body"), OF_TEST_KEYS)
async def test_it_takes_the_scopes_of_billing(world: World, method: str, path: str, body: Any) -> None:
    needed = "billing:read" if method == "GET" else "billing:write"
    other = await tester_of(world, scopes=tuple({"billing:read", "billing:write", "numbers:write"} - {needed}))
    right = await world.person(other.organization_id, environment=Environment.TEST, scopes=(needed,))
    sent = {"json": body} if body else {}
    assert refused(await other.client.request(method, path, **sent), 403, "INSUFFICIENT_SCOPE") == {"required": needed}
    assert (await right.client.request(method, path, **sent)).status_code in {200, 201}
