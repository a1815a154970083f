"""What happens to a number as months go by? Renewed on its day, suspended, warned of, recovered, released."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.api.papers import accepted
from tests.cast import Person, assert_invariants
from tests.moving import MovingWorld
from tests.operations.racing import eventually

from nambari import worker


async def buy(person: Person, item: str, **wanted: Any) -> dict[str, Any]:
    answer = await person.client.post("/v1/phone-numbers", json={"inventory_id": item, **wanted})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def seen(person: Person, number: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await person.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    return found


async def balance(person: Person) -> int:
    cents: int = (await person.client.get("/v1/credits")).json()["balance_cents"]
    return cents


async def events(world: MovingWorld, *names: str) -> list[Any]:
    return await world.fetch("SELECT * FROM events WHERE event = ANY ($1) ORDER BY sequence", list(names))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_it_renews_on_its_day_or_the_months_last(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=100 + 250 * 13), await moving.stock()
    number = await buy(alice, item)
    days = []
    for _ in range(12):
        days.append((await seen(alice, number))["renews_at"][:10])
        moving.clock.now = instant((await seen(alice, number))["renews_at"])
        await moving.sleep_days(0)
    assert days == [
        *("2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31"),
        *("2026-08-31", "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31"),
    ]
    assert await balance(alice) == 0
    await assert_invariants(moving)


async def test_nothing_is_taken_before_the_very_instant(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=10_000), await moving.stock()
    number = await buy(alice, item)
    moving.clock.now = instant(number["renews_at"]) - timedelta(microseconds=1)
    await moving.sleep_days(0)
    assert await balance(alice) == 10_000 - 350
    moving.clock.now += timedelta(microseconds=1)
    await moving.sleep_days(0)
    assert await balance(alice) == 10_000 - 600


async def test_a_worker_that_was_down_catches_up_month_by_month(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350 + 250 * 2), await moving.stock()
    number = await buy(alice, item)
    await moving.sleep_days(100)  # three months are due by then, and two can be paid
    lines = (await alice.client.get("/v1/credits/transactions")).json()["transactions"]
    assert [line["description"] for line in lines[:2]] == [
        f"Month from 2026-03-31 of {number['number']}",
        f"Month from 2026-02-28 of {number['number']}",
    ]
    now = await seen(alice, number)
    assert (now["status"], now["status_reason"]) == ("suspended", "insufficient_balance")
    assert instant(now["renews_at"]) == datetime(2026, 4, 30, 9, 30, tzinfo=UTC)
    assert instant(now["releases_at"]) == moving.clock.now + timedelta(days=30)
    await assert_invariants(moving)


async def test_a_number_that_costs_nothing_renews_for_ever(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=0), await moving.stock(setup=0, monthly=0)
    number = await buy(alice, item)
    await moving.sleep_days(366)
    now = await seen(alice, number)
    assert (now["status"], now["renews_at"][:10]) == ("active", "2027-02-28")
    await assert_invariants(moving)


async def test_short_of_credits_from_the_warning_to_the_release(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await buy(alice, item)
    due = instant(number["renews_at"])

    await moving.pass_days(20)
    assert not await events(moving, "balance.low")
    await moving.pass_days(3)
    [warning] = await events(moving, "balance.low")
    told = instant(warning["data"]["short"][0]["releases_at"])
    assert told == due + timedelta(days=30)
    assert warning["data"]["short"][0]["phone_number_id"] == number["id"]
    assert (warning["data"]["required_cents"], warning["data"]["shortfall_cents"]) == (250, 250)
    assert (await seen(alice, number))["status"] == "active"

    await moving.pass_days(10)
    now = await seen(alice, number)
    assert (now["status"], now["status_reason"]) == ("suspended", "insufficient_balance")
    promised = instant(now["releases_at"])
    assert promised >= told
    assert len(await events(moving, "balance.low", "phone_number.suspended")) == 2, "told once"

    moving.clock.now = promised - timedelta(seconds=1)
    await moving.sleep_days(0)
    assert (await seen(alice, number))["status"] == "suspended"
    moving.clock.now += timedelta(seconds=1)
    await moving.sleep_days(0)
    now = await seen(alice, number)
    assert (now["status"], now["renews_at"], now["releases_at"]) == ("released", None, None)
    assert await balance(alice) == 0
    search = (await alice.client.get("/v1/phone-numbers/available?country=GB")).json()
    assert [each["number"] for each in search["phone_numbers"]] == [number["number"]]
    await assert_invariants(moving)


async def test_a_deletion_lock_does_not_keep_an_unpaid_number(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await buy(alice, item)
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"deletion_lock": True})
    await moving.pass_days(70)
    assert (await seen(alice, number))["status"] == "released"


@pytest.mark.parametrize(("cents", "resumed"), [(249, 0), (250, 1), (499, 1), (500, 2), (10_000, 3)])
async def test_a_top_up_lifts_suspensions_at_once_the_oldest_first(
    moving: MovingWorld, cents: int, resumed: int
) -> None:
    alice, items = await moving.person(cents=3 * 350), await moving.stock(3)
    numbers = []
    for item in items:
        numbers.append(await buy(alice, item))
        moving.clock.now += timedelta(hours=1)
    await moving.pass_days(35)
    assert {(await seen(alice, each))["status"] for each in numbers} == {"suspended"}

    assert await moving.fund(alice.organization_id, cents) == cents - 250 * resumed

    found = [await seen(alice, each) for each in numbers]
    assert [each["status"] for each in found] == ["active"] * resumed + ["suspended"] * (3 - resumed)
    assert all(each["releases_at"] is None and each["status_reason"] is None for each in found[:resumed])
    assert len(await events(moving, "phone_number.resumed")) == resumed
    await assert_invariants(moving)


async def test_it_is_tried_again_daily(moving: MovingWorld) -> None:
    """Credits can come back without a top-up: here an operator's hand in the database stands for a refund."""
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await buy(alice, item)
    await moving.pass_days(30)
    assert (await seen(alice, number))["status"] == "suspended"
    await moving.fetch("UPDATE balances SET available_cents = 250 WHERE environment = 'live' RETURNING 1")
    await moving.pass_days(1)
    assert (await seen(alice, number))["status"] == "active"


