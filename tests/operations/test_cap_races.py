"""Many purchases by one key at once, over several processes: together they never exceed its cap."""

from datetime import timedelta

import pytest
from tests.cast import World, assert_invariants
from tests.moving import MovingWorld
from tests.operations.racing import Processes, at_once, codes, watched

PRICE = 350


@pytest.fixture
def world(moving: MovingWorld) -> World:
    """Its clock stands still, and so does that of the processes: a cap is of a calendar month, and none ends here."""
    return moving


async def test_one_key_buys_what_its_cap_allows_and_no_more(processes: Processes) -> None:
    alice = await processes.world.person(monthly_cap_cents=7 * PRICE + PRICE - 1)
    items = await processes.world.stock(40)
    async with watched(processes.world) as looks:
        answers = await at_once(processes.buy(alice, place, item) for place, item in enumerate(items))
    assert codes(answers) == {"201": 7, "SPENDING_CAP_EXCEEDED": 33}
    assert len(looks) > 1
    told = {answer.json()["details"]["spent_cents"] for answer in answers if answer.status_code == 403}
    assert told == {7 * PRICE}, "refused while there was something left"
    assert await processes.world.value("SELECT spent_cents FROM key_spending") == 7 * PRICE
    await assert_invariants(processes.world)


async def test_two_purchases_one_within_the_cap(processes: Processes) -> None:
    """The smallest excess there is, often enough to hit the moment."""
    for _ in range(20):
        alice = await processes.world.person(monthly_cap_cents=2 * PRICE - 1)
        items = await processes.world.stock(2)
        answers = await at_once(processes.buy(alice, place, item) for place, item in enumerate(items))
        assert codes(answers) == {"201": 1, "SPENDING_CAP_EXCEEDED": 1}
    await assert_invariants(processes.world)


async def test_purchases_and_restores_of_one_key_meet_at_its_cap(processes: Processes, moving: MovingWorld) -> None:
    """Both count, in whatever order they come: together at most the cap, and nobody is undone for ever."""
    alice = await processes.world.person()
    numbers = [
        (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).json()["id"]
        for item in await processes.world.stock(10, setup=0, monthly=PRICE)
    ]
    for number in numbers:
        assert (await alice.client.delete(f"/v1/phone-numbers/{number}")).status_code == 200
    moving.clock.now += timedelta(minutes=2)
    async with processes.world.services.database.writing() as connection:
        # As if their month were over: a restore takes another.
        over = moving.clock.now - timedelta(minutes=1)
        await connection.execute("UPDATE phone_numbers SET paid_until = $1", over)
    capped = await processes.world.person(alice.organization_id, monthly_cap_cents=6 * PRICE)
    items = await processes.world.stock(10, setup=0, monthly=PRICE)
    restores = (
        processes.client(capped, place).post(f"/v1/phone-numbers/{number}/restore")
        for place, number in enumerate(numbers)
    )
    purchases = (processes.buy(capped, place, item) for place, item in enumerate(items))
    answers = await at_once([*restores, *purchases])
    counted = codes(answers)
    assert counted["200"] + counted["201"] == 6, counted
    assert counted["SPENDING_CAP_EXCEEDED"] == 14, counted
    assert await processes.world.value("SELECT spent_cents FROM key_spending") == 6 * PRICE
