"""Is a range of events sent again as it was asked for? All of it, in order per object, whatever had arrived before."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.api.asking import faults, made, refused
from tests.cast import Person, World
from tests.delivering import delivered, hook, log, rename, sending
from tests.moving import MovingWorld
from tests.receiver import Received, Receiver, answer, receiving

from nambari import worker
from nambari.domain.webhook import MOST_REPLAYED
from nambari.operations import deliver
from nambari.settings import Settings

ALL = {"from": "2020-01-01T00:00:00Z"}


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def again(person: Person, webhook: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    told = await person.client.post(f"/v1/webhooks/{webhook['id']}/replay", json=body)
    assert told.status_code == 200, told.text
    found: dict[str, Any] = told.json()
    return found


def names_of(received: Iterable[Received], endpoint: dict[str, Any]) -> list[str]:
    return [each.event["data"]["name"] for each in received if each.event["data"]["id"] == endpoint["id"]]


async def nothing_pending(world: World) -> bool:
    return not await world.value("SELECT count(*) FROM deliveries WHERE status = 'pending'")


async def test_what_arrived_failed_and_waits_comes_again_in_order(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    first, second = await made(alice.client), await made(alice.client)
    await rename(alice, first, "a")
    await delivered(moving)
    receiver.answers = lambda each: answer(500 if each.event["data"]["id"] == first["id"] else 200)
    await rename(alice, first, "b", "c")
    await rename(alice, second, "d")
    await delivered(moving)
    assert sorted(each["status"] for each in await log(alice, webhook)) == [*["delivered"] * 4, *["pending"] * 2]
    receiver.received.clear()
    receiver.answers = lambda _: answer(200)
    told = await again(alice, webhook, ALL)
    events = (await alice.client.get("/v1/events?type=endpoint.*")).json()["events"]
    assert told == {
        "webhook_id": webhook["id"],
        "queued": 6,
        "first_event_id": events[0]["id"],
        "last_event_id": events[-1]["id"],
        "has_more": False,
    }
    assert {(each["status"], each["attempts"]) for each in await log(alice, webhook)} == {("pending", 0)}
    assert await delivered(moving) == 6
    assert names_of(receiver.received, first) == ["Reception", "a", "b", "c"]
    assert names_of(receiver.received, second) == ["Reception", "d"]
    assert await nothing_pending(moving)


async def test_what_waits_behind_the_range_comes_after_it(moving: MovingWorld, receiver: Receiver) -> None:
    """Its retry may be due before the range has arrived; and whoever is sending it now settles nothing."""
    alice = await moving.person()
    await hook(alice, receiver.url(), ["endpoint.*"])
    [webhook] = (await alice.client.get("/v1/webhooks")).json()["webhooks"]
    endpoint = await made(alice.client)
    await rename(alice, endpoint, "a")
    await delivered(moving)
    await rename(alice, endpoint, "b", "c")
    await deliver.place(moving.services, moving.clock(), 100)
    [claimed] = await deliver.claim(moving.services, moving.clock(), 10, {})
    events = (await alice.client.get("/v1/events?type=endpoint.*")).json()["events"]
    assert claimed.event_id == events[2]["id"]
    assert (await again(alice, webhook, ALL | {"up_to": events[1]["id"]}))["queued"] == 2
    async with sending(moving) as sender:
        await deliver.settle(moving.services, [await deliver.send(moving.services, sender, claimed)])
    receiver.received.clear()
    assert await delivered(moving) == 4
    assert names_of(receiver.received, endpoint) == ["Reception", "a", "b", "c"]


async def test_what_happened_while_it_was_inactive_is_sent_too(world: World, receiver: Receiver) -> None:
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    path = f"/v1/webhooks/{webhook['id']}"
    await alice.client.patch(path, json={"status": "inactive"})
    assert refused(await alice.client.post(f"{path}/replay", json=ALL), 409, "INVALID_STATE") == {"status": "inactive"}
    endpoint = await made(alice.client)
    await rename(alice, endpoint, "a")
    await delivered(world)
    await alice.client.patch(path, json={"status": "active"})
    assert await delivered(world) == 0
    assert (await again(alice, webhook, ALL))["queued"] == 2
    await delivered(world)
    assert names_of(receiver.received, endpoint) == ["Reception", "a"]


async def test_the_bounds_and_the_names(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*", "phone_number.*"])
    for name in "abcd":
        moving.clock.now += timedelta(hours=1)
        await made(alice.client, name=name)
    await delivered(moving)
    events = (await alice.client.get("/v1/events?type=endpoint.*")).json()["events"]
    ids, times = [each["id"] for each in events], [each["timestamp"] for each in events]

    async def sent(body: dict[str, Any]) -> str:
        receiver.received.clear()
        told = await again(alice, webhook, body)
        assert await delivered(moving) == told["queued"]
        return "".join(sorted(each.event["data"]["name"] for each in receiver.received))

    assert await sent({"starting_after": ids[1]}) == "cd"
    assert await sent({"starting_after": ids[0], "up_to": ids[2]}) == "bc"
    assert await sent({"from": times[1]}) == "bcd"
    assert await sent({"from": times[1], "to": times[3]}) == "bc"
    assert await sent({"from": times[2].replace("Z", "+00:00"), "starting_after": ids[0]}) == "cd"
    assert await sent(ALL | {"up_to": ids[0]}) == "a"
    assert await sent(ALL | {"events": ["endpoint.created", "kyc.*"]}) == "abcd", "kyc is not asked for"
    nothing = {"queued": 0, "first_event_id": None, "last_event_id": None, "has_more": False}
    for empty in ({"starting_after": ids[3]}, ALL | {"events": ["endpoint.deleted"]}, {"from": "9999-12-31T23:59:59Z"}):
        assert await again(alice, webhook, empty) == {"webhook_id": webhook["id"], **nothing}


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({}, "from", "is needed where starting_after is not given"),
        ({"up_to": "evt_none"}, "from", "is needed where starting_after is not given"),
        ({"starting_after": "evt_none"}, "starting_after", "is no id of an event that GET /v1/events lists"),
        ({"from": "2026-01-01T00:00:00Z", "up_to": "evt_none"}, "up_to", "is no id of an event"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to", "must be later than from"),
        ({"from": "2026-01-01T00:00:00"}, "from", "must be an instant with its time zone, such as 2026-09-23T09:30"),
        ({"from": "yesterday"}, "from", "must be an instant with its time zone"),
        ({"from": "2026-02-30T00:00:00Z"}, "from", "must be an instant with its time zone"),
        ({"from": 1790156521}, "from", "must be an instant or null, not a whole number"),
        ({"from": "2026-01-01T00:00:00Z\0"}, "from", "must have no NUL character"),
        ({"starting_after": "x" * 101}, "starting_after", "must be 1 to 100 characters"),
        ({"starting_after": 1}, "starting_after", "must be a string or null, not a whole number"),
        ({**ALL, "events": []}, "events", "must not be empty"),
        ({**ALL, "events": ["nonsense"]}, "events", "item 1 must be one of *"),
        ({**ALL, "events": ["kyc.*"]}, "events", "must name something that the webhook asks for, which is endpoint.*"),
        ({**ALL, "limit": 5}, "limit", "is not a field"),
    ],
)
async def test_bad_ranges(world: World, body: dict[str, Any], field: str, told: str) -> None:
    alice = await world.person()
    webhook = await hook(alice, "http://127.0.0.1:9/", ["endpoint.*"])
    found = faults(await alice.client.post(f"/v1/webhooks/{webhook['id']}/replay", json=body))
    assert list(found) == [field]
    assert found[field].startswith(told) or field == "limit", found


async def test_a_range_that_ends_before_it_begins_and_the_ends_of_time(world: World) -> None:
    alice = await world.person()
    webhook = await hook(alice, "http://127.0.0.1:9/")
    await made(alice.client)
    await deliver.place(world.services, world.services.clock(), 100)
    first, *_, last = (await alice.client.get("/v1/events")).json()["events"]
    path = f"/v1/webhooks/{webhook['id']}/replay"
    body = {"starting_after": last["id"], "up_to": first["id"]}
    assert faults(await alice.client.post(path, json=body)) == {"up_to": "must not come before starting_after"}
    far = {"from": "0518-07-28T12:25:02.7297+23:59", "to": "7001-05-07T11:41:16.80-22:11"}
    assert (await again(alice, webhook, far))["queued"] == 3
    ends = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59.999999-14:00"}
    assert (await again(alice, webhook, ends))["queued"] == 3


async def test_anothers_event_is_as_none_and_an_unplaced_one_too(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    await made(alice.client)
    await deliver.place(world.services, world.services.clock(), 100)
    [*_, event] = (await alice.client.get("/v1/events")).json()["events"]
    theirs = await hook(mallory, "http://127.0.0.1:9/")
    endpoint = await made(mallory.client)
    unplaced = await world.value("SELECT id FROM events WHERE subject_id = $1", endpoint["id"])
    path = f"/v1/webhooks/{theirs['id']}/replay"
    for field in ("starting_after", "up_to"):
        told = [
            faults(await mallory.client.post(path, json=ALL | {field: event_id}))
            for event_id in (event["id"], "evt_none", unplaced)
        ]
        assert told == [{field: "is no id of an event that GET /v1/events lists"}] * 3


async def test_the_same_key_queues_once(world: World, receiver: Receiver) -> None:
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await delivered(world)
    path, headers = f"/v1/webhooks/{webhook['id']}/replay", {"idempotency-key": "again"}
    first = await alice.client.post(path, json=ALL, headers=headers)
    assert await delivered(world) == 1
    second = await alice.client.post(path, json=ALL, headers=headers)
    assert (first.json(), second.headers["idempotent-replayed"]) == (second.json(), "true")
    assert await delivered(world) == 0
    other = await alice.client.post(path, json=ALL | {"events": ["*"]}, headers=headers)
    refused(other, 409, "IDEMPOTENCY_CONFLICT")


MANY = """
    INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at)
    SELECT 'evt_' || nth, $1, 'live', 'endpoint.updated', 'ep_' || nth % 10, '{}', '[]', 'req_test', now()
    FROM generate_series(1, $2::int) AS nth ORDER BY nth
