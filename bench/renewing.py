"""How many months are taken per second? The worker's own sweep, beside the statements that it sends, replayed alone.

Each run moves the clock on to where so many more numbers are due, that nobody has renewed yet.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import Figures, Run, summarize
from bench.pool import AVAILABLE_SINCE, Holdings
from bench.recorder import Recorder, Statement
from nambari.operations import renew
from nambari.settings import Settings
from nambari.wiring import Services, open_services
from nambari.worker import BATCH

MOST = 2_500
"""Numbers of a run."""
FIRST_DUE_AT = datetime.fromisoformat(AVAILABLE_SINCE).replace(year=2027)
SPREAD = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class _Undone:
    """A database whose writes are noted, transaction by transaction, and undone."""

    database: Any
    transactions: list[list[Statement]] = field(default_factory=list)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Recorder]:
        async with self.database.reading() as connection:
            yield Recorder(connection, self._next())

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Recorder]:
        async with self.database.reading() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield Recorder(connection, self._next())
            finally:
                await transaction.rollback()

    def _next(self) -> list[Statement]:
        self.transactions.append([])
        return self.transactions[-1]


async def measure(dsn: str, holdings: Holdings, rounds: int) -> tuple[Figures, Figures]:
    """Renewals per second with the latencies of a batch, and the same of the bare statements."""
    ours, bare = [], []
    numbers = min(MOST, holdings.count // (2 * rounds + 1))
    step = SPREAD * numbers / holdings.count
    now = FIRST_DUE_AT
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as services:
        for _ in range(rounds):
            now += step
            ours.append(await _renewed(services, now))
            now += step
            bare.append(await _replayed(services, now))
    return summarize(ours), summarize(bare)


async def _renewed(services: Services, now: datetime) -> Run:
    """Batch by batch, as the worker does."""
    latencies, done = [], 0
    while True:
        begun = time.perf_counter()
        count = await renew.due(services, now, BATCH)
        if not count:
            break
        done += count
        latencies.append(time.perf_counter() - begun)
    return _run(done, latencies)


async def _replayed(services: Services, now: datetime) -> Run:
    """What a batch would have sent, sent by nobody who thinks about it."""
    latencies, done = [], 0
    while True:
        undone = _Undone(services.database)
        count = await renew.due(replace(services, database=undone), now, BATCH)  # type: ignore[arg-type]
        if not count:
            break
        done += count
        begun = time.perf_counter()
        for statements in undone.transactions:
            async with services.database.writing() as connection:
                for each in statements:
                    await connection.fetch(each.sql, *each.values)
        latencies.append(time.perf_counter() - begun)
    return _run(done, latencies)


def _run(done: int, latencies: list[float]) -> Run:
    if not done:
        raise RuntimeError("Nothing was due to be renewed.")
    return Run(per_second=done / sum(latencies), latencies=latencies)
