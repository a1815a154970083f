"""Does every event arrive, in order per object, whoever is killed? Workers by kill -9 and the receiver, at random."""

import asyncio
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.cast import World
from tests.receiver import Receiver, receiving
from tests.story.processes import Service, attach, database, environment

from nambari.db.migrate import migrate
from nambari.domain.access import Environment
from nambari.domain.subscriber import Webhook, WebhookStatus
from nambari.operations import webhooks

OBJECTS = 500
EVENTS_OF_EACH = 10
EVENTS = OBJECTS * EVENTS_OF_EACH
WORKERS = 2
KILLS = 8
SEED = 20260923

HAPPENED = """
    INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at)
    SELECT 'evt_' || object || '_' || nth, $1, 'live', 'endpoint.updated', 'ep_' || object,
           jsonb_build_object('id', 'ep_' || object, 'nth', nth), '[]', 'req_test', now()
    FROM generate_series(1, $3::int) AS nth, generate_series(1, $2::int) AS object ORDER BY nth, object
"""


@contextmanager
def worker(service: Service) -> Iterator["subprocess.Popen[bytes]"]:
    ours = {
        "NAMBARI_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "NAMBARI_WEBHOOK_RETRY_SECONDS": "0" + ",1" * 40,
    }
    with (service.home / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "nambari", "worker"],
            stdout=log,
            stderr=log,
            env=environment(service.home) | ours,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


async def subscribed(world: World, url: str) -> None:
    organization_id = await world.organization()
    now = world.services.clock()
    webhook = Webhook(
        id="wh_1",
        url=url,
        events=["endpoint.*"],
        status=WebhookStatus.ACTIVE,
        failing_since=None,
        previous_secret_until=None,
        created_at=now,
        updated_at=now,
    )
    await webhooks.create(world.services, world.operator(organization_id, Environment.LIVE), webhook, now)
    async with world.services.database.writing() as connection:
        await connection.execute(HAPPENED, organization_id, OBJECTS, EVENTS_OF_EACH, timeout=60)


async def arrivals(receiver: Receiver, goal: int) -> None:
    while len(receiver.received) < goal:
        receiver.asked.clear()
        await receiver.asked.wait()


async def storm(home: Service, receiver: Receiver, world: World) -> int:
    """Until nothing is pending. After so many arrivals each time a worker is killed, and the receiver goes down."""
    chance = random.Random(SEED)
    killed = 0
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(home)) for _ in range(WORKERS)]
        async with asyncio.timeout(280):
            for _ in range(KILLS):
                goal = len(receiver.received) + chance.randrange(1, EVENTS // KILLS)
                await arrivals(receiver, min(goal, EVENTS))
                victim = workers.pop(0)
                victim.kill()
                victim.wait(60)
                killed += 1
                await receiver.down()
                workers.append(stack.enter_context(worker(home)))
                await receiver.up()
            delivered = "SELECT count(*) FROM deliveries WHERE status = 'delivered'"
            while await world.value(delivered) < EVENTS:
                receiver.asked.clear()
                await asyncio.wait({asyncio.ensure_future(receiver.asked.wait())}, timeout=1)
    return killed


async def test_5000_events_arrive_in_order_per_object(served: Service) -> None:
    served.home.mkdir(parents=True)
    server = attach(served.home)
    try:
        await asyncio.to_thread(migrate, server.dsn)
        async with database(served.home) as world, receiving() as receiver:
            await subscribed(world, receiver.url())
            killed = await storm(served, receiver, world)
    finally:
        server.close()
    assert killed == KILLS
    seen: set[str] = set()
    order: dict[str, list[int]] = defaultdict(list)
    for each in receiver.received:
        if each.headers["webhook-id"] not in seen:
            seen.add(each.headers["webhook-id"])
            order[each.event["data"]["id"]].append(each.event["data"]["nth"])
    assert len(seen) == EVENTS
    assert set(map(tuple, order.values())) == {tuple(range(1, EVENTS_OF_EACH + 1))}
    duplicates = len(receiver.received) - EVENTS
    print(f"{EVENTS} events, {killed} workers killed, {duplicates} duplicates")  # noqa: T201 - what is asked of it
    assert duplicates <= KILLS * 3 * 8, "no more than was under way"
