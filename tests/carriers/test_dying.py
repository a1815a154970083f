"""Killed between any two steps, every order comes to exactly one end, and every number that goes back is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.carriers.conftest import FIRST, SECOND, Shop
from tests.carriers.dying import Died, mortal
from tests.carriers.scripted import Lie
from tests.cast import Person, assert_invariants

from nambari import worker
from nambari.carriers.base import OrderState, Receipt
from nambari.domain.access import Caller, Environment
from nambari.domain.carrier_order import LEASE
from nambari.domain.purchase import Order
from nambari.operations import fill
from nambari.operations.idempotency import Attempt
from nambari.operations.purchase import purchase
from nambari.wiring import Services

MOST_STEPS = 80


def number(place: int) -> str:
    return f"+44207946{place:04d}"


async def buy(services: Services, person: Person, item: str) -> Any:
    caller = Caller(None, person.organization_id, Environment.LIVE)
    attempt = Attempt(caller=caller, request_id="req_test", idempotency_key="k", fingerprint=b"same")
    return (await purchase(services, attempt, Order(inventory_id=item), services.clock())).result


async def until_it_lives(act: Callable[[int], Awaitable[bool]]) -> int:
    """Die after one step, after two, and so on, until it comes to its end alive; how many deaths there were."""
    for steps in range(1, MOST_STEPS):
        if await act(steps):
            return steps - 1
    raise AssertionError("it never comes to an end")


async def lives(act: Awaitable[Any]) -> bool:
    try:
        await act
    except Died:
        return False
    return True


@pytest.mark.parametrize(
    ("lie", "end"),
    [(None, "active"), (Lie.CUT, "active"), (Lie.UNDERWAY, "active"), (Lie.TAKEN, "released"), (Lie.WRONG, "released")],
)
async def test_every_order_has_one_end(shop: Shop, lie: Lie | None, end: str) -> None:
    async def order_and_die(steps: int) -> bool:
        wanted = number(100 + 2 * steps)
        shop.carrier.for_sale.clear()
        shop.carrier.offers(wanted, number(101 + 2 * steps))
        alice = await shop.world.person(cents=350)
        item = await shop.offer(alice, wanted)
        shop.carrier.script.clear()
        shop.carrier.will("order", lie)
        services = mortal(shop.world.services, steps)

        async def live() -> None:
            await buy(services, alice, item)
            await fill.due(services, services.clock(), 100)

        alive = await lives(live())
        bought = await buy(shop.world.services, alice, item)  # who was told nothing asks again
        await shop.wait_and_see(times=3)
        after = await shop.number(alice, bought.id)
        owned = [each for each, order in shop.carrier.owned.items() if order == (await shop.order(bought.id))["id"]]
        if after["status"] == "active":
            assert owned == [wanted]
            assert await shop.credits(alice) == (0, 0)
        else:
            assert (after["status"], owned) == ("released", [])
            assert after["status_reason"] == "order_lost" or end == "released"
            assert await shop.credits(alice) == (350, 0)
        assert (
            await shop.world.value(
                "SELECT count(*) FROM phone_numbers WHERE organization_id = $1", alice.organization_id
            )
            == 1
        )
        assert not alive or end in (after["status"], "active")
        await assert_invariants(shop.world)
        return alive

    deaths = await until_it_lives(order_and_die)
    assert deaths > 15, "it has many steps to die at"
    assert len({about for what, about in shop.carrier.asked if what == "order"}) == shop.carrier.times_asked("order")


async def test_every_number_that_goes_back_is_gone(shop: Shop) -> None:
    async def give_back_and_die(steps: int) -> bool:
        wanted = number(300 + steps)
        shop.carrier.for_sale.clear()
        shop.carrier.offers(wanted)
        alice = await shop.world.person(cents=350)
        bought = await shop.buy(alice, wanted)
        await shop.see_to_orders()
        await alice.client.delete(f"/v1/phone-numbers/{bought['id']}")
        shop.world.clock.now += timedelta(days=10)
        services = mortal(shop.world.services, steps)

        async def live() -> None:
            await fill.give_back(services, services.clock(), 100)
            await fill.due(services, services.clock(), 100)

        alive = await lives(live())
        await worker.sweep_all(shop.world.services)
        await shop.wait_and_see(times=2)
        assert (await shop.stock_of(wanted), shop.carrier.owned) == ("gone", {})
        await assert_invariants(shop.world)
        return alive

    assert await until_it_lives(give_back_and_die) > 8


async def test_who_was_taken_for_dead_and_orders_late_leaves_nothing_behind(shop: Shop) -> None:
    alice = await shop.world.person(cents=350)
    bought = await shop.buy(alice)
    shop.carrier.gate = asyncio.Event()
    stalled = asyncio.create_task(shop.see_to_orders())
    await shop.carrier.reached.wait()
    await shop.wait_and_see(LEASE, times=1)
    await shop.wait_and_see(timedelta(minutes=15), times=1)
    after = await shop.number(alice, bought["id"])
    assert (after["status"], after["status_reason"]) == ("released", "order_lost")
    shop.carrier.gate.set()
    await stalled
    assert set(shop.carrier.owned) == {FIRST}, "the carrier has delivered to nobody"
    await shop.see_to_orders()
    assert shop.carrier.owned == {}
    assert (await shop.number(alice, bought["id"])) == after
    assert await shop.credits(alice) == (350, 0)


async def test_two_workers_see_to_an_order_once(shop: Shop) -> None:
    people = [await shop.world.person(cents=350) for _ in range(3)]
    for place, each in enumerate(people):
        await shop.buy(each, number(900 + place))
    seen = await asyncio.gather(*(shop.see_to_orders() for _ in range(4)))
    assert sum(seen) == 3
    assert shop.carrier.times_asked("order") == 3


async def test_what_came_by_mistake_and_is_ordered_by_another_goes_back_once_that_is_decided(shop: Shop) -> None:
    """The carrier refuses the other's order, as it has given us the number already: then it is nobody's."""
    alice, ben = await shop.world.person(cents=350), await shop.world.person(cents=350)
    offered = await shop.offer(ben)
    shop.carrier.will("order", Lie.WRONG)
    await shop.buy(alice, SECOND)
    await shop.see_to_orders()
    assert set(shop.carrier.owned) == {FIRST}
    answer = await ben.client.post("/v1/phone-numbers", json={"inventory_id": offered})
    assert answer.status_code == 201
    await shop.wait_and_see(times=4)
    assert (await shop.number(ben, answer.json()["id"]))["status_reason"] == "number_taken"
    assert shop.carrier.owned == {}
    assert await shop.credits(ben) == (350, 0)


async def test_what_is_in_use_is_never_given_back(shop: Shop) -> None:
    """A carrier that says it delivered a number which is another customer's."""
    alice, mallory = await shop.world.person(), await shop.world.person()
    await shop.buy(alice)
    await shop.see_to_orders()
    second = await shop.buy(mallory, number(901))

    async def lies(slip: Any) -> Any:
        return Receipt(state=OrderState.FILLED, number=FIRST)

    shop.carrier.order = lies  # type: ignore[method-assign]
    await shop.see_to_orders()
    await shop.wait_and_see()
    assert (await shop.number(mallory, second["id"]))["status_reason"] == "wrong_number"
    assert FIRST in shop.carrier.owned
    assert shop.carrier.times_asked("release") == 0
