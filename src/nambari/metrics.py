"""What does Prometheus learn of us? How requests are answered here, and how the business stands in the database.

All of it is off, and no library for it loaded, until `--metrics HOST:PORT` asks for it.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from nambari.db.engine import DatabaseUnavailable
from nambari.operations.measure import Figure, Seen, measure
from nambari.settings import Settings
from nambari.wiring import Services, open_services

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: the folder in which several processes of one service keep their counts."""

LOOK_SECONDS = 5.0
"""How long the database may take for a look at the business, and how long a look is told again."""

WATCH_SECONDS = 0.5
LAG_BUCKETS_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
GONE = "499"
"""The status of a request whose client did not wait for the answer: no standard has one, and nginx tells this."""

_log = structlog.get_logger("nambari.metrics")


class Address(NamedTuple):
    host: str
    port: int


class NotTold(RuntimeError):
    """Metrics cannot be served at this address; the text says why."""


class Process:
    """What this process tells of itself: its memory and files, and how far it is used."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector  # noqa: PLC0415

        self.registry = CollectorRegistry()
        self._lag = Histogram(
            "nambari_event_loop_lag_seconds",
            "How much later than planned the process came to do something, looked at twice a second.",
            buckets=LAG_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._connections = Gauge(
            "nambari_database_connections",
            "Connections to the database: in use, at most, and who waits for one.",
            ("state",),
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)

    async def watch(self, services: Services) -> None:
        """Until cancelled."""
        while True:
            planned = time.monotonic() + WATCH_SECONDS
            await asyncio.sleep(WATCH_SECONDS)
            self._lag.observe(max(time.monotonic() - planned, 0.0))
            use = services.database.use
            for state, count in (("in_use", use.in_use), ("most", use.most), ("waiting", use.waiting)):
                self._connections.labels(state).set(count)


class Requests(Process):
    """Counts and times the requests of this process besides, by operation."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram  # noqa: PLC0415

        super().__init__()
        self._done = Counter(
            "nambari_requests",
            "Requests that were answered, by operation and HTTP status; 499 where the client did not wait.",
            ("operation", "status"),
            registry=self.registry,
        )
        self._refused = Counter(
            "nambari_refusals",
            "Requests that were refused, by the code of the answer.",
            ("code",),
            registry=self.registry,
        )
        self._uncounted = Counter(
            "nambari_requests_uncounted",
            "Requests that were held to no limit, as the shared counts could not be reached.",
            registry=self.registry,
        )
        self._took = Histogram(
            "nambari_request_seconds",
            "How long requests took, until the last byte of the answer was handed to the network.",
            ("operation",),
            buckets=BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._in_flight = Gauge(
            "nambari_requests_in_flight",
            "Requests that are being answered.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, each of its requests measured."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            began, status = time.monotonic(), GONE

            async def send_and_note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                await send(message)

            self._in_flight.inc()
            try:
                await app(scope, receive, send_and_note)
            finally:
                self._in_flight.dec()
                # The path itself is no label: clients think of any number of those that nothing answers to.
                operation = getattr(scope.get("route_handler"), "operation_id", None) or "none"
                self._done.labels(operation, status).inc()
                self._took.labels(operation).observe(time.monotonic() - began)
                state = scope.get("state", {})
                if (code := state.get("refused")) is not None:
                    self._refused.labels(code).inc()
                if not state.get("counted", True):
                    self._uncounted.inc()

        return measured


def requests_of_one_of_several() -> Requests | None:
    """If this process was started to share its counts."""
    return Requests() if SHARED in os.environ else None


class Business:
    """Looks at the database whenever it is asked, but for who asks again within seconds."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self._settings = replace(settings, database_connections=1, database_timeout_seconds=LOOK_SECONDS)
        self._dsn = dsn
        self._turn = Lock()
        self._looked_at = float("-inf")
        self._told: list[Figure] | None = None
        self._seen = Seen()

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        with self._turn:
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._told = asyncio.run(self._look())
                self._looked_at = time.monotonic()
            told = self._told
        up = 0 if told is None else 1
        yield GaugeMetricFamily("nambari_database_up", "Whether the database answered: 1, or 0.", value=up)
        for each in told or ():
            kind = CounterMetricFamily if each.grows else GaugeMetricFamily
            family = kind(f"nambari_{each.name}", each.meaning, labels=each.labels)
            for labels, value in each.values.items():
                family.add_metric(labels, value)
            yield family

    async def _look(self) -> list[Figure] | None:
        try:
            async with open_services(self._settings, self._dsn) as services:
                return await measure(services, self._seen, services.clock())
        except DatabaseUnavailable as error:
            _log.warning("the database could not be measured", reason=str(error))
            return None


@contextmanager
def told(address: Address | None, settings: Settings, dsn: str, process: Process | None = None) -> Iterator[None]:
    """Answer `/metrics` while the block lasts: of the business, and of this process or of those that share.

    Without an address, nothing. Raises NotTold for one that cannot be served.
    """
    if address is None:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415

    registry = process.registry if process else CollectorRegistry()
    if SHARED in os.environ:
        registry.register(_OfAllProcesses(os.environ[SHARED]))
    registry.register(Business(settings, dsn))
    try:
        server, serving = start_http_server(address.port, address.host, registry)
    except OSError as error:
        raise NotTold(os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@contextmanager
def shared(address: Address | None) -> Iterator[None]:
    """The processes that are started meanwhile keep their counts together; without an address they keep none."""
    if address is None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="nambari-metrics-") as folder:
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            del os.environ[SHARED]


class _OfAllProcesses:
    """What they have counted; and of one that was killed, not what it had in flight."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Any]:
        from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: PLC0415

        for file in Path(self._folder).glob("gauge_live*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not _lives(pid):
                mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        of_all = MultiProcessCollector(None, path=self._folder)  # type: ignore[no-untyped-call]
        return list(of_all.collect())  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
