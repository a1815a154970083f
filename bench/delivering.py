"""`python -m bench.delivering`: measure deliveries to webhooks beside a bare loop that posts the same bodies.

The workers are the product's own command, each a process. What they deliver to is one process that answers 204 at once;
deliveries per second are counted there. Then one receiver of fifty never answers: what do the others feel of it?
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import httpx2
import msgspec
import psycopg

from bench import machine, pages, report, stage
from bench.figures import percentile
from nambari.api.described import EXAMPLES
from nambari.worker import MOST_OF_ONE

OBJECTS = 500
EVENTS = 10_000
QUICK_EVENTS = 200
RECEIVERS = 49
PACE_SECONDS = 0.5
PACED = 40
QUICK_PACED = 4
LONGEST_SECONDS = 600.0
LOOK_SECONDS = 0.05

_HAPPENED = """
    INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at)
    SELECT 'evt_' || %s || '_' || nth, %s, 'live', 'phone_number.updated', 'pn_' || mod(nth, %s::int), %s::jsonb, '[]',
           'req_bench', clock_timestamp()
    FROM generate_series(1, %s::int) AS nth ORDER BY nth
"""


@dataclass(frozen=True, slots=True)
class Round:
    """Deliveries per second, by so many workers, and by the bare loop."""

    by_workers: dict[int, float]
    bare: float


@dataclass(frozen=True, slots=True)
class Felt:
    """Milliseconds from an event to its arrival, at those that answer."""

    p50_ms: float
    p99_ms: float


class Receiver:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.port = int(process.stdout.readline())

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def arrived(self) -> list[tuple[float, str, str]]:
        """What came since it was asked last: when in Unix seconds, the event's id, and when that happened."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print("tell", file=self._process.stdin, flush=True)
        return [tuple(each) for each in json.loads(self._process.stdout.readline())]

    def first(self, count: int) -> list[tuple[float, str, str]]:
        """So many arrivals. Raises RuntimeError if they do not come."""
        deadline = time.monotonic() + LONGEST_SECONDS
        found: list[tuple[float, str, str]] = []
        while len(found) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Of {count} deliveries {len(found)} arrived.")
            time.sleep(LOOK_SECONDS)
            found += self.arrived()
        return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.receiver"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Receiver(process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def working(dsn: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    ours = {"NAMBARI_DATABASE_URL": dsn, "NAMBARI_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8", "PATH": ""}
    processes = []
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-m", "nambari", "worker"],
                env={**ours, "NAMBARI_LOG_LEVEL": "error"},
                stdout=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process)
        yield processes


def subscribe(connection: psycopg.Connection, urls: list[str]) -> str:
    """A new organization with a webhook for each address; its id."""
    made = "org_bench_" + str(time.monotonic_ns())
    connection.execute("DELETE FROM webhooks")
    connection.execute(
        "INSERT INTO organizations (id, name, plan, created_at) VALUES (%s, 'Bench', 'enterprise', now())", [made]
    )
    for place, url in enumerate(urls):
        connection.execute(
            "INSERT INTO webhooks (id, organization_id, environment, url, events, status, secret, created_at,"
            " updated_at) VALUES (%s, %s, 'live', %s, '{*}', 'active', %s, now(), now())",
            [f"wh_{made}_{place}", made, url, "whsec_" + "A" * 43 + "="],
        )
    return made


def happen(connection: psycopg.Connection, organization_id: str, count: int) -> None:
    data = json.dumps(EXAMPLES["PhoneNumber"])
    connection.execute(_HAPPENED, [str(time.monotonic_ns()), organization_id, OBJECTS, data, count])


# ── Deliveries per second ────────────────────────────────────────────────────────────────────────────────────────


def measure(dsn: str, receiver: Receiver, events: int, workers: Sequence[int]) -> Round:
    with psycopg.connect(dsn, autocommit=True) as connection:
        by_workers = {count: _delivered(connection, dsn, receiver, events, count) for count in workers}
        bodies = [
            msgspec.json.encode({"id": event_id, "event": event, "timestamp": at, "data": data})
            for event_id, event, at, data in connection.execute(
                "SELECT id, event, created_at, data FROM events ORDER BY sequence DESC LIMIT %s", [events]
            )
        ]
    return Round(by_workers, asyncio.run(_posted(receiver.url("bare"), bodies)))


