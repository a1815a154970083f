"""Does every event reach whoever asked for it? Signed, in order, at least once, whatever the receivers do."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from tests.api.asking import AGENT, bought, faults, made, refused
from tests.cast import World
from tests.delivering import attempts, delivered, hook, log, rename, sending
from tests.moving import MovingWorld
from tests.receiver import Received, Receiver, answer, receiving

from nambari import worker
from nambari.domain.access import Environment
from nambari.domain.webhook import AnswersShown, may_show
from nambari.operations import deliver, kyc
from nambari.sending import Sender
from nambari.settings import Settings
from nambari.wiring import open_sender


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


# ── What arrives ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_arrives_signed_and_is_in_the_log(world: World, receiver: Receiver) -> None:
    alice = await world.person()
    webhook = await hook(alice, receiver.url("/in?from=nambari"), ["phone_number.*"])
    [item] = await world.stock()
    number = await bought(alice.client, item)
    await alice.client.post("/v1/endpoints", json=AGENT)  # not asked for
    assert await delivered(world) == 1
    [one] = receiver.received
    assert one.target == "/in?from=nambari"
    assert set(one.event) == {"id", "event", "timestamp", "data"}
    assert one.event["event"] == "phone_number.purchased"
    assert one.event["data"]["id"] == number["id"]
    [shown] = (await alice.client.get("/v1/events?type=phone_number.purchased")).json()["events"]
    assert shown == one.event

    assert one.headers["webhook-id"] == one.event["id"]
    assert Webhook(webhook["secret"]).verify(one.body, one.headers) == one.event
    key = base64.b64decode(webhook["secret"].removeprefix("whsec_"))
    assert one.headers["x-webhook-signature"] == "sha256=" + hmac.new(key, one.body, hashlib.sha256).hexdigest()
    openssl = await asyncio.create_subprocess_exec(
        *("openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    by_openssl = (await openssl.communicate(one.body))[0].decode()
    assert one.headers["x-webhook-signature"] == "sha256=" + by_openssl.split()[-1]

    [line] = await log(alice, webhook)
    assert (line["status"], line["attempts"], line["response_status"], line["error"]) == ("delivered", 1, 204, None)
    assert line["event_id"] == one.event["id"]
    assert line["duration_ms"] >= 0
    assert line["next_attempt_at"] is None
    assert await delivered(world) == 0


async def test_both_secrets_sign_for_a_day(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    endpoint = await made(alice.client)
    told = await alice.client.post(f"/v1/webhooks/{webhook['id']}/rotate-secret")
    rotated = told.json()
    assert told.status_code == 200
    assert rotated["secret"] != webhook["secret"]
    await delivered(moving)
    moving.clock.now += timedelta(hours=23, minutes=59)
    await rename(alice, endpoint, "Second")
    await delivered(moving)
    moving.clock.now += timedelta(minutes=1)
    await rename(alice, endpoint, "Third")
    await delivered(moving)

    def signatures(received: Received, secret: str) -> bool:
        at = received.headers["webhook-timestamp"]
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{received.headers['webhook-id']}.{at}.".encode() + received.body
        mine = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        return mine in received.headers["webhook-signature"].split(" ")

    assert [signatures(each, webhook["secret"]) for each in receiver.received] == [True, True, False]
    assert [signatures(each, rotated["secret"]) for each in receiver.received] == [True, True, True]


async def test_nothing_of_others_arrives_and_nothing_unannounced(world: World, receiver: Receiver) -> None:
    alice, mallory = await world.person(), await world.person()
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    await hook(alice, receiver.url())
    await delivered(world)
    receiver.received.clear()
    for other in (mallory, tester):
        await other.client.post("/v1/endpoints", json=AGENT)
    await world.key(alice.organization_id)  # api_key.created: for the trail alone
    await alice.client.post("/v1/webhooks", json={"url": receiver.url(), "events": ["kyc.*"], "status": "inactive"})
    await alice.client.post("/v1/endpoints", json=AGENT)
    await delivered(world)
    assert receiver.names == ["endpoint.created"]


async def test_personal_data_never_leaves(world: World, receiver: Receiver) -> None:
    alice = await world.person(verified=False)
    await hook(alice, receiver.url())
    told = await alice.client.post("/v1/kyc", json={"legal_name": "Zebedee Secretname", "country": "GB"})
    assert told.status_code in {200, 201}
    await kyc.approve(world.services, world.operator(alice.organization_id), world.services.clock())
    await delivered(world)
    assert "kyc.verified" in receiver.names
    assert b"Secretname" not in b"".join(each.body for each in receiver.received)
    assert "Secretname" not in (await alice.client.get("/v1/events")).text


# ── Failures ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_down_then_up_in_order_per_object(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    first, second = await made(alice.client), await made(alice.client)
    await rename(alice, first, "a", "b")
    await rename(alice, second, "c")
    await receiver.down()
    await delivered(moving)
    assert receiver.received == []
    assert {each["error"] for each in await log(alice, webhook) if each["attempts"]} == {
        "The receiver took no connection."
    }
    assert sorted(each["attempts"] for each in await log(alice, webhook)) == [0, 0, 0, 1, 1]
    assert (await alice.client.get(f"/v1/webhooks/{webhook['id']}")).json()["failing_since"] is not None
    assert await delivered(moving) == 0, "not before its time"
    await receiver.up()
    moving.clock.now += timedelta(seconds=67)
    assert await delivered(moving) == 5
    for endpoint, names in ((first, ["Reception", "a", "b"]), (second, ["Reception", "c"])):
        told = [each.event["data"] for each in receiver.received]
        assert [each["name"] for each in told if each["id"] == endpoint["id"]] == names
    assert (await alice.client.get(f"/v1/webhooks/{webhook['id']}")).json()["failing_since"] is None
    assert {each["status"] for each in await log(alice, webhook)} == {"delivered"}


async def test_some_fail_and_the_order_holds(moving: MovingWorld, receiver: Receiver) -> None:
    """Each attempt may fail, as a hash has it: an object's next event waits for the one before."""
    taken: dict[str, list[str]] = {}

    def told(each: Received) -> bytes:
        key = f"{each.event['data']['name']} {len(receiver.received)}".encode()
        if hashlib.sha256(key).digest()[0] < 64:
            return answer(500)
        taken.setdefault(each.event["data"]["id"], []).append(each.event["data"]["name"])
        return answer(200)

    receiver.answers = told
    alice = await moving.person()
    await hook(alice, receiver.url(), ["endpoint.*"])
    endpoints = [await made(alice.client) for _ in range(4)]
    for name in "abcde":
        for each in endpoints:
            await rename(alice, each, name)
    for _ in range(100):
        await delivered(moving)
        if not await moving.value("SELECT count(*) FROM deliveries WHERE status = 'pending'"):
            break
        moving.clock.now += timedelta(hours=3)
    assert taken == {each["id"]: ["Reception", *"abcde"] for each in endpoints}
    assert len(receiver.received) > 24
    assert not await moving.value("SELECT count(*) FROM deliveries WHERE status <> 'delivered'")


