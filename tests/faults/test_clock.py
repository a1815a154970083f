"""The clock jumps by hours, on and back: months are charged once, holds end, answers are kept, nobody pays twice.

Webhooks are told of all that happens meanwhile, in order per object; of some of it once the clock is there again.

libfaketime moves the wall clock of the running service and its worker, and leaves the one alone that only counts
seconds, as a jump does in life.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from tests.cast import Person, World
from tests.faults.conftest import Place
from tests.faults.shop import HANG_SECONDS, PRICE, assert_nothing_lost, assert_told_again, open_shop, prepare, soon
from tests.receiver import Answer, Received, Receiver, answer, receiving
from tests.story.processes import Service

from nambari.domain.access import Environment
from nambari.domain.purchase import Order
from nambari.domain.renewal import months_after
from nambari.operations.purchase import purchase
from nambari.worker import MOST_OF_ONE

JUMP = timedelta(hours=6)
NUMBERS = 20
DUE_IN = timedelta(hours=3)
FAR = timedelta(hours=5)
"""An instant that is further away was set by a clock that was ahead."""
TOLD_SECONDS = 90
MONTHLY = 250


@pytest.fixture
def clock(served: Service, tmp_path: Path) -> Path:
    """A file that says how far the service's clock is off."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "a clock that jumps needs libfaketime; on Debian: apt-get install libfaketime"
    file = tmp_path / "clock"
    file.write_text("+0\n")
    served.settings |= {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NAMBARI_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    return file


def jump(clock: Path, by: timedelta) -> None:
    """In one step, or the service might read half of it."""
    new = clock.with_suffix(".new")
    new.write_text(f"{by.total_seconds():+.0f}\n")
    new.replace(clock)


async def bought_a_month_ago(world: World, person: Person) -> None:
    """Numbers whose next month is due in three hours: on the 31st too, which the month before may not have had."""
    due = datetime.now(UTC) + DUE_IN
    at = months_after(due, -1)
    attempt = world.operator(person.organization_id, Environment.LIVE)
    items = await world.stock(NUMBERS)
    await world.fetch("UPDATE inventory SET available_since = $1, created_at = $1 WHERE id = ANY($2)", at, items)
    for item in items:
        await purchase(world.services, attempt, Order(inventory_id=item), at)
    await world.fetch(
        "UPDATE phone_numbers SET renews_at = $1, paid_until = $1, billing_anchor_at = $1 WHERE organization_id = $2",
        due,
        person.organization_id,
    )


async def charged(place: Place, person: Person) -> int:
    async with place.world() as world:
        count = "SELECT count(*) FROM postings WHERE type = 'monthly_fee' AND organization_id = $1"
        return int(await world.value(count, person.organization_id))


async def charged_is(place: Place, person: Person, wanted: int) -> None:
    deadline = time.monotonic() + 60
    while (so_far := await charged(place, person)) != wanted:  # the worker is another process
        assert time.monotonic() < deadline, (so_far, wanted, await months_of(place, person))
        await asyncio.sleep(0.1)


async def months_of(place: Place, person: Person) -> list[tuple[object, ...]]:
    """How the first numbers stand, for whoever reads a failure."""
    async with place.world() as world:
        query = "SELECT now(), status, renews_at, due_at FROM phone_numbers WHERE organization_id = $1 LIMIT 2"
        return [tuple(row) for row in await world.fetch(query, person.organization_id)]


async def test_hours_on_and_back(served: Service, place: Place, clock: Path) -> None:
    async with place.world() as world:
        shop = await prepare(world, [served.url])
        tenant = await world.person(cents=NUMBERS * (PRICE + MONTHLY))
        world._next_number = 5000
        await bought_a_month_ago(world, tenant)
        [held] = await world.stock()
        await asyncio.to_thread(served.start)
        client = httpx2.AsyncClient(headers={"x-api-key": tenant.api_key}, base_url=served.url, timeout=HANG_SECONDS)
        rival = shop.client(await world.person())
        async with client, rival:
            assert (await client.post("/v1/holds", json={"inventory_id": held})).status_code == 201
            order = {"inventory_id": held}
            async with open_shop(shop):
                await shop.more(30)
                refused = await rival.post(f"{served.url}/v1/phone-numbers", json=order)
                assert refused.status_code == 404, "it is held"

                jump(clock, JUMP)
                await charged_is(place, tenant, 2 * NUMBERS)
                await shop.more(30)
                bought = await rival.post(f"{served.url}/v1/phone-numbers", json=order)
                assert bought.status_code == 201, "the hold has ended"

                jump(clock, timedelta())
                await shop.more(60)
                jump(clock, -JUMP)
                await shop.more(60)
            jump(clock, timedelta())
            await assert_told_again(shop)
            await soon(served.is_ready, 30, "readiness")
            assert await charged(place, tenant) == 2 * NUMBERS
            assert (await client.get("/v1/phone-numbers")).json()["total"] == NUMBERS
        await assert_nothing_lost(world, shop)


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────


Delivery = dict[str, Any]
"""As the log has it."""


def far_ahead(found: list[Delivery]) -> dict[str, str]:
    """The objects whose next attempt is hours away, and when it is."""
    next_at = {each["subject_id"]: each["next_attempt_at"] for each in found if each["next_attempt_at"]}
    return {subject: at for subject, at in next_at.items() if datetime.fromisoformat(at) - datetime.now(UTC) > FAR}


@dataclass
class Customer:
    """Somebody with numbers and a webhook. What was told is looked for in what was taken, by object."""

    world: World
    person: Person
    client: httpx2.AsyncClient
    webhook: dict[str, Any]
    numbers: list[str]
    rounds: int = 0

    async def label_all(self) -> None:
        """Of each number one more event."""
        self.rounds += 1
        for number_id in self.numbers:
            told = await self.client.patch(f"/v1/phone-numbers/{number_id}", json={"label": f"round {self.rounds}"})
            assert told.status_code == 200, told.text

    async def pending(self, wanted: Callable[[list[Delivery]], bool]) -> list[Delivery]:
        """What is still to be delivered, by the log, once all that happened is in it and it is as wanted."""
        deadline = time.monotonic() + TOLD_SECONDS
        unplaced = "SELECT count(*) FROM events WHERE organization_id = $1 AND position IS NULL"
        path = f"/v1/webhooks/{self.webhook['id']}/deliveries?status=pending&limit=100"
        while True:  # the worker is another process
            all_placed = await self.world.value(unplaced, self.person.organization_id) == 0
            found: list[Delivery] = (await self.client.get(path)).json()["deliveries"]
            if all_placed and wanted(found):
                return found
            assert time.monotonic() < deadline, (all_placed, len(found), found[:2])
            await asyncio.sleep(0.05)

    async def all_told(self) -> None:
        await self.pending(lambda found: not found)

    async def all_refused(self) -> None:
        """Each number's one event was tried, and is to be tried again."""
        await self.pending(lambda found: [each["attempts"] for each in found] == [1] * NUMBERS)

    async def put_off(self) -> dict[str, str]:
        """The numbers that wait for an hour far ahead, and for which, once nothing else is to be delivered."""
        found = await self.pending(lambda found: {each["subject_id"] for each in found} == set(far_ahead(found)))
        return far_ahead(found)

    async def missing(self, taken: list[Received]) -> int:
        """How many events are not among them; the others must be in order, of each object, as they first came."""
        query = """
            SELECT id, subject_id FROM events WHERE organization_id = $1 AND event = ANY($2) AND sequence >
                (SELECT sequence FROM events WHERE event = 'webhook.created' AND organization_id = $1)
            ORDER BY sequence
        """
        rows = await self.world.fetch(query, self.person.organization_id, self.webhook["events"])
        assert {row["subject_id"] for row in rows} == set(self.numbers)
        first_came = list(dict.fromkeys(each.event["id"] for each in taken))
        missing = 0
        for number_id in self.numbers:
            happened = [row["id"] for row in rows if row["subject_id"] == number_id]
            came = [event_id for event_id in first_came if event_id in happened]
            assert came == happened[: len(came)], "one came before an earlier one of its object"
            missing += len(happened) - len(came)
        return missing


@asynccontextmanager
async def customer(served: Service, place: Place, receiver: Receiver, cents: int) -> AsyncIterator[Customer]:
    """On a service that is started for it, with numbers that were bought a month ago, and so many credits for that."""
    events = ["phone_number.updated", "phone_number.suspended"]
    async with place.world() as world:
        person = await world.person(cents=cents)
        await bought_a_month_ago(world, person)
        await asyncio.to_thread(served.start)
        headers = {"x-api-key": person.api_key}
        async with httpx2.AsyncClient(headers=headers, base_url=served.url, timeout=HANG_SECONDS) as client:
            made = await client.post("/v1/webhooks", json={"url": receiver.url(), "events": events})
            assert made.status_code == 201, made.text
            listed = (await client.get("/v1/phone-numbers")).json()["phone_numbers"]
            yield Customer(world, person, client, made.json(), [each["id"] for each in listed])


async def told_of(receiver: Receiver, count: int, event: str) -> None:
    async with asyncio.timeout(TOLD_SECONDS):
        while receiver.names.count(event) < count:
            receiver.asked.clear()
            await receiver.asked.wait()


async def label_all_and_hold(tenant: Customer, receiver: Receiver) -> asyncio.Event:
    """As many of these events as may be are under way; until the event is set that is given, none is answered."""
    await tenant.all_told()
    before = receiver.names.count("phone_number.updated")
    receiver.gate = asyncio.Event()
    await tenant.label_all()
    await told_of(receiver, before + MOST_OF_ONE, "phone_number.updated")
    await tenant.pending(lambda found: len(found) == NUMBERS)
    return receiver.gate


async def test_every_event_is_told(served: Service, place: Place, clock: Path) -> None:
    async with receiving() as receiver, customer(served, place, receiver, NUMBERS * PRICE) as tenant:
        await tenant.label_all()
        gate = await label_all_and_hold(tenant, receiver)
        jump(clock, JUMP)
        gate.set()
        await told_of(receiver, NUMBERS, "phone_number.suspended")  # a month is due by now, and cannot be paid
        await tenant.label_all()
        await tenant.all_told()
        assert await tenant.missing(receiver.received) == 0

        gate = await label_all_and_hold(tenant, receiver)
        jump(clock, -JUMP)
        await tenant.label_all()
        await tenant.pending(lambda found: len(found) == 2 * NUMBERS)
        gate.set()
        late = NUMBERS - MOST_OF_ONE  # due, and not under way, when the clock went back
        await tenant.pending(lambda found: len(found) == 2 * late)
        waiting = await tenant.put_off()
        jump(clock, timedelta())
        await tenant.label_all()
        assert await tenant.put_off() == waiting, "they alone, and what happens to the same numbers"
        assert await tenant.missing(receiver.received) == 3 * late

        jump(clock, JUMP)  # it is there again
        await tenant.all_told()
        assert await tenant.missing(receiver.received) == 0


async def test_a_receiver_that_looks_at_the_time(served: Service, place: Place, clock: Path) -> None:
    taken: list[Received] = []

    def take(message: Received) -> Answer:
        try:
            Webhook(tenant.webhook["secret"]).verify(message.body, message.headers)
        except WebhookVerificationError:
            return answer(400)
        taken.append(message)
        return answer(204)

    cents = NUMBERS * (PRICE + MONTHLY)
    async with receiving(take) as receiver, customer(served, place, receiver, cents) as tenant:
        jump(clock, -JUMP)
        await tenant.label_all()
        await tenant.all_refused()
        assert not taken
        jump(clock, timedelta())
        await tenant.all_told()  # the next attempts were due hours ago
        assert await tenant.missing(taken) == 0

        jump(clock, JUMP)
        await tenant.label_all()
        await tenant.all_refused()
        jump(clock, timedelta())
        await tenant.label_all()
        assert len(await tenant.put_off()) == NUMBERS
        assert await tenant.missing(taken) == 2 * NUMBERS
        again = {"from": "0001-01-01T00:00:00Z"}
        replayed = await tenant.client.post(f"/v1/webhooks/{tenant.webhook['id']}/replay", json=again)
        assert replayed.status_code == 200, replayed.text
        await tenant.all_told()
        assert await tenant.missing(taken) == 0
