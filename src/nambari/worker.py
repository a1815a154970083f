"""The loop of the background: a few bounded sweeps in a fixed order. It decides nothing.

Any number of processes may run it at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from nambari.db.engine import DatabaseUnavailable
from nambari.logs import places
from nambari.operations import forget, renew, stock
from nambari.wiring import Services

Sweep = Callable[[Services, datetime, int], Awaitable[int]]
"""Does what is due at an instant, at most so many; how many it did."""

SWEEPS: tuple[Sweep, ...] = (renew.due, renew.forecasts, stock.come_of_age, forget.answers, forget.holds)
BATCH = 500
PAUSE_SECONDS = 10.0

_log = structlog.get_logger("nambari.worker")


async def work(services: Services) -> None:
    """Sweep until cancelled. A database that is away is waited for."""
    while True:
        try:
            await sweep_all(services)
        except DatabaseUnavailable as error:
            _log.warning("sweeps wait for the database", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one sweep must not end all those to come
            _log.error("a sweep failed", kind=type(error).__name__, places=places(error))
        await asyncio.sleep(PAUSE_SECONDS)


async def sweep_all(services: Services) -> int:
    """All that is due now, batch by batch; how much it was."""
    done = 0
    for sweep in SWEEPS:
        while count := await sweep(services, services.clock(), BATCH):
            done += count
    return done
