"""How does the embedded PostgreSQL end once its last user is gone, even by kill -9?

A small program (`python -I -S keeper.py DATA_DIR KEEPER_FD`), and what it shares with `embedded.py` about a
data directory. Never here: starting a server, SQL, or an import beyond the small ones below (it stays in
memory as long as the server runs).

Four lock files, never deleted (or two processes could each hold "the" lock). A lock goes with its holder,
however that dies, so it says more than any pid written down:

* start.lock   exclusive, around joining, starting and leaving
* users.lock   shared by every user; exclusive by the keeper once none is left, while it stops the server
* server.lock  exclusive, inherited by the postmaster and all its children: held as long as any of them lives.
               Its text is the socket directory
* keeper.lock  exclusive, inherited by the keeper. Its text is the keeper's pid
"""
# ruff: noqa: PTH108, PTH106, PTH110, PTH116, PTH120, PTH123, SIM105
# (pathlib and contextlib are large for a program that stays in memory)

import fcntl
import os
import select
import signal
import sys
import time

START_LOCK = "start.lock"
USERS_LOCK = "users.lock"
SERVER_LOCK = "server.lock"
KEEPER_LOCK = "keeper.lock"
PGDATA = "pgdata"
SOCKET_NAME = ".s.PGSQL.5432"
POLL_SECONDS = 0.01
# A fast shutdown writes out what is in memory; if it takes longer than this, the next start recovers instead.
PATIENCE_SECONDS = 60.0


def open_private(path: str, flags: int = 0) -> int:
    """Open or make a file. Root leaves it to the directory's owner, or `sudo nambari` would lock them out."""
    fd = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = os.stat(os.path.dirname(path))
        os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


def try_lock(path: str, *, shared: bool = False) -> int | None:
    """Take the lock and return its descriptor (closing it lets go), or None when another holds it."""
    fd = open_private(path)
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


def write_note(fd: int, text: str) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, os.fsencode(text), 0)


def read_note(path: str) -> str:
    """Return what the holder of a lock wrote into it; empty when it never did."""
    fd = open_private(path)
    try:
        return os.fsdecode(os.pread(fd, 4096, 0))
    finally:
        os.close(fd)


def read_pidfile(pgdata: str) -> tuple[int, str] | None:
    """Return pid and status ("ready", "stopping", …) as the postmaster wrote them; None while incomplete."""
    try:
        with open(f"{pgdata}/postmaster.pid", "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    if len(lines) < 2 or not lines[0].isdigit():  # the second line proves the first is whole
        return None
    return int(lines[0]), lines[7].strip().decode() if len(lines) > 7 else ""  # line 8 is the status


def is_postmaster(pid: int, pgdata: str) -> bool:
    """Guard every signal: after a crash the pid may by now be another process of the same user."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsencode(pgdata) in file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return not os.path.exists("/proc/self")  # macOS has no /proc: believe the pid file there


def await_exit(pid: int, seconds: float) -> None:
    """Wait till a process that has let go of its locks is gone from the process table too (Linux)."""
    if not hasattr(os, "pidfd_open"):
        return
    try:
        fd = os.pidfd_open(pid)
    except OSError:  # gone already, or a kernel without pidfds: the locks were the answer that matters
        return
    try:
        select.select([fd], [], [], seconds)
    finally:
        os.close(fd)


def remove_socket_dir(path: str) -> None:
    """Remove by name what PostgreSQL puts there, never a tree: the directory may lie in a shared /tmp."""
    if not path:
        return
    for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        try:
            os.unlink(f"{path}/{name}")
        except OSError:
            pass
    try:
        os.rmdir(path)
    except OSError:  # gone already, or somebody keeps something in it: not ours to judge
        pass


def stop_server(data_dir: str, deadline: float = float("inf")) -> None:
    """Stop the server; return when it and all its children are gone. The caller holds users.lock alone."""
    pgdata, lock = f"{data_dir}/{PGDATA}", f"{data_dir}/{SERVER_LOCK}"
    begun, told, postmaster = time.monotonic(), 0, 0
    while (fd := try_lock(lock)) is None:
        if time.monotonic() > deadline:
            return
        # No pid yet (the user was killed while starting it): it will be there on one of the next rounds.
        # A pid of no postmaster: only its orphaned children are left, and they end by themselves.
        written = read_pidfile(pgdata)
        order = signal.SIGQUIT if time.monotonic() - begun > PATIENCE_SECONDS else signal.SIGINT
        if written and told != order and is_postmaster(written[0], pgdata):
            postmaster, told = written[0], order
            try:
                os.kill(postmaster, order)
            except ProcessLookupError:  # ended by itself just now
                pass
        time.sleep(POLL_SECONDS)
    if postmaster:
        await_exit(postmaster, 1.0)
    remove_socket_dir(read_note(lock))
    write_note(fd, "")
    os.close(fd)


def keep(data_dir: str, keeper_fd: int) -> None:
    # A terminal's hang-up or a service manager's stop is for the users; we see to what they leave behind.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    write_note(keeper_fd, str(os.getpid()))
    users = open_private(f"{data_dir}/{USERS_LOCK}")
    fcntl.flock(users, fcntl.LOCK_EX)
    # The directory may have been deleted and made anew meanwhile: then the server there is not ours to stop.
    if os.path.samestat(os.fstat(users), os.stat(f"{data_dir}/{USERS_LOCK}")):
        stop_server(data_dir)
    # In this order: whoever gets users.lock next must not mistake us, about to exit, for a keeper on duty.
    os.close(keeper_fd)
    os.close(users)


if __name__ == "__main__":
    keep(sys.argv[1], int(sys.argv[2]))
