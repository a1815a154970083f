"""Numbers that change hands all the time: at every moment at most one holder, and a history without gaps."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.cast import Person, World, assert_invariants
from tests.operations.racing import Answer, Processes, assert_history_has_no_gap, at_once, codes, watched

from nambari.domain.access import Caller, Environment
from nambari.domain.purchase import Order
from nambari.domain.refusals import Refusal
from nambari.operations.idempotency import Attempt
from nambari.operations.purchase import purchase
from nambari.operations.release import release
from nambari.wiring import Services

TENANTS = 12
NUMBERS = 3
ENOUGH = 100
"""As many tenures as prove something, however slow the machine."""


async def test_buy_and_release_storm(processes: Processes) -> None:
    tenants = [await processes.world.person() for _ in range(TENANTS)]
    items = await processes.world.stock(NUMBERS)
    held = [0] * TENANTS

    async def live(place: int, tenant: Person) -> list[Answer]:
        chance, answers = random.Random(place), []
        while sum(held) < ENOUGH:
            bought = await processes.buy(tenant, chance.randrange(9), chance.choice(items))
            answers.append(bought)
            if bought.status_code == 201:
                held[place] += 1
                client = processes.client(tenant, chance.randrange(9))
                answers.append(await client.delete(f"/v1/phone-numbers/{bought.json()['id']}"))
        return answers

    async with watched(processes.world) as looks:
        lives = await at_once(live(place, tenant) for place, tenant in enumerate(tenants))

    outcomes = codes(answer for answers in lives for answer in answers)
    assert outcomes.keys() == {"201", "200", "NUMBER_NOT_AVAILABLE"}, outcomes
    assert outcomes["201"] == outcomes["200"] >= ENOUGH
    assert len(looks) > 5
    assert await assert_history_has_no_gap(processes.world) == outcomes["201"] * 2
    assert await processes.world.value("SELECT count(*) FROM inventory WHERE status = 'available'") == NUMBERS
    spent = await processes.world.value("SELECT 1000000 * count(*) - sum(available_cents) FROM balances"
                                        " WHERE environment = 'live'")  # fmt: skip
    assert spent == outcomes["201"] * 350
    await assert_invariants(processes.world)


def at(services: Services, minutes: int) -> Services:
    """A process whose clock is wrong by so many minutes, and ticks on."""
    return replace(services, clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes))


async def test_tenures_never_overlap_though_clocks_differ(processes: Processes) -> None:
    clocks = [at(world.services, wrong) for world, wrong in zip(processes.worlds, (0, -7, 5, 90), strict=True)]
    tenants = [await processes.world.person() for _ in range(8)]
    [item] = await processes.world.stock()
    held = [0] * len(tenants)

    def attempt(tenant: Person) -> Attempt:
        caller = Caller(tenant.key_id, tenant.organization_id, Environment.LIVE)
        return Attempt(caller=caller, request_id="req_test")

    async def live(place: int, tenant: Person) -> None:
        chance = random.Random(place)
        while sum(held) < ENOUGH // 2:
            seller, taker = chance.choice(clocks), chance.choice(clocks)
            try:
                done = await purchase(seller, attempt(tenant), Order(inventory_id=item), seller.clock())
            except Refusal:
                continue
            held[place] += 1
            given_back = await release(taker, attempt(tenant), done.result.id, taker.clock())
            assert given_back.result.released_at is not None
            assert given_back.result.released_at >= done.result.created_at

    async with watched(processes.world):
        await at_once(live(place, tenant) for place, tenant in enumerate(tenants))
    assert await assert_history_has_no_gap(processes.world) == 2 * sum(held)
    await assert_invariants(processes.world)


@pytest.mark.parametrize("wrong", [-600, -1, 0, 1, 600])
async def test_a_number_released_by_a_wrong_clock_can_be_bought_at_once(world: World, wrong: int) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    first = (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).json()["id"]
    caller = Caller(None, alice.organization_id, Environment.LIVE)
    clock = at(world.services, wrong)
    released = await release(clock, Attempt(caller=caller, request_id="req_test"), first, clock.clock())

    second = await mallory.client.post("/v1/phone-numbers", json={"inventory_id": item})

    assert second.status_code == 201
    assert datetime.fromisoformat(second.json()["created_at"]) >= (released.result.released_at or clock.clock())
    await assert_invariants(world)