"""


async def test_a_huge_range_is_taken_piece_by_piece(world: World) -> None:
    alice = await world.person()
    count = 2 * MOST_REPLAYED + 5
    async with world.services.database.writing() as connection:
        await connection.execute(MANY, alice.organization_id, count)
    while await deliver.place(world.services, world.services.clock(), 500):
        pass
    webhook = await hook(alice, "http://127.0.0.1:9/", ["endpoint.*"])
    pieces = [await again(alice, webhook, ALL)]
    while pieces[-1]["has_more"]:
        pieces.append(await again(alice, webhook, ALL | {"starting_after": pieces[-1]["last_event_id"]}))
    assert [each["queued"] for each in pieces] == [MOST_REPLAYED, MOST_REPLAYED, 5]
    assert (pieces[0]["first_event_id"], pieces[-1]["last_event_id"]) == ("evt_1", f"evt_{count}")
    due = "SELECT count(*) FROM deliveries WHERE next_attempt_at IS NOT NULL"
    assert await world.value(due) == 10, "of each object the first"
    assert await world.value("SELECT count(*) FROM deliveries WHERE status = 'pending'") == count


async def test_a_replay_during_deliveries_leaves_nothing_waiting(world: World, receiver: Receiver) -> None:
    """Two workers deliver while the range is sent again, over and over: in the end every object's last is its last."""
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    endpoints = [await made(alice.client) for _ in range(5)]
    async with sending(world) as one, sending(world) as two:
        working = [asyncio.create_task(worker.deliver(world.services, each)) for each in (one, two)]
        for name in "abcdef":
            for each in endpoints:
                await rename(alice, each, name)
            await again(alice, webhook, ALL)
        working[0].cancel()
        working[1].cancel()
        await asyncio.gather(*working, return_exceptions=True)
    while await deliver.place(world.services, world.services.clock(), 500):
        pass
    receiver.received.clear()
    assert (await again(alice, webhook, ALL))["queued"] == 5 * len(["Reception", *"abcdef"])
    while await delivered(world):
        pass
    assert await nothing_pending(world)
    for each in endpoints:
        assert names_of(receiver.received, each)[-7:] == ["Reception", *"abcdef"]
