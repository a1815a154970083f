"""The carrier's account and our books: what only one of them has is told, and repaired where nobody loses by it."""

from datetime import timedelta

from tests.carriers.conftest import FIRST, SECOND, THIRD, Shop
from tests.carriers.scripted import Lie

from nambari.domain.carrier_order import OrderStatus
from nambari.domain.lifecycle import StockStatus
from nambari.domain.reconcile import Booked, Difference, Finding, There, compare
from nambari.operations import reconcile

STRANGER = "+442079460990"


async def found(shop: Shop) -> dict[str, str]:
    shop.world.clock.now += timedelta(seconds=1)
    return {each.number: each.difference for each in await reconcile.differences(shop.world.services, shop.carrier)}


async def repair(shop: Shop) -> set[str]:
    services = shop.world.services
    all_ = await reconcile.differences(services, shop.carrier)
    return {each.number for each in await reconcile.repair(services, shop.carrier, all_, services.clock())}


async def test_nothing_differs_through_a_number_s_life(shop: Shop) -> None:
    alice = await shop.world.person()
    await shop.world.stock(2)
    bought = await shop.buy(alice)
    assert await found(shop) == {}
    await shop.see_to_orders()
    assert await found(shop) == {}
    await alice.client.delete(f"/v1/phone-numbers/{bought['id']}")
    assert await found(shop) == {}
    await shop.pass_days(10)
    assert await found(shop) == {}
    assert shop.carrier.owned == {}


async def test_orphans_both_ways_and_their_repair(shop: Shop) -> None:
    alice = await shop.world.person()
    kept, sold, given_up = [await shop.buy(alice, number) for number in (FIRST, SECOND, THIRD)]
    await shop.see_to_orders()
    await alice.client.delete(f"/v1/phone-numbers/{given_up['id']}")
    shop.carrier.owned[STRANGER] = None
    del shop.carrier.owned[SECOND], shop.carrier.owned[THIRD]
    shop.carrier.listed_twice.add(FIRST)
    lost = await shop.buy(alice, THIRD)
    assert lost["status"] == "active", "it is for sale here, though the carrier has it no more"
    await alice.client.delete(f"/v1/phone-numbers/{lost['id']}")
    expected = {FIRST: "twice", SECOND: "missing", THIRD: "missing_stock", STRANGER: "unknown"}
    assert await found(shop) == expected
    assert await repair(shop) == {THIRD}
    del expected[THIRD]
    assert await found(shop) == expected, "what is a customer's or not ours is told, and left alone"
    assert await shop.stock_of(THIRD) == "gone"
    assert {(await shop.number(alice, each["id"]))["status"] for each in (kept, sold)} == {"active"}
    again = await shop.buy(alice, THIRD)
    assert again["status"] == "pending", "and may be ordered anew"
    await shop.see_to_orders()


async def test_what_an_order_that_is_over_left_there_goes_back(shop: Shop) -> None:
    alice = await shop.world.person()
    shop.carrier.will("order", Lie.REFUSED)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    order = await shop.order(bought["id"])
    shop.carrier.owned[FIRST] = order["id"]  # it said no, and did it all the same
    assert await found(shop) == {FIRST: "left_there"}
    assert await repair(shop) == {FIRST}
    assert await found(shop) == {}, "it is under way"
    await shop.see_to_orders()
    assert shop.carrier.owned == {}
    assert await found(shop) == {}
    assert (await shop.number(alice, bought["id"]))["status_reason"] == "carrier_refused"


def test_what_is_compared() -> None:
    booked = [
        Booked("+1", StockStatus.IN_SERVICE, OrderStatus.OPEN),
        Booked("+2", StockStatus.IN_SERVICE, OrderStatus.FILLED),
        Booked("+3", StockStatus.AVAILABLE, None),
        Booked("+4", StockStatus.LEAVING, OrderStatus.RETURNING),
        Booked("+5", StockStatus.GONE, OrderStatus.RETURNED),
        Booked("+6", StockStatus.RETIRED, None),
    ]
    assert compare(booked, [], {}) == [
        Finding("+2", Difference.MISSING),
        Finding("+3", Difference.MISSING_STOCK),
        Finding("+6", Difference.MISSING),
    ]
    there = [There(f"+{place}", None) for place in range(1, 7)]
    assert compare(booked, there, {}) == [Finding("+5", Difference.UNKNOWN)]
    over, under_way = {"ord_1": OrderStatus.RETURNED}, {"ord_1": OrderStatus.RETURNING}
    assert compare([], [There("+5", "ord_1")], over) == [Finding("+5", Difference.LEFT_THERE, "ord_1")]
    assert compare([], [There("+5", "ord_1")], under_way) == []
    assert compare([], [There("+5", "ord_2")], over) == [Finding("+5", Difference.UNKNOWN, "ord_2")]
