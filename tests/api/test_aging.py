"""A released number waits before it is for sale again, as the deployment sets it: for all, a country, or its type."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.api.asking import bought, refused
from tests.cast import Person, World, assert_invariants
from tests.conftest import moving_world
from tests.moving import MovingWorld

from nambari.domain.access import Environment
from nambari.domain.lifecycle import StockStatus
from nambari.domain.refusals import InvalidState
from nambari.operations import stock
from nambari.settings import Settings


@asynccontextmanager
async def aging(dsn: str, settings: Settings, *rules: str) -> AsyncIterator[MovingWorld]:
    """A world with NAMBARI_AGING_DAYS set to these rules."""
    async with moving_world(dsn, replace(settings, aging_days=rules)) as world:
        yield world


async def give_back(person: Person, item: str) -> dict[str, Any]:
    number = await bought(person.client, item)
    answer = await person.client.delete(f"/v1/phone-numbers/{number['id']}")
    assert answer.status_code == 200, answer.text
    return number


async def for_sale(person: Person, query: str = "country=GB") -> list[str]:
    answer = await person.client.get(f"/v1/phone-numbers/available?{query}")
    return [each["inventory_id"] for each in answer.json()["phone_numbers"]]


async def status(world: World, item: str) -> str:
    found: str = await world.value("SELECT status FROM inventory WHERE id = $1", item)
    return found


async def sweep(world: MovingWorld) -> None:
    await world.sleep_days(0)


@pytest.mark.parametrize(
    ("rules", "country", "type_", "days"),
    [
        (("7",), "GB", "local", 7),
        (("7", "GB=30"), "GB", "local", 30),
        (("7", "GB=30"), "NG", "local", 7),
        (("7", "GB=30", "GB/local=45"), "GB", "local", 45),
        (("7", "GB=30", "GB/local=45"), "GB", "mobile", 30),
        (("GB/mobile=45",), "GB", "mobile", 45),
        (("7", "GB=30", "GB/local=1"), "GB", "local", 1),
    ],
)
async def test_the_most_exact_rule_counts_to_the_instant(
    dsn: str, settings: Settings, rules: tuple[str, ...], country: str, type_: str, days: int
) -> None:
    async with aging(dsn, settings, *rules) as world:
        alice, mallory = await world.person(), await world.person()
        [item] = await world.stock(country=country, type=type_)
        await give_back(alice, item)
        assert await status(world, item) == "aging"
        world.clock.now += timedelta(days=days) - timedelta(microseconds=1)
        await sweep(world)
        assert (await status(world, item), await for_sale(mallory, f"country={country}")) == ("aging", [])
        world.clock.now += timedelta(microseconds=1)
        await sweep(world)
        assert (await status(world, item), await for_sale(mallory, f"country={country}")) == ("available", [item])
        await bought(mallory.client, item)
        await assert_invariants(world)


@pytest.mark.parametrize("rules", [(), ("0",), ("7", "GB=0"), ("7", "GB=30", "GB/local=0"), ("NG=30", "GB/mobile=45")])
async def test_without_a_rule_or_with_zero_it_is_for_sale_at_once(
    dsn: str, settings: Settings, rules: tuple[str, ...]
) -> None:
    async with aging(dsn, settings, *rules) as world:
        alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
        await give_back(alice, item)
        assert await for_sale(mallory) == [item]
        await bought(mallory.client, item)
        await assert_invariants(world)


async def test_while_it_ages_it_is_as_one_that_never_was(dsn: str, settings: Settings) -> None:
    async with aging(dsn, settings, "7") as world:
        alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
        await give_back(alice, item)
        for person in (alice, mallory):
            for query in ("country=GB", "country=GB&type=local", "country=GB&contains=7946", "country=GB&area_code=20"):
                assert await for_sale(person, query) == []
            for path, body in (
                ("/v1/phone-numbers", {}),
                ("/v1/phone-numbers", {"validate_only": True}),
                ("/v1/holds", {}),
            ):
                answer = await person.client.post(path, json={"inventory_id": item, **body})
                refused(answer, 404, "NUMBER_NOT_AVAILABLE")
        await assert_invariants(world)


async def test_what_is_released_unpaid_ages_as_well(dsn: str, settings: Settings) -> None:
    async with aging(dsn, settings, "7") as world:
        alice, [item] = await world.person(cents=350), await world.stock()
        number = await bought(alice.client, item)
        await world.pass_days(58)
        assert (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["status"] == "released"
        assert await status(world, item) == "aging"
        await world.pass_days(7)
        assert await status(world, item) == "available"
        await assert_invariants(world)


async def test_a_restored_number_does_not_come_on_sale(dsn: str, settings: Settings) -> None:
    async with aging(dsn, settings, "7") as world:
        alice, [item] = await world.person(), await world.stock()
        number = await give_back(alice, item)
        await world.sleep_days(3)
        assert (await alice.client.post(f"/v1/phone-numbers/{number['id']}/restore")).status_code == 200
        await world.sleep_days(10)
        assert await status(world, item) == "in_service"
        await assert_invariants(world)


async def test_each_of_many_comes_of_age_once_whoever_sweeps(dsn: str, settings: Settings) -> None:
    async with aging(dsn, settings, "7") as world:
        alice, items = await world.person(), await world.stock(30)
        for item in items:
            await give_back(alice, item)
        now = world.clock.now + timedelta(days=7)
        done = await asyncio.gather(*(stock.come_of_age(world.services, now, 4) for _ in range(6)))
        assert set(done) <= {0, 4}
        left = 30 - sum(done)
        assert await world.value("SELECT count(*) FROM inventory WHERE status = 'aging'") == left
        counts = await asyncio.gather(*(stock.come_of_age(world.services, now, 100) for _ in range(4)))
        assert sum(counts) == left
        assert len(await for_sale(alice, "country=GB&limit=100")) == 30


async def test_each_environment_ages_by_itself(dsn: str, settings: Settings) -> None:
    async with aging(dsn, settings, "7") as world:
        alice = await world.person()
        tester = await world.person(alice.organization_id, environment=Environment.TEST)
        [live], [test] = await world.stock(), await world.stock(environment="test")
        await give_back(alice, live)
        await give_back(tester, test)
        assert (await tester.client.post("/v1/test/clock", json={"advance_days": 7})).json()["back_on_sale"] == 1
        await sweep(world)
        assert (await status(world, live), await status(world, test)) == ("aging", "available")


# ── What the operator sees and does ──────────────────────────────────────────────────────────────────────────────


async def test_the_operator_sees_that_it_ages(dsn: str, settings: Settings) -> None:
    async with aging(dsn, settings, "7") as world:
        alice, [item, _] = await world.person(), await world.stock(2)
        number = await give_back(alice, item)
        found = [each async for each in stock.listing(world.services, Environment.LIVE, "GB", StockStatus.AGING)]
        assert [(each["number"], each["status"]) for each in found] == [(number["number"], "aging")]


@pytest.mark.parametrize("verb", [stock.retire, stock.restock])
async def test_it_is_neither_retired_nor_put_on_sale_by_hand(dsn: str, settings: Settings, verb: Any) -> None:
    async with aging(dsn, settings, "7") as world:
        alice, [item] = await world.person(), await world.stock()
        number = await give_back(alice, item)
        with pytest.raises(InvalidState) as refusal:
            await verb(world.services, number["number"], Environment.LIVE, world.clock.now)
        assert refusal.value.details == {"status": "aging"}
        assert refusal.value.sentence == (
            f"{number['number']} was given back by a customer and is aging: it comes on sale by itself, and until then"
            " they may take it back. Nothing was changed."
        )
        assert await status(world, item) == "aging"
        await world.sleep_days(7)
        await stock.retire(world.services, number["number"], Environment.LIVE, world.clock.now)
        assert await status(world, item) == "retired"
