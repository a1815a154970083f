"""The clock of an organization's test environment: what falls due as it is moved, and what does not notice."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.asking import bought, faults, refused
from tests.api.testers import (
    FREE,
    PRICE,
    add,
    advance,
    advanced,
    balance,
    for_sale,
    leave_with,
    now_of,
    seen,
    statement,
    tester_of,
)
from tests.cast import Person, assert_invariants
from tests.conftest import moving_world
from tests.moving import START, MovingWorld
from tests.operations.racing import until_waiting_or_done

from nambari import worker
from nambari.db import credits
from nambari.domain.access import Environment
from nambari.settings import Settings


async def test_it_goes_with_the_worlds_and_ahead_of_it(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    assert await now_of(tester) == START
    assert (await advance(tester, 31)).json() == {
        "now": "2026-03-03T09:30:00Z",
        "months_paid": 0,
        "suspended": 0,
        "resumed": 0,
        "released": 0,
        "back_on_sale": 0,
    }
    moving.clock.now += timedelta(hours=1)
    assert await now_of(tester) == START + timedelta(days=31, hours=1)
    await advance(tester, 1)
    assert await now_of(tester) == START + timedelta(days=32, hours=1)


@pytest.mark.parametrize(("days", "told"), [(0, "at least 1"), (-1, "at least 1"), (401, "at most 400")])
async def test_it_never_goes_back_nor_too_far_at_once(moving: MovingWorld, days: int, told: str) -> None:
    tester = await tester_of(moving)
    assert faults(await advance(tester, days)) == {"advance_days": f"must be {told}"}
    assert await now_of(tester) == START


async def test_it_ends_before_the_calendar_does(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    await advance(tester, 1)
    await moving.fetch("UPDATE test_clocks SET ahead = interval '36400 days' RETURNING 1")
    await moving.fetch(
        "UPDATE balances SET forecast_at = $1 WHERE environment = 'test' RETURNING 1", START + timedelta(days=36_400)
    )
    before = await now_of(tester)
    refused(await advance(tester, 101), 409, "INVALID_STATE")
    assert await now_of(tester) == before
    assert (await advance(tester, 100)).status_code == 200
    refused(await advance(tester, 1), 409, "INVALID_STATE")


async def test_each_organization_has_its_own_and_live_stays(moving: MovingWorld) -> None:
    tester, other = await tester_of(moving), await tester_of(moving)
    live = await moving.person(tester.organization_id)
    await moving.verify(tester.organization_id)
    await moving.fund(tester.organization_id, 1000)
    [real], [first, second] = await moving.stock(), await moving.stock(2, environment="test")
    mine = await bought(live.client, real)
    theirs = await bought(other.client, first)
    own = await bought(tester.client, second)
    assert await advanced(tester, 45) == {"now": "2026-03-17T09:30:00Z", "months_paid": 1}
    assert await now_of(other) == START
    assert (await seen(live, mine), await seen(other, theirs)) == (
        mine | await extras(live, mine),
        theirs | await extras(other, theirs),
    )
    assert (await seen(tester, own))["renews_at"] == "2026-03-31T09:30:00Z"
    assert (await balance(live), await balance(other)) == (1000 - PRICE, FREE - PRICE)
    await worker.sweep_all(moving.services)
    assert (await balance(live), await balance(other)) == (1000 - PRICE, FREE - PRICE)
    await assert_invariants(moving)


async def extras(person: Person, number: dict[str, Any]) -> dict[str, Any]:
    """What only the single GET shows."""
    found = await seen(person, number)
    return {name: found[name] for name in ("endpoint", "sip")}


async def test_what_is_bought_after_it_was_moved_is_of_its_time(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    [item] = await moving.stock(environment="test")
    await advance(tester, 28)
    number = await bought(tester.client, item)
    assert (number["created_at"], number["renews_at"]) == ("2026-02-28T09:30:00Z", "2026-03-28T09:30:00Z")
    line = (await statement(tester))[0]
    assert line["created_at"] == "2026-02-28T09:30:00Z"
    patched = await tester.client.patch(f"/v1/phone-numbers/{number['id']}", json={"label": "x"})
    assert patched.json()["updated_at"] == "2026-02-28T09:30:00Z"
    history = (await tester.client.get(f"/v1/phone-numbers/{number['id']}/history")).json()["history"]
    assert {each["created_at"] for each in history} == {"2026-02-28T09:30:00Z"}


async def test_a_year_of_several_numbers_in_seconds(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    numbers = []
    for item in await moving.stock(5, environment="test"):
        numbers.append(await bought(tester.client, item))
        await advance(tester, 1)
    begun = time.monotonic()
    assert await advanced(tester, 366) == {"now": "2027-02-06T09:30:00Z", "months_paid": 12 * 5}
    assert time.monotonic() - begun < 20
    assert await balance(tester) == FREE - 5 * (PRICE + 12 * 250)
    assert {(await seen(tester, each))["status"] for each in numbers} == {"active"}
    fees = [line for line in await statement(tester) if line["description"].startswith("Month from")]
    assert all(line["created_at"][:10] == line["description"].split()[2] for line in fees), "each taken on its day"
    assert [line["created_at"] for line in fees] == sorted((line["created_at"] for line in fees), reverse=True)
    await assert_invariants(moving)


async def test_from_the_warning_to_the_release_and_on_sale_again(moving: MovingWorld) -> None:
    tester, other = await tester_of(moving), await tester_of(moving)
    [item] = await moving.stock(environment="test")
    number = await bought(tester.client, item)  # due on the 28th of February, 28 days ahead
    await leave_with(tester, 249)

    assert await advanced(tester, 20) == {"now": "2026-02-20T09:30:00Z"}
    assert (await seen(tester, number))["releases_at"] is None
    assert await advanced(tester, 1) == {"now": "2026-02-21T09:30:00Z"}
    now = await seen(tester, number)
    assert (now["status"], now["releases_at"]) == ("active", "2026-03-30T09:30:00Z")
    [warning] = await moving.fetch("SELECT * FROM events WHERE event = 'balance.low'")
    assert warning["created_at"] == datetime(2026, 2, 21, 9, 30, tzinfo=UTC)

    assert await advanced(tester, 7) == {"now": "2026-02-28T09:30:00Z", "suspended": 1}
    assert (await seen(tester, number))["status"] == "suspended"
    assert await advanced(tester, 29) == {"now": "2026-03-29T09:30:00Z"}
    assert (await seen(tester, number))["releases_at"] == "2026-03-30T09:30:00Z"
    assert await for_sale(other) == []
    assert await advanced(tester, 1) == {"now": "2026-03-30T09:30:00Z", "released": 1}
    assert (await seen(tester, number))["released_at"] == "2026-03-30T09:30:00Z"
    assert await for_sale(other) == [item], "for sale to all, whose clocks were not moved"
    theirs = await bought(other.client, item)
    assert theirs["created_at"] == "2026-01-31T09:30:00Z"
    await assert_invariants(moving)


async def test_all_of_it_in_one_move(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    items = await moving.stock(2, environment="test")
    for item in items:
        await bought(tester.client, item)
    await leave_with(tester, 3 * 250)
    assert await advanced(tester, 150) == {
        "now": "2026-06-30T09:30:00Z",
        "months_paid": 3,
        "suspended": 2,
        "released": 2,
    }
    told = await moving.fetch(
        "SELECT event, created_at FROM events WHERE event LIKE 'phone_number.%' AND environment = 'test'"
        " ORDER BY sequence"
    )
    assert [(row["event"].split(".")[1], f"{row['created_at']:%m-%d}") for row in told if "updated" not in row[0]] == [
        ("purchased", "01-31"),
        ("purchased", "01-31"),
        ("renewed", "02-28"),
        ("renewed", "02-28"),
        ("renewed", "03-31"),
        ("suspended", "03-31"),
        ("released", "04-30"),
        ("suspended", "04-30"),
        ("released", "05-30"),
    ]
    assert await balance(tester) == 0
    await assert_invariants(moving)


async def test_credits_lift_the_suspension_at_once(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    [item] = await moving.stock(environment="test")
    number = await bought(tester.client, item)
    await leave_with(tester, 0)
    assert (await advanced(tester, 35))["suspended"] == 1
    assert (await add(tester, 249)).json()["balance_cents"] == 249
    assert (await seen(tester, number))["status"] == "suspended"
    assert (await add(tester, 1)).json()["balance_cents"] == 0
    now = await seen(tester, number)
    assert (now["status"], now["releases_at"], now["renews_at"]) == ("active", None, "2026-03-31T09:30:00Z")
    [resumed] = await moving.fetch("SELECT created_at FROM events WHERE event = 'phone_number.resumed'")
    assert resumed["created_at"] == datetime(2026, 3, 7, 9, 30, tzinfo=UTC)
    assert (await statement(tester))[0]["created_at"] == "2026-03-07T09:30:00Z"
    await assert_invariants(moving)


async def test_credits_taken_away_are_noticed_the_next_day(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    [item] = await moving.stock(environment="test")
    number = await bought(tester.client, item)
    await advance(tester, 25)
    assert (await seen(tester, number))["releases_at"] is None
    await leave_with(tester, 0)
    await advance(tester, 1)
    assert (await seen(tester, number))["releases_at"] == "2026-03-30T09:30:00Z"
    await leave_with(tester, 250)
    await advance(tester, 1)
    assert (await seen(tester, number))["releases_at"] is None


async def test_stock_ages_by_the_clock_of_who_gave_it_back(dsn: str, settings: Settings) -> None:
    async with moving_world(dsn, replace(settings, aging_days=("7",))) as world:
        tester, other = await tester_of(world), await tester_of(world)
        [item] = await world.stock(environment="test")
        number = await bought(tester.client, item)
        await advance(tester, 10)
        await tester.client.delete(f"/v1/phone-numbers/{number['id']}")
        assert await advanced(tester, 6) == {"now": "2026-02-16T09:30:00Z"}
        assert (await for_sale(tester), await for_sale(other)) == ([], [])
        await advance(other, 100)
        assert await for_sale(other) == []
        assert await advanced(tester, 1) == {"now": "2026-02-17T09:30:00Z", "back_on_sale": 1}
        assert (await for_sale(tester), await for_sale(other)) == ([item], [item])
        assert (await bought(other.client, item))["created_at"] == "2026-05-11T09:30:00Z"
        await assert_invariants(world)


async def test_a_release_is_restored_within_ten_days_of_the_clock(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    first, second = await moving.stock(2, environment="test")
    numbers = [await bought(tester.client, item) for item in (first, second)]
    for number in numbers:
        await tester.client.delete(f"/v1/phone-numbers/{number['id']}")
    await advance(tester, 9)
    assert (await tester.client.post(f"/v1/phone-numbers/{numbers[0]['id']}/restore")).status_code == 200
    await advance(tester, 1)
    refused(await tester.client.post(f"/v1/phone-numbers/{numbers[1]['id']}/restore"), 409, "INVALID_STATE")


async def test_holds_expire_by_the_moved_clock(moving: MovingWorld) -> None:
    tester, other = await tester_of(moving), await tester_of(moving)
    first, second = await moving.stock(2, environment="test")
    await tester.client.post("/v1/holds", json={"inventory_id": first, "minutes": 60})
    await other.client.post("/v1/holds", json={"inventory_id": second, "minutes": 60})
    assert await for_sale(other) == [second]
    await advance(tester, 1)
    assert (await tester.client.get("/v1/holds")).json()["total"] == 0
    assert (await other.client.get("/v1/holds")).json()["total"] == 1
    assert (await for_sale(other), await for_sale(tester)) == ([first, second], [first])


async def test_the_worker_sweeps_whose_clock_is_ahead_by_that_clock(moving: MovingWorld) -> None:
    """Credits come back by themselves, a minute passes: by the world's clock nothing is due for a month."""
    tester, other = await tester_of(moving), await tester_of(moving)
    items = await moving.stock(2, environment="test")
    number, theirs = [await bought(each.client, item) for each, item in zip((tester, other), items, strict=True)]
    moving.clock.now += timedelta(minutes=1)
    await advance(tester, 27)
    assert (await seen(tester, number))["renews_at"] == "2026-02-28T09:30:00Z"
    moving.clock.now += timedelta(days=1, minutes=-1)
    await worker.sweep_all(moving.services)
    assert (await seen(tester, number))["renews_at"] == "2026-03-31T09:30:00Z"
    assert (await seen(other, theirs))["renews_at"] == "2026-02-28T09:30:00Z"
    line = (await statement(tester))[0]
    assert (line["amount_cents"], line["created_at"]) == (-250, "2026-02-28T09:30:00Z")
    await assert_invariants(moving)


