"""A carrier's number is bought: pending and held at first, then active and paid, or failed and free again."""

import asyncio
from datetime import timedelta

import pytest
from tests.carriers.conftest import FIRST, SECOND, Shop
from tests.carriers.scripted import Lie

PRICE = 350


async def test_pending_then_active_and_paid(shop: Shop) -> None:
    alice = await shop.world.person(cents=1000)
    bought = await shop.buy(alice)
    assert (bought["status"], bought["number"], bought["renews_at"]) == ("pending", FIRST, None)
    assert await shop.credits(alice) == (650, 350)
    assert shop.carrier.times_asked("order") == 0, "the request asks no carrier"
    shop.world.clock.now += timedelta(minutes=1)
    assert await shop.see_to_orders() == 1
    active = await shop.number(alice, bought["id"])
    assert (active["status"], active["status_reason"]) == ("active", None)
    assert active["renews_at"] == "2026-02-28T09:31:00Z", "a month from when it can be called"
    assert await shop.credits(alice) == (650, 0)
    lines = (await alice.client.get("/v1/credits/transactions")).json()["transactions"]
    told = [(each["type"], each["amount_cents"], each["balance_after_cents"]) for each in lines[:4]]
    assert told == [
        ("monthly_fee", -250, 650),
        ("setup_fee", -100, 900),
        ("credits_freed", 350, 1000),
        ("credits_held", -350, 650),
    ]
    assert await shop.events(bought["id"]) == ["purchased", "activated"]
    assert shop.carrier.owned == {FIRST: (await shop.order(bought["id"]))["id"]}, "our id went with the order"
    assert shop.carrier.configured == {FIRST}
    assert await shop.see_to_orders() == 0
    await shop.pass_days(30)
    assert await shop.credits(alice) == (400, 0), "it renews as every number"


@pytest.mark.parametrize(
    ("lie", "reason"), [(Lie.TAKEN, "number_taken"), (Lie.REFUSED, "carrier_refused"), (Lie.WRONG, "wrong_number")]
)
async def test_failed_and_free_again(shop: Shop, lie: Lie, reason: str) -> None:
    alice = await shop.world.person(cents=PRICE)
    shop.carrier.will("order", lie)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    ended = await shop.number(alice, bought["id"])
    assert (ended["status"], ended["status_reason"]) == ("released", reason)
    assert await shop.credits(alice) == (PRICE, 0)
    assert await shop.events(bought["id"]) == ["purchased", "failed"]
    assert (await alice.client.get("/v1/phone-numbers")).json()["total"] == 0
    restored = await alice.client.post(f"/v1/phone-numbers/{bought['id']}/restore")
    assert restored.json()["code"] == "INVALID_STATE", "it never was theirs"
    await shop.wait_and_see()
    assert shop.carrier.owned == {}, "what was delivered instead is given back"
    again = await shop.buy(alice)
    await shop.see_to_orders()
    assert (await shop.number(alice, again["id"]))["status"] == "active", "a failed order blocks the number for nobody"


async def test_money_that_comes_back_lifts_a_suspension(shop: Shop) -> None:
    alice = await shop.world.person(cents=PRICE + 300)
    [item] = await shop.world.stock()
    pool = (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).json()
    await shop.world.fund(alice.organization_id, 100)
    shop.carrier.will("order", *[Lie.UNDERWAY] * 1)
    shop.carrier.will("find", *[Lie.CUT_BEFORE] * 3)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    await shop.world.pass_days(32)
    assert (await shop.number(alice, pool["id"]))["status"] == "suspended"
    shop.carrier.script["find"].clear()
    shop.carrier.will("find", Lie.REFUSED)
    await shop.see_to_orders()
    assert (await shop.number(alice, bought["id"]))["status"] == "released"
    assert (await shop.number(alice, pool["id"]))["status"] == "active"


