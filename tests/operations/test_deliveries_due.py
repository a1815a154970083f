"""Are we behind with webhooks? What waits for our workers is told; what waits for a receiver or its owner is not."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.api.asking import made
from tests.cast import Person
from tests.delivering import delivered, hook, sending
from tests.moving import MovingWorld
from tests.receiver import Receiver, answer, receiving

from nambari.domain.webhook import AnswersShown, may_show
from nambari.operations import deliver
from nambari.operations.measure import Seen, measure
from nambari.sending import Sender
from nambari.settings import Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


async def due(moving: MovingWorld) -> tuple[float, float]:
    """How many deliveries are told to be due, and for how many seconds the oldest."""
    told = {each.name: each for each in await measure(moving.services, Seen(), moving.clock())}
    return told["deliveries_due"].values[()], told["deliveries_due_seconds"].values[()]


async def placed(moving: MovingWorld) -> None:
    """All events have their places, and nobody sends them yet."""
    while await deliver.place(moving.services, moving.clock(), 100):
        pass


async def attempted(moving: MovingWorld, sender: Sender) -> None:
    """One delivery of each webhook is tried, as by a worker that does not know it, and no other."""
    claimed = await deliver.claim(moving.services, moving.clock(), 10, {})
    await deliver.settle(moving.services, [await deliver.send(moving.services, sender, each) for each in claimed])


async def switch(person: Person, webhook: dict[str, str], status: str) -> None:
    told = await person.client.patch(f"/v1/webhooks/{webhook['id']}", json={"status": status})
    assert told.status_code == 200, told.text


async def test_what_no_worker_takes_is_told(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    await hook(alice, receiver.url(), ["endpoint.*"])
    for _ in range(3):
        await made(alice.client)
    await placed(moving)
    moving.clock.now += timedelta(minutes=15)
    assert await due(moving) == (3, 900)
    assert await delivered(moving) == 3
    assert await due(moving) == (0, 0)


async def test_what_waits_for_its_owner_is_not_told(moving: MovingWorld, receiver: Receiver) -> None:
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client)
    await placed(moving)
    await switch(alice, webhook, "inactive")
    moving.clock.now += timedelta(days=30)
    assert await due(moving) == (0, 0)
    await switch(alice, webhook, "active")
    moving.clock.now += timedelta(seconds=5)
    assert await due(moving) == (1, 5), "since a worker may take it again"
    assert await delivered(moving) == 1
    assert await due(moving) == (0, 0)


async def test_what_a_disabled_webhook_left_is_not_told(moving: MovingWorld, receiver: Receiver) -> None:
    receiver.answers = lambda _: answer(500)
    alice = await moving.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    for _ in range(11):
        await made(alice.client)
        await delivered(moving)
        moving.clock.now += timedelta(days=1)
    assert (await alice.client.get(f"/v1/webhooks/{webhook['id']}")).json()["status"] == "disabled"
    moving.clock.now += timedelta(days=30)
    assert await moving.value("SELECT count(*) FROM deliveries WHERE next_attempt_at < $1", moving.clock()) > 0
    assert await due(moving) == (0, 0)


async def test_what_waits_for_a_receiver_is_not_told(moving: MovingWorld, receiver: Receiver) -> None:
    """A receiver that hangs has one place: a burst behind it is due for long, and no more workers would help."""
    receiver.answers = lambda _: None
    alice, bella = await moving.person(), await moving.person()
    networks, context = moving.services.webhook_networks, ssl.create_default_context()
    impatient = Sender(networks, context, partial(may_show, AnswersShown.NONE), total_seconds=0.2)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(impatient.close)
        patient = await stack.enter_async_context(sending(moving))
        other = await stack.enter_async_context(receiving())
        await hook(alice, receiver.url(), ["endpoint.*"])
        await hook(bella, other.url(), ["endpoint.*"])
        for _ in range(50):
            await made(alice.client)
        await placed(moving)
        assert await due(moving) == (50, 0), "nobody knows yet that it hangs"
        await attempted(moving, impatient)
        moving.clock.now += timedelta(minutes=5)
        assert await due(moving) == (0, 0)
        await made(bella.client)
        await placed(moving)
        moving.clock.now += timedelta(minutes=11)
        assert await due(moving) == (1, 660), "and it hides nothing of the others"
        receiver.answers = lambda _: answer(204)
        await attempted(moving, patient)
        assert (await due(moving))[0] == 49, "it takes again: the rest of them is ours"
    assert await delivered(moving) == 49
    assert await due(moving) == (0, 0)