async def test_a_warning_is_taken_back_when_the_credits_suffice(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await buy(alice, item)
    await moving.pass_days(23)
    assert (await seen(alice, number))["releases_at"] is not None
    await moving.fund(alice.organization_id, 1000)
    await moving.pass_days(1)
    assert (await seen(alice, number))["releases_at"] is None
    history = (await alice.client.get(f"/v1/phone-numbers/{number['id']}/history")).json()["history"]
    told = [change["after"] for line in history for change in line["changes"] if change["field"] == "releases_at"]
    assert told[0] is None
    assert len(told) == 2


async def test_the_history_follows_every_step(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await buy(alice, item)
    await moving.pass_days(30)
    await moving.fund(alice.organization_id, 250)
    await moving.pass_days(100)
    history = (await alice.client.get(f"/v1/phone-numbers/{number['id']}/history")).json()["history"]
    steps = [line["event"].split(".")[1] for line in reversed(history)]
    assert steps == ["purchased", "updated", "suspended", "resumed", "updated", "suspended", "released"]
    assert all(line["key_id"] is None for line in history[:-1]), "nobody's key: the worker's doing, and the operator's"


async def test_who_was_away_takes_the_oldest_months_first_over_all_numbers(moving: MovingWorld) -> None:
    """As if the worker had been awake: two numbers with credits for three months are paid by turns."""
    alice, items = await moving.person(cents=2 * 350 + 3 * 250), await moving.stock(2)
    first = await buy(alice, items[0])
    moving.clock.now += timedelta(hours=1)
    second = await buy(alice, items[1])
    await moving.sleep_days(100)
    lines = (await alice.client.get("/v1/credits/transactions")).json()["transactions"]
    assert [line["phone_number_id"] for line in reversed(lines[:3])] == [first["id"], second["id"], first["id"]]
    assert {(await seen(alice, each))["status"] for each in (first, second)} == {"suspended"}
    await assert_invariants(moving)


async def test_who_pays_an_old_month_is_given_time_for_the_next(moving: MovingWorld) -> None:
    """Without it, a customer could pay a month and lose the number the day after."""
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await buy(alice, item)
    await moving.pass_days(28 + 29)  # unpaid for almost all of the grace time, and a second month is due by now
    promised = instant((await seen(alice, number))["releases_at"])
    moving.clock.now = max(promised - timedelta(hours=1), instant("2026-03-31T09:30:00+00:00"))
    await moving.fund(alice.organization_id, 250)
    now = await seen(alice, number)
    assert now["status"] == "suspended"
    assert instant(now["releases_at"]) == moving.clock.now + timedelta(days=30) > promised
    await assert_invariants(moving)


# ── Where something fails ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", ["phone_numbers", "balances", "documents"])
async def test_whose_turn_fails_holds_up_nobody(moving: MovingWorld, table: str) -> None:
    """Each time, and first in the line."""
    alice, bob = await moving.person(cents=10_000), await moving.person(cents=10_000)
    for person, item in zip((alice, bob), await moving.stock(2), strict=True):
        await accepted(moving, person.client, expires_on="2026-03-15")
        await buy(person, item)
        moving.clock.now += timedelta(minutes=1)
    async with moving.services.database.writing() as connection:
        await connection.execute(
            f"ALTER TABLE {table} ADD CHECK (organization_id <> '{alice.organization_id}') NOT VALID"
        )
    moving.clock.now += timedelta(days=30)
    with capture_logs() as lines:
        await worker.sweep_all(moving.services)
    failed = [each for each in lines if each["log_level"] == "error"]
    assert {each["organization_id"] for each in failed} == {alice.organization_id}
    assert await balance(bob) == 10_000 - 350 - 250
    told = await events(moving, "document.expiring")
    assert bob.organization_id in {each["organization_id"] for each in told}


async def test_a_sweep_that_fails_keeps_no_other_from_its_work(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(), await moving.stock()
    held = await alice.client.post("/v1/holds", json={"inventory_id": item})
    assert held.status_code == 201
    moving.clock.now += timedelta(hours=2)
    async with moving.services.database.writing() as connection:
        await connection.execute("ALTER TABLE phone_numbers RENAME COLUMN due_at TO no_more")
    working = asyncio.create_task(worker.work(moving.services))

    async def forgotten() -> bool:
        return not await moving.value("SELECT count(*) FROM holds")

    try:
        await eventually(forgotten)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
