"""Does the Containerfile make a service that runs? It is built and run by podman, as docs/operations.md says.

That happens on a copy of this machine; what the image begins with stands in for what no registry is asked for here.
"""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import blocks
from tests.docs.terminal import commands
from tests.machine import Machine, machine

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "container" / "Containerfile"
Step = tuple[str, str]


def steps() -> list[Step]:
    """Each instruction and what is behind it, in one line."""
    text = FILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(one, rest.strip()) for one, _, rest in (line.partition(" ") for line in lines)]


def last(name: str) -> str:
    return [rest for one, rest in steps() if one == name][-1]


def copied(rest: str) -> tuple[list[str], str]:
    *sources, target = rest.split()
    return sources, target


def test_only_what_is_copied_is_sent_to_the_engine() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    taken = [line[1:] for line in ignored if line.startswith("!")]
    sources = [each for one, rest in steps() if one == "COPY" and "--from" not in rest for each in copied(rest)[0]]
    assert sources
    for each in sources:
        assert (ROOT / each).exists()
        assert any(Path(each).match(pattern) for pattern in taken), f"{each} is not sent"


def test_it_installs_what_is_locked_and_the_lock_is_that_of_the_tests() -> None:
    tried = set(pins(ROOT / "requirements.lock"))
    for lock in ("requirements.lock", "build.lock"):
        found = pins(FILE.parent / lock)
        assert found
        assert set(found) <= tried, "make lock"
    wanted = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {"litestar", "mcp", "opentelemetry-sdk"} <= {
        each.split("==")[0] for each in pins(FILE.parent / "requirements.lock")
    }
    assert "pytest" in wanted
    assert "pytest" not in {each.split("==")[0] for each in pins(FILE.parent / "requirements.lock")}


def pins(lock: Path) -> list[str]:
    return re.findall(r"^([a-z0-9._\[\]-]+==\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)


# ── Built, and run ───────────────────────────────────────────────────────────────────────────────────────────────

BASE = dict(rest.split("=", 1) for one, rest in steps() if one == "ARG")["PYTHON"]
WANTED = ("bash", "dash", "ca-certificates", "coreutils", "python3", "python3-venv")
LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/")
OF_NO_PACKAGE = ("/bin", "/sbin", "/lib", "/lib64", "/etc/passwd", "/etc/group", "/etc/ld.so.cache", "/etc/pip.conf")
CERTIFICATES = Path("/etc/ssl/certs")
ENGINE = """
ln -sf /usr/bin/podman /usr/local/bin/docker     # as Debian's podman-docker does
mount -t tmpfs tmpfs /var/lib/containers         # what lies in a copy already can be no layer of an image
printf '[containers]\\ncgroups = "disabled"\\n' > /etc/containers/containers.conf
"""
"""Control groups of their own, as runs of a build have where they are not just in a folder, want more than root may."""
BUILD = "BUILDAH_FORMAT=docker BUILDAH_ISOLATION=chroot"


def base(target: Path) -> None:
    """Stands in for the image that the file begins with, as no registry of images is asked here.

    It is made of this machine's own packages, so its Python is Debian's.
    """
    asked = ["apt-cache", "depends", "--recurse", "--installed", "--important", *WANTED]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    packages = sorted({line for line in told if line[:1].isalnum() and ":" not in line})
    listed = subprocess.run(["dpkg", "-L", *packages], capture_output=True, text=True, check=True).stdout.splitlines()
    taken = [Path(each) for each in (*listed, *OF_NO_PACKAGE) if not each.startswith(LEFT_OUT)]
    places = {each.parent.resolve() / each.name for each in (*taken, *CERTIFICATES.iterdir())}
    with tarfile.open(target, "w") as archive:
        for each in sorted(places):
            if each.is_symlink() or each.is_file():
                archive.add(each, str(each).lstrip("/"), recursive=False)


@pytest.fixture(scope="module")
def lines() -> tuple[str, str]:
    """Those of docs/operations.md: to build, and to run."""
    [block] = [each for each in blocks("docs/operations.md") if each.why == "tests/deploy/test_container.py"]
    build, run = commands(block.text)
    return build, run


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, lines: tuple[str, str]) -> Iterator[Machine]:
    """A copy of this machine with podman, which has built the image."""
    assert shutil.which("podman"), "images are built by podman: apt-get install --no-install-recommends podman"
    place = tmp_path_factory.mktemp("engine")
    archive = place.with_suffix(".tar")
    base(archive)
    with machine(place) as copy:
        copy.typed(ENGINE)
        copy.put(archive, "/tmp/base.tar")
        variable = f"ENV SSL_CERT_FILE={CERTIFICATES}/ca-certificates.crt"
        copy.typed(f"podman import -q -c '{variable}' /tmp/base.tar {BASE}")
        copy.typed(f"{BUILD} {lines[0]}", beside=True, seconds=600)
        yield copy


@pytest.mark.timeout(900)  # it installs all that is locked
def test_the_image_serves_as_nobody(built: Machine, lines: tuple[str, str]) -> None:
    built.make_database()
    built.typed("echo NAMBARI_DATABASE_URL=postgresql://nambari@10.0.0.5/nambari > nambari.env")
    built.typed(f"{lines[1]} > /tmp/container.log 2>&1 &")
    built.wait_for("http://127.0.0.1:8000/readyz")
    assert "Nambari" in built.typed("curl -sSf http://127.0.0.1:8000/console/sign-in"), "pages come along"
    [container] = built.typed("docker ps -q").split()
    built.typed(f"docker healthcheck run {container}")
    asked = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    assert "nambari_database_up 1" in built.typed(f'docker exec {container} python -c "{asked}"')
    assert set(built.typed("ps -C nambari -o uid=").split()) == {last("USER").partition(":")[0]}
    assert "Read-only file system" in built.typed(f"docker exec {container} touch /opt/nambari/new 2>&1 || true")
    assert stopped_with(built, container) == "0"


def test_with_a_volume_it_brings_its_own_database(built: Machine, lines: tuple[str, str]) -> None:
    volume = "/var/lib/volume"
    user, group = last("USER").split(":")
    built.typed(f"install -d -o {user} -g {group} {volume}")
    run = lines[1].replace("--env-file nambari.env", f"-v {volume}:/var/lib/nambari")
    assert run != lines[1]
    built.typed(f"{run} > /tmp/container.log 2>&1 &")
    built.wait_for("http://127.0.0.1:8000/readyz")
    [container] = built.typed("docker ps -q").split()
    where = built.typed(f"docker exec {container} python -c 'import nambari; print(nambari.__file__)'")
    assert where.startswith("/opt/nambari/lib/"), "it needs no source tree"
    assert set(built.typed("ps -C postgres -o uid= | sort -u").split()) >= {user}
    assert stopped_with(built, container) == "0"
    built.typed(f"while [ -e {volume}/pgdata/postmaster.pid ]; do sleep 0.1; done", seconds=60)


def stopped_with(built: Machine, container: str) -> str:
    """Its exit code."""
    told = built.typed(f"docker stop --time 30 {container}; docker inspect -f '{{{{.State.ExitCode}}}}' {container}")
    return told.split()[-1]