async def test_the_schedule_then_given_up_then_replayed(moving: MovingWorld, receiver: Receiver) -> None:
    receiver.answers = lambda _: answer(503)
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    endpoint = await made(alice.client)
    await rename(alice, endpoint, "Second")
    waits = [0, 60, 300, 1800, 7200, 86400, 86400, 86400]
    for wait in waits:
        moving.clock.now += timedelta(seconds=wait) - timedelta(seconds=1)
        assert await delivered(moving) == 0 or wait == 0
        moving.clock.now += timedelta(seconds=wait * 0.1 + 1)
        if wait:
            assert await delivered(moving) >= 1
    old, new = (await log(alice, webhook))[::-1]
    assert (old["status"], old["attempts"], old["response_status"]) == ("failed", 8, 503)
    assert old["error"] == "The receiver answered 503; 200 to 299 is taken for received."
    assert (new["status"], new["attempts"]) == ("pending", 1), "let go by the failure of the one before"
    receiver.answers = lambda _: answer(200)
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{old['id']}/replay"
    for replayed in (False, True):
        told = await alice.client.post(path, headers={"idempotency-key": "again"})
        assert told.status_code == 200, told.text
        assert ("idempotent-replayed" in told.headers) == replayed
        assert (told.json()["status"], told.json()["attempts"]) == ("pending", 0)
    receiver.received.clear()
    assert await delivered(moving) == 1
    assert receiver.received[0].headers["webhook-id"] == old["event_id"]
    assert [each["status"] for each in await log(alice, webhook)] == ["pending", "delivered"]


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def test_disabled_after_a_week_and_begun_anew(moving: MovingWorld, receiver: Receiver, other: Receiver) -> None:
    receiver.answers = lambda _: answer(500)
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*", "webhook.*"])
    await hook(alice, other.url(), ["webhook.*"])
    for _ in range(11):  # a day each, and the waits of a day last a little longer
        await made(alice.client)
        await delivered(moving)
        moving.clock.now += timedelta(days=1)
    shown = (await alice.client.get(f"/v1/webhooks/{webhook['id']}")).json()
    assert shown["status"] == "disabled"
    trail = (await alice.client.get("/v1/audit?event=webhook.*")).json()["records"]
    assert [each["event"] for each in trail] == ["webhook.disabled", "webhook.created", "webhook.created"]
    [told] = (await alice.client.get("/v1/events?type=webhook.disabled")).json()["events"]
    assert told["data"] == shown
    assert told["event"] not in receiver.names
    assert [each.event for each in other.received] == [told]
    assert await delivered(moving) == 0
    [line, *_] = await log(alice, webhook, "limit=1")
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{line['id']}/replay"
    assert refused(await alice.client.post(path), 409, "INVALID_STATE") == {"status": "disabled"}
    receiver.answers = lambda _: answer(200)
    told = await alice.client.patch(f"/v1/webhooks/{webhook['id']}", json={"status": "active"})
    assert (told.json()["status"], told.json()["failing_since"]) == ("active", None)
    moving.clock.now += timedelta(days=2)  # all that wait for their next attempt are due
    assert await delivered(moving) > 0
    assert {each["status"] for each in await log(alice, webhook)} <= {"delivered", "failed"}


