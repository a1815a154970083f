"""How do tests get a PostgreSQL that they may kill, starve and cut off? A durable one of their own, on the loopback."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
import psycopg
from tests.story.processes import HOST, free_port, signalled, until

from nambari.db.migrate import migrate
from nambari.db.server_program import as_account, choose_account, find_binaries

ROLE = "nambari"
TEMPLATE = "faults_template"
OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "max_wal_size": "256MB",
    "restart_after_crash": "on",
}


@dataclass
class Postgres:
    """A cluster in `folder`, which keeps its port. It is made by `initialize`, and runs from `start` to its end."""

    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None
    _made: int = 0

    @property
    def data(self) -> Path:
        return self.folder / "pgdata"

    @property
    def log(self) -> str:
        file = self.folder / "postgres.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def dsn(self, name: str, port: int | None = None) -> str:
        return f"postgresql://{ROLE}@{HOST}:{port or self.port}/{name}"

    def _called(self, program: str) -> list[str]:
        """As an account that is not root, which PostgreSQL refuses to be."""
        binaries = find_binaries(self.data)
        account = choose_account(self.data)
        return [*as_account(account, binaries / "postgres", self.folder), str(binaries / program)]

    def initialize(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700)
        account = choose_account()
        if account is not None:
            os.chown(self.data, account.uid, account.gid)
        flags = [f"--username={ROLE}", "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        subprocess.run([*self._called("initdb"), "-D", str(self.data), *flags], check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        options = OPTIONS | {"port": str(self.port)} | self.options
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._called("postgres"), "-D", str(self.data), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        until(self.answers, 90, "PostgreSQL's start")

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "it was not started"
        return self._process

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        assert self.runs(), self.log[-2000:]
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is its fast shutdown, SIGQUIT its immediate one: what comes up afterwards recovers as from a crash."""
        self.process.send_signal(how)
        self.process.wait(90)

    def kill(self) -> None:
        """Kill -9, of the postmaster and of all its children."""
        followers = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        signalled(followers)
        self.process.wait(60)
        psutil.wait_procs(followers, 60)

    def backends(self, name: str) -> list[int]:
        """The processes that serve this database, but for the one that is asked."""
        with self.admin() as admin:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'nambari'"
            return [row[0] for row in admin.execute(query, [name])]

    def activity(self, name: str) -> list[object]:
        """What each session of this database is at, for whoever reads a failure."""
        with self.admin() as admin:
            query = "SELECT pid, state, wait_event, left(query, 60) FROM pg_stat_activity WHERE datname = %s"
            return list(admin.execute(query, [name]))

    def admin(self, name: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.dsn(name), autocommit=True, connect_timeout=10)

    def make_template(self) -> None:
        with self.admin() as admin:
            admin.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(self.dsn(TEMPLATE))

    def make_database(self) -> str:
        """The name of a new, migrated, empty one."""
        self._made += 1
        name = f"shop_{self._made}"
        with self.admin() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def end(self) -> None:
        if self.runs():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def postgres(folder: Path, **options: str) -> Iterator[Postgres]:
    """One that runs, with a migrated template; nothing is left of it."""
    made = Postgres(folder, options)
    try:
        made.initialize()
        made.start()
        made.make_template()
        yield made
    finally:
        made.end()
