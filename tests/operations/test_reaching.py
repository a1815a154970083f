"""Where may a delivery go, and whom does it trust? The address that is connected to is checked, and the certificate."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.api.asking import made
from tests.authority import Authority, authority
from tests.cast import Person, World
from tests.delivering import hook, log
from tests.receiver import Receiver, answer, receiving

from nambari import worker
from nambari.operations import deliver
from nambari.sending import Message, Resolve, Sender
from nambari.settings import Settings
from nambari.wiring import Services, open_sender

NOT_PUBLIC = (
    "The host has an address that is private, loopback or otherwise not public, and not in"
    " NAMBARI_WEBHOOK_ALLOWED_NETWORKS."
)
NAME = "receiver.example.com"


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


def with_settings(services: Services, **changed: Any) -> Services:
    return replace(services, settings=replace(services.settings, **changed))


def leading_to(*addresses: str) -> Resolve:
    """Every name leads there."""

    async def resolve(_: str, __: int) -> list[str]:
        return list(addresses)

    return resolve


async def told(services: Services, resolve: Resolve | None, person: Person, url: str) -> dict[str, Any]:
    """What the log says of one delivery to that address."""
    webhook = await hook(person, url, ["endpoint.*"])
    await made(person.client)
    async with open_sender(services, resolve) as sender:
        await worker.deliver_all(services, sender)
    [line] = await log(person, webhook)
    await person.client.delete(f"/v1/webhooks/{webhook['id']}")
    return line


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_address_that_is_connected_to_is_checked(world: World, receiver: Receiver) -> None:
    """A name that leads to a public address when it is looked at and to a private one when it is connected to."""
    closed = replace(world.services, settings=replace(world.services.settings, webhook_allowed_networks=()))
    answers = iter([["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]])
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return next(answers)

    alice = await world.person()
    await hook(alice, f"https://rebinding.example.com:{receiver.port}/", ["endpoint.*"])
    await made(alice.client)
    async with open_sender(closed, resolve) as sender:
        await deliver.place(closed, closed.clock(), 100)
        [claimed] = await deliver.claim(closed, closed.clock(), 10, {})
        for _ in range(4):
            outcome = await sender.send(deliver.message(claimed, closed.clock()))
            assert outcome.error is not None
            assert "private, loopback or otherwise not public" in outcome.error
    assert asked == [("rebinding.example.com", receiver.port)] * 4
    assert receiver.received == []


async def test_it_connects_to_the_very_address_that_was_checked(world: World, receiver: Receiver) -> None:
    """The name is asked once for a connection: a second answer, another, would not be seen."""
    answers = iter([["127.0.0.1"]])
    allowed = replace(
        world.services, settings=replace(world.services.settings, webhook_allowed_networks=("127.0.0.1/32",))
    )

    async def resolve(_: str, __: int) -> list[str]:
        return next(answers)  # a second question would fail

    alice = await world.person()
    await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await deliver.place(allowed, allowed.clock(), 100)
    [claimed] = await deliver.claim(allowed, allowed.clock(), 10, {})
    named = replace(claimed, url=receiver.url(host="named.example.com"))
    async with open_sender(allowed, resolve) as sender:
        outcome = await sender.send(deliver.message(named, allowed.clock()))
    assert outcome.error is None
    assert receiver.received[0].headers["host"] == f"named.example.com:{receiver.port}"


async def test_a_name_that_is_bound_anew_between_two_deliveries(world: World) -> None:
    """First it leads to an allowed address and takes events; then to another of the host, which is none of them.

    The receiver closes each connection, so that the name is asked again, and again its address is checked.
    """
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.1"]])

    async def resolve(_: str, __: int) -> list[str]:
        return next(answers)

    services = with_settings(world.services, webhook_allowed_networks=("127.0.0.1/32",))
    alice = await world.person()
    async with receiving() as public, receiving(host="127.0.0.2") as inside, open_sender(services, resolve) as sender:
        public.answers = lambda _: answer(204, connection="close")
        inside.port = public.port
        await inside.down()
        await inside.up()
        await hook(alice, public.url(host=NAME).replace("http:", "https:"), ["endpoint.*"])
        await made(alice.client)
        await deliver.place(services, services.clock(), 100)
        [claimed] = await deliver.claim(services, services.clock(), 10, {})
        message = deliver.message(replace(claimed, url=public.url(host=NAME)), services.clock())
        errors = [(await sender.send(message)).error for _ in range(4)]
    assert errors == [None, NOT_PUBLIC, NOT_PUBLIC, None]
    assert len(public.received) == 2
    assert inside.received == []


async def test_a_name_as_the_system_resolves_it(world: World, receiver: Receiver) -> None:
    """By the real resolver: names of this very host, and spellings of addresses that only a resolver understands."""
    closed = with_settings(world.services, webhook_allowed_networks=())
    named = with_settings(world.services, webhook_allowed_networks=("127.0.0.0/8", "::1/128"))
    hosts = ["localhost", "LOCALHOST", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:7f00:1]", "0.0.0.0"]
    async with open_sender(closed) as sender:
        for host in hosts:
            assert await _error(sender, receiver.url(host=host)) == NOT_PUBLIC, host
    assert receiver.received == []
    async with open_sender(named) as sender:
        assert await _error(sender, receiver.url(host="localhost")) is None
    assert len(receiver.received) == 1


async def _error(sender: Sender, url: str) -> str | None:
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    return (await sender.send(Message(url, "evt_1", datetime.now(UTC), b'{"id":"evt_1"}', (secret,)))).error


# ── Certificates ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("others"))


async def test_a_receiver_with_a_certificate_of_a_named_authority(world: World, ours: Authority) -> None:
    services = with_settings(world.services, webhook_ca_file=str(ours.certificate))
    alice = await world.person()
    async with receiving(tls=ours.context_for(NAME)) as receiver:
        line = await told(services, leading_to("127.0.0.1"), alice, receiver.url(host=NAME))
    assert (line["status"], line["response_status"], line["error"]) == ("delivered", 204, None)
    assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}"


async def test_no_other_certificate_is_taken(world: World, ours: Authority, others: Authority) -> None:
    """Another's, another name's, one that has expired; ours where nobody named its authority: nothing is posted."""
    alice = await world.person()
    trusting = with_settings(world.services, webhook_ca_file=str(ours.certificate))
    async with AsyncExitStack() as stack:
        for services, host, context in (
            (trusting, NAME, others.context_for(NAME)),
            (trusting, NAME, ours.context_for("another.example.com")),
            (trusting, "expired.example.com", ours.context_for("expired.example.com", days=-1)),
            (world.services, NAME, ours.context_for(NAME)),
        ):
            receiver = await stack.enter_async_context(receiving(tls=context))
            line = await told(services, leading_to("127.0.0.1"), alice, receiver.url(host=host))
            assert line["error"] == "The receiver's certificate is not valid for its name."
            assert (line["status"], line["response_status"], line["attempts"]) == ("pending", None, 1)
            assert receiver.received == []


async def test_what_speaks_no_tls_is_told_so(world: World) -> None:
    async def turn_away(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 This is the port for http\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        line = await told(world.services, leading_to("127.0.0.1"), await world.person(), f"https://{NAME}:{port}/")
    assert line["error"] == "There was no secure connection: TLS failed."