async def test_a_week_without_attempts_disables_nothing(moving: MovingWorld, receiver: Receiver) -> None:
    """The worker was down for longer than a week, or the clock jumped: the receiver failed once before, once after."""
    receiver.answers = lambda _: answer(500)
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await delivered(moving)
    moving.clock.now += timedelta(days=8)
    assert await delivered(moving) == 1
    shown = (await alice.client.get(f"/v1/webhooks/{webhook['id']}")).json()
    assert (shown["status"], shown["failing_since"] is not None) == ("active", True)
    receiver.answers = lambda _: answer(200)
    moving.clock.now += timedelta(hours=1)
    assert await delivered(moving) == 1
    assert (await alice.client.get(f"/v1/webhooks/{webhook['id']}")).json()["failing_since"] is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(world: World, receiver: Receiver, status: int) -> None:
    async with receiving() as elsewhere:
        receiver.answers = lambda _: answer(status, location=elsewhere.url())
        alice = await world.person()
        webhook = await hook(alice, receiver.url(), ["endpoint.*"])
        await made(alice.client)
        await delivered(world)
        assert len(receiver.received) == 1
        assert elsewhere.received == []
        [line] = await log(alice, webhook)
        assert (line["status"], line["response_status"]) == ("pending", status)
        assert "redirects are not followed" in line["error"]


async def test_of_a_big_answer_little_is_read(world: World, receiver: Receiver) -> None:
    """A body that never ends is no reason to wait."""
    receiver.answers = lambda _: b"HTTP/1.1 200 x\r\ncontent-length: 1000000000000\r\n\r\n" + b"x" * 200_000
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await delivered(world)
    [line] = await log(alice, webhook)
    assert (line["status"], line["duration_ms"] < 10_000) == ("delivered", True)


