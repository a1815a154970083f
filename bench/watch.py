"""What does a long run do to the machine? Memory, connections, files and tables, from outside in even steps."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import psycopg

from bench.delivering import Receiver

LOOKS = 300
"""In a run, and at most one each second."""
TOLD = 20

_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nambari'"
_SIZE = "SELECT pg_database_size(current_database())"
_DEAD = "SELECT coalesce(sum(n_dead_tup), 0)::bigint, coalesce(sum(n_live_tup), 0)::bigint FROM pg_stat_user_tables"
_WAITING = """
    SELECT (SELECT count(*) FROM events WHERE position IS NULL AND organization_id IS NOT NULL)
           + (SELECT count(*) FROM deliveries WHERE status = 'pending')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`at` is in seconds of the run; the rest is by process, or of the database."""

    at: float
    memory_bytes: dict[str, float]
    files: dict[str, float]
    connections: float
    database_bytes: float
    dead_rows: float
    live_rows: float
    waiting: float

    def named(self) -> dict[str, float]:
        """As it is shown, in the units of the names."""
        return {
            **{f"memory of the {name}, MB": used / 2**20 for name, used in self.memory_bytes.items()},
            **{f"open files of the {name}": count for name, count in self.files.items()},
            "connections to the database": self.connections,
            "database, MB": self.database_bytes / 2**20,
            "rows": self.live_rows,
            "dead rows": self.dead_rows,
            "events and deliveries that wait": self.waiting,
        }


@dataclass(slots=True)
class Watch:
    """Whoever is looked at; `arrived` counts what the receiver has told so far."""

    dsn: str
    processes: dict[str, int]
    receiver: Receiver
    arrived: int = 0
    samples: list[Sample] = field(default_factory=list)

    def look(self, at: float) -> None:
        self.arrived += len(self.receiver.arrived())
        watched = {name: psutil.Process(pid) for name, pid in self.processes.items()}
        with psycopg.connect(self.dsn) as connection:
            connections, size, dead, live = (
                *self._row(connection, _CONNECTIONS),
                *self._row(connection, _SIZE),
                *self._row(connection, _DEAD),
            )
        self.samples.append(
            Sample(
                at=at,
                memory_bytes={name: float(each.memory_info().rss) for name, each in watched.items()},
                files={name: float(each.num_fds()) for name, each in watched.items()},
                connections=connections,
                database_bytes=size,
                dead_rows=dead,
                live_rows=live,
                waiting=self.waiting(),
            )
        )

    def waiting(self) -> int:
        """Events that have no place yet, and deliveries that are not done."""
        with psycopg.connect(self.dsn) as connection:
            return int(self._row(connection, _WAITING)[0])

    @staticmethod
    def _row(connection: psycopg.Connection, asked: str) -> tuple[float, ...]:
        row = connection.execute(asked).fetchone()
        assert row is not None
        return row


@contextmanager
def sampling(watch: Watch, seconds: float, say: Callable[[str], None]) -> Iterator[list[Sample]]:
    """Look in even steps while the block lasts. Raises what a look raised, once the block has ended."""
    over, failed = threading.Event(), list[BaseException]()
    pause = max(1.0, seconds / LOOKS)
    begun = time.monotonic()

    def look_on() -> None:
        turn = 0
        while not over.wait(max(0.0, begun + turn * pause - time.monotonic())):
            try:
                watch.look(time.monotonic() - begun)
            except BaseException as error:  # noqa: BLE001 - told to who waits for this thread
                failed.append(error)
                return
            turn += 1
            if turn % max(1, LOOKS // TOLD) == 0:
                used = watch.samples[-1].named()
                say(f"{turn * pause:,.0f} of {seconds:,.0f} s; " + ", ".join(f"{k} {v:,.0f}" for k, v in used.items()))

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        yield watch.samples
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]
