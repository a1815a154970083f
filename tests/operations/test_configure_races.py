"""Attach, detach, delete, release, all at once: no deadlock reaches a caller, and nothing points at what is gone."""

import random

from tests.cast import Person, World, assert_invariants
from tests.operations.racing import Answer, Processes, assert_history_has_no_gap, at_once, codes, watched
from tests.operations.test_idempotency_races import ENDPOINT

POINTING_AT_NOTHING = """
    SELECT n.id FROM phone_numbers AS n LEFT JOIN endpoints AS e ON e.id = n.endpoint_id
    WHERE n.endpoint_id IS NOT NULL AND e.id IS NULL"""


async def endpoints_of(person: Person, count: int) -> list[str]:
    return [(await person.client.post("/v1/endpoints", json=ENDPOINT)).json()["id"] for _ in range(count)]


async def numbers_of(world: World, person: Person, count: int, endpoint: str | None = None) -> list[str]:
    bought = [
        await person.client.post("/v1/phone-numbers", json={"inventory_id": item, "endpoint_id": endpoint})
        for item in await world.stock(count)
    ]
    return [answer.json()["id"] for answer in bought]


async def assert_each_change_has_its_event(world: World) -> None:
    """Whoever replays a number's events gets the number as it is now."""
    rows = await world.fetch("""
        SELECT n.id, n.endpoint_id, n.label, n.status, e.data FROM phone_numbers AS n
        JOIN LATERAL (SELECT data FROM events WHERE subject_id = n.id ORDER BY sequence DESC LIMIT 1) AS e ON true""")
    assert rows
    for row in rows:
        told = row["data"]
        now = {name: row[name] for name in ("endpoint_id", "label", "status")}
        assert {name: told[name] for name in now} == now, f"the last event of {row['id']} tells otherwise"


async def test_an_endpoint_is_deleted_while_numbers_are_attached_and_bought(processes: Processes) -> None:
    alice = await processes.world.person()
    for round_ in range(8):
        [endpoint] = await endpoints_of(alice, 1)
        numbers = await numbers_of(processes.world, alice, 4)
        items = await processes.world.stock(6)
        calls = [
            *(
                processes.client(alice, n).patch(f"/v1/phone-numbers/{number}", json={"endpoint_id": endpoint})
                for n, number in enumerate(numbers * 2)
            ),
            *(processes.buy(alice, n, item, endpoint_id=endpoint) for n, item in enumerate(items)),
            *(processes.client(alice, n).delete(f"/v1/endpoints/{endpoint}") for n in range(2)),
        ]
        random.Random(round_).shuffle(calls)

        outcomes = codes(await at_once(calls))

        assert outcomes.keys() <= {"200", "201", "ENDPOINT_NOT_FOUND"}, outcomes
        assert await processes.world.fetch(POINTING_AT_NOTHING) == []
        assert await processes.world.value("SELECT count(*) FROM endpoints") == 0
    await assert_each_change_has_its_event(processes.world)
    await assert_invariants(processes.world)


async def test_numbers_move_between_endpoints_that_are_deleted(processes: Processes) -> None:
    """Every number is on its way from one endpoint to another while all of them are deleted."""
    alice = await processes.world.person()
    for round_ in range(6):
        endpoints = await endpoints_of(alice, 4)
        numbers = await numbers_of(processes.world, alice, 8, endpoints[0])
        chance = random.Random(round_)

        async def move(place: int, number: str, chance: random.Random, endpoints: list[str]) -> list[Answer]:
            client = processes.client(alice, place)
            return [
                await client.patch(f"/v1/phone-numbers/{number}", json={"endpoint_id": chance.choice(endpoints)})
                for _ in range(6)
            ]

        moves = [move(n, number, chance, endpoints) for n, number in enumerate(numbers)]

        async def remove(place: int, endpoint: str) -> list[Answer]:
            # Not before the moves are under way.
            client = processes.client(alice, place)
            before = [await client.get("/v1/phone-numbers") for _ in range(place % 4)]
            return [*before, await client.delete(f"/v1/endpoints/{endpoint}")]

        lists = await at_once([*moves, *(remove(n, endpoint) for n, endpoint in enumerate(endpoints))])
        outcomes = codes(answer for answers in lists for answer in answers)
        assert outcomes.keys() <= {"200", "ENDPOINT_NOT_FOUND"}, outcomes
        assert await processes.world.fetch(POINTING_AT_NOTHING) == []
    await assert_each_change_has_its_event(processes.world)
    await assert_invariants(processes.world)