@pytest.mark.parametrize("lie", [Lie.CUT, Lie.GARBLED, Lie.TWICE, Lie.NATIONAL, Lie.UNDERWAY])
async def test_what_is_unsure_is_asked_about_and_never_ordered_again(shop: Shop, lie: Lie) -> None:
    alice = await shop.world.person(cents=PRICE)
    shop.carrier.will("order", lie)
    shop.carrier.will("find", Lie.CUT_BEFORE, Lie.AWAY, Lie.NATIONAL)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    await shop.wait_and_see(times=3)
    assert (await shop.number(alice, bought["id"]))["status"] == "active"
    assert shop.carrier.times_asked("order") == 1
    assert await shop.credits(alice) == (0, 0)


async def test_what_the_carrier_surely_has_not_is_placed_again_for_some_time(shop: Shop) -> None:
    alice = await shop.world.person(cents=2 * PRICE)
    shop.carrier.will("order", Lie.AWAY, Lie.THROTTLED)
    first = await shop.buy(alice)
    await shop.see_to_orders()
    await shop.wait_and_see(timedelta(minutes=1), times=2)
    assert (await shop.number(alice, first["id"]))["status"] == "active"
    shop.carrier.will("order", *[Lie.AWAY] * 40)
    second = await shop.buy(alice, SECOND)
    await shop.see_to_orders()
    await shop.wait_and_see(timedelta(minutes=8), times=2)
    ended = await shop.number(alice, second["id"])
    assert (ended["status"], ended["status_reason"]) == ("released", "carrier_unavailable")
    assert await shop.credits(alice) == (PRICE, 0)


async def test_a_lost_order_fails_once_the_carrier_must_know_of_it(shop: Shop) -> None:
    alice = await shop.world.person(cents=PRICE)
    shop.carrier.will("order", Lie.LOST)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    await shop.wait_and_see(timedelta(minutes=5), times=2)
    assert (await shop.number(alice, bought["id"]))["status"] == "pending"
    await shop.wait_and_see(timedelta(minutes=15))
    ended = await shop.number(alice, bought["id"])
    assert (ended["status"], ended["status_reason"]) == ("released", "order_lost")
    assert shop.carrier.times_asked("order") == 1


async def test_one_that_cannot_be_configured_is_not_active_yet(shop: Shop) -> None:
    alice = await shop.world.person(cents=PRICE)
    shop.carrier.will("configure", Lie.AWAY, Lie.REFUSED, Lie.CUT)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    await shop.wait_and_see(times=2)
    assert (await shop.number(alice, bought["id"]))["status"] == "pending"
    await shop.wait_and_see()
    assert (await shop.number(alice, bought["id"]))["status"] == "active"


async def test_what_a_pending_number_allows(shop: Shop) -> None:
    alice = await shop.world.person()
    bought = await shop.buy(alice)
    path = f"/v1/phone-numbers/{bought['id']}"
    refused = await alice.client.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "INVALID_STATE")
    assert (await alice.client.patch(path, json={"label": "Front desk"})).status_code == 200
    listed = (await alice.client.get("/v1/phone-numbers?status=pending")).json()["phone_numbers"]
    assert [each["id"] for each in listed] == [bought["id"]]
    await shop.see_to_orders()
    after = await shop.number(alice, bought["id"])
    assert (after["status"], after["label"]) == ("active", "Front desk")


async def test_refusals_are_those_of_every_purchase(shop: Shop) -> None:
    poor, nobody = await shop.world.person(cents=349), await shop.world.person(verified=False)
    offer = await shop.offer(poor)
    body = {"inventory_id": offer}
    for person, more, code in (
        (nobody, {}, "KYC_REQUIRED"),
        (poor, {}, "INSUFFICIENT_BALANCE"),
        (poor, {"max_total_cents": 1}, "PRICE_CHANGED"),
        (poor, {"endpoint_id": "ep_none"}, "ENDPOINT_NOT_FOUND"),
        (poor, {"inventory_id": "inv_none"}, "NUMBER_NOT_AVAILABLE"),
    ):
        for quoted in ({}, {"validate_only": True}):
            answer = await person.client.post("/v1/phone-numbers", json=body | more | quoted)
            assert answer.json()["code"] == code
    assert await shop.world.value("SELECT count(*) FROM carrier_orders") == 0
    assert await shop.stock_of() is None
    quote = await (await shop.world.person()).client.post("/v1/phone-numbers", json=body | {"validate_only": True})
    assert (quote.status_code, quote.json()["total_cents"]) == (200, PRICE)
    assert await shop.world.value("SELECT count(*) FROM carrier_orders") == 0


