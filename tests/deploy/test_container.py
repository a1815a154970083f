"""Does the Containerfile make a service that runs? Its steps, done here without an engine, and run as its user.

They are done without its ENV, which only has the packages compiled.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest
from tests.story.processes import HOST, free_port, until

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "container" / "Containerfile"
OURS = re.compile(r"(?<![\w/.])/(?=(?:opt/nambari|build|src|wheels)\b)")
"""The beginning of a path that the file makes; here it lies in a folder."""

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


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Where all that the file makes is made, open to everybody as it is in an image."""
    with TemporaryDirectory(prefix="nambari-image-") as folder:
        made = Path(folder)
        made.chmod(0o755)
        (made / "opt").mkdir()
        for one, rest in steps():
            if one == "COPY" and "--from" not in rest:
                sources, target = copied(rest)
                for each in sources:
                    place(ROOT / each, made / target.strip("/"), several=len(sources) > 1 or target.endswith("/"))
            elif one == "RUN":
                done = subprocess.run(
                    ["sh", "-euc", OURS.sub(f"{made}/", rest)],
                    cwd=made,
                    env=outside(),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=600,
                )
                assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"
        yield made


def outside() -> dict[str, str]:
    """With the system's Python, as in an image: one of root's own nobody else may run."""
    ours = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return ours | {"PATH": "/usr/local/bin:/usr/bin:/bin"}


def place(source: Path, target: Path, *, several: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    else:
        target.mkdir(parents=True, exist_ok=True) if several else target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


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


def as_user(user: str, group: str) -> list[str]:
    bounds = ("--clear-groups", "--no-new-privs", "--bounding-set=-all")
    return ["setpriv", f"--reuid={user}", f"--regid={group}", *bounds]


@contextmanager
def running(home: Path, port: int, metrics: int) -> Iterator["subprocess.Popen[bytes]"]:
    user, group = last("USER").split(":")
    variables = dict(each.split("=", 1) for one, rest in steps() if one == "ENV" for each in rest.split())
    [program] = json.loads(last("ENTRYPOINT"))
    given = json.loads(last("CMD"))
    assert given == ["serve", "--host", "0.0.0.0", "--metrics", "0.0.0.0:9464"]
    options = ["serve", "--host", HOST, "--port", str(port), "--metrics", f"{HOST}:{metrics}"]
    volume = home / "data"
    volume.mkdir()
    os.chown(volume, int(user), int(group))
    log = home / "service.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*as_user(user, group), OURS.sub(f"{home}/", program), *options],
            cwd="/",
            env={name: OURS.sub(f"{home}/", value) for name, value in variables.items()}
            | {"NAMBARI_DATA_DIR": str(volume)},
            stdout=out,
            stderr=out,
        )
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(60)
        until(lambda: not (volume / "pgdata" / "postmaster.pid").exists(), 60, "the end of its database")


@pytest.mark.timeout(900)  # it installs all that is locked
def test_what_it_makes_serves_as_nobody(home: Path) -> None:
    port, metrics = free_port(), free_port()
    health = [OURS.sub(f"{home}/", each) for each in json.loads(last("HEALTHCHECK").partition("CMD ")[2])]
    health = [each.replace("127.0.0.1:8000", f"{HOST}:{port}") for each in health]

    def is_healthy() -> bool:
        return subprocess.run(health, capture_output=True, check=False, timeout=60, cwd="/").returncode == 0

    assert not is_healthy(), "nothing runs yet"
    with running(home, port, metrics):
        until(is_healthy, 120, "a health check that passes")
        assert httpx2.get(f"http://{HOST}:{port}/console/sign-in", timeout=30).status_code == 200, "pages come along"
        assert "nambari_database_up 1" in httpx2.get(f"http://{HOST}:{metrics}/metrics", timeout=30).text
        where = [str(home / "opt/nambari/bin/python"), "-c", "import nambari; print(nambari.__file__)"]
        told = subprocess.run(where, capture_output=True, text=True, check=True, cwd="/").stdout
        assert told.startswith(str(home / "opt/nambari/lib")), "it needs no source tree"
