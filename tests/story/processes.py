"""How do tests run the service as it is run: a process on a real port, with signals, of which nothing is left?"""

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import psutil  # type: ignore[import-untyped,unused-ignore]
from tests.cast import World

from nambari.db import embedded, keeper
from nambari.settings import Settings
from nambari.wiring import open_services

HOST = "127.0.0.1"
MARK = "STORY_HOME"
"""In the environment of all that a test starts, and so of all that those start: by it they are found."""

Found = TypeVar("Found")


def until(condition: Callable[[], Found], seconds: float = 60, what: str = "it") -> Found:
    """What the condition gives, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)
    return found


def _own_ports() -> Iterator[int]:
    """Of those that the kernel gives to no client: who restarts on a port finds it free, whoever connected meanwhile.

    Beyond 10080, the last that browsers refuse. Each process of a parallel run has its share; they begin anywhere.
    """
    lowest_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = range(10_081 + worker, lowest_of_clients, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    return itertools.cycle(random.sample(share, len(share)))


_OWN_PORTS = _own_ports()


def away_from_midnight() -> None:
    """Waits for the next day (UTC) if this one is about to end: what is counted by the day is counted in one then."""
    until(lambda: 86_400 - time.time() % 86_400 > 120, 130, "the next day")


def free_port() -> int:
    """One on which nothing listens, and that no other call is given soon."""
    while True:
        port = next(_OWN_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


@dataclass
class Service:
    """`nambari serve` on a port and a data directory, which it keeps when it is started again.

    `settings` are variables of its environment.
    """

    home: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "it was not started"
        return self._process

    @property
    def output(self) -> str:
        """All that it wrote so far, in all its lives."""
        log = self.home / "service.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def launch(self) -> None:
        """Start it, as leader of a process group of its own: what a terminal would send Ctrl-C to."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                serve(self.port, *self.options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self.home) | self.settings,
                start_new_session=True,
            )

    def start(self) -> None:
        self.launch()
        until(self.is_ready, 90, "readiness")

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output[-3000:]}"
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code, negative for a signal."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def interrupt(self) -> int:
        """Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def kill(self) -> None:
        """Kill -9, of the process and of all that it started itself; not of the database, which is no child of it."""
        signalled((*children(self.process.pid), self.process))
        self.process.wait(60)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        until(lambda: not processes_of(self.home), 90, "the end of the database")


def serve(port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "nambari", "serve", "--host", HOST, "--port", str(port), *options]


def environment(home: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("NAMBARI_")}
    return ours | {"NAMBARI_DATA_DIR": str(home / "data"), MARK: str(home), "PYTHONUNBUFFERED": "1"}


def signalled(processes: Iterable[Any], number: int = signal.SIGKILL) -> None:
    """To each that is still there: where one ends, others end by themselves."""
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(number)


def command_line(process: Any) -> str:
    """Of one that has ended, and may be waited for still, nothing."""
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def children(pid: int) -> list[Any]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def processes_of(home: Path) -> list[Any]:
    """All that was started for this home and still runs: services, keeper, PostgreSQL."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        found += [process] if ours else []
    return found


@contextmanager
def service(home: Path, *options: str) -> Iterator[Service]:
    """A service that is not started yet, and of which nothing is left afterwards, whatever happened."""
    made = Service(home, options=options)
    try:
        yield made
    finally:
        try:
            made.end()
        finally:
            for process in processes_of(home):
                process.kill()


@asynccontextmanager
async def database(home: Path) -> AsyncIterator[World]:
    """The database of a home, started if nobody else uses it: for preparing and for looking."""
    data = home / "data"
    server = attach(home)
    try:
        async with open_services(Settings(data_dir=data), server.dsn) as services:
            yield World(services, None)
    finally:
        server.close()


def attach(home: Path) -> embedded.EmbeddedServer:
    """As another process of this home would."""
    os.environ[MARK] = str(home)
    try:
        return embedded.attach(home / "data")
    finally:
        del os.environ[MARK]


def postmaster(home: Path) -> Any:
    written = keeper.read_pidfile(str(home / "data" / keeper.PGDATA))
    assert written is not None
    return psutil.Process(written[0])


def kill_database(home: Path) -> None:
    """Kill -9, of the postmaster and of all its children: as when the machine runs out of memory."""
    leader = postmaster(home)
    followers = leader.children(recursive=True)
    signalled((leader, *followers))
    psutil.wait_procs([leader, *followers], 30)
