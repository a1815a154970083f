"""What if the world changes between the reading of a purchase's facts and its write? The database has the last word.

No chance is involved: `new_id` is asked for the number's id just between the two, and there the rival acts.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from tests.cast import Person, World, assert_invariants
from tests.operations.racing import until_waiting_or_done

from nambari.domain.access import Caller, Environment
from nambari.domain.purchase import Order
from nambari.domain.refusals import (
    EndpointNotFound,
    IdempotencyConflict,
    InsufficientBalance,
    KycRequired,
    NumberNotAvailable,
    PriceChanged,
)
from nambari.operations.idempotency import Attempt, ReplayedRefusal
from nambari.operations.purchase import purchase
from nambari.wiring import Services

Rival = psycopg.Connection[Any]


@pytest.fixture
def rival(dsn: str) -> Iterator[Rival]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def interrupted(services: Services, act: Callable[[], object]) -> Services:
    """Services under which `act` happens once, after the facts of the first try were read."""
    pending = [act]

    def new_id(prefix: str) -> str:
        if prefix == "pn" and pending:
            pending.pop()()
        return services.new_id(prefix)

    return replace(services, new_id=new_id)


def attempt_of(person: Person, key: str | None = None, fingerprint: bytes = b"same") -> Attempt:
    caller = Caller(person.key_id, person.organization_id, Environment.LIVE)
    return Attempt(caller=caller, request_id="req_test", idempotency_key=key, fingerprint=fingerprint)


async def buy(world: World, person: Person, order: Order, act: Callable[[], object], key: str | None = None) -> Any:
    given = interrupted(world.services, act)
    return await purchase(given, attempt_of(person, key), order, given.clock())


async def assert_nothing_bought(world: World, person: Person, cents: int = 1_000_000) -> None:
    assert await world.value("SELECT count(*) FROM phone_numbers") == 0
    assert (await person.client.get("/v1/credits")).json()["balance_cents"] == cents
    await assert_invariants(world)


async def test_the_number_is_retired(world: World, rival: Rival) -> None:
    alice, [item] = await world.person(), await world.stock()
    with pytest.raises(NumberNotAvailable):
        await buy(
            world, alice, Order(inventory_id=item), lambda: rival.execute("UPDATE inventory SET status = 'retired'")
        )
    await assert_nothing_bought(world, alice)


async def test_the_kyc_is_taken_back(world: World, rival: Rival) -> None:
    alice, [item] = await world.person(), await world.stock()
    with pytest.raises(KycRequired):
        await buy(world, alice, Order(inventory_id=item), lambda: rival.execute("UPDATE kyc SET status = 'declined'"))
    await assert_nothing_bought(world, alice)


async def test_the_endpoint_is_deleted(world: World, rival: Rival) -> None:
    alice, [item] = await world.person(), await world.stock()
    endpoint = (await alice.client.post("/v1/endpoints", json=ENDPOINT)).json()["id"]
    order = Order(inventory_id=item, endpoint_id=endpoint)
    with pytest.raises(EndpointNotFound):
        await buy(world, alice, order, lambda: rival.execute("DELETE FROM endpoints"))
    await assert_nothing_bought(world, alice)


async def test_the_credits_are_spent(world: World, rival: Rival) -> None:
    alice, [item] = await world.person(cents=400), await world.stock()

    def spend() -> None:
        # What another purchase does to the ledger, in one transaction.
        with rival.transaction():
            rival.execute("UPDATE balances SET available_cents = 50 WHERE available_cents = 400")
            rival.execute(
                "INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents,"
                " balance_after_cents, description, created_at)"
                " VALUES ('txn_x', %s, 'live', 'monthly_fee', 'available', 'revenue', 350, 50, 'x', now())",
                [alice.organization_id],
            )

    with pytest.raises(InsufficientBalance) as refused:
        await buy(world, alice, Order(inventory_id=item), spend)
    assert refused.value.details == {"required_cents": 350, "available_cents": 50, "shortfall_cents": 300}
    await assert_nothing_bought(world, alice, cents=50)


@pytest.mark.parametrize("where", ["the number's own price", "the rate card"])
async def test_the_price_is_raised(world: World, rival: Rival, where: str) -> None:
    """Sold at the price of the moment, or not at all if that is above the cap: never at a price of the past."""
    alice = await world.person()
    own = where == "the number's own price"
    [item, capped] = await world.stock(2, setup=100 if own else None, monthly=250 if own else None)
    rival.execute("INSERT INTO rates VALUES ('GB', 'local', 100, 250)")
    raise_price = f"UPDATE {'inventory' if own else 'rates'} SET monthly_cost_cents = monthly_cost_cents + 100"

    done = await buy(world, alice, Order(inventory_id=item), lambda: rival.execute(raise_price))
    assert (done.result.setup_cost_cents, done.result.monthly_cost_cents) == (100, 350)

    order = Order(inventory_id=capped, max_total_cents=450)
    with pytest.raises(PriceChanged) as refused:
        await buy(world, alice, order, lambda: rival.execute(raise_price))
    assert refused.value.details == {"total_cents": 550, "max_total_cents": 450}
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 1_000_000 - 450
    await assert_invariants(world)


async def test_the_price_is_taken_away(world: World, rival: Rival) -> None:
    alice, [item] = await world.person(), await world.stock(setup=None, monthly=None)
    rival.execute("INSERT INTO rates VALUES ('GB', 'local', 100, 250)")
    with pytest.raises(NumberNotAvailable):
        await buy(world, alice, Order(inventory_id=item), lambda: rival.execute("DELETE FROM rates"))
    await assert_nothing_bought(world, alice)


def tenure(rival: Rival, holder: Person, item: str, *, released: bool) -> None:
    """Another process sells the number, and takes it back by a clock that is an hour ahead."""
    with rival.transaction():
        rival.execute(
            """
            INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,
                allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents, currency,
                created_at, updated_at, released_at)
            SELECT 'pn_rival', %s, 'live', id, number, country, type, %s, true, true, '{}', false, 0, 0, 'USD',
                now(), now(), CASE WHEN %s THEN now() + interval '1 hour' END
            FROM inventory WHERE id = %s
            """,
            [holder.organization_id, "released" if released else "active", released, item],
        )
        rival.execute(
            "UPDATE inventory SET status = %s, available_since = now() + interval '1 hour' WHERE id = %s",
            ["available" if released else "in_service", item],
        )
        for event in ["purchased", "released"][: 1 + released]:
            rival.execute(
                "INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id,"
                " created_at) VALUES (%s, %s, 'live', %s, 'pn_rival', '{}', '[]', 'req_x', now())",
                [f"evt_{event}", holder.organization_id, f"phone_number.{event}"],
            )


async def test_somebody_else_buys_the_number(world: World, rival: Rival) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    with pytest.raises(NumberNotAvailable):
        await buy(world, alice, Order(inventory_id=item), lambda: tenure(rival, mallory, item, released=False))
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 1_000_000
    await assert_invariants(world)


async def test_somebody_else_has_the_number_for_a_while(world: World, rival: Rival) -> None:
    """It is for sale again as if nothing had happened; but the tenure before ended an hour ahead of our clock."""
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    done = await buy(world, alice, Order(inventory_id=item), lambda: tenure(rival, mallory, item, released=True))
    ended = await world.value("SELECT released_at FROM phone_numbers WHERE id = 'pn_rival'")
    assert done.result.created_at == ended
    await assert_invariants(world)


def answer_meanwhile(rival: Rival, holder: Person, fingerprint: bytes) -> None:
    rival.execute(
        "INSERT INTO kept_answers VALUES (%s, 'live', 'k', %s, true, %s, now())",
        [
            holder.organization_id,
            fingerprint,
            b'{"code": "NUMBER_NOT_AVAILABLE", "sentence": "Gone.", "details": {}, "request_id": "req_first"}',
        ],
    )


async def test_the_same_request_is_answered(world: World, rival: Rival) -> None:
    alice, [item] = await world.person(), await world.stock()
    with pytest.raises(ReplayedRefusal) as replayed:
        await buy(world, alice, Order(inventory_id=item), lambda: answer_meanwhile(rival, alice, b"same"), "k")
    assert replayed.value.refusal.request_id == "req_first"
    await assert_nothing_bought(world, alice)


async def test_another_request_of_the_same_key_is_answered(world: World, rival: Rival) -> None:
    alice, [item] = await world.person(), await world.stock()
    with pytest.raises(IdempotencyConflict):
        await buy(world, alice, Order(inventory_id=item), lambda: answer_meanwhile(rival, alice, b"another"), "k")
    await assert_nothing_bought(world, alice)


ENDPOINT = {"name": "Agent", "type": "agent", "url": "sip:agent@sip.example.com"}


async def test_the_number_is_only_locked_for_a_moment(world: World, dsn: str) -> None:
    """A rival who has the number in hand and gives it up again: then it was available all the time."""
    alice, [item] = await world.person(), await world.stock()
    with psycopg.connect(dsn) as other:
        other.execute("SELECT 1 FROM inventory FOR UPDATE")
        buying = asyncio.create_task(
            alice.client.post(
                "/v1/phone-numbers", json={"inventory_id": item}, headers={"Idempotency-Key": "a purchase"}
            )
        )
        await until_waiting_or_done(world, buying)
        other.rollback()
        answer = await buying
    assert answer.status_code == 201, answer.text
    await assert_invariants(world)
