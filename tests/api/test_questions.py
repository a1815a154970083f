"""A webhook endpoint is asked where a call goes: what it is sent, and what becomes of each thing that it can do."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook
from tests.api.asking import bought, made
from tests.api.test_routing import CALLER, calls, equipped, inbound, proxy, rejected
from tests.cast import Person, World
from tests.conftest import started
from tests.receiver import Receiver, answer, receiving

from nambari.api.app import application, with_request_id
from nambari.settings import Settings

URI = "sip:chosen@sip.example.com"
ROUTE = b'{"action":"route","sip_uri":"sip:chosen@sip.example.com"}'


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(lambda _: answer(200, ROUTE)) as made:
        yield made


async def asking(world: World, url: str, **fields: Any) -> tuple[Person, dict[str, Any], dict[str, Any]]:
    """Somebody, a number of theirs whose endpoint is a webhook at this URL, and the endpoint."""
    alice = await world.person()
    webhook = await made(alice.client, name="Logic", type="webhook", url=url)
    [item] = await world.stock()
    return alice, await bought(alice.client, item, endpoint_id=webhook["id"], **fields), webhook


async def test_it_is_asked_and_followed(world: World, receiver: Receiver) -> None:
    alice, number, webhook = await asking(world, receiver.url("/calls?from=nambari"))
    told = await inbound(await proxy(world), number["number"], "a@b")
    assert told == {
        "action": "route",
        "sip_uri": URI,
        "number": number["number"],
        "phone_number_id": number["id"],
        "organization_id": alice.organization_id,
        "endpoint_id": webhook["id"],
        "fallback": None,
        "via_fallback": None,
    }
    [question] = receiver.received
    assert question.target == "/calls?from=nambari"
    assert msgspec.json.decode(question.body) == {
        "call_id": "a@b",
        "direction": "inbound",
        "from": CALLER,
        "to": number["number"],
        "phone_number_id": number["id"],
        "endpoint_id": webhook["id"],
    }
    Webhook(webhook["secret"]).verify(question.body, question.headers)
    assert question.headers["x-webhook-signature"].startswith("sha256=")
    assert question.headers["content-type"] == "application/json"
    [event] = await calls(world)
    assert (event["event"], event["data"]["sip_uri"]) == ("call.routed", URI)
    assert event["data"]["endpoint_id"] == webhook["id"]
    assert question.headers["webhook-id"] == event["subject_id"], "asked again for one call, it has the same id"


async def test_a_caller_that_is_no_number_is_null(world: World, receiver: Receiver) -> None:
    _, number, _ = await asking(world, receiver.url())
    await inbound(await proxy(world), number["number"], **{"from": "anonymous"})
    assert msgspec.json.decode(receiver.received[0].body)["from"] is None


@pytest.mark.parametrize("standing_by", [True, False])
async def test_each_thing_that_can_go_wrong(world: World, receiver: Receiver, *, standing_by: bool) -> None:
    alice, number, _ = await asking(world, receiver.url())
    if standing_by:
        night = (await made(alice.client, url="sip:night@sip.example.com"))["id"]
        await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"fallback_endpoint_id": night})
    client = await proxy(world)
    elsewhere = answer(302, ROUTE, location="http://127.0.0.1:1/")
    for place, (told, cause, code) in enumerate(
        [
            (answer(500, ROUTE), "webhook_failed", 502),
            (answer(404, ROUTE), "webhook_failed", 502),
            (elsewhere, "webhook_failed", 502),
            (answer(204), "webhook_unreadable", 502),
            (answer(200, b"sip:a@b.example"), "webhook_unreadable", 502),
            (answer(200, b'{"action":"route","sip_uri":"https://example.com"}'), "webhook_unreadable", 502),
            (answer(200, ROUTE[:-1] + b" " * 20_000 + b"}"), "webhook_unreadable", 502),
            (b"nonsense\r\n\r\n", "webhook_unreadable", 502),
            (None, "webhook_timeout", 504),
        ]
    ):
        receiver.answers = lambda _, told=told: told  # type: ignore[misc]
        decided = await inbound(client, number["number"], f"call-{place}")
        if standing_by:
            assert (decided["action"], decided["sip_uri"]) == ("route", "sip:night@sip.example.com")
            assert (decided["endpoint_id"], decided["fallback"], decided["via_fallback"]) == (night, None, cause)
        else:
            rejected(decided, cause, code)
        event = (await calls(world))[-1]["data"]
        assert event["via_fallback" if standing_by else "cause"] == cause
        assert event["call_id"] == f"call-{place}"
    assert {each.target for each in receiver.received} == {"/events"}, "no redirect was followed"
    assert len(receiver.received) == 9


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        (b'{"action":"reject"}', 480, "The webhook of the number that was called rejected the call."),
        (b'{"action":"reject","sip_code":603,"reason":"Closed on Sundays."}', 603, "Closed on Sundays."),
    ],
)
async def test_a_rejection_is_final(world: World, receiver: Receiver, said: bytes, code: int, reason: str) -> None:
    alice, number, _ = await asking(world, receiver.url())
    night = (await made(alice.client, url="sip:night@sip.example.com"))["id"]
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"fallback_endpoint_id": night})
    receiver.answers = lambda _: answer(200, said)
    client = await proxy(world)
    told = await inbound(client, number["number"])
    assert told == {"action": "reject", "sip_code": code, "cause": "webhook_rejected", "reason": reason}
    [event] = await calls(world)
    assert (event["data"]["sip_code"], event["data"]["reason"]) == (code, reason)


async def test_it_is_reached_only_where_that_is_allowed(settings: Settings, dsn: str, receiver: Receiver) -> None:
    """http to the loopback is taken as an address, and gone to where the setting names the loopback."""
    app = application(replace(settings, webhook_allowed_networks=()), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        alice, number, webhook = await asking(world, receiver.url())
        client = await proxy(world)
        rejected(await inbound(client, number["number"]), "webhook_unreachable", 480)
        url = receiver.url(host="localhost")
        await alice.client.patch(f"/v1/endpoints/{webhook['id']}", json={"url": url})
        rejected(await inbound(client, number["number"]), "webhook_unreachable", 480)
        await world.close()
    assert receiver.received == []


async def test_nobody_at_the_address(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _, number, _ = await asking(world, f"http://127.0.0.1:{port}/")
    rejected(await inbound(await proxy(world), number["number"]), "webhook_unreachable", 480)


async def test_the_owner_is_told_that_it_would_be_asked(world: World, receiver: Receiver) -> None:
    alice, number, webhook = await asking(world, receiver.url())
    told = (await alice.client.post(f"/v1/phone-numbers/{number['id']}/test-route")).json()
    assert told["outcome"] == {
        "action": "ask",
        "url": webhook["url"],
        "number": number["number"],
        "phone_number_id": number["id"],
        "organization_id": alice.organization_id,
        "endpoint_id": webhook["id"],
        "fallback": None,
    }
    assert told["steps"][-1] == {
        "step": "endpoint_type",
        "found": f"It is a webhook, which decides. With a call it would be asked at {webhook['url']}",
        "ok": True,
    }
    assert receiver.received == []
    assert await calls(world) == []


async def test_no_connection_of_the_database_is_held_meanwhile(
    settings: Settings, dsn: str, receiver: Receiver
) -> None:
    app = application(replace(settings, database_connections=1), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        _, number, _ = await asking(world, receiver.url())
        _, other, _ = await equipped(world)
        client = await proxy(world)
        receiver.gate = asyncio.Event()
        waiting = [asyncio.create_task(inbound(client, number["number"], f"call-{place}")) for place in range(5)]
        await receiver.asked.wait()
        assert (await inbound(client, other["number"], "other"))["action"] == "route"
        assert not any(task.done() for task in waiting)
        receiver.gate.set()
        assert {each["sip_uri"] for each in await asyncio.gather(*waiting)} == {URI}
        await world.close()
