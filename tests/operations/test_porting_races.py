"""Porting orders raced: one number, one order, one end."""

import asyncio
from datetime import timedelta

from tests.api.porters import MONTHLY, NUMBER, drafted, priced, scheduled, submitted
from tests.cast import Person, assert_invariants
from tests.operations.racing import Processes, at_once, codes, watched

from nambari.domain.refusals import InvalidState
from nambari.operations import porting


async def test_two_organizations_submit_the_same_number(processes: Processes) -> None:
    world = processes.world
    await priced(world)
    people = [await world.person() for _ in range(6)]
    for round_ in range(3):
        number = f"{NUMBER[:-1]}{round_}"
        orders = [await drafted(person, number) for person in people]
        async with watched(world):
            answers = await at_once(
                processes.client(person, place).post(f"/v1/porting-orders/{order['id']}/submit")
                for place, (person, order) in enumerate(zip(people, orders, strict=True))
            )
        assert codes(answers) == {"200": 1, "INVALID_STATE": 5}
        assert await world.value("SELECT count(*) FROM phone_numbers WHERE number = $1", number) == 1
    await assert_invariants(world)


async def test_one_order_is_submitted_once(processes: Processes) -> None:
    world = processes.world
    await priced(world)
    alice = await world.person()
    order = await drafted(alice)
    answers = await at_once(
        processes.client(alice, place).post(f"/v1/porting-orders/{order['id']}/submit") for place in range(8)
    )
    assert codes(answers) == {"200": 1, "INVALID_STATE": 7}
    assert await world.value("SELECT count(*) FROM events WHERE event = 'phone_number.porting'") == 1
    await assert_invariants(world)


async def test_complete_against_cancel(processes: Processes) -> None:
    world = processes.world
    await priced(world)
    alice = await world.person()

    async def end(place: int, order_id: str) -> str:
        services = processes.worlds[place % 4].services
        try:
            if place % 2:
                await porting.complete(services, order_id, "req_test")
                return "completed"
            await porting.cancel(services, order_id, "Refused", "req_test")
        except InvalidState:
            return "late"
        return "cancelled"

    for round_ in range(4):
        order = await submitted(alice, f"{NUMBER[:-1]}{round_}")
        await scheduled(world, order)
        async with watched(world):
            told = await at_once(end(place, order["id"]) for place in range(8))
        [won] = [each for each in told if each != "late"]
        row = await world.fetch(
            "SELECT o.status, n.status AS held FROM porting_orders AS o JOIN phone_numbers AS n"
            " ON n.id = o.phone_number_id WHERE o.id = $1",
            order["id"],
        )
        assert tuple(row[0]) == (won, {"completed": "active", "cancelled": "released"}[won])
    await assert_invariants(world)


async def test_a_customers_cancel_against_the_date(processes: Processes) -> None:
    world = processes.world
    await priced(world)
    alice = await world.person()
    at = world.services.clock() + timedelta(days=3)

    async def schedule(place: int, order_id: str) -> str:
        try:
            await porting.schedule(processes.worlds[place].services, order_id, at, "req_test")
        except InvalidState:
            return "late"
        return "scheduled"

    async def withdraw(person: Person, place: int, order_id: str) -> str:
        answer = await processes.client(person, place).post(f"/v1/porting-orders/{order_id}/cancel")
        return "late" if answer.status_code == 409 else "cancelled"

    for round_ in range(4):
        order = await submitted(alice, f"{NUMBER[:-1]}{round_}")
        await porting.review(world.services, order["id"], "req_test")
        told = await asyncio.gather(schedule(0, order["id"]), withdraw(alice, 1, order["id"]))
        assert sorted(told) in (["late", "scheduled"], ["cancelled", "late"])
        won = await world.value("SELECT status FROM porting_orders WHERE id = $1", order["id"])
        assert won == ("foc_scheduled" if "scheduled" in told else "cancelled")
    await assert_invariants(world)


async def test_a_cap_for_one_order_only(processes: Processes) -> None:
    """The customer cancels meanwhile what gives it back: whoever is first, the cap holds."""
    world = processes.world
    await priced(world)
    alice = await world.person(monthly_cap_cents=MONTHLY)
    orders = [await drafted(alice, f"{NUMBER[:-1]}{place}") for place in range(6)]
    async with watched(world):
        answers = await at_once(
            processes.client(alice, place).post(f"/v1/porting-orders/{order['id']}/submit")
            for place, order in enumerate(orders)
        )
    assert codes(answers) == {"200": 1, "SPENDING_CAP_EXCEEDED": 5}
    [first] = [answer.json() for answer in answers if answer.status_code == 200]
    verbs = [(first["id"], "cancel"), *((order["id"], "submit") for order in orders if order["id"] != first["id"])]
    async with watched(world):
        answers = await at_once(
            processes.client(alice, place).post(f"/v1/porting-orders/{order_id}/{verb}")
            for place, (order_id, verb) in enumerate(verbs)
        )
    assert answers[0].status_code == 200
    assert codes(answers[1:])["200"] <= 1
    await assert_invariants(world)
