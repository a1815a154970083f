"""Kill -9 under load, of service, worker, database and one of its backends; and restarts of the database."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.faults.conftest import Place
from tests.faults.shop import CUT, Shop, assert_nothing_lost, assert_told_again, open_shop, prepare
from tests.story.processes import Service, environment

SEED = int(os.environ.get("STORY_SEED", "20261129"))
BEFORE, AFTER = 50, 50
"""Acknowledged requests before each fault, and after it."""

Fault = Callable[[Service, Place], None]


async def storm(served: Service, place: Place, *faults: Fault) -> Shop:
    """Each fault in turn, with buyers before it, in it and after it; then everything is counted."""
    async with place.world() as world:
        shop = await prepare(world, [served.url])
    await asyncio.to_thread(served.start)
    async with open_shop(shop):
        for fault in faults:
            await shop.more(BEFORE)
            await asyncio.to_thread(fault, served, place)
            await shop.more(AFTER)
    await assert_told_again(shop)
    async with place.world() as world:
        await assert_nothing_lost(world, shop)
    return shop


def kill_service(served: Service, place: Place) -> None:
    served.kill()
    served.start()


def kill_database(served: Service, place: Place) -> None:
    place.postgres.kill()
    place.postgres.start()


def kill_backend(served: Service, place: Place) -> None:
    """PostgreSQL then ends all others too, as that one may have spoilt what they share, and recovers."""
    pid = random.Random(SEED).choice(place.postgres.backends(place.name))
    os.kill(pid, signal.SIGKILL)


def restart_fast(served: Service, place: Place) -> None:
    place.postgres.stop(signal.SIGINT)
    place.postgres.start()


def restart_immediately(served: Service, place: Place) -> None:
    place.postgres.stop(signal.SIGQUIT)
    place.postgres.start()


async def test_service_and_worker_are_killed(served: Service, place: Place) -> None:
    served.options = ("--no-worker",)
    with worker(served) as sweeping:

        def kill_both(served: Service, place: Place) -> None:
            sweeping.kill()
            kill_service(served, place)

        shop = await storm(served, place, kill_both)
    assert any(shop.outcomes[each] for each in CUT), "no request was in flight: that proves nothing"


async def test_the_database_goes_and_comes_back(served: Service, place: Place) -> None:
    """503 meanwhile, and nothing else; the service, which nobody restarts, goes on by itself."""
    shop = await storm(served, place, kill_backend, restart_fast, restart_immediately, kill_database)
    assert set(shop.outcomes) <= {"200", "201", "204", "404", "409", "503"}, shop.lost()
    assert shop.outcomes["503"] > 0, "nobody noticed: that proves nothing"


@contextmanager
def worker(served: Service) -> Iterator["subprocess.Popen[bytes]"]:
    served.home.mkdir(parents=True, exist_ok=True)
    with (served.home / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "nambari", "worker"],
            stdout=log,
            stderr=log,
            env=environment(served.home) | served.settings,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)