async def test_what_is_no_http_is_told_so(world: World, receiver: Receiver) -> None:
    receiver.answers = lambda _: b"SSH-2.0-OpenSSH_9.9\r\n\r\n"
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await delivered(world)
    [line] = await log(alice, webhook)
    assert line["error"] == "The connection broke, or what came back was no HTTP."


async def test_one_of_fifty_hangs_and_holds_up_none(moving: MovingWorld) -> None:
    """All is with the others while the first still hangs: it is waited for longer than any of this takes."""
    people = [await moving.person() for _ in range(5)]
    networks, context = moving.services.webhook_networks, ssl.create_default_context()
    patient = Sender(networks, context, partial(may_show, AnswersShown.NONE), total_seconds=280)
    async with AsyncExitStack() as stack:
        hanging, *others = [await stack.enter_async_context(receiving()) for _ in range(50)]
        stack.push_async_callback(patient.close)
        hanging.answers = lambda _: None
        for place, each in enumerate((hanging, *others)):
            await hook(people[place % 5], each.url(), ["endpoint.*"])
        for person in people:
            for _ in range(20):
                await made(person.client)
        working = asyncio.create_task(worker.deliver(moving.services, patient))
        while any(len(each.received) < 20 for each in others):
            waiting = [asyncio.create_task(each.asked.wait()) for each in others if len(each.received) < 20]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            for each in others:
                each.asked.clear()
        still = await moving.fetch(
            "SELECT d.attempts, d.claims FROM deliveries AS d JOIN webhooks AS w ON w.id = d.webhook_id"
            " WHERE w.url = $1 AND d.claims > 0",
            hanging.url(),
        )
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert [tuple(each) for each in still] == [(0, 1)]
    assert len(hanging.received) == 1
    for each in others:
        assert len({one.headers["webhook-id"] for one in each.received}) == len(each.received) == 20


# ── The log ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_log_has_every_attempt_before_a_replay_too(moving: MovingWorld, receiver: Receiver) -> None:
    answers = iter([answer(503, b"Later, please."), None, answer(200, "Grüße\0".encode()), answer(204)])
    receiver.answers = lambda _: next(answers)
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    shown = replace(moving.services, settings=replace(moving.services.settings, webhook_answers="all"))
    context, networks = ssl.create_default_context(), shown.webhook_networks
    impatient = Sender(networks, context, partial(may_show, AnswersShown.ALL), total_seconds=0.2)
    async with open_sender(shown) as patient:
        for sender, seconds in ((patient, 0), (impatient, 67), (patient, 330), (patient, 0)):
            moving.clock.now += timedelta(seconds=seconds)
            assert await worker.deliver_all(shown, sender) == 1
            [line] = await log(alice, webhook)
            if line["status"] == "delivered":
                await alice.client.post(f"/v1/webhooks/{webhook['id']}/deliveries/{line['id']}/replay")
    await impatient.close()
    told = await attempts(alice, line)
    assert [(each["response_status"], each["response_body"], each["error"]) for each in told] == [
        (503, "Later, please.", "The receiver answered 503; 200 to 299 is taken for received."),
        (None, None, "There was no answer in time."),
        (200, "Grüße\ufffd", None),
        (204, "", None),
    ]
    assert all(each["duration_ms"] >= 0 for each in told)
    times = [datetime.fromisoformat(each["attempted_at"]) for each in told]
    assert times == sorted(times)
    assert times[1] - times[0] == timedelta(seconds=67)
    assert await attempts(alice, line, "limit=2&offset=1") == told[1:3]
    query = f"/v1/webhooks/{webhook['id']}/deliveries/{line['id']}/attempts?limit=0"
    assert list(faults(await alice.client.get(query))) == ["limit"]


