"""`python -m bench.gathering`: measure an experiment, purchases that are gathered, beside those of the service.

How it is done is in `bench/gatherer.py`. The service does not do it: decision 0073 says why.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeAlias

import psycopg
from tests.cast import INVARIANTS

from bench import machine, pages, pool, progress, report, stage
from bench.cases import Case, Stage, buying_cases
from bench.customers import Line
from bench.figures import Figures, summarize
from bench.pgbench import Pgbench
from bench.pool import Buyer, Holdings
from bench.recorder import recording
from nambari.db.server_program import find_binaries
from nambari.domain import refusals
from nambari.settings import Settings
from nambari.wiring import open_services

MOST = 2_500
"""Purchases of a run."""
NUMBERS = 400_000
QUICK_NUMBERS = 20_000
QUICK_PURCHASES = 200
Load: TypeAlias = tuple[str, int, int]
LOADS: tuple[Load, ...] = (("16 buyers", 16, 16), ("1 buyer", 16, 1), ("1 buyer", 64, 1))
"""Name, connections, buyers."""
CREDITS_FOR, WANTED = 7, 40
BOUGHT, REFUSED = "bought", refusals.InsufficientBalance.code
PRICE_CENTS = 350
"""Of a local number: set-up and first month."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One load, as the service does it, gathered, and by pgbench one by one; the ratios of the rounds."""

    name: str
    ours: Figures
    gathered: Figures
    pgbench: Figures
    ratios: list[float]


async def enrol(dsn: str, count: int, cents: int = pool.CENTS) -> list[Buyer]:
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as services:
        return await pool.enrol(services, count, cents)


def compare(
    dsn: str, folder: Path, loads: Sequence[Load], numbers: int, most: int, rounds: int, tell: Callable[[str], None]
) -> list[Compared]:
    """By turns: many buyers, and one buyer with few connections and with many."""
    buyers = asyncio.run(enrol(dsn, 16))
    found = []
    taken = 0
    program = find_binaries(folder / "data" / "pgdata") / "pgbench"
    for name, connections, count in loads:
        some = buyers[:count]

        async def prepare(some: list[Buyer] = some, connections: int = connections, taken: int = taken) -> Case:
            async with recording(Settings(data_dir=Path("/nonexistent")), dsn) as recorded:
                of = Stage(recorded, some, Holdings(1, taken), connections, 1.0)
                return (await buying_cases(of, most))[0]

        case = asyncio.run(prepare())
        pgbench = Pgbench(program, dsn, folder, connections)
        ours, gathered, one_by_one = [], [], []
        with (
            stage.service(dsn, connections) as plain,
            stage.service(dsn, connections, gathering=True) as gathering,
        ):
            for turn in range(1, rounds + 1):
                tell(f"{name}, {connections} at once: round {turn} of {rounds}")
                ours.append(plain.load(case.work().clients, 5.0, 201, once=True))
                gathered.append(gathering.load(case.work().clients, 5.0, 201, once=True))
                work = case.work()
                one_by_one.append(pgbench.run(work.scripts, 1.0, work.variables, buying=True, each=work.each))
        taken += numbers // 3
        ratios = [one.per_second / other.per_second for one, other in zip(gathered, ours, strict=True)]
        found.append(
            Compared(
                f"{name}, {connections} at once", summarize(ours), summarize(gathered), summarize(one_by_one), ratios
            )
        )
    return found


def short_of_credits(dsn: str, last: int) -> dict[str, int]:
    """Credits for a few numbers, and many wanted at once: how many got one, and how many heard each refusal."""
    [poor] = asyncio.run(enrol(dsn, 1, CREDITS_FOR * PRICE_CENTS))

    async def buy(port: int, turn: int) -> str:
        line = Line(port)
        body = {"inventory_id": pool.inventory_id(pool.local_place(turn))}
        _, answer = await line.ask("POST", "/v1/phone-numbers", poor.secret, body, f"short-{turn}")
        line.close()
        return str(answer.get("code", BOUGHT))

    async def buy_all(port: int) -> list[str]:
        return await asyncio.gather(*(buy(port, last - turn) for turn in range(WANTED)))

    with stage.service(dsn, WANTED, gathering=True) as service:
        return dict(sorted(Counter(asyncio.run(buy_all(service.port))).items()))


def broken(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [meaning for meaning, violations in INVARIANTS.items() if connection.execute(violations).fetchone()]


def tables(found: list[Compared]) -> str:
    rows = [
        [
            each.name,
            *(f"{one.per_second:,.0f}" for one in (each.ours, each.gathered, each.pgbench)),
            f"{median(each.ratios):.2f}",
            f"{min(each.ratios):.2f}",
            f"{max(each.ratios):.2f}",
        ]
        for each in found
    ]
    head = ["purchases per second", "one by one", "gathered", "pgbench", "gathered, of one by one", "least", "most"]
    times = [
        [each.name, *(f"{value:.1f}" for one in (each.ours, each.gathered) for value in (one.p50_ms, one.p99_ms))]
        for each in found
    ]
    return "\n\n".join(
        [report.table(head, rows), report.table(["ms", "p50, one by one", "p99", "p50, gathered", "p99"], times)]
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gathering", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few purchases, once: to see that it works")
    parser.add_argument("--rounds", type=int, default=5, help="how often, by turns; 5 when left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this Markdown page")
    asked = parser.parse_args()
    numbers, most, rounds = (QUICK_NUMBERS, QUICK_PURCHASES, 1) if asked.quick else (NUMBERS, MOST, asked.rounds)
    loads = LOADS[1:2] if asked.quick else LOADS
    tell = progress.telling()
    with stage.database() as (dsn, folder):
        described = machine.describe(dsn, folder) | {
            "measured": f"medians of {rounds} interleaved runs of {most:,} purchases, one service with 1 process"
        }
        tell(f"stocking {numbers:,} numbers")
        pool.stock(dsn, numbers)
        found = compare(dsn, folder, loads, numbers, most, rounds, tell)
        tell("short of credits")
        answers = short_of_credits(dsn, numbers // 10 * 6 - 1)
        wrong = broken(dsn)
    tell("done")
    told = ", ".join(f"{count} {what}" for what, count in answers.items())
    text = "\n\n".join(
        [
            report.header(described),
            tables(found),
            f"credits for {CREDITS_FOR}, {WANTED} wanted at once: {told}\ninvariants broken: {len(wrong)}",
        ]
    )
    print(text)
    if asked.write:
        pages.write(asked.write, {"gathering": text})
    return 1 if wrong or answers != {BOUGHT: CREDITS_FOR, REFUSED: WANTED - CREDITS_FOR} else 0


if __name__ == "__main__":
    sys.exit(main())