async def test_what_is_held_counts_for_the_key_and_is_given_back_with_the_number_that_fails(shop: Shop) -> None:
    """To the month of the order, whenever it fails; what is delivered stays spent, once."""
    alice = await shop.world.person(cents=10 * PRICE, monthly_cap_cents=2 * PRICE - 1, countries=("GB",))
    rich = await shop.world.person(alice.organization_id)
    body = {"inventory_id": await shop.offer(alice, SECOND)}
    bought = await shop.buy(alice)
    for quoted in ({}, {"validate_only": True}):
        refused = await alice.client.post("/v1/phone-numbers", json=body | quoted)
        assert refused.json()["code"] == "SPENDING_CAP_EXCEEDED"
        assert refused.json()["details"]["spent_cents"] == PRICE
    shop.carrier.will("order", Lie.UNDERWAY)
    shop.carrier.will("find", Lie.REFUSED)
    await shop.see_to_orders()
    shop.world.clock.now += timedelta(days=1)  # from January into February
    assert await shop.world.value("SELECT sum(spent_cents) FROM key_spending") == PRICE
    await shop.see_to_orders()
    assert (await shop.number(alice, bought["id"]))["status"] == "released"
    assert await shop.world.value("SELECT spent_cents FROM key_spending WHERE month = '2026-01-01'") == 0
    await shop.wait_and_see()  # it goes back to its carrier
    await shop.buy(rich)  # a key without a cap counts nothing
    await shop.see_to_orders()
    await shop.buy(alice, SECOND)
    await shop.see_to_orders()
    found = await shop.world.fetch("SELECT month::text, spent_cents FROM key_spending ORDER BY month")
    assert [tuple(each) for each in found] == [("2026-01-01", 0), ("2026-02-01", PRICE)]


async def test_a_key_orders_numbers_of_its_countries_only(shop: Shop) -> None:
    alice = await shop.world.person(countries=("KE", "NG"))
    answer = await alice.client.post("/v1/phone-numbers", json={"inventory_id": await shop.offer(alice)})
    assert (answer.status_code, answer.json()["code"]) == (403, "COUNTRY_NOT_ALLOWED")
    assert await shop.world.value("SELECT count(*) FROM carrier_orders") == 0


