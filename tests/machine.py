"""How are pages tried that set up a machine? On a copy of this one, where systemd is the first process.

The copy has namespaces of its own: its files are this machine's until they are written, and what is written lies in
memory; its ports are nobody's. It takes a second, and nothing is left of it. Root alone may make one.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
from tests.story.processes import until

ROOT = Path(__file__).parents[1]
PROGRAMS = ("setpriv", "unshare", "nsenter", "pivot_root", "mount", "ip", "pg_createcluster", "/lib/systemd/systemd")
PACKAGES = "util-linux mount iproute2 postgresql-15 systemd"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PATH = "/opt/nambari/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin"
"""The last is where `createdb` is that CI installs."""
SECONDS = 300
FIRST = "/lib/systemd/systemd --unit=basic.target --show-status=no --log-target=null"

BECOME = f"""
place=$1 checkout=$2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root" "$place/checkout" "$place/checkout-work"
root=$place/root
mount -t overlay overlay -o lowerdir=/,upperdir="$place/upper",workdir="$place/work" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount --rbind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"   # the kernel's settings are everybody's, but for those of the network
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in {" ".join(DEVICES)}; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ip link set lo up
mkdir -p "$root$checkout"   # which may lie on another disk, and may lie in /tmp
mount -t overlay overlay \\
    -o lowerdir="$checkout",upperdir="$place/checkout",workdir="$place/checkout-work" "$root$checkout"
mkdir "$root/run/old"
cd "$root"
pivot_root . run/old
umount -l run/old
exec env -i container=nambari PATH=/usr/sbin:/usr/bin:/sbin:/bin {FIRST}
"""


PASSWORD = "a-password-of-the-tests"
DATABASE = f"""
pg_createcluster --port 5432 15 nambari
echo "listen_addresses = '*'" >> /etc/postgresql/15/nambari/postgresql.conf
echo 'host all all 10.0.0.0/8 trust' >> /etc/postgresql/15/nambari/pg_hba.conf
ip addr add 10.0.0.5/32 dev lo
systemctl start postgresql@15-nambari
runuser -u postgres -- psql -q -c "CREATE ROLE nambari LOGIN PASSWORD '{PASSWORD}'"
runuser -u postgres -- createdb --owner nambari nambari
"""
URL = f"postgresql://nambari:{PASSWORD}@127.0.0.1/nambari"


@dataclass(frozen=True)
class Machine:
    """`first` is its first process, as this machine counts them."""

    first: int

    def typed(self, commands: str, *, beside: bool = False, seconds: float = SECONDS) -> str:
        """What root's shell prints in the checkout. Fails where a command does.

        `beside`: with this machine's network, which leads to packages.
        """
        done = subprocess.run(
            self._entered("bash", "-e", "-o", "pipefail", beside=beside),
            input=f"cd '{ROOT}'\n{{ {commands}\n}} </dev/null\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", **packages()},
        )
        assert done.returncode == 0, (
            f"exit {done.returncode} of\n{commands}\n{done.stdout}{done.stderr}{self.journal()}"
        )
        return done.stdout

    def put(self, source: Path, target: str) -> None:
        """A file of this machine that it does not see."""
        with source.open("rb") as file:
            subprocess.run(self._entered("sh", "-c", f"cat > {target}"), stdin=file, check=True, timeout=SECONDS)

    def make_database(self) -> None:
        """Debian's PostgreSQL, at URL; and at 10.0.0.5, which is the copy as well and asks for no password."""
        self.typed(DATABASE)

    def wait_for(self, url: str) -> None:
        self.typed(f"until curl -sf -o /dev/null {url}; do sleep 0.1; done", seconds=90)

    def journal(self) -> str:
        """The end of what its services wrote."""
        return self._told("journalctl", "-n", "60", "--no-pager")

    def state(self) -> str:
        return self._told("systemctl", "is-system-running").strip()

    def _told(self, *program: str) -> str:
        entered = self._entered(*program)
        return subprocess.run(entered, capture_output=True, text=True, check=False, timeout=60).stdout

    def _entered(self, *program: str, beside: bool = False) -> list[str]:
        namespaces = ("--mount", "--pid", "--uts", "--ipc", "--cgroup") if beside else ("--all",)
        return ["nsenter", "--target", str(self.first), *namespaces, *program]


def packages() -> dict[str, str]:
    """How this machine is told to reach packages."""
    told = re.compile(r"PIP_|SSL_|(https?|no)_proxy$", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if told.match(name)}


@contextmanager
def machine(place: Path) -> Iterator[Machine]:
    """`place` is an empty folder."""
    missing = [each for each in PROGRAMS if not shutil.which(each)]
    assert not missing, f"pages that set up a machine are tried on a copy of this one: apt-get install {PACKAGES}"
    assert os.geteuid() == 0, "pages that set up a machine are tried on a copy of this one, which root alone may make"
    group = groups() / f"nambari-{os.getpid()}-{place.name}"
    group.mkdir()
    log = place.with_suffix(".log")
    with log.open("wb") as out:
        spaces = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
        outer = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),
                *("sh", "-euc", 'echo $$ > "$1"; shift; exec "$@"', "sh", str(group / "cgroup.procs")),
                *("unshare", *spaces, "--fork", "--kill-child"),
                *("sh", "-euc", BECOME, "sh", str(place), str(ROOT)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        made = Machine(until(lambda: first_of(outer, log), 30, "a first process"))
        until(lambda: made.state() in {"running", "degraded"}, 60, "the start of the copy")
        yield made
    finally:
        outer.kill()  # and with it the first process, and with that all others
        outer.wait()
        until(lambda: removed(group), 30, "the end of the copy")


def groups() -> Path:
    """Where this machine has its second version of control groups, whichever else it has."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    found = [Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2"]
    assert found, "systemd wants control groups: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    return found[0]


def first_of(outer: "subprocess.Popen[bytes]", log: Path) -> int:
    """Nothing until it is systemd."""
    assert outer.poll() is None, log.read_text(errors="replace")
    for child in psutil.Process(outer.pid).children():
        if "systemd" in child.name():
            return int(child.pid)
    return 0


def removed(group: Path) -> bool:
    try:
        for folder in sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True):
            folder.rmdir()
        group.rmdir()
    except FileNotFoundError:
        return not group.exists()
    except OSError:  # a process of it is still ending
        return False
    return True
