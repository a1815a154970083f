"""How do several processes share one PostgreSQL in one data directory? Start it, join it, leave it.

How it ends is in `keeper.py`, which explains the locks; which program runs, as whom, in `server_program.py`.
Never here: SQL of the application, pools, migrations.
"""

import contextlib
import errno
import logging
import os
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path
from urllib.parse import quote

from nambari.db import keeper
from nambari.db.server_program import (
    Account,
    EmbeddedUnavailable,
    as_account,
    choose_account,
    detach,
    explain,
    find_binaries,
    run_step,
)

__all__ = ["EmbeddedServer", "EmbeddedUnavailable", "attach", "erase"]

logger = logging.getLogger(__name__)

LOG_NAME = "postgres.log"
LOG_MAX_BYTES = 10 * 1024 * 1024
START_SECONDS = 300.0  # a crash recovery may have much to replay; a server that died is noticed at once
LOCK_SECONDS = 400.0  # longer than whatever is done under the lock
PROBE_SECONDS = 5.0
SSL_REQUEST = bytes.fromhex("00000008 04d2162f")  # "do you speak TLS?", to which any PostgreSQL answers one letter
SOCKET_PATH_MAX_BYTES = 103  # macOS; Linux allows 107

# Every setting that differs from PostgreSQL's own default. They travel on the command line, which wins over
# the files in pgdata: a newer Nambari changes them here and nowhere else.
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # here only a part of the socket's name
    "unix_socket_permissions": "0700",
    "cluster_name": "nambari",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # short statements; and /dev/shm in a container is often 64 MB
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",  # the log is rotated at start only, so it keeps to what somebody must read
    "log_error_verbosity": "terse",  # else it quotes the row that a constraint refuses, with names and addresses
    "logging_collector": "off",
}
# For tests: survives the kill of any process, not the machine's.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass
class EmbeddedServer:
    """One user's hold on the shared server, which runs while anyone holds it: keep it as long as the dsn."""

    dsn: str
    home: Path
    _users: FileIO

    def revive(self) -> bool:
        """Start the server again if it has ended; whether it had. Blocks; raises EmbeddedUnavailable, OSError."""
        if not _is_free(self.home, keeper.SERVER_LOCK):
            return False
        with _start_lock(self.home) as start_fd:
            _ensure_keeper(self.home)
            _join_or_start(self.home, start_fd, durable=True)
        return True

    def close(self) -> None:
        """Leave. The last one out returns when the server and its keeper are gone. Again is harmless."""
        if self._users.closed:
            return
        try:
            with _start_lock(self.home):
                _leave(self.home, self._users)
        except (OSError, EmbeddedUnavailable) as error:
            logger.warning("left the embedded PostgreSQL in %s without seeing it stop: %s", self.home, error)
        finally:
            self._users.close()  # whatever happened, the keeper does the rest as soon as we let go


