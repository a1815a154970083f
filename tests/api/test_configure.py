"""Configure a number, and give it back."""

from typing import Any

import pytest
from tests.api.asking import bought, faults, listed, made, refused
from tests.cast import Person, World, assert_invariants


async def events_of(world: World, subject_id: str) -> list[tuple[str, Any]]:
    rows = await world.fetch("SELECT event, changes FROM events WHERE subject_id = $1 ORDER BY sequence", subject_id)
    return [(row["event"], row["changes"]) for row in rows]


async def alices_number(world: World, **fields: Any) -> tuple[Person, dict[str, Any], str]:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item, **fields)
    return alice, number, f"/v1/phone-numbers/{number['id']}"


async def test_each_field_can_be_changed_alone(world: World) -> None:
    alice, number, path = await alices_number(world)
    endpoint = await made(alice.client)
    for name, value in {
        "endpoint_id": endpoint["id"],
        "allow_inbound": False,
        "allow_outbound": False,
        "label": "Night line",
        "tags": ["b", "a"],
        "deletion_lock": True,
    }.items():
        before = number
        answer = await alice.client.patch(path, json={name: value})
        assert answer.status_code == 200, answer.text
        number = answer.json()
        assert number == {**before, name: value, "updated_at": number["updated_at"]}
        assert number["updated_at"] > before["updated_at"]
        event, changes = (await events_of(world, number["id"]))[-1]
        assert (event, changes) == ("phone_number.updated", [{"field": name, "before": before[name], "after": value}])
    assert (await alice.client.get(path)).json()["endpoint"]["id"] == endpoint["id"]


async def test_null_detaches_and_clears(world: World) -> None:
    alice, number, path = await alices_number(world, label="x")
    endpoint = await made(alice.client)
    await alice.client.patch(path, json={"endpointId": endpoint["id"], "allowInbound": False, "allowOutbound": False})
    answer = (await alice.client.patch(path, json={"endpoint_id": None, "label": None})).json()
    assert (answer["endpoint_id"], answer["label"], answer["allow_inbound"]) == (None, None, False)
    await alice.client.patch(path, json={"label": "y"})
    assert (await alice.client.patch(path, json={"label": ""})).json()["label"] is None
    assert number["label"] == "x"


@pytest.mark.parametrize("body", [{}, {"label": "x"}, {"tags": [], "allow_inbound": True, "endpoint_id": None}])
async def test_what_changes_nothing_is_no_event(world: World, body: dict[str, Any]) -> None:
    alice, number, path = await alices_number(world, label="x")
    answer = await alice.client.patch(path, json=body)
    assert (answer.status_code, answer.json()) == (200, number)
    assert [event for event, _ in await events_of(world, number["id"])] == ["phone_number.purchased"]


async def test_an_unknown_endpoint_changes_nothing(world: World) -> None:
    alice, number, path = await alices_number(world)
    refused(await alice.client.patch(path, json={"endpoint_id": "ep_none", "label": "x"}), 404, "ENDPOINT_NOT_FOUND")
    assert {**(await alice.client.get(path)).json(), **number} == (await alice.client.get(path)).json()
    refused(
        await alice.client.patch("/v1/phone-numbers/pn_none", json={"endpoint_id": "ep_none"}), 404, "NUMBER_NOT_FOUND"
    )


async def test_a_release_gives_the_number_back(world: World) -> None:
    alice, number, path = await alices_number(world, tags=["a"])
    credits_before = (await alice.client.get("/v1/credits")).json()
    released = await alice.client.delete(path)
    assert released.status_code == 200
    gone = released.json()
    assert gone == {
        **number,
        "status": "released",
        "renews_at": None,
        "updated_at": gone["updated_at"],
        "released_at": gone["released_at"],
    }
    assert gone["released_at"] == gone["updated_at"] > number["created_at"]
    assert (await alice.client.get("/v1/credits")).json() == credits_before
    found = (await alice.client.get("/v1/phone-numbers/available?country=GB")).json()["phone_numbers"]
    assert [item["number"] for item in found] == [number["number"]]
    assert await listed(alice.client) == []
    assert await listed(alice.client, "status=released") == [number["id"]]
    await assert_invariants(world)


async def test_released_again_nothing_happens_twice(world: World) -> None:
    alice, number, path = await alices_number(world)
    first = await alice.client.delete(path)
    for again in (path, f"{path}?action=release"):
        second = await alice.client.delete(again)
        assert (second.status_code, second.content) == (200, first.content)
    assert [event for event, _ in await events_of(world, number["id"])] == [
        "phone_number.purchased",
        "phone_number.released",
    ]
    mallory = await world.person()
    item = await world.value("SELECT inventory_id FROM phone_numbers")
    await bought(mallory.client, item)
    assert (await alice.client.delete(path)).content == first.content  # it is not hers to release
    await assert_invariants(world)


async def test_action_release_is_accepted_and_nothing_else(world: World) -> None:
    alice, _, path = await alices_number(world)
    assert faults(await alice.client.delete(f"{path}?action=destroy")) == {"action": "must be release"}
    assert set(faults(await alice.client.delete(f"{path}?force=true"))) == {"force"}
    assert (await alice.client.delete(f"{path}?action=release")).json()["status"] == "released"


async def test_a_released_number_cannot_be_configured(world: World) -> None:
    alice, number, path = await alices_number(world)
    await alice.client.delete(path)
    for body in ({"label": "x"}, {}, {"endpoint_id": "ep_none"}):
        assert refused(await alice.client.patch(path, json=body), 409, "INVALID_STATE") == {"status": "released"}
    assert len(await events_of(world, number["id"])) == 2


async def test_the_deletion_lock_holds(world: World) -> None:
    alice, number, path = await alices_number(world)
    await alice.client.patch(path, json={"deletion_lock": True})
    assert refused(await alice.client.delete(path), 409, "DELETION_LOCKED") == {}
    assert (await alice.client.get(path)).json()["status"] == "active"
    await alice.client.patch(path, json={"deletion_lock": False})
    assert (await alice.client.delete(path)).json()["status"] == "released"
    assert number["deletion_lock"] is False


@pytest.mark.parametrize("status", ["pending", "porting"])
async def test_some_statuses_allow_no_release(world: World, status: str) -> None:
    alice, _, path = await alices_number(world)
    async with world.services.database.writing() as connection:
        await connection.execute(
            "UPDATE phone_numbers SET status = $1, porting_direction = CASE $1::text WHEN 'porting' THEN 'in' END",
            status,
        )
    assert refused(await alice.client.delete(path), 409, "INVALID_STATE") == {"status": status}


async def test_a_suspended_number_can_be_configured_and_released(world: World) -> None:
    alice, _, path = await alices_number(world)
    async with world.services.database.writing() as connection:
        await connection.execute(
            "UPDATE phone_numbers SET status = 'suspended', status_reason = 'insufficient_balance'"
        )
    assert (await alice.client.patch(path, json={"label": "x"})).json()["status"] == "suspended"
    released = (await alice.client.delete(path)).json()
    assert (released["status"], released["status_reason"]) == ("released", None)
    await assert_invariants(world)
