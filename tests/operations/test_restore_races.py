"""A number is restored while others buy, hold, release and restore it: one winner, and nobody waits for ever."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from tests.cast import Person, World, assert_invariants
from tests.operations.racing import Answer, Processes, at_once, codes, eventually, watched

from nambari.domain.access import Environment

PRICE = 350


async def given_back(processes: Processes, person: Person, *, environment: str = "live") -> tuple[str, str]:
    """The id of a number that was bought and released, and that of its stock."""
    [item] = await processes.world.stock(environment=environment)
    number = (await processes.buy(person, 0, item)).json()["id"]
    assert (await person.client.delete(f"/v1/phone-numbers/{number}")).status_code == 200
    return number, item


def restore(processes: Processes, person: Person, place: int, number: str, key: str | None = None) -> Awaitable[Answer]:
    headers = {"Idempotency-Key": key} if key else {}
    return processes.client(person, place).post(f"/v1/phone-numbers/{number}/restore", headers=headers)


async def end_the_paid_month(world: World, number: str) -> None:
    """As if the month that was paid were over: what is restored costs a month then."""
    await world.fetch(
        "UPDATE phone_numbers SET billing_anchor_at = created_at + interval '1 microsecond',"
        " paid_until = created_at + interval '1 microsecond' WHERE id = $1 RETURNING 1",
        number,
    )


async def holders(world: World, item: str) -> list[str]:
    rows = await world.fetch(
        "SELECT organization_id FROM phone_numbers WHERE inventory_id = $1 AND status <> 'released'", item
    )
    return [row["organization_id"] for row in rows]


async def test_of_many_restores_at_once_one_is_done(processes: Processes) -> None:
    for _ in range(5):
        alice = await processes.world.person(cents=PRICE + 250 * 2)
        number, item = await given_back(processes, alice)
        await end_the_paid_month(processes.world, number)
        answers = await at_once(restore(processes, alice, place, number) for place in range(8))
        assert codes(answers) == {"200": 1, "INVALID_STATE": 7}
        assert await holders(processes.world, item) == [alice.organization_id]
        assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 250, "one month was taken"
    await assert_invariants(processes.world)


async def test_with_one_idempotency_key_one_acts(processes: Processes) -> None:
    alice = await processes.world.person()
    number, _ = await given_back(processes, alice)
    answers = await at_once(restore(processes, alice, place, number, "k") for place in range(8))
    assert set(codes(answers)) <= {"200", "IDEMPOTENCY_CONFLICT"}
    assert (await restore(processes, alice, 0, number, "k")).status_code == 200
    told = "SELECT count(*) FROM events WHERE event = 'phone_number.restored'"
    assert await processes.world.value(told) == 1


async def test_restore_against_purchases_by_others(processes: Processes) -> None:
    """All at once; and in every third round the restore comes when the first purchase has its answer."""
    winners = []
    async with watched(processes.world):
        for round_ in range(12):
            alice, mallory, bob = [await processes.world.person(cents=PRICE * 2) for _ in range(3)]
            number, item = await given_back(processes, alice)
            if round_ % 2 == 0:
                await end_the_paid_month(processes.world, number)
            tasks = [
                asyncio.ensure_future(call)
                for call in (
                    processes.buy(mallory, 1, item),
                    processes.buy(bob, 2, item),
                    *([] if round_ % 3 == 0 else [restore(processes, alice, 0, number)]),
                )
            ]
            if round_ % 3 == 0:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                tasks.append(asyncio.ensure_future(restore(processes, alice, 0, number)))
            outcome = codes(await at_once(tasks))
            assert outcome.pop("200", 0) + outcome.pop("201", 0) == 1
            assert outcome == {"NUMBER_NOT_AVAILABLE": 2}
            winners += await holders(processes.world, item)
    assert len(winners) == 12
    await assert_invariants(processes.world)


async def test_restore_against_ones_own_purchase_is_no_deadlock(processes: Processes) -> None:
    """Both lock the stock and the balance of one organization: in one order."""
    for round_ in range(20):
        alice = await processes.world.person()
        number, item = await given_back(processes, alice)
        await end_the_paid_month(processes.world, number)
        calls = [restore(processes, alice, round_, number), processes.buy(alice, round_ + 1, item)]
        outcome = codes(await at_once(calls[:: 1 if round_ % 2 else -1]))
        assert outcome.pop("NUMBER_NOT_AVAILABLE") == 1
        assert set(outcome) <= {"200", "201"}, "a deadlock would be a 503"
        assert await holders(processes.world, item) == [alice.organization_id]
    await assert_invariants(processes.world)


async def test_restore_against_release(processes: Processes) -> None:
    async with watched(processes.world):
        for _ in range(10):
            alice = await processes.world.person()
            number, item = await given_back(processes, alice)
            calls: list[Awaitable[Answer]] = []
            for place in range(4):
                calls.append(restore(processes, alice, place, number))
                calls.append(processes.client(alice, place + 1).delete(f"/v1/phone-numbers/{number}"))
            outcome = codes(await at_once(calls))
            assert set(outcome) <= {"200", "INVALID_STATE"}
            found = (await alice.client.get(f"/v1/phone-numbers/{number}")).json()
            expected = [alice.organization_id] if found["status"] == "active" else []
            assert await holders(processes.world, item) == expected
    await assert_invariants(processes.world)


async def test_restore_against_a_hold_by_another(processes: Processes) -> None:
    for round_ in range(16):
        alice, mallory = await processes.world.person(), await processes.world.person()
        number, item = await given_back(processes, alice)
        hold = processes.client(mallory, round_).post("/v1/holds", json={"inventory_id": item})
        calls = [restore(processes, alice, round_ + 1, number), hold]
        answers = await at_once(calls[:: 1 if round_ % 2 else -1])
        assert sorted(each.status_code for each in answers) in ([200, 404], [201, 404]), "one has it"
        held = await processes.world.value("SELECT count(*) FROM holds WHERE inventory_id = $1", item)
        assert held == (201 in {each.status_code for each in answers})
    await assert_invariants(processes.world)


async def test_a_hold_that_was_made_while_the_restore_waited_counts(processes: Processes) -> None:
    """The restore has asked for the stock's row, and gets it once the hold is there."""
    world = processes.world
    alice, mallory = await world.person(), await world.person()
    number, item = await given_back(processes, alice)
    async with world.services.database.writing() as connection:
        await connection.execute("SELECT 1 FROM inventory WHERE id = $1 FOR UPDATE", item)
        calls = at_once([restore(processes, alice, 0, number)])
        task = asyncio.create_task(calls)

        async def waits() -> bool:
            return bool(await world.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await eventually(waits)
        now = world.services.clock()
        await connection.execute(
            "INSERT INTO holds (inventory_id, id, organization_id, environment, number, expires_at, created_at)"
            " SELECT id, 'hold_1', $2, environment, number, $3, $4 FROM inventory WHERE id = $1",
            item,
            mallory.organization_id,
            now + timedelta(minutes=15),
            now,
        )
        await connection.execute(
            "UPDATE inventory SET available_since = available_since + interval '1 microsecond' WHERE id = $1", item
        )
    [answer] = await task
    assert (answer.status_code, answer.json()["code"]) == (404, "NUMBER_NOT_AVAILABLE")


@pytest.mark.parametrize("days", [1, 40])
async def test_the_test_clock_moves_while_numbers_are_restored_held_and_bought(processes: Processes, days: int) -> None:
    world = processes.world
    live = await world.person()
    tester = await world.person(live.organization_id, environment=Environment.TEST)
    for round_ in range(6):
        number, _ = await given_back(processes, tester, environment="test")
        [held, other] = await world.stock(2, environment="test")
        await tester.client.post("/v1/holds", json={"inventory_id": held, "minutes": 60})
        clock = processes.client(tester, 0).post("/v1/test/clock", json={"advance_days": days})
        calls = [
            clock,
            restore(processes, tester, 1, number),
            processes.buy(tester, 2, held),
            processes.client(tester, 3).post("/v1/holds", json={"inventory_id": other}),
            processes.client(tester, 3).delete(f"/v1/phone-numbers/{number}"),
        ]
        answers = await at_once(calls[round_ % 5 :] + calls[: round_ % 5])
        assert all(each.status_code in {200, 201, 409} for each in answers), codes(answers)
    await assert_invariants(world)