async def test_moved_from_several_sides_at_once_it_moves_once_or_once_more(moving: MovingWorld) -> None:
    """Who comes while it is being moved is told so at once: they hold no connection until the other is through."""
    tester = await tester_of(moving)
    for item in await moving.stock(3, environment="test"):
        await bought(tester.client, item)
    answers = await asyncio.gather(*(advance(tester, 30) for _ in range(4)))
    moved = sorted(each.json()["now"][:10] for each in answers if each.status_code == 200)
    assert moved == ["2026-03-02", "2026-04-01", "2026-05-01", "2026-05-31"][: len(moved)]
    for each in answers:
        assert each.status_code == 200 or refused(each, 409, "INVALID_STATE") == {}
    assert sum(each.json()["months_paid"] for each in answers if each.status_code == 200) == 3 * len(moved)
    assert await now_of(tester) == START + timedelta(days=30 * len(moved))
    await advanced(tester, 30)
    await assert_invariants(moving)


async def test_who_moves_it_while_it_is_being_moved_does_not_wait(moving: MovingWorld) -> None:
    """The first is held up at the balance, with the clock in hand."""
    tester = await tester_of(moving)
    async with moving.services.database.writing() as connection:
        await credits.lock_balance(connection, tester.organization_id, Environment.TEST)
        first = asyncio.create_task(advance(tester, 30))
        await until_waiting_or_done(moving, first)
        told = await advance(tester, 30)
        assert not first.done()
    assert refused(told, 409, "INVALID_STATE") == {}
    assert told.json()["error"] == "The clock is being moved already. Wait until that request is answered."
    assert (await first).status_code == 200
    assert await now_of(tester) == START + timedelta(days=30)


async def test_with_an_idempotency_key_it_moves_once(moving: MovingWorld) -> None:
    tester = await tester_of(moving)
    [item] = await moving.stock(environment="test")
    await bought(tester.client, item)
    first = await advance(tester, 30, "k")
    again = await advance(tester, 30, "k")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert first.json()["months_paid"] == 1
    refused(await advance(tester, 31, "k"), 409, "IDEMPOTENCY_CONFLICT")
    assert await now_of(tester) == START + timedelta(days=30)
    together = await asyncio.gather(*(advance(tester, 5, "together") for _ in range(4)))
    assert {each.status_code for each in together} <= {200, 409}
    assert await now_of(tester) == START + timedelta(days=35)
