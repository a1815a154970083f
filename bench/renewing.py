"""How many months are taken per second? The worker's own sweep, beside its statements, replayed by pgbench.

Each run moves the clock on to where so many more numbers are due, that nobody has renewed yet.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench.figures import Figures, Run, summarize
from bench.pgbench import Pgbench
from bench.pool import AVAILABLE_SINCE, Holdings
from bench.recorder import Recorder, Statement
from bench.stage import database_used, spent
from nambari.operations import renew
from nambari.settings import Settings
from nambari.wiring import open_services
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


@dataclass(frozen=True, slots=True)
class Work:
    """What PostgreSQL does for one renewal, and beside it.

    `pages_read` were not in its own memory. `pages_logged` went into its log whole, as they were changed for the first
    time since a checkpoint.
    """

    pages_read: float
    pages_logged: float
    log_bytes: float


@dataclass(frozen=True, slots=True)
class Renewed:
    """Renewals per second with the latencies of a batch, the same of the bare statements, and what they cost."""

    ours: Figures
    bare: Figures
    work: Work


def measure(pgbench: Pgbench, holdings: Holdings, rounds: int) -> Renewed:
    ours: list[Run] = []
    bare: list[Run] = []
    costs: list[list[float]] = []
    numbers = min(MOST, holdings.count // (2 * rounds + 1))
    step = SPREAD * numbers / holdings.count
    now = FIRST_DUE_AT
    for _ in range(rounds):
        now += step
        before = _counted(pgbench.dsn)
        done, run = renewed(pgbench.dsn, now)
        costs.append([(after - was) / done for after, was in zip(_counted(pgbench.dsn), before, strict=True)])
        ours.append(run)
        now += step
        bare.append(_run(*asyncio.run(_replayed(pgbench, now)))[1])
    return Renewed(summarize(ours), summarize(bare), Work(*(median(each) for each in zip(*costs, strict=True))))


def _counted(dsn: str) -> tuple[float, float, float]:
    """What `Work` is of, since the server began. Connections that are closed by then are in it, others not yet."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT blks_read, wal_fpi, wal_bytes FROM pg_stat_database, pg_stat_wal WHERE datname = current_database()"
        ).fetchone()
    if row is None:
        raise RuntimeError("PostgreSQL counts nothing of this database.")
    return (float(row[0]), float(row[1]), float(row[2]))


def renewed(dsn: str, now: datetime) -> tuple[int, Run]:
    """How many were due, and what it took to renew them, batch by batch, as the worker does."""
    done, latencies, database_seconds = asyncio.run(_renewed(dsn, now))
    return _run(done, latencies, database_seconds)


async def _renewed(dsn: str, now: datetime) -> tuple[int, list[float], float]:
    latencies: list[float] = []
    done, before = 0, database_used(dsn)
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as services:
        while True:
            begun = time.perf_counter()
            count = await renew.due(services, now, BATCH)
            if not count:
                return done, latencies, spent(before, database_used(dsn))
            done += count
            latencies.append(time.perf_counter() - begun)


async def _replayed(pgbench: Pgbench, now: datetime) -> tuple[int, list[float]]:
    """What a batch would have sent, sent by nobody who thinks about it."""
    latencies: list[float] = []
    done = 0
    async with open_services(Settings(data_dir=Path("/nonexistent")), pgbench.dsn) as services:
        while True:
            undone = _Undone(services.database)
            count = await renew.due(replace(services, database=undone), now, BATCH)  # type: ignore[arg-type]
            if not count:
                return done, latencies
            done += count
            latencies.append(await asyncio.to_thread(pgbench.replay, undone.transactions))


def _run(done: int, latencies: list[float], database_seconds: float | None = None) -> tuple[int, Run]:
    if not done:
        raise RuntimeError("Nothing was due to be renewed.")
    of_each = None if database_seconds is None else database_seconds / done
    return done, Run(done / sum(latencies), latencies, database_seconds=of_each)