async def test_an_idempotency_key_orders_once_and_is_answered_alike(shop: Shop) -> None:
    alice = await shop.world.person()
    body, headers = {"inventory_id": await shop.offer(alice)}, {"Idempotency-Key": "k"}
    first = await alice.client.post("/v1/phone-numbers", json=body, headers=headers)
    await shop.see_to_orders()
    again = await alice.client.post("/v1/phone-numbers", json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert shop.carrier.times_asked("order") == 1


async def test_a_price_holds_for_fifteen_minutes(shop: Shop) -> None:
    alice = await shop.world.person()
    offer = await shop.offer(alice)
    await shop.world.fetch("UPDATE rates SET monthly_cost_cents = 900 RETURNING 1")
    shop.world.clock.now += timedelta(minutes=14, seconds=59)
    dearer = await shop.offer(alice)
    assert dearer != offer
    bought = (await alice.client.post("/v1/phone-numbers", json={"inventory_id": offer})).json()
    assert bought["monthly_cost_cents"] == 250
    other = await shop.offer(alice, SECOND)
    shop.world.clock.now += timedelta(minutes=15)
    late = await alice.client.post("/v1/phone-numbers", json={"inventory_id": other})
    assert late.json()["code"] == "NUMBER_NOT_AVAILABLE"
    await shop.sweep()
    assert await shop.world.value("SELECT count(*) FROM offers") == 0


async def test_of_many_buyers_at_once_one_orders(shop: Shop) -> None:
    people = [await shop.world.person() for _ in range(6)]
    body = {"inventory_id": await shop.offer(people[0])}
    answers = await asyncio.gather(*(each.client.post("/v1/phone-numbers", json=body) for each in people * 2))
    assert sorted(each.status_code for each in answers) == [201] + [404] * 11
    await shop.see_to_orders()
    assert shop.carrier.times_asked("order") == 1


async def test_many_orders_of_one_organization_wait_for_none_of_each_other_in_a_circle(shop: Shop) -> None:
    """PostgreSQL finds a deadlock after a second each: of eight orders at once, most gave up before they had a turn."""
    alice = await shop.world.person(cents=8 * PRICE)
    numbers = [f"+44207946{place:04d}" for place in range(910, 918)]
    shop.carrier.offers(*numbers)
    bodies = [{"inventory_id": await shop.offer(alice, number)} for number in numbers]
    answers = await asyncio.gather(*(alice.client.post("/v1/phone-numbers", json=each) for each in bodies))
    assert [each.status_code for each in answers] == [201] * 8
    assert await shop.credits(alice) == (0, 8 * PRICE)


async def test_credits_for_one_order_only(shop: Shop) -> None:
    alice = await shop.world.person(cents=PRICE + 10)
    bodies = [{"inventory_id": await shop.offer(alice, number)} for number in (FIRST, SECOND)]
    answers = await asyncio.gather(*(alice.client.post("/v1/phone-numbers", json=each) for each in bodies))
    assert sorted(each.status_code for each in answers) == [201, 400]
    assert await shop.credits(alice) == (10, PRICE)


async def test_a_cap_for_one_order_only(shop: Shop) -> None:
    alice = await shop.world.person(monthly_cap_cents=2 * PRICE - 1)
    bodies = [{"inventory_id": await shop.offer(alice, number)} for number in (FIRST, SECOND)]
    answers = await asyncio.gather(*(alice.client.post("/v1/phone-numbers", json=each) for each in bodies))
    assert sorted(each.status_code for each in answers) == [201, 403]
    assert await shop.world.value("SELECT spent_cents FROM key_spending") == PRICE


async def test_a_free_number_is_delivered_too(shop: Shop) -> None:
    alice = await shop.world.person(cents=0)
    await shop.world.fetch("UPDATE rates SET setup_cost_cents = 0, monthly_cost_cents = 0 RETURNING 1")
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    assert (await shop.number(alice, bought["id"]))["status"] == "active"


@pytest.mark.parametrize("lie", [None, Lie.TAKEN])
async def test_who_prefers_to_wait_is_told_the_outcome(shop: Shop, lie: Lie | None) -> None:
    alice = await shop.world.person()
    shop.carrier.will("order", lie)
    shop.carrier.gate = asyncio.Event()
    body, headers = {"inventory_id": await shop.offer(alice)}, {"Prefer": "respond-async, wait=20"}
    asked = asyncio.create_task(alice.client.post("/v1/phone-numbers", json=body, headers=headers))
    await shop.see_to_orders_once_there_is_one()
    await shop.carrier.reached.wait()
    assert not asked.done()
    shop.carrier.gate.set()
    answer = await asked
    assert (answer.status_code, answer.json()["status"]) == (201, "released" if lie else "active")


@pytest.mark.parametrize("prefer", ["wait=0", "wait", "wait=-1", "wait=x", "return=minimal", "wait=0.5", "x" * 5000])
async def test_a_preference_that_asks_for_no_wait(shop: Shop, prefer: str) -> None:
    assert (await shop.buy(await shop.world.person(), Prefer=prefer))["status"] == "pending"


async def test_a_wait_has_its_end(shop: Shop) -> None:
    assert (await shop.buy(await shop.world.person(), Prefer="wait=1"))["status"] == "pending"
