"""`python -m bench.soak`: half an hour of an ordinary day at half the limit, and what is different at its end.

Customers search, get, list, buy, set, release and restore; calls come in, events are delivered, days pass. Ends with 1
if an invariant is broken, a request failed, an event was not delivered, or memory, connections or the time that an
answer takes grew beyond their bounds.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tests.cast import INVARIANTS

from bench import customers, machine, pages, pool, progress, report, stage
from bench.customers import Counted, Customer, Line
from bench.delivering import Receiver, receiving, working
from bench.figures import percentile
from bench.watch import Sample, Watch, sampling
from nambari.domain.access import Caller, Environment, Scope
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.operations import credit, keys, kyc, organizations
from nambari.operations.idempotency import Attempt
from nambari.operations.keys import NewKey
from nambari.settings import Settings
from nambari.wiring import Services, open_services

CUSTOMERS = 16
STOCK = 200_000
QUICK_STOCK = 2_000
SHARE_OF_LIMIT = 0.5
LIMIT_SECONDS = 10.0
MOST_GROWTH_BYTES = 48 << 20
"""Of a process, from the first fifth of the run to the last."""
DRIFT_MINUTES = 1.0
"""The fifths of a shorter run tell of what else the machine did in those seconds, and not of what drifts."""
MOST_MORE_CONNECTIONS = 3
"""To the database, likewise: a pool opens another when it is asked for more at once than ever before."""
MOST_TIMES_AS_LONG = 4.0
"""Likewise, of the median of a kind of request: the database more than doubles in half an hour."""
LEAST_MEDIAN_SECONDS = 0.005
"""A median below it says more of the machine than of us: it may grow to so many times this."""
DELIVERED_WITHIN_SECONDS = 300.0
LOOK_SECONDS = 0.2
CENTS = 10**9


@dataclass(frozen=True, slots=True)
class Soaked:
    """All that was seen; `arrived` are deliveries that the receiver took, `late` events that were not delivered."""

    limit_per_second: float
    asked_per_second: float
    minutes: float
    counted: dict[str, Counted]
    samples: list[Sample]
    arrived: int
    late: int
    broken: list[str]


# ── Who takes part ───────────────────────────────────────────────────────────────────────────────────────────────


async def enrol(dsn: str, port: int) -> list[Customer]:
    """One half in the live environment, one in the test environment, where days pass as they like."""
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as services:
        operators = {
            environment: await _key(services, None, environment, scopes=(Scope.ROUTING_READ,))
            for environment in Environment
        }
        taking_part = []
        for place in range(CUSTOMERS):
            environment = Environment.TEST if place % 2 else Environment.LIVE
            secret = await _customer(services, place, environment)
            taking_part.append(
                Customer(
                    Line(port),
                    secret,
                    operators[environment],
                    environment is Environment.TEST,
                    random.Random(place),
                )
            )
    return taking_part


async def _customer(services: Services, place: int, environment: Environment) -> str:
    now = services.clock()
    organization_id = await organizations.create(services, f"Customer {place}", "enterprise", "req_soak", now)
    operator = Attempt(caller=Caller(None, organization_id, environment), request_id="req_soak")
    if environment is Environment.LIVE:  # in the other one everybody is verified, and has credits
        await kyc.submit(services, operator, Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL), now)
        await kyc.approve(services, operator, now)
        await credit.top_up(services, operator, CENTS, None, now)
    return await _key(services, organization_id, environment)


async def _key(services: Services, organization_id: str | None, environment: Environment, **other: Any) -> str:
    wanted = NewKey(organization_id=organization_id, environment=environment, name="soak", **other)
    return (await keys.create(services, wanted, "req_soak", services.clock()))[1]


def listen(dsn: str, receiver: Receiver) -> None:
    """Every organization has a webhook for all that happens, in each environment."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO webhooks (id, organization_id, environment, url, events, status, secret, created_at, updated_at)
            SELECT 'wh_' || environment || id, id, environment, %s || environment || '/' || id, '{*}', 'active', %s,
                   now(), now()
            FROM organizations, unnest(ARRAY['live', 'test']) AS environment
            """,
            [receiver.url(""), "whsec_" + "A" * 43 + "="],
        )


# ── The run ──────────────────────────────────────────────────────────────────────────────────────────────────────


def soak(dsn: str, minutes: float, limit_seconds: float, say: Callable[[str], None]) -> Soaked:
    with receiving() as receiver, stage.served(dsn, 1) as service, working(dsn, 1) as workers:
        taking_part = asyncio.run(enrol(dsn, service.port))
        listen(dsn, receiver)
        say(f"looking for the limit, {limit_seconds:g} s")
        _run(taking_part, limit_seconds / 2, None)  # what is loaded at the first request is there by then
        limit = _per_second(_run(taking_part, limit_seconds, None))
        rate = limit * SHARE_OF_LIMIT
        say(f"the limit is {limit:,.0f} requests per second; {minutes:g} minutes at {rate:,.0f}")
        watch = Watch(dsn, {"service": service.process.pid, "worker": workers[0].pid}, receiver)
        with sampling(watch, minutes * 60, say) as samples:
            counted = _run(taking_part, minutes * 60, rate)
        say("waiting for the deliveries")
        late = _deliver(watch)
        say("asking the invariants")
        broken = _broken(dsn)
    return Soaked(limit, rate, minutes, counted, samples, watch.arrived, late, broken)


def _run(taking_part: list[Customer], seconds: float, per_second: float | None) -> dict[str, Counted]:
    async def run() -> dict[str, Counted]:
        try:
            return await customers.run(taking_part, seconds, per_second)
        finally:
            for each in taking_part:
                each.line.close()

    return asyncio.run(run())


def _per_second(counted: dict[str, Counted]) -> float:
    ended = [at for each in counted.values() for at, _ in each.latencies]
    return len(ended) / max(ended)


def _deliver(watch: Watch) -> int:
    """How many events and deliveries still wait when there was time enough for all."""
    deadline = time.monotonic() + DELIVERED_WITHIN_SECONDS
    while (waiting := watch.waiting()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    watch.look(0.0)
    return waiting


def _broken(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [meaning for meaning, violations in INVARIANTS.items() if connection.execute(violations).fetchone()]


# ── What is told ─────────────────────────────────────────────────────────────────────────────────────────────────


def problems(soaked: Soaked) -> list[str]:
    """Why it is not well; nothing if it is."""
    found = [f"broken: {meaning}" for meaning in soaked.broken]
    for kind, each in soaked.counted.items():
        if each.failures:
            found.append(f"failed: {len(each.failures)} of {kind}, the first with {each.failures[0]}")
    for name in ("service", "worker"):
        first, last = fifths([sample.memory_bytes[name] for sample in soaked.samples])
        if last - first > MOST_GROWTH_BYTES:
            found.append(f"grown: the {name} by {(last - first) / 2**20:.0f} MB")
    if soaked.minutes >= DRIFT_MINUTES:
        found += _more_connections(soaked) + _slower(soaked)
    if soaked.late:
        found.append(f"late: {soaked.late} events and deliveries still wait")
    return found


def _more_connections(soaked: Soaked) -> list[str]:
    first, last = fifths([sample.connections for sample in soaked.samples])
    grown = last - first > MOST_MORE_CONNECTIONS
    return [f"grown: connections to the database from {first:.0f} to {last:.0f}"] if grown else []


def _slower(soaked: Soaked) -> list[str]:
    """Kinds of requests that take longer at the end."""
    found = []
    for kind, each in soaked.counted.items():
        first, last = (percentile(some, 0.5) if some else 0.0 for some in _ends(each, soaked.minutes))
        if last > MOST_TIMES_AS_LONG * max(first, LEAST_MEDIAN_SECONDS):
            found.append(f"slower: the median of {kind} from {first * 1e3:.1f} to {last * 1e3:.1f} ms")
    return found


def _ends(counted: Counted, minutes: float) -> tuple[list[float], list[float]]:
    """How long requests took that ended in the first fifth of the run, and in the last."""
    end = minutes * 60
    first = [took for at, took in counted.latencies if at <= end / 5]
    return first, [took for at, took in counted.latencies if at > end * 4 / 5]


def fifths(values: list[float]) -> tuple[float, float]:
    """The mean of the first fifth and of the last, of what was looked at in even steps."""
    some = max(1, len(values) // 5)
    return sum(values[:some]) / some, sum(values[-some:]) / some


def tables(soaked: Soaked) -> str:
    total = sum(sum(each.outcomes.values()) for each in soaked.counted.values())
    told = problems(soaked)
    asked = f"{soaked.asked_per_second:,.0f} per second for {soaked.minutes:.3g} minutes, {total:,} in all"
    lines = [
        f"limit: {soaked.limit_per_second:,.0f} requests per second",
        f"asked: {asked}",
        f"deliveries: {soaked.arrived:,} arrived, {soaked.late:,} still wait",
    ]
    ends = [
        f"invariants: {len(INVARIANTS) - len(soaked.broken)} of {len(INVARIANTS)} hold",
        f"problems: {'; '.join(told) or 'none'}",
    ]
    return "\n\n".join(["\n".join(lines), _requests(soaked), _drift(soaked.samples), "\n".join(ends)])


def _requests(soaked: Soaked) -> str:
    rows = []
    for kind, each in soaked.counted.items():
        times = [_milliseconds(some, share) for some in _ends(each, soaked.minutes) for share in (0.5, 0.99)]
        rows.append([kind, *(f"{each.outcomes[name]:,}" for name in ("done", "refused", "failed")), *times])
    head = ["requests", "done", "refused", "failed", "p50, first fifth", "p99", "p50, last fifth", "p99"]
    return report.table(head, rows)


def _milliseconds(seconds: list[float], share: float) -> str:
    return f"{percentile(seconds, share) * 1e3:.1f}" if seconds else ""


def _drift(samples: list[Sample]) -> str:
    seen: dict[str, list[float]] = {}
    for sample in samples:
        for name, value in sample.named().items():
            seen.setdefault(name, []).append(value)
    rows = []
    for name, values in seen.items():
        first, last = fifths(values)
        rows.append([name, f"{first:,.0f}", f"{last:,.0f}", f"{max(values):,.0f}"])
    return report.table(["over the run, means", "first fifth", "last fifth", "most"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the run; 30 when left out")
    parser.add_argument("--quick", action="store_true", help="a fifth of a minute on little: to see that it works")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this Markdown page")
    wanted = parser.parse_args()
    minutes, limit_seconds, numbers = (
        (0.2, 1.0, QUICK_STOCK) if wanted.quick else (wanted.minutes, LIMIT_SECONDS, STOCK)
    )
    tell = progress.telling()
    with stage.database() as (dsn, folder):
        described = machine.describe(dsn, folder) | {
            "measured": f"{CUSTOMERS} customers, half of them in the test environment, {numbers:,} numbers for sale in"
            " each; one service, one worker, one receiver of webhooks"
        }
        tell(f"stocking {numbers:,} numbers")
        pool.stock(dsn, numbers, for_tests=True)
        soaked = soak(dsn, minutes, limit_seconds, tell)
    tell("done")
    text = f"{report.header(described)}\n\n{tables(soaked)}"
    print(text)
    if wanted.write:
        pages.write(wanted.write, {"soak": text})
    return 1 if problems(soaked) else 0


if __name__ == "__main__":
    sys.exit(main())
