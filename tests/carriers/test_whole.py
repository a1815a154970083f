"""A Telnyx and a Twilio number from search to its end, over our API and fakes of theirs: money, deaths, orphans."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.carriers import recorded
from tests.carriers.conftest import FIRST, SECOND, THIRD, Shop
from tests.carriers.dying import OF_CARRIERS, Died, Life, Mortal
from tests.carriers.fake_telnyx import FakeTelnyx
from tests.carriers.fake_twilio import FakeTwilio
from tests.carriers.faking import FakeCarrier, Trick, faking
from tests.carriers.recorded import Recorded
from tests.carriers.stands import telnyx_on, twilio_on, variables
from tests.cast import Person, World, assert_invariants
from tests.moving import Clock
from tests.story.processes import service

from nambari import settings as settings_module
from nambari.carriers.telnyx import Telnyx
from nambari.carriers.twilio import Twilio
from nambari.domain.carrier_order import LEASE
from nambari.operations import fill, reconcile
from nambari.wiring import open_carriers

PRICE = 350
TAKEN = {"telnyx": recorded.TELNYX_TAKEN, "twilio": recorded.TWILIO_TAKEN}


@dataclass
class Sold:
    """A shop that sells what one carrier has."""

    shop: Shop
    carrier: Telnyx | Twilio
    fake: FakeTelnyx | FakeTwilio

    @property
    def name(self) -> str:
        return self.carrier.name

    async def settle(self) -> None:
        """Telnyx decides by the second look."""
        await self.shop.see_to_orders()
        await self.shop.wait_and_see(timedelta(minutes=1))


@pytest.fixture(params=["telnyx", "twilio"])
async def sold(request: pytest.FixtureRequest, shop: Shop) -> AsyncIterator[Sold]:
    fake: FakeTelnyx | FakeTwilio = FakeTelnyx() if request.param == "telnyx" else FakeTwilio()
    fake.offers(FIRST, SECOND, THIRD)
    async with faking(fake):
        carrier = telnyx_on(fake) if request.param == "telnyx" else twilio_on(fake)
        shop.use(carrier)  # type: ignore[arg-type]
        yield Sold(shop, carrier, fake)
        await carrier.close()


async def test_searched_bought_active_paid_and_given_back(sold: Sold) -> None:
    shop, fake = sold.shop, sold.fake
    alice = await shop.world.person(cents=1000)
    bought = await shop.buy(alice)
    assert (bought["status"], await shop.credits(alice)) == ("pending", (650, 350))
    assert fake.times_asked("order") == 0, "the request asks no carrier"
    await sold.settle()
    after = await shop.number(alice, bought["id"])
    assert (after["status"], await shop.credits(alice)) == ("active", (650, 0))
    order = await shop.order(bought["id"])
    assert fake.owned == {FIRST: order["id"]}, "our id went with the order"
    assert fake.configured == {FIRST}
    assert await shop.events(bought["id"]) == ["purchased", "activated"]
    assert FIRST not in {each["number"] for each in (await shop.search(alice))["phone_numbers"]}
    assert await reconcile.differences(shop.world.services, sold.carrier) == []
    await alice.client.delete(f"/v1/phone-numbers/{bought['id']}")
    await shop.pass_days(10)
    assert (await shop.stock_of(), fake.owned) == ("gone", {})


@pytest.mark.parametrize("why", ["number_taken", "requirements_missing", "carrier_refused"])
async def test_refused_failed_and_the_money_free_again(sold: Sold, why: str) -> None:
    shop, fake = sold.shop, sold.fake
    alice = await shop.world.person(cents=PRICE)
    if why == "number_taken":
        fake.will("order", TAKEN[sold.name])
    elif why == "carrier_refused":
        fake.will("order", recorded.TELNYX_FUNDS_422 if sold.name == "telnyx" else recorded.TWILIO_FUNDS)
    elif isinstance(fake, FakeTelnyx):
        fake.outcome, fake.requirements_met = "failure", False  # it takes the order, and decides against it
    else:
        fake.will("order", recorded.TWILIO_BUNDLE)
    bought = await shop.buy(alice)
    await sold.settle()
    ended = await shop.number(alice, bought["id"])
    assert (ended["status"], ended["status_reason"]) == ("released", why)
    assert await shop.credits(alice) == (PRICE, 0)
    assert await shop.events(bought["id"]) == ["purchased", "failed"]
    await shop.wait_and_see()
    assert fake.owned == {}


@pytest.mark.parametrize("trick", [Trick.CUT, Trick.CUT_BEFORE, Trick.GARBLED, recorded.PROXYS_PAGE])
async def test_the_carrier_goes_down_in_the_middle_and_nothing_is_bought_twice(
    sold: Sold, trick: Trick | Recorded
) -> None:
    shop, fake = sold.shop, sold.fake
    alice = await shop.world.person(cents=PRICE)
    fake.will("order", trick)
    bought = await shop.buy(alice)
    await shop.see_to_orders()
    await fake.down()
    await shop.wait_and_see(timedelta(minutes=2), times=3)
    assert (await shop.number(alice, bought["id"]))["status"] == "pending"
    assert await shop.credits(alice) == (0, PRICE)
    await fake.up()
    await shop.wait_and_see(timedelta(minutes=16), times=2)
    ended = await shop.number(alice, bought["id"])
    done = trick in (Trick.CUT, Trick.GARBLED)
    assert (ended["status"], ended["status_reason"]) == (("active", None) if done else ("released", "order_lost"))
    assert await shop.credits(alice) == ((0, 0) if done else (PRICE, 0))
    assert set(fake.owned) == ({FIRST} if done else set())
    assert fake.times_asked("order") == 1


async def test_killed_before_or_after_any_word_with_the_carrier_an_order_has_one_end(sold: Sold) -> None:
    shop, fake = sold.shop, sold.fake
    for steps in range(1, 20):
        number = f"+44207946{100 + steps:04d}"
        fake.offers(number)
        alice = await shop.world.person(cents=PRICE)
        bought = await shop.buy(alice, number)
        life = Life(steps)
        shop.use(Mortal(sold.carrier, life, OF_CARRIERS, before=True))  # type: ignore[arg-type]
        died = False
        try:
            await sold.settle()
        except Died:
            died = True
        shop.use(sold.carrier)  # type: ignore[arg-type]
        await shop.wait_and_see(times=3)
        after = await shop.number(alice, bought["id"])
        if after["status"] == "active":
            assert (number in fake.owned, await shop.credits(alice)) == (True, (0, 0))
        else:
            assert (after["status"], after["status_reason"]) == ("released", "order_lost")
            assert (number in fake.owned, await shop.credits(alice)) == (False, (PRICE, 0))
        assert (
            sum(what == "order" and number in asked.body.decode().replace("%2B", "+") for what, asked in fake.asked)
            <= 1
        )
        await assert_invariants(shop.world)
        if not died:
            assert steps > 3, "it has some steps to die at"
            return
    raise AssertionError("it never comes to an end")


async def test_orphans_of_both_sides_are_found(sold: Sold) -> None:
    shop, fake = sold.shop, sold.fake
    alice = await shop.world.person()
    kept = await shop.buy(alice, FIRST)
    fake.will("order", TAKEN[sold.name])
    failed = await shop.buy(alice, SECOND)
    await sold.settle()
    pair = {(await shop.number(alice, each["id"]))["status"]: each for each in (kept, failed)}
    lost, mine = pair["released"], pair["active"]
    order = await shop.order(lost["id"])
    fake.own(order["number"], order["id"])  # it said no, and did it all the same
    fake.own(THIRD, "the operator's own telephone")
    del fake.numbers[(await shop.order(mine["id"]))["number"]]
    shop.world.clock.now += timedelta(seconds=1)
    found = await reconcile.differences(shop.world.services, sold.carrier)
    assert {each.number: str(each.difference) for each in found} == {
        order["number"]: "left_there",
        (await shop.order(mine["id"]))["number"]: "missing",
        THIRD: "unknown",
    }
    services = shop.world.services
    done = await reconcile.repair(services, sold.carrier, found, services.clock())
    assert [each.number for each in done] == [order["number"]]
    await shop.see_to_orders()
    assert set(fake.owned) == {THIRD}


# ── As it is run ─────────────────────────────────────────────────────────────────────────────────────────────────


async def ask(client: httpx2.AsyncClient, method: str, path: str, **what: Any) -> Any:
    answer = await client.request(method, f"/v1{path}", **what)
    assert answer.is_success, answer.text
    return answer.json()


async def until_asked(fake: FakeCarrier, what: str) -> None:
    async with asyncio.timeout(90):
        while not fake.times_asked(what):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_service_is_killed_while_carriers_answer(tmp_path: Path, dsn: str, world: World) -> None:
    """kill -9 of the real process with both orders at their carriers; another finishes them, and orders none again."""
    telnyx, twilio = FakeTelnyx(), FakeTwilio()
    telnyx.offers(FIRST)
    twilio.offers(SECOND)
    await world.fetch("INSERT INTO rates VALUES ('GB', 'local', 100, 250) RETURNING 1")
    alice: Person = await world.person(cents=2 * PRICE)
    async with faking(telnyx), faking(twilio):
        given = variables(telnyx, twilio)
        for fake in (telnyx, twilio):
            fake.will("order", Trick.MUTE)
        with service(tmp_path) as running:
            running.settings |= {"NAMBARI_DATABASE_URL": dsn, **given}
            await asyncio.to_thread(running.start)
            headers = {"x-api-key": alice.api_key}
            async with httpx2.AsyncClient(base_url=running.url, headers=headers, timeout=60) as client:
                bought = await buy_all(client)
            await until_asked(telnyx, "order")
            await until_asked(twilio, "order")
            await asyncio.to_thread(running.kill)
            said = running.output
        async with open_carriers(settings_module.read(given)) as carriers:
            later = datetime.now(UTC) + LEASE  # the lease of who was killed has ended
            another = replace(world.services, carriers=carriers, clock=Clock(later))
            assert await fill.due(another, later, 100) == len(bought)
    for each in bought:
        assert (await alice.client.get(f"/v1/phone-numbers/{each}")).json()["status"] == "active"
    assert telnyx.times_asked("order") == twilio.times_asked("order") == 1
    assert {**telnyx.owned, **twilio.owned}.keys() == {FIRST, SECOND}
    assert said
    assert not any(given[name] in said for name in ("NAMBARI_TELNYX_API_KEY", "NAMBARI_TWILIO_AUTH_TOKEN"))
    await assert_invariants(world)


async def buy_all(client: httpx2.AsyncClient) -> list[str]:
    found = (await ask(client, "GET", "/phone-numbers/available?country=GB"))["phone_numbers"]
    assert [each["number"] for each in found] == [FIRST, SECOND]
    bodies = [{"inventory_id": each["inventory_id"]} for each in found]
    return [(await ask(client, "POST", "/phone-numbers", json=body))["id"] for body in bodies]
