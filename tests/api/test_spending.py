"""What a key may spend: its monthly cap and its countries, at purchases, quotes and restores."""

from datetime import timedelta
from typing import Any

import httpx2
from tests.api.asking import bought, refused
from tests.cast import Person, World, assert_invariants
from tests.moving import MovingWorld

from nambari.domain.access import Environment

PRICE, MONTH = 350, 250


async def buy(person: Person, item: str, **fields: Any) -> httpx2.Response:
    return await person.client.post("/v1/phone-numbers", json={"inventory_id": item, **fields})


async def test_a_key_buys_up_to_its_cap_and_no_further(moving: MovingWorld) -> None:
    alice = await moving.person(monthly_cap_cents=2 * PRICE + 1)
    rich = await moving.person(alice.organization_id)
    items = await moving.stock(5)
    for item in items[:2]:
        await bought(alice.client, item)
    told = refused(await buy(alice, items[2]), 403, "SPENDING_CAP_EXCEEDED")
    assert told == {
        "required_cents": PRICE,
        "cap_cents": 2 * PRICE + 1,
        "spent_cents": 2 * PRICE,
        "resets_at": "2026-02-01T00:00:00Z",
    }
    assert refused(await buy(alice, items[2], validate_only=True), 403, "SPENDING_CAP_EXCEEDED") == told
    assert await moving.value("SELECT count(*) FROM phone_numbers") == 2
    await bought(rich.client, items[2])  # a cap is of one key
    assert await moving.value("SELECT count(*) FROM key_spending") == 1
    moving.clock.now += timedelta(days=1)  # from January into February
    await bought(alice.client, items[3])
    assert await moving.value("SELECT count(*) FROM key_spending") == 2
    await assert_invariants(moving)


async def test_what_is_free_goes_beyond_no_cap(world: World) -> None:
    alice = await world.person(monthly_cap_cents=0)
    [free, dear] = [*await world.stock(setup=0, monthly=0), *await world.stock(setup=0, monthly=1)]
    await bought(alice.client, free)
    refused(await buy(alice, dear), 403, "SPENDING_CAP_EXCEEDED")
    await assert_invariants(world)


async def test_a_renewal_is_nobodys_act(moving: MovingWorld) -> None:
    alice = await moving.person(monthly_cap_cents=PRICE)
    [item, other] = await moving.stock(2)
    number = await bought(alice.client, item)
    await moving.pass_days(40, every=10)
    assert (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["renews_at"] > "2026-03-30"
    await bought(alice.client, other)
    await assert_invariants(moving)


async def test_only_numbers_of_its_countries(world: World) -> None:
    alice = await world.person(countries=["KE", "NG"])
    [british] = await world.stock()
    [kenyan] = await world.stock(country="KE", prefix="+44207947")
    told = refused(await buy(alice, british), 403, "COUNTRY_NOT_ALLOWED")
    assert told == {"country": "GB", "countries": ["KE", "NG"]}
    assert refused(await buy(alice, british, validate_only=True), 403, "COUNTRY_NOT_ALLOWED") == told
    assert await world.value("SELECT count(*) FROM phone_numbers") == 0
    await bought(alice.client, kenyan)


async def test_a_refusal_is_kept_and_told_again(moving: MovingWorld) -> None:
    alice = await moving.person(monthly_cap_cents=PRICE - 1)
    [item] = await moving.stock()
    first, second = [
        await alice.client.post("/v1/phone-numbers", json={"inventory_id": item}, headers={"idempotency-key": "k"})
        for _ in range(2)
    ]
    refused(first, 403, "SPENDING_CAP_EXCEEDED")
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_restore_that_takes_a_month_counts(moving: MovingWorld) -> None:
    alice = await moving.person()
    capped = await moving.person(alice.organization_id, monthly_cap_cents=MONTH)
    abroad = await moving.person(alice.organization_id, countries=["NG"])
    ids = [(await bought(alice.client, item))["id"] for item in await moving.stock(3)]
    await moving.sleep_days(25)
    for number_id in ids:
        await alice.client.delete(f"/v1/phone-numbers/{number_id}")

    async def restore(person: Person, number_id: str, **asked: int) -> httpx2.Response:
        return await person.client.post(f"/v1/phone-numbers/{number_id}/restore", **({"json": asked} if asked else {}))

    refused(await restore(abroad, ids[0]), 403, "COUNTRY_NOT_ALLOWED")
    assert (await restore(capped, ids[0], max_total_cents=0)).status_code == 200  # its month is paid: nothing is spent
    assert await moving.value("SELECT count(*) FROM key_spending") == 0
    moving.clock.now += timedelta(days=8)
    for less in (0, MONTH - 1):
        told = refused(await restore(capped, ids[1], max_total_cents=less), 409, "PRICE_CHANGED")
        assert told == {"total_cents": MONTH, "max_total_cents": less}
    assert (await restore(capped, ids[1], max_total_cents=MONTH)).status_code == 200
    told = refused(await restore(capped, ids[2]), 403, "SPENDING_CAP_EXCEEDED")
    assert (told["required_cents"], told["spent_cents"], told["cap_cents"]) == (MONTH, MONTH, MONTH)
    assert (await restore(alice, ids[2])).status_code == 200
    assert await moving.value("SELECT sum(spent_cents) FROM key_spending") == MONTH
    await assert_invariants(moving)


async def test_in_the_test_environment_months_pass_with_its_clock(world: World) -> None:
    alice = await world.person(environment=Environment.TEST, monthly_cap_cents=PRICE)
    items = await world.stock(2, environment="test")
    assert (await alice.client.post("/v1/test/credits", json={"amount_cents": 100_000})).status_code == 201
    await bought(alice.client, items[0])
    refused(await buy(alice, items[1]), 403, "SPENDING_CAP_EXCEEDED")
    assert (await alice.client.post("/v1/test/clock", json={"advance_days": 31})).status_code == 200
    await bought(alice.client, items[1])
