"""Port-outs raced: one number leaves once, for one carrier, and guesses of a PIN at once gain nothing."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from tests.api.leavers import PIN, held, secured, shown
from tests.cast import World, assert_invariants
from tests.moving import MovingWorld
from tests.operations.racing import Processes, at_once, watched

from nambari import worker
from nambari.domain.access import Environment
from nambari.domain.port_out import FREE_ATTEMPTS
from nambari.domain.refusals import InvalidState, NotFound
from nambari.operations import port_out


async def told(act: Awaitable[Any], done: str) -> str:
    try:
        await act
    except InvalidState as refusal:
        return str(refusal.details.get("reason", "late"))
    except NotFound:
        return "late"
    return done


def ask(world: World, number: dict[str, Any], pin: str = PIN) -> Awaitable[Any]:
    at = world.services.clock() + timedelta(days=7)
    return port_out.request(world.services, Environment.LIVE, number["number"], pin, "Other", at, "req_test")


async def test_two_carriers_ask_for_one_number_while_its_holder_gives_it_back(processes: Processes) -> None:
    world = processes.world
    alice = await world.person()
    await secured(alice)
    for _ in range(3):
        number = await held(world, alice)
        path = f"/v1/phone-numbers/{number['id']}"

        async def release(place: int, path: str = path) -> str:
            answer = await processes.client(alice, place).delete(path)
            return "released" if answer.status_code == 200 else str(answer.json()["code"])

        async with watched(world):
            outcomes = await at_once(
                [*(told(ask(each, number), "leaves") for each in processes.worlds[:3]), release(3), release(0)]
            )
        after = await shown(alice, number)
        if "leaves" in outcomes:
            assert outcomes.count("leaves") == 1
            assert outcomes[3:] == ["INVALID_STATE"] * 2
            assert (after["status"], after["porting_direction"]) == ("porting", "out")
        else:
            assert (outcomes[:3], after["status"]) == (["late"] * 3, "released")
    await assert_invariants(world)


async def test_guesses_at_once_are_no_more_than_one_after_the_other(processes: Processes) -> None:
    world = processes.world
    alice = await world.person()
    await secured(alice)
    number = await held(world, alice)
    guesses = [f"{place:06d}" for place in range(1, 9)]
    outcomes = await at_once(
        told(ask(processes.worlds[place % 4], number, pin), "leaves") for place, pin in enumerate(guesses)
    )
    assert sorted(set(outcomes)) == ["too_many_attempts", "wrong_pin"]
    assert outcomes.count("wrong_pin") == FREE_ATTEMPTS
    assert await world.value("SELECT count(*) FROM port_outs WHERE status = 'refused'") == len(guesses)
    assert (await shown(alice, number))["status"] == "active"


async def test_it_leaves_against_it_stays(processes: Processes) -> None:
    world = processes.world
    alice = await world.person()
    await secured(alice)
    for _ in range(3):
        number = await held(world, alice)
        order = await ask(world, number)
        async with watched(world):
            outcomes = await at_once(
                told(port_out.complete(each.services, order.id, "req_test"), "completed")
                if place % 2
                else told(port_out.cancel(each.services, order.id, "No", "req_test"), "cancelled")
                for place, each in enumerate(processes.worlds)
            )
        [won] = [each for each in outcomes if each != "late"]
        status = (await shown(alice, number))["status"]
        assert status == {"completed": "released", "cancelled": "active"}[won]
    await assert_invariants(world)


async def test_a_month_falls_due_as_it_leaves(moving: MovingWorld) -> None:
    """Paid or not, it is paid once at the most, and never by who has not got the number any more."""
    alice = await moving.person()
    await secured(alice)
    numbers = [await held(moving, alice) for _ in range(6)]
    orders = [await ask(moving, number) for number in numbers]
    moving.clock.now += timedelta(days=40)
    async with watched(moving):
        await at_once(
            [
                *(worker.sweep_all(moving.services) for _ in range(2)),
                *(port_out.complete(moving.services, order.id, "req_test") for order in orders[:3]),
                *(port_out.cancel(moving.services, order.id, "No", "req_test") for order in orders[3:]),
            ]
        )
    await worker.sweep_all(moving.services)
    statuses = [(await shown(alice, number))["status"] for number in numbers]
    assert statuses == ["released"] * 3 + ["active"] * 3
    for number, paid in zip(numbers, [{1, 2}] * 3 + [{2}] * 3, strict=True):
        months = await moving.value(
            "SELECT count(*) FROM postings WHERE phone_number_id = $1 AND type = 'monthly_fee'", number["id"]
        )
        assert months in paid
    await assert_invariants(moving)


async def test_it_is_asked_for_as_its_month_is_not_paid(moving: MovingWorld) -> None:
    alice = await moving.person(cents=350 * 3)
    await secured(alice)
    numbers = [await held(moving, alice) for _ in range(3)]
    moving.clock.now += timedelta(days=31)
    async with watched(moving):
        await at_once([worker.sweep_all(moving.services), *(ask(moving, number) for number in numbers)])
    for number in numbers:
        seen = await shown(alice, number)
        assert (seen["status"], seen["porting_direction"]) == ("porting", "out")
        assert seen["status_reason"] in {None, "insufficient_balance"}
    await worker.sweep_all(moving.services)
    for number in numbers:
        assert (await shown(alice, number))["status_reason"] == "insufficient_balance"
    await assert_invariants(moving)
