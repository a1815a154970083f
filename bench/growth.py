"""`python -m bench.growth`: measure the operations with few numbers, with many, and with ten million of them.

At each size as many are for sale, and half as many are held, in a database of its own, which is gone afterwards. The
figure to look at is the slope: how many times as long a request takes at the largest size as at the smallest.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from bench import delivering, machine, pages, pool, progress, renewing, stage
from bench.cases import Case, Stage, buying_cases, reading_cases, routing_case, searching_cases
from bench.delivering import EVENTS, PACED, QUICK_EVENTS, QUICK_PACED, receiving
from bench.figures import Figures
from bench.measure import Bench
from bench.pgbench import Pgbench
from bench.pool import Buyer, Holdings
from bench.recorder import recording
from bench.shown import DELIVERIES, RENEWALS, Grown, Line, draw, tables
from nambari.db.server_program import find_binaries
from nambari.settings import Settings
from nambari.wiring import open_services

SIZES = [10_000, 1_000_000, 10_000_000]
QUICK_SIZES = [2_000, 4_000]
PARTS = ("get", "list", "search", "purchase", "routing", "renewals", "deliveries")
OWNED_BY_EACH = 250
CALLED = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured at every size. `connections` is what the load and pgbench open, and the service's pool."""

    parts: tuple[str, ...]
    rounds: int
    seconds: float
    connections: int
    events: int
    """To be delivered in each round; and so many one by one, to be waited for, are `paced`."""
    paced: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A database of a size: who buys, who holds, and an operator's key for the calls."""

    dsn: str
    size: int
    buyers: list[Buyer]
    holdings: Holdings
    operator_secret: str


async def enrol(dsn: str, count: int) -> tuple[list[Buyer], str]:
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as services:
        return await pool.enrol(services, count), await pool.enrol_proxy(services)


def fill(dsn: str, size: int, connections: int, tell: Callable[[str], None]) -> Filled:
    buyers, secret = asyncio.run(enrol(dsn, connections))
    holdings = Holdings(max(connections, size // 2 // OWNED_BY_EACH), OWNED_BY_EACH)
    pool.fill(dsn, size, holdings, buyers, tell)
    return Filled(dsn, size, buyers, holdings, secret)


async def prepare(filled: Filled, plan: Plan) -> list[Case]:
    """The cases of the parts that are wanted, each recorded; what buys comes last, as it uses up the pool."""
    cases: list[Case] = []
    async with recording(Settings(data_dir=Path("/nonexistent")), filled.dsn) as recorded:
        stage_of = Stage(recorded, filled.buyers, filled.holdings, plan.connections, plan.seconds)
        get, list_of_50 = await reading_cases(stage_of)
        cases += [get] if "get" in plan.parts else []
        cases += [list_of_50] if "list" in plan.parts else []
        cases += (await searching_cases(stage_of))[1:] if "search" in plan.parts else []
        if "routing" in plan.parts:
            cases.append(await routing_case(stage_of, filled.operator_secret, pool.called(filled.dsn, CALLED)))
        if "purchase" in plan.parts:
            left = pool.local_numbers(filled.size, filled.holdings.count)
            cases += (await buying_cases(stage_of, left // (2 * plan.rounds + 2)))[:1]
    return cases


def measure(size: int, plan: Plan, tell: Callable[[str], None]) -> Grown:
    with stage.database() as (dsn, folder):
        described = machine.describe(dsn, folder)
        begun = time.perf_counter()
        filled = fill(dsn, size, plan.connections, lambda what: tell(f"{size:,}: {what}"))
        fill_seconds = time.perf_counter() - begun
        cases = asyncio.run(prepare(filled, plan))
        constants = {case.name.split(":")[0].split()[0]: case.exchange.body.decode() for case in cases}
        with (
            stage.service(dsn, plan.connections) as ours,
            stage.service(dsn, plan.connections, constants) as constant,
        ):
            program = find_binaries(folder / "data" / "pgdata") / "pgbench"
            pgbench = Pgbench(program, dsn, folder, plan.connections)
            bench = Bench(
                ours, constant, pgbench, plan.rounds, plan.seconds, lambda what: tell(f"{size:,} numbers: {what}")
            )
            lines = {}
            for case in cases:
                row = bench.measure(case)
                lines[case.name] = Line(row.ours, row.of_pgbench, row.of_constant)
            memory_bytes = ours.memory_bytes()
        work = None
        if "renewals" in plan.parts:
            tell(f"{size:,} numbers: renewals")
            renewed = renewing.measure(pgbench, filled.holdings, plan.rounds)
            lines[RENEWALS] = Line(renewed.ours, renewed.ours.per_second / renewed.bare.per_second, None)
            work = renewed.work
        if "deliveries" in plan.parts:
            tell(f"{size:,} numbers: deliveries")
            lines[DELIVERIES] = delivered(dsn, plan)
        return Grown(
            size=size,
            held=filled.holdings.count,
            lines=lines,
            fill_seconds=fill_seconds,
            database_bytes=_database_bytes(dsn),
            memory_bytes=memory_bytes,
            start_seconds=ours.start_seconds,
            syncs_per_second=1e3 / machine.sync_milliseconds(folder),
            work=work,
            described=described,
        )


def delivered(dsn: str, plan: Plan) -> Line:
    """By one worker, beside a loop that posts the same bodies; the latencies are from an event to its arrival."""
    with receiving() as receiver:
        rounds = [delivering.measure(dsn, receiver, plan.events, (1,)) for _ in range(plan.rounds)]
        felt = delivering.felt(dsn, receiver, plan.paced, slow=False)
    rate = median(each.by_workers[1] for each in rounds)
    return Line(
        Figures(rate, felt.p50_ms, felt.p99_ms, None, None, None), rate / median(each.bare for each in rounds), None
    )


def _database_bytes(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, for a moment: to see that it works")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="how many numbers are for sale")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="which parts; all when left out")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; 3 when left out")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each run; 1 when left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put tables and charts into this Markdown page")
    wanted = parser.parse_args()
    sizes = sorted(set(wanted.sizes or (QUICK_SIZES if wanted.quick else SIZES)))
    rounds, seconds, connections = (1, 0.3, 4) if wanted.quick else (wanted.rounds, wanted.seconds, 16)
    events, paced = (QUICK_EVENTS, QUICK_PACED) if wanted.quick else (EVENTS, PACED)
    plan = Plan(tuple(wanted.only), rounds, seconds, connections, events, paced)
    tell = progress.telling()
    grown = [measure(size, plan, tell) for size in sizes]
    tell("done")
    described = grown[0].described | {
        "measured": f"{connections} connections, medians of {rounds} interleaved runs of {seconds:g} s;"
        " half as many numbers are held as are for sale"
    }
    text = tables(described, grown)
    print(text)
    if wanted.write:
        pages.write(wanted.write, {"growth": text})
        pages.draw(wanted.write, draw(grown, wanted.write.parent / "images"))


if __name__ == "__main__":
    main()