def _delivered(connection: psycopg.Connection, dsn: str, receiver: Receiver, events: int, workers: int) -> float:
    """From the first arrival to the last: a process takes its time to start."""
    happen(connection, subscribe(connection, [receiver.url("one")]), events)
    with working(dsn, workers):
        times = sorted(at for at, _, _ in receiver.first(events))
    return (len(times) - 1) / (times[-1] - times[0])


async def _posted(url: str, bodies: list[bytes]) -> float:
    """The same bodies, so many at once as a worker has under way to one receiver; nothing signed, nothing kept."""
    left = iter(bodies)

    async def post_on(client: httpx2.AsyncClient) -> None:
        for body in left:
            answer = await client.post(url, content=body, headers={"content-type": "application/json"})
            answer.raise_for_status()

    async with httpx2.AsyncClient(trust_env=False) as client:
        begun = time.perf_counter()
        await asyncio.gather(*(post_on(client) for _ in range(MOST_OF_ONE)))
        return len(bodies) / (time.perf_counter() - begun)


# ── One that never answers ───────────────────────────────────────────────────────────────────────────────────────


def felt(dsn: str, receiver: Receiver, paced: int, *, slow: bool) -> Felt:
    """An event every so often, to each of those that answer; `slow`: and to one more, which never does."""
    urls = [receiver.url(f"fast/{place}") for place in range(RECEIVERS)] + [receiver.url("slow")] * slow
    with psycopg.connect(dsn, autocommit=True) as connection, working(dsn, 1):
        organization_id = subscribe(connection, urls)
        happen(connection, organization_id, 1)
        receiver.first(RECEIVERS)  # the worker has started, and has its connections
        begun = time.monotonic()
        for place in range(paced):
            happen(connection, organization_id, 1)
            time.sleep(max(0.0, begun + (place + 1) * PACE_SECONDS - time.monotonic()))
        arrivals = receiver.first(paced * RECEIVERS)
    waits = [(at - datetime.fromisoformat(happened).timestamp()) * 1e3 for at, _, happened in arrivals]
    return Felt(percentile(waits, 0.50), percentile(waits, 0.99))


def tables(rounds: list[Round], without: Felt, beside: Felt) -> str:
    bare = [each.bare for each in rounds]

    def line(name: str, rates: list[float]) -> list[str]:
        ratio = median(own / other for own, other in zip(rates, bare, strict=True))
        return [name, f"{median(rates):,.0f}", f"{ratio:.2f}"]

    rates = report.table(
        ["", "deliveries per second", "of the bare loop"],
        [
            line("1 worker", [each.by_workers[1] for each in rounds]),
            line("2 workers", [each.by_workers[2] for each in rounds]),
            line("a bare httpx2 loop", bare),
        ],
    )
    waits = report.table(
        [f"from event to arrival, ms, {RECEIVERS} receivers", "p50", "p99"],
        [
            [name, f"{each.p50_ms:.0f}", f"{each.p99_ms:.0f}"]
            for name, each in (("alone", without), ("beside one that never answers", beside))
        ],
    )
    return f"{rates}\n\n{waits}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.delivering", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few events, once: to see that it works")
    parser.add_argument("--rounds", type=int, default=3, help="how often, by turns; 3 when left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this Markdown page")
    asked = parser.parse_args()
    events, paced, count = (QUICK_EVENTS, QUICK_PACED, 1) if asked.quick else (EVENTS, PACED, asked.rounds)
    with stage.database() as (dsn, folder), receiving() as receiver:
        described = machine.describe(dsn, folder) | {
            "measured": f"{events:,} events of {OBJECTS} objects to one receiver, medians of {count} rounds; then"
            f" {paced} events, one each {PACE_SECONDS} s, to each of {RECEIVERS}"
        }
        rounds = [measure(dsn, receiver, events, (1, 2)) for _ in range(count)]
        without, beside = (felt(dsn, receiver, paced, slow=slow) for slow in (False, True))
    text = f"{report.header(described)}\n\n{tables(rounds, without, beside)}"
    print(text)
    if asked.write:
        pages.write(asked.write, {"delivering": text})


if __name__ == "__main__":
    main()