async def test_release_races_with_configuration(processes: Processes) -> None:
    alice = await processes.world.person()
    [endpoint] = await endpoints_of(alice, 1)
    for round_ in range(8):
        [number] = await numbers_of(processes.world, alice, 1)
        path = f"/v1/phone-numbers/{number}"
        calls = [
            *(processes.client(alice, n).patch(path, json={"label": f"{n}"}) for n in range(6)),
            *(processes.client(alice, n).patch(path, json={"endpoint_id": endpoint}) for n in range(3)),
            *(processes.client(alice, n).delete(path) for n in range(3)),
        ]
        random.Random(round_).shuffle(calls)
        outcomes = codes(await at_once(calls))
        assert outcomes.keys() <= {"200", "INVALID_STATE"}, outcomes
        assert (await alice.client.get(path)).json()["status"] == "released"
    await assert_each_change_has_its_event(processes.world)
    await assert_history_has_no_gap(processes.world)
    await assert_invariants(processes.world)


async def test_the_deletion_lock_is_put_on_while_the_number_is_released(processes: Processes) -> None:
    """Locked in time, it stays; released in time, it is gone: never both."""
    alice = await processes.world.person()
    seen = set()
    for round_ in range(20):
        [number] = await numbers_of(processes.world, alice, 1)
        path = f"/v1/phone-numbers/{number}"
        calls = [
            processes.client(alice, 0).patch(path, json={"deletion_lock": True}),
            processes.client(alice, 1).delete(path),
        ]
        locked, released = await at_once(calls if round_ % 2 else calls[::-1])
        if not round_ % 2:
            locked, released = released, locked
        seen.add((locked.status_code, released.json().get("code", "released")))
    assert seen <= {(200, "DELETION_LOCKED"), (409, "released")}
    await assert_invariants(processes.world)


async def test_a_number_is_released_once(processes: Processes) -> None:
    """16 at once: every answer is the same, and nothing happens twice."""
    alice, mallory = await processes.world.person(), await processes.world.person()
    [item] = await processes.world.stock()
    number = (await processes.buy(alice, 0, item)).json()["id"]
    path = f"/v1/phone-numbers/{number}"

    released = await at_once(processes.client(alice, place).delete(path) for place in range(16))

    assert {(answer.status_code, answer.content) for answer in released} == {(200, released[0].content)}
    assert await assert_history_has_no_gap(processes.world) == 2
    assert (await processes.buy(mallory, 0, item)).status_code == 201
    again = await processes.client(alice, 1).delete(path)
    assert again.content == released[0].content
    assert await processes.world.value("SELECT status FROM inventory") == "in_service", "it is another's by now"
    await assert_invariants(processes.world)


async def test_release_and_purchase_by_the_next_overlap_in_no_look(processes: Processes) -> None:
    """One gives it back while sixteen stand in line: at most one gets it."""
    alice = await processes.world.person()
    line = [await processes.world.person() for _ in range(16)]
    [item] = await processes.world.stock()
    number = (await processes.buy(alice, 0, item)).json()["id"]

    async def insist(place: int, buyer: Person) -> Answer:
        for _ in range(5):
            answer = await processes.buy(buyer, place, item)
            if answer.status_code == 201:
                break
        return answer

    async with watched(processes.world):
        calls = [insist(place, buyer) for place, buyer in enumerate(line)]
        answers = await at_once([*calls, processes.client(alice, 0).delete(f"/v1/phone-numbers/{number}")])
    assert codes(answers[:-1])["201"] <= 1
    assert codes(answers[:-1]).keys() <= {"201", "NUMBER_NOT_AVAILABLE"}
    await assert_invariants(processes.world)