def attach(data_dir: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server of this data directory, or join the running one. Blocks; raises EmbeddedUnavailable.

    `durable=False` is for tests, and means something only to the one that starts the server.
    """
    try:
        home = _make_home(data_dir)
        with _start_lock(home) as start_fd:
            fd = _wait_for_lock(home / keeper.USERS_LOCK, "its server is still being stopped", shared=True)
            users = FileIO(fd, "r")
            try:
                # The keeper first: should we be killed half way, somebody must stop what we started.
                _ensure_keeper(home)
                dsn = _dsn(_join_or_start(home, start_fd, durable=durable))
            except BaseException:
                _leave(home, users)
                raise
    except OSError as error:
        raise EmbeddedUnavailable(_explain_os_error(data_dir, error)) from error
    return EmbeddedServer(dsn, home, users)


def erase(data_dir: Path) -> None:
    """Remove the database of this data directory, if there is one. Raises EmbeddedUnavailable while anyone uses it."""
    home = data_dir.expanduser().resolve()
    if not (home / keeper.PGDATA).exists():
        return
    with _start_lock(home):
        alone = keeper.try_lock(str(home / keeper.USERS_LOCK))
        if alone is None:
            raise EmbeddedUnavailable(f"the database in {home} is in use: end the programs that use it first")
        try:
            keeper.stop_server(str(home), time.monotonic() + keeper.PATIENCE_SECONDS)
            # Out of the way in one step: a pgdata that exists is whole.
            gone = home / "pgdata.erased"
            shutil.rmtree(gone, ignore_errors=True)
            (home / keeper.PGDATA).rename(gone)
            shutil.rmtree(gone)
        finally:
            os.close(alone)


def has_data(data_dir: Path) -> bool:
    """Whether there is a database in this data directory, running or not."""
    return (data_dir.expanduser() / keeper.PGDATA).exists()


def check_programs(data_dir: Path) -> None:
    """Raises EmbeddedUnavailable if no PostgreSQL here could serve this data directory."""
    find_binaries(data_dir.expanduser() / keeper.PGDATA)


def _make_home(data_dir: Path) -> Path:
    home = data_dir.expanduser().resolve()
    if "\n" in str(home):
        raise EmbeddedUnavailable(f"the data directory's name {str(home)!r} has a line break in it: choose another")
    if not home.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            # The account PostgreSQL runs as must pass through, and so needs no privilege for it. It cannot
            # list the directory, and every file of ours in it has its own narrow mode.
            home.chmod(0o711)
    return home


def _explain_os_error(data_dir: Path, error: OSError) -> str:
    what = {
        errno.ENOTDIR: "is a file or lies under one: name a directory",
        errno.EEXIST: "is not a directory: name one",
        errno.EACCES: "may not be used by this user: correct its permissions or choose another",
        errno.EPERM: "may not be used by this user: correct its permissions or choose another",
        errno.EROFS: "is on a read-only file system: choose another",
        errno.ENOSPC: "is on a full disk: make room, then try again",
        errno.EDQUOT: "is over its owner's disk quota: make room, then try again",
    }.get(error.errno or 0, f"cannot be used: {error.strerror or error}")
    return f"the data directory {data_dir} {what}" + (f" ({error.filename})" if error.filename else "")


@contextlib.contextmanager
def _start_lock(home: Path) -> Iterator[int]:
    fd = _wait_for_lock(home / keeper.START_LOCK, "another process is starting or stopping its server")
    try:
        yield fd
    finally:
        os.close(fd)


def _wait_for_lock(path: Path, why: str, *, shared: bool = False) -> int:
    deadline = time.monotonic() + LOCK_SECONDS
    while (fd := keeper.try_lock(str(path), shared=shared)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedUnavailable(f"waited {LOCK_SECONDS:.0f} s for {path}: {why}; end it and try again")
        time.sleep(keeper.POLL_SECONDS)
    return fd


def _is_free(home: Path, lock: str, *, shared: bool = False) -> bool:
    fd = keeper.try_lock(str(home / lock), shared=shared)
    if fd is not None:
        os.close(fd)
    return fd is not None


def _ensure_keeper(home: Path) -> None:
    """See to it that a keeper is on duty. Only under start.lock, or two of us might."""
    fd = keeper.try_lock(str(home / keeper.KEEPER_LOCK))
    if fd is None:
        return
    try:
        # The lock travels with the descriptor: there is no moment at which neither of us holds it.
        program = [sys.executable, "-I", "-S", keeper.__file__, str(home), str(fd)]
        with _open_log(home / LOG_NAME) as log:
            detach(program, fd, log.fileno())
    finally:
        os.close(fd)


def _leave(home: Path, users: FileIO) -> None:
    """Let go; if we were the last, wait till nothing is left. Only under start.lock: nobody joins then."""
    # Closing, not unlocking: a forked child shares our lock, and if it lives on, it is still a user.
    users.close()
    deadline = time.monotonic() + keeper.PATIENCE_SECONDS * 2
    while time.monotonic() < deadline:
        alone = keeper.try_lock(str(home / keeper.USERS_LOCK))
        if alone is not None:
            keeper.stop_server(str(home), deadline)
            os.close(alone)  # now the keeper gets it, finds nothing to do and ends
        # If not alone: there are users, who share the lock, or the keeper was faster, which does not.
        others = alone is None and _is_free(home, keeper.USERS_LOCK, shared=True)
        if _is_free(home, keeper.SERVER_LOCK) and _is_free(home, keeper.KEEPER_LOCK):
            if (pid := keeper.read_note(str(home / keeper.KEEPER_LOCK))).isdigit():
                keeper.await_exit(int(pid), 1.0)
            return
        if others:
            _ensure_keeper(home)  # it may have been killed, and they need one
            return
        time.sleep(keeper.POLL_SECONDS)
    raise EmbeddedUnavailable(f"PostgreSQL in {home} does not stop: see {home / LOG_NAME}")


def _join_or_start(home: Path, start_fd: int, *, durable: bool) -> str:
    """Return the socket directory of a server that answers."""
    log, log_from, launched = home / LOG_NAME, 0, False
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        # Had it, no postmaster nor orphan of one is left: the kernel's word, whatever postmaster.pid says.
        server_fd = keeper.try_lock(str(home / keeper.SERVER_LOCK))
        if server_fd is None:
            if (socket_dir := _answering(home)) is not None:
                return socket_dir
            time.sleep(keeper.POLL_SECONDS)
            continue
        try:
            if launched:
                raise EmbeddedUnavailable(explain("PostgreSQL did not start", _tail(log, log_from), log))
            log_from, launched = _launch(home, server_fd, start_fd, durable=durable), True
        finally:
            os.close(server_fd)
    raise EmbeddedUnavailable(
        explain(f"PostgreSQL is not ready after {START_SECONDS:.0f} s", _tail(log, log_from), log)
    )


def _answering(home: Path) -> str | None:
    written = keeper.read_pidfile(str(home / keeper.PGDATA))
    if written is None or written[1] != "ready":
        return None
    socket_dir = keeper.read_note(str(home / keeper.SERVER_LOCK))
    # The file outlives a killed postmaster, whose socket still takes calls while it dies: only an answer tells.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(f"{socket_dir}/{keeper.SOCKET_NAME}")
            probe.sendall(SSL_REQUEST)
            return socket_dir if probe.recv(1) else None
        except (FileNotFoundError, ConnectionError, BlockingIOError, TimeoutError):
            return None


def _launch(home: Path, server_fd: int, start_fd: int, *, durable: bool) -> int:
    """Set PostgreSQL going, which inherits server.lock; return where in the log its own lines begin."""
    pgdata = home / keeper.PGDATA
    binaries, account = find_binaries(pgdata), choose_account(pgdata, home)
    keeper.remove_socket_dir(keeper.read_note(str(home / keeper.SERVER_LOCK)))  # of one that was killed
    socket_dir = _make_socket_dir(home, account)
    keeper.write_note(server_fd, str(socket_dir))
    reached = [
        home,
        socket_dir,
        *([pgdata] if pgdata.exists() else []),
    ]  # pgdata may be a link to a bigger disk
    called = as_account(account, binaries / "postgres", *reached)
    if not pgdata.exists():
        _initialize(home, account, [*called, f"{binaries}/"], start_fd, durable=durable)
    # Stale, as we hold server.lock. PostgreSQL itself could not tell, and would refuse to start, when the pid
    # in it has been given to another process of the same user, as happens after a reboot.
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    settings = SETTINGS | {"unix_socket_directories": f'"{socket_dir}"'} | ({} if durable else NOT_DURABLE)
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    if (home / LOG_NAME).exists() and (home / LOG_NAME).stat().st_size > LOG_MAX_BYTES:
        (home / LOG_NAME).replace(home / f"{LOG_NAME}.1")
    with _open_log(home / LOG_NAME) as log:
        log_from = log.seek(0, os.SEEK_END)
        detach([*called, f"{binaries}/postgres", "-D", str(pgdata), *options], server_fd, log.fileno())
    logger.info("started PostgreSQL from %s in %s", binaries, pgdata)
    return log_from


def _initialize(home: Path, account: Account | None, called: list[str], start_fd: int, *, durable: bool) -> None:
    """Make pgdata with our role and database, in another place first: a pgdata that exists is whole."""
    fresh = home / "pgdata.new"
    if fresh.exists():  # of one that was killed; what it had started is over too, as that holds start.lock
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    if account:
        os.chown(fresh, account.uid, account.gid)
    *prefix, binaries = called
    initdb = [*prefix, f"{binaries}initdb", "-D", str(fresh)]
    # C: the same on every version and machine, so that no index ever depends on the system's collations.
    # Trust: the only way in is the socket, in a directory that only the server's account and root can enter.
    what = ["--username=nambari", "--encoding=UTF8", "--locale=C", "--data-checksums"]
    run_step([*initdb, *what, "--auth-local=trust", "--auth-host=reject", "--no-sync"], start_fd)
    single = [*prefix, f"{binaries}postgres", "--single", "-D", str(fresh), "-c", "fsync=off"]
    run_step(
        [*single, "-c", "shared_buffers=8MB", "template1"],
        start_fd,
        "CREATE DATABASE nambari STRATEGY file_copy\n",
    )
    if durable:
        run_step([*initdb, "--sync-only"], start_fd)
    fresh.rename(home / keeper.PGDATA)
    if durable:
        _sync_directory(home)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _make_socket_dir(home: Path, account: Account | None) -> Path:
    """Make the private directory of the socket: in the data directory unless that makes the path too long."""
    place = home / "run"
    if not _fits(place):
        name = f"nambari-{os.geteuid()}-{sha256(os.fsencode(home)).hexdigest()[:16]}"
        # Not root's runtime directory: the account could not enter it.
        runtime = os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() else None
        roots = [root for root in (runtime, tempfile.gettempdir()) if root and os.access(root, os.W_OK)]
        place = next((Path(root, name) for root in roots if _fits(Path(root, name))), Path("/tmp", name))  # noqa: S108 - private
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    # In a shared /tmp anybody could have made it before us, to get between us and the server.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid if account else -1}:
        raise EmbeddedUnavailable(f"{place} is needed for the server's socket but is another user's: remove it")
    place.chmod(0o700)
    if account:
        os.chown(place, account.uid, account.gid)
    return place


def _fits(socket_dir: Path) -> bool:
    # A comma would part a list of hosts in a DSN, and a quote the setting.
    path = os.fsencode(socket_dir / keeper.SOCKET_NAME)
    return len(path) <= SOCKET_PATH_MAX_BYTES and b"," not in path and b'"' not in path


def _dsn(socket_dir: str) -> str:
    return f"postgresql://nambari@/nambari?host={quote(socket_dir)}&port={SETTINGS['port']}"


def _open_log(log: Path) -> FileIO:
    return FileIO(keeper.open_private(str(log), os.O_APPEND), "r+")


def _tail(log: Path, start: int) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(start)
        return file.read()[-4000:].decode(errors="replace")
