"""One idempotency key, many requests at once: it is done once, and everybody is told the same."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import psycopg
import pytest
from tests.cast import Person, World, assert_invariants
from tests.operations.racing import Answer, Processes, at_once, codes, until_waiting_or_done

KEY = {"Idempotency-Key": "the same"}
ENDPOINT = {"name": "Agent", "type": "agent", "url": "sip:agent@sip.example.com"}


def assert_equal_answers(answers: list[Answer]) -> Answer:
    """All that are no conflict are byte-equal, and at most one is no replay; gives one of them."""
    told = [answer for answer in answers if answer.json().get("code") != "IDEMPOTENCY_CONFLICT"]
    assert told, "everybody was put off"
    assert len({(answer.status_code, answer.content) for answer in told}) == 1
    first = [answer for answer in told if "Idempotent-Replayed" not in answer.headers]
    assert len(first) <= 1
    return told[0]


async def test_one_purchase_asked_for_32_times(processes: Processes) -> None:
    alice = await processes.world.person()
    for round_ in range(5):
        [item] = await processes.world.stock()
        key = f"purchase {round_}"
        answers = await at_once(processes.buy(alice, place, item, key) for place in range(32))
        assert set(codes(answers)) <= {"201", "IDEMPOTENCY_CONFLICT"}
        told = assert_equal_answers(answers)
        again = await processes.buy(alice, round_, item, key)
        assert (again.status_code, again.content) == (201, told.content)
        assert again.headers["Idempotent-Replayed"] == "true"

    assert await processes.world.value("SELECT count(*) FROM phone_numbers") == 5
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 1_000_000 - 5 * 350
    await assert_invariants(processes.world)


async def test_a_taken_number_is_refused_32_times_alike(processes: Processes) -> None:
    mallory, alice = await processes.world.person(), await processes.world.person()
    [item] = await processes.world.stock()
    assert (await processes.buy(mallory, 0, item)).status_code == 201

    answers = await at_once(processes.buy(alice, place, item, "k") for place in range(32))

    assert set(codes(answers)) <= {"NUMBER_NOT_AVAILABLE", "IDEMPOTENCY_CONFLICT"}
    told = assert_equal_answers(answers)
    number = await processes.world.value("SELECT id FROM phone_numbers")
    assert (await mallory.client.delete(f"/v1/phone-numbers/{number}")).status_code == 200
    again = await processes.buy(alice, 1, item, "k")
    assert (again.status_code, again.content) == (404, told.content), "a kept refusal is kept, whatever changed since"
    assert (await processes.buy(alice, 2, item, "another key")).status_code == 201
    await assert_invariants(processes.world)


async def test_a_number_raced_for_by_two_organizations_each_with_a_key(processes: Processes) -> None:
    """Whoever loses is refused, and stays refused; whoever wins has won, and stays the winner."""
    buyers = [await processes.world.person() for _ in range(2)]
    [item] = await processes.world.stock()

    answers = await at_once(processes.buy(buyers[n % 2], n // 2, item, "k") for n in range(32))

    outcomes = [assert_equal_answers(answers[place::2]) for place in range(2)]
    assert codes(outcomes) == {"201": 1, "NUMBER_NOT_AVAILABLE": 1}
    for buyer, outcome in zip(buyers, outcomes, strict=True):
        assert (await processes.buy(buyer, 0, item, "k")).content == outcome.content
    await assert_invariants(processes.world)


async def test_two_bodies_with_one_key(processes: Processes) -> None:
    """One of the two is done, once; the other is a conflict, whichever came first."""
    alice = await processes.world.person()
    items = await processes.world.stock(2)

    answers = await at_once(processes.buy(alice, n // 2, items[n % 2], "k") for n in range(32))

    assert set(codes(answers)) == {"201", "IDEMPOTENCY_CONFLICT"}
    assert_equal_answers(answers)
    assert await processes.world.value("SELECT count(*) FROM phone_numbers") == 1
    [winner] = {n % 2 for n, answer in enumerate(answers) if answer.status_code == 201}
    assert codes([await processes.buy(alice, 0, items[1 - winner], "k")]) == {"IDEMPOTENCY_CONFLICT": 1}
    await assert_invariants(processes.world)


async def test_a_refused_purchase_and_other_requests_with_one_key(processes: Processes) -> None:
    """A purchase keeps its refusal another way than the other operations: they exclude each other all the same."""
    alice = await processes.world.person(cents=0)
    [item] = await processes.world.stock()

    def send(round_: int, place: int) -> Awaitable[Answer]:
        if place % 2:
            return processes.buy(alice, place, item, f"k{round_}")
        headers = {"Idempotency-Key": f"k{round_}"}
        return processes.client(alice, place).post("/v1/endpoints", json=ENDPOINT, headers=headers)

    for round_ in range(10):
        answers = await at_once(send(round_, place) for place in range(16))
        assert set(codes(answers)) <= {"201", "INSUFFICIENT_BALANCE", "IDEMPOTENCY_CONFLICT"}, codes(answers)
        assert_equal_answers(answers)
    await assert_invariants(processes.world)


async def test_a_refusal_is_kept_while_another_request_of_its_key_is_about_to_act(world: World, dsn: str) -> None:
    """The same, without chance: the endpoint's creation is stopped half way, and the purchase refused meanwhile."""
    alice, [item] = await world.person(cents=0), await world.stock()
    with psycopg.connect(dsn) as other:
        other.execute("LOCK endpoints IN SHARE MODE")
        creating = asyncio.create_task(alice.client.post("/v1/endpoints", json=ENDPOINT, headers=KEY))
        await until_waiting_or_done(world, creating)
        refused = await alice.client.post("/v1/phone-numbers", json={"inventory_id": item}, headers=KEY)
        other.rollback()
    assert set(codes([refused, await creating])) <= {"201", "INSUFFICIENT_BALANCE", "IDEMPOTENCY_CONFLICT"}
    assert codes([refused, await creating])["IDEMPOTENCY_CONFLICT"] == 1


