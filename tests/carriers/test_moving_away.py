"""A carrier's number that moves to another carrier: ours is not told to release it, and its account is no puzzle."""

from datetime import timedelta

import pytest
from tests.api.leavers import PIN, asked, secured
from tests.api.porters import completed, submitted
from tests.carriers.conftest import FIRST, SECOND, Shop
from tests.carriers.dying import Died, mortal
from tests.cast import assert_invariants

from nambari.domain.access import Environment
from nambari.domain.refusals import InvalidState
from nambari.operations import port_out, reconcile


async def differences(shop: Shop) -> dict[str, str]:
    shop.world.clock.now += timedelta(seconds=1)
    return {each.number: each.difference for each in await reconcile.differences(shop.world.services, shop.carrier)}


async def test_it_is_no_orphan_and_is_not_released_there(shop: Shop) -> None:
    alice = await shop.world.person()
    await secured(alice)
    bought, sold = await shop.buy(alice), await shop.buy(alice, SECOND)
    await shop.see_to_orders()
    order = await asked(shop.world, bought)
    assert await differences(shop) == {}
    await port_out.complete(shop.world.services, order.id, "req_test")
    assert await differences(shop) == {}, "while the carrier still lists it"
    del shop.carrier.owned[FIRST]
    assert await differences(shop) == {}, "and once it does not"
    shop.carrier.offers(FIRST)
    shown = (await shop.search(alice))["phone_numbers"]
    assert FIRST not in [each["number"] for each in shown], "not even where the carrier sells it again"
    await shop.pass_days(20)
    assert (shop.carrier.times_asked("release"), await shop.stock_of()) == (0, "elsewhere")
    assert (await shop.order(bought["id"]))["status"] == "returned"
    assert (await shop.number(alice, sold["id"]))["status"] == "active"


async def test_it_comes_back_as_our_own(shop: Shop) -> None:
    """By a port, which its former carrier has nothing to do with."""
    alice = await shop.world.person()
    await secured(alice)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    order = await asked(shop.world, bought)
    await port_out.complete(shop.world.services, order.id, "req_test")
    del shop.carrier.owned[FIRST]
    back = await submitted(alice, FIRST)
    await completed(shop.world, back)
    assert await differences(shop) == {}
    await alice.client.delete(f"/v1/phone-numbers/{back['phone_number_id']}")
    await shop.pass_days(20)
    assert (shop.carrier.times_asked("release"), await shop.stock_of()) == (0, "available")


async def test_a_number_that_is_not_delivered_yet_does_not_leave(shop: Shop) -> None:
    alice = await shop.world.person()
    await secured(alice)
    bought = await shop.buy(alice)
    with pytest.raises(InvalidState) as refusal:
        await asked(shop.world, bought)
    assert refusal.value.details == {"status": "pending"}
    await shop.see_to_orders()


async def test_killed_between_any_two_steps(shop: Shop) -> None:
    """Whoever was not answered asks again, and then it is done: once, and whole."""
    alice = await shop.world.person()
    await secured(alice)
    services, clock = shop.world.services, shop.world.clock
    at = clock() + timedelta(days=90)
    deaths = 0
    for verb in ("request", "complete"):
        bought = await shop.buy(alice, FIRST if verb == "request" else SECOND)
        await shop.see_to_orders()
        order = await asked(shop.world, bought) if verb == "complete" else None
        for steps in range(1, 40):
            clock.now += timedelta(hours=2)  # each death spends an attempt
            dying = mortal(services, steps)
            try:
                if order is None:
                    await port_out.request(dying, Environment.LIVE, FIRST, PIN, "Other", at, "req_test")
                else:
                    await port_out.complete(dying, order.id, "req_test")
            except Died:
                deaths += 1
            except InvalidState:  # it had been done, and died before it could say so
                break
            else:
                break
            await assert_invariants(shop.world)
        number = await shop.number(alice, bought["id"])
        assert number["status"] == ("porting" if verb == "request" else "released")
        events = await shop.events(bought["id"])
        assert events.count("porting") == 1
        assert events.count("released") == (verb == "complete")
    assert deaths > 15, "it has many steps to die at"
