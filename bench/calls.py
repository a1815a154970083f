"""`python -m bench.calls`: measure how many calls per second Kamailio holds with Nambari behind it.

A call is INVITE, lookup, 200, ACK, BYE: it ends at once. Beside it the same Kamailio asking nobody, with a constant for
an answer. The rate is doubled while it is held, and then narrowed down; trunk and agent run on the same machine.
"""

import argparse
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import machine, pages, report, routing, stage, telephony
from bench.telephony import Stretch

NUMBERS = 1_000
FIRST_RATE = 100
MOST_RATE = 6_400
NARROWINGS = 3
REPEATED_SHARE = 0.01
"""Held: no call fails, at most this share of the messages of a call is sent again, and the calls end in their time."""
LATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """`processes` of the service; 0 asks nobody."""

    name: str
    processes: int


CASES = (
    Case("Kamailio and Nambari, one process", 1),
    Case("Kamailio and Nambari, two processes", 2),
    Case("Kamailio with a constant", 0),
)


def held(stretch: Stretch, seconds: float) -> bool:
    few = stretch.repeated <= stretch.calls * REPEATED_SHARE
    return stretch.failed == 0 and few and stretch.seconds <= seconds + LATE_SECONDS


def most(tried: Callable[[int], bool], first: int, narrowings: int, limit: int) -> int:
    """The highest rate that was held, by doubling and then halving the gap; 0 if not even the first one was."""
    low, high = 0, first
    while high <= limit and tried(high):
        low, high = high, high * 2
    if low in {0, limit}:
        return low
    for _ in range(narrowings):
        middle = (low + high) // 2
        low, high = (middle, high) if tried(middle) else (low, middle)
    return low


@contextmanager
def ready(case: Case, dsn: str, key: str, answer: str, folder: Path) -> Iterator[int]:
    """The port of a proxy with this behind it."""
    home = folder / f"kamailio-{case.processes}"
    if not case.processes:
        with telephony.proxy(home, "http://127.0.0.1:9", key, answer) as port:
            yield port
        return
    with (
        stage.served(dsn, case.processes) as service,
        telephony.proxy(home, f"http://127.0.0.1:{service.port}", key) as port,
    ):
        yield port


def measure(dsn: str, folder: Path, seconds: float, limit: int, narrowings: int) -> list[list[str]]:
    organizations, key = asyncio.run(routing.enrol(dsn))
    routing.grow(dsn, 1, NUMBERS, organizations)
    numbers = folder / "numbers.csv"
    numbers.write_text("SEQUENTIAL\n" + "".join(f"+1202{number:07d}\n" for number in range(1, NUMBERS + 1)))
    rates = {}
    with telephony.agent(folder) as agent_port:
        uri = f"sip:agent@{telephony.AGENT}:{agent_port}"
        with psycopg.connect(dsn) as connection:
            connection.execute("UPDATE endpoints SET url = %s", [uri])
        answer = f'{{"action":"route","sip_uri":"{uri}"}}'
        for case in CASES:
            with ready(case, dsn, key, answer, folder) as port:
                telephony.calls(folder, port, numbers, FIRST_RATE // 2, 1)  # connections and plans are made once

                def tried(rate: int, port: int = port) -> bool:
                    return held(telephony.calls(folder, port, numbers, rate, seconds), seconds)

                rates[case.name] = most(tried, FIRST_RATE, narrowings, limit)
    constant = rates[CASES[-1].name]
    return [[name, f"{rate:,}", f"{rate / constant:.2f}" if constant else ""] for name, rate in rates.items()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few calls, for a moment: to see that it works")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each rate; 5 when left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this Markdown page")
    wanted = parser.parse_args()
    seconds, limit, narrowings = (0.5, FIRST_RATE, 0) if wanted.quick else (wanted.seconds, MOST_RATE, NARROWINGS)
    with stage.database() as (dsn, folder):
        described = machine.describe(dsn, folder) | {
            "measured": f"calls over UDP to any of {NUMBERS:,} numbers, {seconds:g} s at each rate,"
            f" {telephony.PROCESSES} processes of Kamailio that ask and as many that read"
        }
        lines = measure(dsn, folder, seconds, limit, narrowings)
    text = f"{report.header(described)}\n\n{report.table(['calls held', 'per second', 'of the constant'], lines)}"
    print(text)
    if wanted.write:
        pages.write(wanted.write, {"calls": text})


if __name__ == "__main__":
    main()
