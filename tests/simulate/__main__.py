"""`python -m tests.simulate`: seed after seed until one fails or somebody interrupts; `--seed N` plays that one."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import structlog
from tests.conftest import TEMPLATE, Databases, dsn_of
from tests.simulate.play import play
from tests.simulate.town import Broken, town

from nambari.db import embedded
from nambari.db.migrate import migrate

SEEDS_IN_ONE_DATABASE = 10
STEPS = 12


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    asked.add_argument("--seed", type=int, help="play this one, and tell its journal")
    asked.add_argument(
        "--first", type=int, default=int(time.time()), help="begin with this seed (else another each time)"
    )
    asked.add_argument("--steps", type=int, default=STEPS, help=f"how many steps a story has ({STEPS})")
    given = asked.parse_args()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    try:
        with databases() as made:
            if given.seed is not None:
                return asyncio.run(_one(made.make(), given.seed, given.steps))
            return _many(made, given.first, given.steps)
    except KeyboardInterrupt:
        print("\ninterrupted")
        return 0
    except Broken as broken:
        print(f"\n{broken}", file=sys.stderr)
        return 1


@contextmanager
def databases() -> Iterator[Databases]:
    with tempfile.TemporaryDirectory() as folder:
        server = embedded.attach(Path(folder), durable=False)
        try:
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            migrate(dsn_of(server, TEMPLATE))
            with ThreadPoolExecutor(1) as maker:
                yield Databases(server, TEMPLATE, maker)
        finally:
            server.close()


async def _one(dsn: str, seed: int, steps: int) -> int:
    async with town(dsn) as made:
        story = await play(made, seed, steps)
    print("\n".join(story.journal))
    print(f"seed {seed}: all is well after {steps} steps")
    return 0


def _many(made: Databases, first: int, steps: int) -> int:
    started = time.monotonic()
    for batch in count(first, SEEDS_IN_ONE_DATABASE):
        dsn = made.make()
        asyncio.run(_batch(dsn, range(batch, batch + SEEDS_IN_ONE_DATABASE), steps, first, started))
        made.drop(dsn)
    return 0


async def _batch(dsn: str, seeds: range, steps: int, first: int, started: float) -> None:
    async with town(dsn) as made:
        for seed in seeds:
            await play(made, seed, steps)
            done, seconds = seed - first + 1, time.monotonic() - started
            print(f"\r{done} seeds, {done * steps} steps, {seconds:.0f} s, the last {seed}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
