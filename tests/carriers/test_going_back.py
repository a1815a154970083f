"""A carrier's number is released: it is for sale again here, and goes back once nobody can restore it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.carriers.conftest import FIRST, Shop
from tests.carriers.scripted import Lie
from tests.cast import Person

from nambari import worker
from nambari.domain.access import Environment
from nambari.domain.refusals import InvalidState
from nambari.operations import stock


async def held(shop: Shop, person: Person) -> str:
    bought = await shop.buy(person)
    await shop.see_to_orders()
    return str(bought["id"])


async def given_up(shop: Shop, person: Person) -> str:
    number = await held(shop, person)
    assert (await person.client.delete(f"/v1/phone-numbers/{number}")).status_code == 200
    return number


async def test_for_ten_days_it_may_be_restored(shop: Shop) -> None:
    alice = await shop.world.person()
    number = await given_up(shop, alice)
    assert await shop.stock_of() == "available", "it returns to the pool"
    await shop.pass_days(9)
    assert shop.carrier.times_asked("release") == 0
    assert (await alice.client.post(f"/v1/phone-numbers/{number}/restore")).status_code == 200
    await shop.pass_days(20)
    assert (await shop.number(alice, number))["status"] == "active"
    assert set(shop.carrier.owned) == {FIRST}


async def test_then_it_goes_back_however_often_that_takes(shop: Shop) -> None:
    alice = await shop.world.person()
    number = await given_up(shop, alice)
    shop.carrier.will("release", Lie.AWAY, Lie.REFUSED, Lie.CUT, Lie.GARBLED)
    await shop.pass_days(10)
    assert await shop.stock_of() == "leaving"
    assert (await shop.search(alice))["total"] == 2, "neither ours nor the carrier's"
    assert (await alice.client.post(f"/v1/phone-numbers/{number}/restore")).json()["code"] == "INVALID_STATE"
    await shop.wait_and_see(times=5)
    assert (await shop.stock_of(), shop.carrier.owned) == ("gone", {})
    assert (await shop.order(number))["status"] == "returned"
    asked = shop.carrier.times_asked("release")
    await shop.pass_days(20)
    assert shop.carrier.times_asked("release") == asked, "once it is gone nobody asks again"


async def test_it_may_be_ordered_again_once_it_is_gone(shop: Shop) -> None:
    alice, mallory = await shop.world.person(), await shop.world.person()
    await given_up(shop, alice)
    await shop.pass_days(10)
    second = await held(shop, mallory)
    assert (await shop.number(mallory, second))["status"] == "active"
    assert (await shop.order(second))["status"] == "filled"
    assert await shop.world.value("SELECT count(*) FROM inventory") == 1


async def test_who_buys_it_meanwhile_has_it_at_once_and_keeps_it(shop: Shop) -> None:
    alice, mallory = await shop.world.person(), await shop.world.person()
    await given_up(shop, alice)
    bought = await shop.buy(mallory)
    assert (bought["status"], bought["monthly_cost_cents"]) == ("active", 250)
    await shop.pass_days(20)
    assert (await shop.number(mallory, bought["id"]))["status"] == "active"
    assert shop.carrier.times_asked("order") == 1
    await mallory.client.delete(f"/v1/phone-numbers/{bought['id']}")
    await shop.pass_days(10)
    assert shop.carrier.owned == {}


async def test_who_holds_it_can_still_buy_it(shop: Shop) -> None:
    alice, mallory = await shop.world.person(), await shop.world.person()
    await given_up(shop, alice)
    shop.world.clock.now += timedelta(days=9, hours=23, minutes=30)
    item = await shop.offer(mallory)
    assert (await mallory.client.post("/v1/holds", json={"inventory_id": item, "minutes": 60})).status_code == 201
    shop.world.clock.now += timedelta(minutes=45)
    await shop.sweep()
    assert await shop.stock_of() == "available"
    shop.world.clock.now += timedelta(minutes=70)
    await shop.sweep()
    assert await shop.stock_of() == "gone"


async def test_it_ages_first_where_numbers_age(shop: Shop) -> None:
    shop.use(aging_days=("30",))
    await given_up(shop, await shop.world.person())
    await shop.pass_days(29)
    assert (await shop.stock_of(), shop.carrier.times_asked("release")) == ("aging", 0)
    await shop.pass_days(1)
    await shop.sweep()
    assert await shop.stock_of() == "gone"


async def test_one_that_is_not_paid_goes_back_too(shop: Shop) -> None:
    alice = await shop.world.person(cents=350)
    number = await held(shop, alice)
    await shop.pass_days(31 + 30)
    assert (await shop.number(alice, number))["status"] == "released"
    await shop.pass_days(10)
    assert shop.carrier.owned == {}


async def test_our_own_stock_stays(shop: Shop) -> None:
    alice = await shop.world.person()
    [item] = await shop.world.stock()
    bought = (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).json()
    await alice.client.delete(f"/v1/phone-numbers/{bought['id']}")
    await shop.pass_days(40)
    assert await shop.world.value("SELECT status FROM inventory WHERE id = $1", item) == "available"


async def test_what_is_gone_may_be_imported_and_what_is_leaving_may_not(shop: Shop, tmp_path: Path) -> None:
    alice = await shop.world.person()
    await given_up(shop, alice)
    shop.world.clock.now += timedelta(days=10)
    await worker.sweep_all(shop.world.services)
    file = tmp_path / "numbers.csv"
    file.write_text(f"number,setup_cost_cents,monthly_cost_cents\n{FIRST},0,900\n")
    counted = []
    for _ in range(3):
        done = await stock.import_file(
            shop.world.services,
            file,
            country=None,
            environment=Environment.LIVE,
            now=shop.world.clock.now,
            progress=lambda *_: None,
        )
        counted.append((done.added, done.unchanged, done.rejected))
        await shop.wait_and_see()
    assert counted == [(0, 0, 1), (1, 0, 0), (0, 1, 0)]
    bought = await shop.buy(alice)
    assert (bought["status"], bought["monthly_cost_cents"]) == ("active", 900)
    await alice.client.delete(f"/v1/phone-numbers/{bought['id']}")
    await shop.pass_days(20)
    assert await shop.stock_of() == "available", "it is our own now"


@pytest.mark.parametrize("act", [stock.retire, stock.restock])
async def test_what_is_gone_is_not_put_on_sale_by_hand(shop: Shop, act: Any) -> None:
    await given_up(shop, await shop.world.person())
    await shop.pass_days(10)
    with pytest.raises(InvalidState, match="is not ours any more"):
        await act(shop.world.services, FIRST, Environment.LIVE, shop.world.clock.now)
