"""`python -m bench.routing`: measure how often a SIP proxy can ask where a call goes, with few numbers and with many.

Each request is another call to any of the numbers: one lookup, and one event written. It is asked of `nambari serve` in
one process and in two, and beside it of the same server answering a constant in one process.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg

from bench import machine, pages, pool, report, stage
from bench.figures import Figures, Run, summarize
from bench.load import compose
from bench.stage import Service
from nambari.settings import Settings
from nambari.wiring import open_services

SIZES = [1_000, 1_000_000]
QUICK_SIZES = [100, 1_000]
PROCESSES = (1, 2)
ORGANIZATIONS = 10
CONNECTIONS = 16
PREPARED_PER_SECOND = 8_000
"""Each call is asked for once, so they are made before the clock starts."""
SEED = 1

# Any seven digits after one area code: what they are as numbers is not looked at here.
_STOCK = """
    INSERT INTO inventory (id, environment, number, country, type, capabilities, setup_cost_cents, monthly_cost_cents,
                           carrier, status, available_since, created_at)
    SELECT 'inv_' || i, 'live', '+1202' || lpad(i::text, 7, '0'), 'US', 'local', '{voice}', 0, 100, 'pool',
           'in_service', now(), now()
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
"""
_ENDPOINTS = """
    INSERT INTO endpoints (id, organization_id, environment, name, type, url, status, provider_config, created_at,
                           updated_at)
    SELECT 'ep_' || id, id, 'live', 'Agent', 'agent', 'sip:agent@sip.example.com', 'active', '{}', now(), now()
    FROM unnest(%(organizations)s::text[]) AS id
"""
_HELD = """
    INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,
                               endpoint_id, allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents,
                               monthly_cost_cents, currency, renews_at, created_at, updated_at, billing_anchor_at,
                               paid_until)
    SELECT 'pn_' || i, o.id, 'live', 'inv_' || i, '+1202' || lpad(i::text, 7, '0'), 'US', 'local', 'active',
           'ep_' || o.id, true, true, '{}', false, 0, 100, 'USD', now() + interval '1 month', now(), now(), now(),
           now() + interval '1 month'
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
    JOIN unnest(%(organizations)s::text[]) WITH ORDINALITY AS o (id, place)
      ON o.place = 1 + i %% cardinality(%(organizations)s::text[])
"""


async def enrol(dsn: str) -> tuple[list[str], str]:
    """The organizations that hold numbers, and the secret of an operator's key."""
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as services:
        holders = await pool.enrol(services, ORGANIZATIONS)
        return [each.organization_id for each in holders], await pool.enrol_proxy(services)


def grow(dsn: str, first: int, last: int, organizations: list[str]) -> None:
    """Let the organizations hold the numbers from the first to the last, too; as vacuumed as numbers at rest are."""
    values = {"first": first, "last": last, "organizations": organizations}
    with psycopg.connect(dsn, autocommit=True) as connection:
        if first == 1:
            connection.execute(_ENDPOINTS, values)
        connection.execute(_STOCK, values)
        connection.execute(_HELD, values)
        connection.execute("VACUUM (ANALYZE)")


def asked(secret: str, numbers: int, connections: int, calls: int, turn: Iterator[int]) -> list[list[str]]:
    """What each connection sends: calls that were never asked for before, to any of the numbers."""
    draw = random.Random(SEED)
    requests: list[list[str]] = [[] for _ in range(connections)]
    for place in range(calls):
        body = {
            "to": f"+1202{draw.randint(1, numbers):07d}",
            "from": "+442079460999",
            "call_id": f"{next(turn)}@bench.example.com",
        }
        requests[place % connections].append(compose("POST", "/v1/routing/inbound", secret, body))
    return requests


def line(name: str, figures: Figures) -> list[str]:
    return [name, f"{figures.per_second:,.0f}", f"{figures.p50_ms:.2f}", f"{figures.p99_ms:.2f}"]


def measure(dsn: str, sizes: list[int], rounds: int, seconds: float, connections: int) -> list[list[str]]:
    """A line for each size and number of processes, and the constant's."""
    organizations, secret = asyncio.run(enrol(dsn))
    turn, lines, held = count(), [], 0
    constant = {"routing": _constant(organizations[0])}

    def run(service: Service, numbers: int) -> Run:
        calls = int(PREPARED_PER_SECOND * max(1.0, seconds))
        return service.load(asked(secret, numbers, connections, calls, turn), seconds, 200, once=True)

    for numbers in sizes:
        grow(dsn, held + 1, numbers, organizations)
        held = numbers
        for processes in PROCESSES:
            with stage.served(dsn, processes) as service:
                run(service, numbers)  # its connections and their plans are made by then
                figures = summarize([run(service, numbers) for _ in range(rounds)])
            lines.append(line(f"{numbers:,} numbers, {processes} process{'es' if processes > 1 else ''}", figures))
    with stage.service(dsn, connections, constant) as service:
        lines.append(line("constant, 1 process", summarize([run(service, held) for _ in range(rounds)])))
    return lines


def _constant(organization_id: str) -> str:
    return json.dumps(
        {
            "action": "route",
            "sip_uri": "sip:agent@sip.example.com",
            "number": "+12025550143",
            "phone_number_id": "pn_1",
            "organization_id": organization_id,
            "endpoint_id": f"ep_{organization_id}",
            "fallback": None,
            "via_fallback": None,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few numbers, for a moment: to see that it works")
    parser.add_argument("--numbers", type=int, nargs="+", metavar="N", help="how many are held, growing")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; 3 when left out")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run; 5 when left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this Markdown page")
    wanted = parser.parse_args()
    sizes = sorted(set(wanted.numbers or (QUICK_SIZES if wanted.quick else SIZES)))
    rounds, seconds, connections = (1, 0.5, 4) if wanted.quick else (wanted.rounds, wanted.seconds, CONNECTIONS)
    with stage.database() as (dsn, folder):
        described = machine.describe(dsn, folder) | {
            "measured": f"{connections} connections, medians of {rounds} runs of {seconds:g} s"
        }
        lines = measure(dsn, sizes, rounds, seconds, connections)
    text = f"{report.header(described)}\n\n{report.table(['calls routed', 'per second', 'p50, ms', 'p99, ms'], lines)}"
    print(text)
    if wanted.write:
        pages.write(wanted.write, {"routing": text})


if __name__ == "__main__":
    main()
