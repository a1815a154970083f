"""How do tests have a primary and a standby? Two real PostgreSQL on loopback, one streaming from the other."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psutil  # type: ignore[import-untyped,unused-ignore]
import psycopg
from tests.scale.programs import HOST, as_nobody, handed_over, kill, listens
from tests.story.processes import free_port, signalled, until

from nambari.db.server_program import find_binaries

STANDBY = "standby"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",  # only processes are killed here, never the machine
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "wal_sender_timeout": "2s",
    "wal_receiver_timeout": "2s",
    "wal_retrieve_retry_interval": "100ms",
}


@dataclass
class Cluster:
    """One server and its data. It is started with what `more` sets."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def place(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def dsn(self) -> str:
        return f"postgresql://nambari@{self.place}/postgres"

    def initialize(self) -> None:
        call(
            "initdb",
            self.folder,
            "-D",
            str(self.folder),
            "-U",
            "nambari",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C",
        )

    def copy_from(self, primary: "Cluster") -> None:
        """As a standby of it, once it is started."""
        source = f"host={HOST} port={primary.port} user=nambari application_name={STANDBY}"
        call("pg_basebackup", self.folder, "-D", str(self.folder), "-R", "-N", "-c", "fast", "-d", source)

    def start(self, **more: str) -> None:
        settings = SETTINGS | {"port": str(self.port)} | more
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        executable = binaries() / "postgres"
        command = [*as_nobody(executable, self.folder), str(executable), "-D", str(self.folder), *options]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        until(self.answers, 60, f"PostgreSQL in {self.folder}")

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "it ended"
        try:
            self.tell("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def tell(self, statement: LiteralString, *values: Any) -> Any:
        """The first value of the first row, if there is any."""
        with psycopg.connect(self.dsn, autocommit=True, connect_timeout=10) as connection:
            told = connection.execute(statement, values)
            row = told.fetchone() if told.description else None
        return row[0] if row else None

    def position(self) -> str:
        """How far it has written."""
        told: str = self.tell("SELECT pg_current_wal_flush_lsn()::text")
        return told

    def catch_up(self, position: str) -> None:
        until(lambda: self.tell("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position), 60, "the replay")

    def pause(self) -> None:
        """It still receives all that the primary writes, and shows nothing of it."""
        self.tell("SELECT 1 FROM pg_wal_replay_pause()")
        until(lambda: self.tell("SELECT pg_get_wal_replay_pause_state()") == "paused", 30, "the pause")

    def go_on(self) -> None:
        self.tell("SELECT 1 FROM pg_wal_replay_resume()")

    def promote(self) -> None:
        call("pg_ctl", self.folder, "promote", "-w", "-D", str(self.folder))

    def send(self, number: int) -> None:
        """To the server and all its processes."""
        assert self._process is not None
        leader = psutil.Process(self._process.pid)
        signalled((leader, *leader.children(recursive=True)), number)

    def kill(self) -> None:
        """Kill -9, of it and all its processes."""
        if self._process is not None:
            kill(self._process)
            until(lambda: not listens(self.port), 30, "the end of its socket")
            self._process = None


def binaries() -> Path:
    return find_binaries(Path("/nonexistent"))


def call(name: str, folder: Path, *arguments: str) -> None:
    executable = binaries() / name
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    done = subprocess.run(
        [*as_nobody(executable, folder), str(executable), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment | {"LC_ALL": "C"},
    )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


@dataclass(frozen=True)
class Pair:
    primary: Cluster
    standby: Cluster


@contextmanager
def pair(folder: Path, *, synchronous: bool, **more: str) -> Iterator[Pair]:
    """A primary, and a standby that streams from it. Synchronous: nothing is committed before both have it.

    `more` are settings of both.
    """
    primary, standby = Cluster(handed_over(folder / "one")), Cluster(handed_over(folder / "two"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.callback(primary.kill)
        stack.callback(standby.kill)
        primary.initialize()
        primary.start(**more)
        standby.folder.chmod(0o700)
        standby.copy_from(primary)
        standby.start(**more)
        until(lambda: primary.tell("SELECT count(*) FROM pg_stat_replication") == 1, 60, "the stream")
        if synchronous:
            primary.tell("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            primary.tell("SELECT pg_reload_conf()")
            synchronous_ones: LiteralString = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            until(lambda: primary.tell(synchronous_ones) == 1, 60, "synchronous replication")
        yield Pair(primary, standby)
