"""An order that stays unsure is settled by hand: once, either way, whoever asks the carrier at that moment."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.carriers.conftest import FIRST, Shop
from tests.carriers.scripted import Lie
from tests.cast import Person, assert_invariants

from nambari.domain.refusals import InvalidState, NotFound
from nambari.operations import fill, reconcile

PRICE = 350


async def unsure(shop: Shop, **wanted: Any) -> tuple[Person, dict[str, Any], str]:
    """Somebody's number whose order nobody knows the outcome of, and the order."""
    alice = await shop.world.person(cents=PRICE, **wanted)
    shop.carrier.will("order", Lie.CUT)
    shop.carrier.will("find", *[Lie.CUT_BEFORE] * 40)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    await shop.wait_and_see(times=5)
    assert await shop.credits(alice) == (0, PRICE)
    return alice, bought, (await shop.order(bought["id"]))["id"]


async def settle(shop: Shop, order_id: str, *, filled: bool) -> str:
    try:
        await fill.settle_by_hand(shop.world.services, order_id, filled=filled, request_id="req_hand")
    except InvalidState as refusal:
        return str(refusal.details["status"])
    return "settled"


@pytest.mark.parametrize(
    ("filled", "status", "reason", "credits", "stock"),
    [
        (True, "active", None, (0, 0), "in_service"),
        (False, "released", "settled_by_operator", (PRICE, 0), "gone"),
    ],
)
async def test_settled(
    shop: Shop, filled: bool, status: str, reason: str | None, credits: tuple[int, int], stock: str
) -> None:
    alice, bought, order_id = await unsure(shop)
    assert await settle(shop, order_id, filled=filled) == "settled"
    after = await shop.number(alice, bought["id"])
    assert (after["status"], after["status_reason"]) == (status, reason)
    assert await shop.credits(alice) == credits
    assert await shop.stock_of() == stock
    assert await settle(shop, order_id, filled=not filled) == ("filled" if filled else "failed")
    event = "phone_number.activated" if filled else "phone_number.failed"
    rows = await shop.world.fetch("SELECT request_id FROM events WHERE event = $1", event)
    assert [row["request_id"] for row in rows] == ["req_hand"], "told once, and by whom"
    asked = len(shop.carrier.asked)
    await shop.wait_and_see(times=3)
    assert len(shop.carrier.asked) == asked, "it is asked about no more"


async def test_what_comes_after_all_is_told_and_goes_back(shop: Shop) -> None:
    alice, _, order_id = await unsure(shop)
    assert shop.carrier.owned == {FIRST: order_id}, "it was done, and only the answer was lost"
    await settle(shop, order_id, filled=False)
    shop.world.clock.now += timedelta(seconds=1)
    found = await reconcile.differences(shop.world.services, shop.carrier)
    assert [each.difference for each in found] == ["left_there"]
    await reconcile.repair(shop.world.services, shop.carrier, found, shop.world.clock())
    await shop.see_to_orders()
    assert shop.carrier.owned == {}
    assert await shop.credits(alice) == (PRICE, 0)


async def test_what_a_key_may_spend_is_given_back(shop: Shop) -> None:
    _, _, order_id = await unsure(shop, monthly_cap_cents=PRICE)
    await settle(shop, order_id, filled=False)
    assert await shop.world.value("SELECT spent_cents FROM key_spending") == 0


@pytest.mark.parametrize("filled", [True, False])
async def test_settled_while_the_carrier_is_asked(shop: Shop, filled: bool) -> None:
    """Who asked comes too late: what was delivered to an order that has failed meanwhile goes back."""
    alice = await shop.world.person(cents=PRICE)
    shop.carrier.gate = asyncio.Event()
    bought = await shop.buy(alice)
    order_id = (await shop.order(bought["id"]))["id"]
    sweep = asyncio.create_task(shop.see_to_orders())
    async with asyncio.timeout(30):
        await shop.carrier.reached.wait()
    assert await settle(shop, order_id, filled=filled) == "settled"
    shop.carrier.gate.set()
    await sweep
    await shop.wait_and_see(times=2)
    after = await shop.number(alice, bought["id"])
    assert after["status"] == ("active" if filled else "released")
    assert await shop.credits(alice) == ((0, 0) if filled else (PRICE, 0))
    assert set(shop.carrier.owned) == ({FIRST} if filled else set())


async def test_many_settle_at_once_and_the_sweep_with_them(shop: Shop) -> None:
    for _ in range(3):
        shop.carrier.script.clear()
        shop.carrier.owned.clear()
        shop.carrier.offers(FIRST)
        alice, bought, order_id = await unsure(shop)
        shop.carrier.script.clear()
        shop.world.clock.now += timedelta(minutes=16)
        told = await asyncio.gather(
            *(settle(shop, order_id, filled=bool(place % 2)) for place in range(6)), shop.see_to_orders()
        )
        assert told.count("settled") <= 1
        after = await shop.number(alice, bought["id"])
        assert after["status"] in {"active", "released"}
        assert await shop.credits(alice) == ((0, 0) if after["status"] == "active" else (PRICE, 0))
        await assert_invariants(shop.world)
        await alice.client.delete(f"/v1/phone-numbers/{bought['id']}")
        await shop.pass_days(11)


async def test_what_is_no_order(shop: Shop) -> None:
    with pytest.raises(NotFound):
        await fill.settle_by_hand(shop.world.services, "ord_none", filled=True, request_id="req_hand")