async def test_who_settles_too_late_has_tried_all_the_same(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await deliver.place(moving.services, moving.clock(), 100)
    [late] = await deliver.claim(moving.services, moving.clock(), 10, {})
    moving.clock.now += deliver.LEASE
    assert await delivered(moving) == 1
    async with sending(moving) as sender:
        await deliver.settle(moving.services, [await deliver.send(moving.services, sender, late)])
    [line] = await log(alice, webhook)
    assert line["attempts"] == 1
    assert len(await attempts(alice, line)) == 2


async def test_of_an_answer_the_beginning_is_shown(world: World, receiver: Receiver) -> None:
    receiver.answers = lambda _: answer(200, b"\xff" + "é".encode() * 600 + b"x" * 9000)
    assert await _shown(world, receiver, "all") == "\ufffd" + "é" * 600 + "x" * 399


@pytest.mark.parametrize("shown", ["public", "none"])
async def test_what_the_operators_own_network_answers_is_not_shown(
    world: World, receiver: Receiver, shown: str
) -> None:
    receiver.answers = lambda _: answer(200, b"The inside of a network.")
    assert await _shown(world, receiver, shown) is None


async def _shown(world: World, receiver: Receiver, shown: str) -> str | None:
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    services = replace(world.services, settings=replace(world.services.settings, webhook_answers=shown))
    async with open_sender(services) as sender:
        assert await worker.deliver_all(services, sender) == 1
    [line] = await log(alice, webhook)
    [one] = await attempts(alice, line)
    assert one["response_status"] == 200
    body: str | None = one["response_body"]
    return body


# ── Workers ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_two_workers_at_once_send_each_once(world: World, receiver: Receiver) -> None:
    alice = await world.person()
    await hook(alice, receiver.url(), ["endpoint.*"])
    endpoints = [await made(alice.client) for _ in range(10)]
    for name in "abcd":
        for each in endpoints:
            await rename(alice, each, name)
    async with sending(world) as one, sending(world) as two:
        counts = await asyncio.gather(*(worker.deliver_all(world.services, each) for each in (one, two)))
    while await delivered(world):  # what one let go when the other had looked
        pass
    assert sum(counts) <= 50
    assert len(receiver.received) == 50
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 50


async def test_who_dies_in_between_leaves_it_to_be_sent_again(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    receiver.answers = lambda _: None
    async with sending(moving) as sender:
        working = asyncio.create_task(worker.deliver_all(moving.services, sender))
        await receiver.asked.wait()
        working.cancel()  # as a process that is killed: nothing is settled
        await asyncio.gather(working, return_exceptions=True)
    receiver.answers = lambda _: answer(200)
    assert await delivered(moving) == 0, "its lease lasts"
    moving.clock.now += deliver.LEASE
    assert await delivered(moving) == 1
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    [line] = await log(alice, webhook)
    assert (line["status"], line["attempts"]) == ("delivered", 1)


async def test_who_settles_too_late_settles_nothing(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await deliver.place(moving.services, moving.clock(), 100)
    [late] = await deliver.claim(moving.services, moving.clock(), 10, {})
    moving.clock.now += deliver.LEASE
    receiver.answers = lambda _: answer(200)
    assert await delivered(moving) == 1
    async with sending(moving) as sender:
        receiver.answers = lambda _: answer(500)
        await deliver.settle(moving.services, [await deliver.send(moving.services, sender, late)])
    [line] = await log(alice, webhook)
    assert (line["status"], line["response_status"]) == ("delivered", 200)


async def test_where_no_event_gets_its_place_what_has_one_is_sent(world: World, receiver: Receiver) -> None:
    alice = await world.person()
    await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await deliver.place(world.services, world.services.clock(), 500)
    async with world.services.database.writing() as connection:
        await connection.execute("ALTER TABLE events ADD CHECK (position IS NULL) NOT VALID")
    await made(alice.client)  # never placed
    async with sending(world) as sender:
        working = asyncio.create_task(worker.deliver(world.services, sender))
        try:
            async with asyncio.timeout(10):
                await receiver.asked.wait()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    assert receiver.names == ["endpoint.created"]


async def test_a_running_worker_delivers_within_moments(world: World, receiver: Receiver) -> None:
    alice = await world.person()
    await hook(alice, receiver.url(), ["endpoint.*"])
    working = asyncio.create_task(worker.work(world.services))
    try:
        async with asyncio.timeout(60):
            await made(alice.client)
            await receiver.asked.wait()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert receiver.names == ["endpoint.created"]