@pytest.mark.parametrize("verb", ["post", "patch", "delete"])
async def test_every_other_write_asked_for_32_times(processes: Processes, verb: str) -> None:
    alice = await processes.world.person()
    [item] = await processes.world.stock()
    number = (await processes.buy(alice, 0, item)).json()["id"]
    path, body = {
        "post": ("/v1/endpoints", {"json": ENDPOINT}),
        "patch": (f"/v1/phone-numbers/{number}", {"json": {"label": "desk"}}),
        "delete": (f"/v1/phone-numbers/{number}", {}),
    }[verb]

    def send(place: int) -> Awaitable[Answer]:
        given: dict[str, Any] = body
        return processes.client(alice, place).request(verb.upper(), path, headers=KEY, **given)

    answers = await at_once(send(place) for place in range(32))

    assert len(codes(answers).keys() - {"IDEMPOTENCY_CONFLICT"}) == 1, codes(answers)
    told = assert_equal_answers(answers)
    assert told.is_success
    again = await send(1)
    assert again.content == told.content
    assert await done_how_often(processes.world, alice, verb) == 1
    await assert_invariants(processes.world)


async def done_how_often(world: World, person: Person, verb: str) -> int:
    event = {"post": "endpoint.created", "patch": "phone_number.updated", "delete": "phone_number.released"}[verb]
    count: int = await world.value(
        "SELECT count(*) FROM events WHERE organization_id = $1 AND event = $2", person.organization_id, event
    )
    return count


async def test_two_organizations_may_use_one_key(processes: Processes) -> None:
    people = [await processes.world.person() for _ in range(16)]
    items = await processes.world.stock(16)
    answers = await at_once(processes.buy(each, n, items[n], "1") for n, each in enumerate(people))
    assert codes(answers) == {"201": 16}
    await assert_invariants(processes.world)
