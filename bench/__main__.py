"""`python -m bench`: measure the operations beside what bounds them, print the tables; nothing is left behind."""

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import machine, pages, pool, report, stage
from bench.cases import Case, Stage, buying_cases, reading_cases, searching_cases
from bench.measure import Bench
from bench.pgbench import Pgbench
from bench.pool import Buyer
from bench.recorder import recording
from nambari.db.server_program import find_binaries
from nambari.settings import Settings
from nambari.wiring import open_services


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `connections` is what the load and pgbench open, and the service's pool."""

    numbers: int
    rounds: int
    seconds: float
    connections: int


FULL = Plan(numbers=1_000_000, rounds=5, seconds=2.0, connections=16)
QUICK = Plan(numbers=100_000, rounds=1, seconds=0.5, connections=4)


def tell(what: str) -> None:
    """What is being done, on one line of the terminal; not a word of it in a file."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


async def prepare(plan: Plan, dsn: str) -> tuple[list[Buyer], list[Case]]:
    """The pool, the buyers, and every case recorded."""
    settings = Settings(data_dir=Path("/nonexistent"))
    tell(f"filling the pool with {plan.numbers:,} numbers")
    async with open_services(settings, dsn) as services:
        buyers = await pool.enrol(services, plan.connections)
    holdings = pool.Holdings(len(buyers), pool.OWNED_BY_EACH)
    pool.fill(dsn, plan.numbers, holdings, buyers, tell)
    async with recording(settings, dsn) as recorded:
        stage_of = Stage(recorded, buyers, holdings, plan.connections, plan.seconds)
        searches, *_ = await searching_cases(stage_of)
        cases = [*await reading_cases(stage_of), searches, *await buying_cases(stage_of)]
    return buyers, cases


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small pool and short runs: to see that it works")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this Markdown page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    asked = parser.parse_args()
    plan = QUICK if asked.quick else FULL
    with stage.database() as (dsn, folder):
        described = machine.describe(dsn, folder) | {
            "measured": f"{plan.numbers:,} numbers for sale, {plan.connections} connections,"
            f" medians of {plan.rounds} interleaved runs of {plan.seconds:g} s"
        }
        buyers, cases = asyncio.run(prepare(plan, dsn))
        constants = {case.name.split()[0]: case.exchange.body.decode() for case in cases if "," not in case.name}
        with (
            stage.service(dsn, plan.connections) as ours,
            stage.service(dsn, plan.connections, constants) as constant,
        ):
            at_start = ours.memory_bytes()
            pgbench = Pgbench(find_binaries(folder / "data" / "pgdata") / "pgbench", dsn, folder, plan.connections)
            bench = Bench(ours, constant, pgbench, plan.rounds, plan.seconds, tell)
            alone = bench.measure_alone(buyers[0].secret)
            rows = [bench.measure(case) for case in cases]
            samples = {case.name: bench.sample(case) for case in cases}
            process = {
                "memory_mb": ours.memory_bytes() / 2**20,
                "memory_at_start_mb": at_start / 2**20,
                "start_seconds": ours.start_seconds,
            }
        tell("")
    tables = report.tables(described, rows, alone, process)
    profile = report.profile(samples)
    print(f"{tables}\n\n{profile}")
    if asked.json:
        figures = report.as_json(described, rows, alone, process) | {"samples": samples}
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
    if asked.write:
        pages.write(asked.write, {"operations": tables, "profile": profile})


if __name__ == "__main__":
    main()
