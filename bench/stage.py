"""What is set up to be measured: a database of its own, the service, the constants; and all of it gone at the end."""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import psutil
import psycopg

from bench.figures import Run
from nambari.db import embedded
from nambari.db.migrate import migrate

START_SECONDS = 60.0

Samples: TypeAlias = dict[str, dict[str, int]]


@contextmanager
def database() -> Iterator[tuple[str, Path]]:
    """The DSN of a fresh, migrated, durable PostgreSQL, and a folder for what else there is to write."""
    with tempfile.TemporaryDirectory(prefix="nambari-bench-") as folder:
        server = embedded.attach(Path(folder) / "data")
        try:
            migrate(server.dsn)
            yield server.dsn, Path(folder)
        finally:
            server.close()


@dataclass(frozen=True, slots=True)
class Service:
    """A process that answers HTTP. `dsn` is of the database whose time counts as its own, if any."""

    process: subprocess.Popen[str]
    port: int
    start_seconds: float
    dsn: str | None

    def memory_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def sampled(self, clients: list[list[str]], seconds: float, expected: int, *, once: bool) -> Samples:
        """Where it spends its time under this load: samples by package, by function, by function with what it calls."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("sample", file=self.process.stdin, flush=True)
        self.load(clients, seconds, expected, once=once)
        print("tell", file=self.process.stdin, flush=True)
        told: Samples = json.loads(self.process.stdout.readline())
        return told

    def load(self, clients: list[list[str]], seconds: float, expected: int, *, once: bool = False) -> Run:
        """Its answers under load. Raises RuntimeError unless every one has the expected status."""
        asked = {"port": self.port, "clients": clients, "seconds": seconds, "once": once}
        before, database_before = _cpu_seconds(self.process.pid), self._database_used()
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"], input=json.dumps(asked), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"The load generator failed: {done.stderr[-2000:]}")
        told = json.loads(done.stdout)
        if list(told["statuses"]) != [str(expected)]:
            raise RuntimeError(f"Expected nothing but {expected}, and got {told['statuses']}")
        count = len(told["latencies"])
        database = spent(database_before, self._database_used())
        return Run(
            per_second=count / told["seconds"],
            latencies=told["latencies"],
            server_seconds=(_cpu_seconds(self.process.pid) - before) / count,
            database_seconds=database / count if self.dsn else None,
            generator_seconds=told["cpu_seconds"] / count,
        )

    def _database_used(self) -> dict[int, float]:
        return {} if self.dsn is None else database_used(self.dsn)


def database_used(dsn: str) -> dict[int, float]:
    """The processor time, in seconds, of each process of the database that serves us."""
    with psycopg.connect(dsn) as connection:
        asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'nambari'"
        return {pid: _cpu_seconds(pid) for (pid,) in connection.execute(asked)}


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(used - before.get(pid, 0.0) for pid, used in after.items())


def _cpu_seconds(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


@contextmanager
def service(
    dsn: str, connections: int, constants: dict[str, str] | None = None, *, gathering: bool = False
) -> Iterator[Service]:
    """The service on this database, or the same server with constants for answers. `gathering` is an experiment."""
    port = _free_port()
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.service"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        wanted: dict[str, Any] = {"dsn": dsn, "connections": connections, "port": port, "constants": constants}
        wanted["gathering"] = gathering
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
        _await_answer(process, port)
        yield Service(process, port, time.perf_counter() - begun, None if constants else dsn)
    finally:
        _end(process)


@contextmanager
def served(dsn: str, workers: int, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """The product's own `serve`, in so many processes, with variables of its environment besides."""
    port = _free_port()
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "nambari", "serve", f"--port={port}", f"--workers={workers}", "--no-worker"],
        env={"NAMBARI_DATABASE_URL": dsn, "NAMBARI_LOG_LEVEL": "error", "PATH": "", **(settings or {})},
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        _await_answer(process, port)
        yield Service(process, port, time.perf_counter() - begun, None)
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_answer(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The service ended with {process.returncode} before it answered.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.005)
    raise RuntimeError("The service did not start in time.")
