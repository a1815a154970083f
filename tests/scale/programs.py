"""How are PostgreSQL's neighbours run in tests? As processes of ours, on free ports, never as root."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
from tests.story.processes import HOST, MARK, signalled, until

from nambari.db.server_program import as_account, choose_account

ROOT = Path(__file__).parents[2]
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
"""Debian keeps PgBouncer and nginx where the PATH of users does not look."""
MISSING = "The tests of scale need PgBouncer and nginx; on Debian: apt-get install pgbouncer nginx-light"


def program(name: str) -> Path:
    found = shutil.which(name, path=PATH)
    assert found is not None, MISSING
    return Path(found)


def handed_over(folder: Path) -> Path:
    """A folder that belongs to the account that these programs run as."""
    folder.mkdir(parents=True, exist_ok=True)
    account = choose_account()
    if account is not None:
        for each in (folder, *folder.iterdir()):
            os.chown(each, account.uid, account.gid)
    return folder


def as_nobody(executable: Path, folder: Path) -> list[str]:
    """What to put before the command."""
    return as_account(choose_account(), executable, folder)


def listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), 5):
            return True
    except OSError:
        return False


@contextmanager
def running(command: list[str], port: int, log: Path, mark: Mapping[str, str] | None = None) -> Iterator[int]:
    """The process id of the program, once it listens on the port; at the end it and all its children are gone."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ | dict(mark or {}), cwd="/"
        )
    try:
        until(lambda: process.poll() is not None or listens(port), 60, f"{command[0]} on its port")
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        yield process.pid
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill -9, of it and of all its children: the parent first, which would else replace them."""
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        signalled(children)
        psutil.wait_procs(children, 30)
    process.wait(30)


def adapted(shipped: Path, changes: Mapping[str, str]) -> str:
    """A configuration as it is shipped, each of these lines of it changed for this machine."""
    text = shipped.read_text()
    for line, instead in changes.items():
        assert text.count(line) == 1, f"{shipped.name} has {line!r} {text.count(line)} times"
        text = text.replace(line, instead)
    return text


__all__ = ["HOST", "MARK", "MISSING", "ROOT", "adapted", "as_nobody", "handed_over", "kill", "listens", "program"]
