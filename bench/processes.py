"""`python -m bench.processes`: measure what several processes, nginx, PgBouncer and a replica do to the rate.

One durable PostgreSQL with a standby that streams from it. The same load goes to one process, to two, to two behind
nginx, to one through PgBouncer, and to one that reads its lists at the standby; in turn, so that a slow moment of the
machine is everybody's. Needs nginx and PgBouncer.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import psycopg
from tests.scale.bouncer import pgbouncer
from tests.scale.clusters import Pair, pair
from tests.scale.front import front

from bench import machine, pages, pool, renewing, report, stage
from bench.figures import Figures, Run, summarize
from bench.load import compose
from bench.pool import Buyer
from bench.stage import Service
from nambari.db.migrate import migrate
from nambari.settings import Settings
from nambari.wiring import open_services

NUMBERS = 200_000
QUICK_NUMBERS = 20_000
CONNECTIONS = 16
SESSIONS = 20
PURCHASES_PER_SECOND = 2_000
"""Each number is bought once, so they are chosen before the clock starts."""
CALL, PURCHASE, RENEWAL = "call routed", "purchase", "renewal"
READS = {
    "list of 50": "/v1/phone-numbers?limit=50",
    "search": "/v1/phone-numbers/available?country=GB&type=local&limit=20",
}
CALLED = 1_000
CALLS_PER_SECOND = 8_000
"""Each call is asked about once, so they are made before the clock starts."""
CORES, USE = 16, 0.5
"""Of a server as one may rent it, used as far as one lets it be."""
SECONDS_OF_A_DAY = 86_400
HELD = (100_000, 1_000_000, 10_000_000)
CALLS_A_DAY, LISTS_A_DAY, SEARCHES_A_DAY, DAYS_HELD, DAYS_OF_A_MONTH = 10, 1, 1, 360, 30
PEAK = 4
"""The deployment of the arithmetic: of each number held, and how many times the mean its busiest hour is."""
DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB"}


async def enrol(dsn: str, count: int) -> tuple[list[Buyer], str]:
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as services:
        return await pool.enrol(services, count), await pool.enrol_proxy(services)


def ways(stack: ExitStack, servers: Pair, folder: Path) -> dict[str, Service]:
    """Each way to be served, by name; the first is what the others are compared with."""
    dsn = servers.primary.dsn
    database = dsn.rpartition("/")[2]
    two = stack.enter_context(stage.served(dsn, 2))
    before = stack.enter_context(front(folder / "nginx", [f"127.0.0.1:{two.port}"], tls=False))
    pooler = stack.enter_context(pgbouncer(folder / "pgbouncer", "127.0.0.1", servers.primary.port, database, SESSIONS))
    return {
        "one process": replace(stack.enter_context(stage.served(dsn, 1)), dsn=dsn),
        "two processes": two,
        "two behind nginx": replace(two, port=before.port),
        "one through PgBouncer": stack.enter_context(stage.served(dsn, 1, {"NAMBARI_POOLER_URL": pooler})),
        "one with a replica": stack.enter_context(stage.served(dsn, 1, {"NAMBARI_REPLICA_URL": servers.standby.dsn})),
    }


def for_sale(dsn: str) -> Iterator[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT id FROM inventory WHERE status = 'available' ORDER BY id").fetchall()
    return (str(row[0]) for row in rows)


def buying(buyers: list[Buyer], items: Iterator[str], most: int) -> list[list[str]]:
    requests: list[list[str]] = [[] for _ in buyers]
    for place in range(most):
        at = place % len(buyers)
        item = next(items)
        requests[at].append(compose("POST", "/v1/phone-numbers", buyers[at].secret, {"inventory_id": item}, item))
    return requests


def calling(secret: str, numbers: list[str], turn: Iterator[int], connections: int, most: int) -> list[list[str]]:
    requests: list[list[str]] = [[] for _ in range(connections)]
    for place in range(most):
        call = {"to": numbers[place % len(numbers)], "from": "+442079460999", "call_id": f"{next(turn)}@example.com"}
        requests[place % connections].append(compose("POST", "/v1/routing/inbound", secret, call))
    return requests


def measure(
    served: dict[str, Service], dsn: str, buyers: list[Buyer], proxy: str, rounds: int, seconds: float
) -> dict[str, dict[str, Figures]]:
    """By operation, then by way. `proxy`: the secret of the key that asks about calls."""
    items, turn, numbers = for_sale(dsn), count(), pool.called(dsn, CALLED)
    found: dict[str, dict[str, Figures]] = {}
    asked = {name: [[compose("GET", path, each.secret)] for each in buyers] for name, path in READS.items()}
    for name in (*READS, CALL, PURCHASE):
        runs: dict[str, list[Run]] = {way: [] for way in served}
        for round_ in range(rounds + 1):
            for way, service in served.items():
                if name in READS:
                    run = service.load(asked[name], seconds, 200)
                elif name == CALL:
                    calls = calling(proxy, numbers, turn, len(buyers), int(CALLS_PER_SECOND * seconds))
                    run = service.load(calls, seconds, 200, once=True)
                else:
                    some = buying(buyers, items, int(PURCHASES_PER_SECOND * seconds))
                    run = service.load(some, seconds, 201, once=True)
                if round_:  # its connections and their plans are made by then
                    runs[way].append(run)
        found[name] = {way: summarize(each) for way, each in runs.items()}
    return found


def table(found: dict[str, dict[str, Figures]]) -> str:
    lines = []
    for name, figures in found.items():
        first = next(iter(figures.values())).per_second
        lines += [
            [
                f"{name}, {way}",
                f"{of.per_second:,.0f}",
                f"{of.per_second / first:.2f}",
                f"{of.p50_ms:.2f}",
                f"{of.p99_ms:.2f}",
            ]
            for way, of in figures.items()
        ]
    return report.table(["", "requests/s", "of one process", "p50, ms", "p99, ms"], lines)


def renewed(dsn: str, rounds: int) -> Figures:
    """By one worker, of what is due at some time of the month."""
    now, runs = renewing.FIRST_DUE_AT, []
    for _ in range(rounds):
        now += renewing.SPREAD / rounds
        runs.append(renewing.renewed(dsn, now)[1])
    return summarize(runs)


def carried(costs: dict[str, float]) -> str:
    """What one PostgreSQL would carry if nothing but its processors bounded it, by what each costs it, in µs."""
    lines = []
    for name, cost in costs.items():
        of_one = 1e6 / cost
        day = of_one * CORES * USE * SECONDS_OF_A_DAY
        lines.append(
            [name, f"{cost:,.0f}", f"{of_one:,.0f}", f"{of_one * CORES * USE:,.0f}", f"{day / 1e6:,.0f} million"]
        )
    head = ["", "PostgreSQL, µs", "of a core, per s", f"{CORES} cores at {USE:.0%}, per s", "in a day"]
    return report.table(head, lines)


def deployed(costs: dict[str, float]) -> str:
    """The cores of the database that a deployment uses, by how many numbers are held."""
    # A release is counted as a purchase, which writes the more of the two.
    of_a_number_and_day = {
        "list of 50": LISTS_A_DAY,
        "search": SEARCHES_A_DAY,
        CALL: CALLS_A_DAY,
        PURCHASE: 2 / DAYS_HELD,
        RENEWAL: 1 / DAYS_OF_A_MONTH,
    }
    lines, sums = [], [0.0] * len(HELD)
    for name, a_day in of_a_number_and_day.items():
        rates = [held * a_day / SECONDS_OF_A_DAY for held in HELD]
        cores = [rate * costs[name] / 1e6 for rate in rates]
        sums = [total + each for total, each in zip(sums, cores, strict=True)]
        pairs = zip(rates, cores, strict=True)
        lines.append(
            [name, f"{a_day * 1000:,.1f}", *(text for rate, of in pairs for text in (f"{rate:,.1f}", f"{of:.3f}"))]
        )
    lines.append(["all", "", *(text for total in sums for text in ("", f"{total:.2f}"))])
    lines.append(
        [f"all, at {PEAK} times the mean", "", *(text for all_ in sums for text in ("", f"{all_ * PEAK:.2f}"))]
    )
    of_each = [text for held in HELD for text in (f"{held:,} held, per s", "cores")]
    return report.table(["", "a day, of 1,000 held", *of_each], lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.processes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few numbers, for a moment: to see that it works")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; 3 when left out")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run; 3 when left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this Markdown page")
    wanted = parser.parse_args()
    rounds, seconds, numbers, connections = (
        (1, 0.2, QUICK_NUMBERS, 4) if wanted.quick else (wanted.rounds, wanted.seconds, NUMBERS, CONNECTIONS)
    )
    with tempfile.TemporaryDirectory(prefix="nambari-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        servers = stack.enter_context(pair(folder / "servers", synchronous=False, **DURABLE))
        dsn = servers.primary.dsn
        migrate(dsn)
        buyers, proxy = asyncio.run(enrol(dsn, connections))
        pool.fill(dsn, numbers, pool.Holdings(len(buyers), pool.OWNED_BY_EACH), buyers)
        described = machine.describe(dsn, folder) | {
            "measured": f"{numbers:,} numbers for sale, {connections} connections, medians of {rounds} interleaved runs"
            f" of {seconds:g} s; the load generator and both servers share the machine"
        }
        servers.standby.catch_up(servers.primary.position())
        found = measure(ways(stack, servers, folder), dsn, buyers, proxy, rounds, seconds)
        renewals = renewed(dsn, rounds)
    of_one = {name: next(iter(by_way.values())) for name, by_way in found.items()} | {RENEWAL: renewals}
    # Of a quick run it may be less than a tick.
    costs = {name: max(figures.database_us or 0.0, 1.0) for name, figures in of_one.items()}
    tables = [table(found), carried(costs), deployed(costs)]
    figures = "\n\n".join([report.header(described), *tables])
    print(figures)
    if wanted.write:
        pages.write(wanted.write, {"processes": figures})


if __name__ == "__main__":
    main()
