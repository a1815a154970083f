"""Are blocks that serve or set an environment true? Those of README.md, settings.md, scale.md and backup.md are typed.

As they stand, but for the database, the port, and the folder that backups go to.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import psycopg
import pytest
from tests.conftest import dsn_of
from tests.docs.blocks import PAGES, Block, blocks
from tests.docs.terminal import commands
from tests.story.processes import HOST, environment, free_port, processes_of, signalled, until

from nambari.db import embedded
from nambari.settings import read

PROGRAM = Path(sys.executable).parent
BLOCKS = [block for page in PAGES for block in blocks(page) if block.why == "tests/story/test_pages.py"]
EXPORTED = re.compile(r"^export ", re.MULTILINE)
DEBIANS = "/usr/lib/postgresql/15/bin"
"""Where `createdb` is that CI installs."""


def test_there_are_some() -> None:
    assert {block.page for block in BLOCKS} == {"README.md", "docs/settings.md", "docs/scale.md", "docs/backup.md"}


TYPED = [each for each in BLOCKS if not EXPORTED.search(each.text)]
MOVES = [each for each in BLOCKS if "createdb" in each.text]
READ = [each for each in BLOCKS if each not in TYPED + MOVES]


@pytest.mark.parametrize("block", TYPED, ids=str)
def test_what_is_typed_serves_or_is_done(block: Block, tmp_path: Path, dsn: str) -> None:
    (tmp_path / "backups").mkdir()
    for command in commands(block.text):
        named = {} if "embedded" in command else {"NAMBARI_DATABASE_URL": dsn}
        typed(here(command, dsn, tmp_path), environment(tmp_path) | named, tmp_path)
    until(lambda: not processes_of(tmp_path), 60, "the end of all that was started")


@pytest.mark.parametrize("block", MOVES, ids=str)
def test_a_shop_moves_to_a_server(block: Block, tmp_path: Path, server: embedded.EmbeddedServer) -> None:
    """In one shell, up to what serves there in the end."""
    moved = dsn_of(server, "moved")
    move = block.text.replace(
        "--host db.example.com --owner nambari nambari", f"-O nambari --maintenance-db '{server.dsn}' moved"
    )
    move = move.replace("postgresql://nambari:…@db.example.com/nambari", f"'{moved}'").removesuffix("nambari serve\n")
    assert "db.example.com" not in move
    typed(f"nambari org create --name Acme\n{move}nambari org list | grep Acme", environment(tmp_path), tmp_path)
    typed("nambari serve", environment(tmp_path) | {"NAMBARI_DATABASE_URL": moved}, tmp_path)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE moved")
    until(lambda: not processes_of(tmp_path), 60, "the end of all that was started")


def here(command: str, dsn: str, folder: Path) -> str:
    command = command.partition(" #")[0].replace(".venv/bin/nambari", "nambari")
    return command.replace("postgresql://…", f"'{dsn}'").replace("/backups/", f"{folder}/backups/")


def typed(command: str, ours: dict[str, str], folder: Path) -> None:
    """What serves is stopped by SIGTERM once it is ready; all else ends by itself. Either ends well."""
    port = free_port()
    with (folder / "typed.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-e", "-c", f"{command} --port {port}" if takes_port(command) else command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=ours | {"PATH": f"{PROGRAM}:{os.environ['PATH']}:{DEBIANS}"},
            start_new_session=True,
        )
    try:
        if serves(command):
            until(lambda: process.poll() is not None or is_ready(port), 90, command)
            process.send_signal(signal.SIGTERM)  # to nobody if it has ended; the shell has become the program
        assert process.wait(90) == 0, (folder / "typed.log").read_text(errors="replace")[-3000:]
    finally:
        signalled(processes_of(folder) if process.poll() is None else ())
        process.wait()


def takes_port(command: str) -> bool:
    return serves(command) or command == "nambari doctor"


def serves(command: str) -> bool:
    return re.search(r"^(?:[A-Z_]+=\S+ )*nambari serve\b", command) is not None


def is_ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://{HOST}:{port}/readyz", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("block", READ, ids=str)
def test_what_is_exported_is_read(block: Block) -> None:
    """By bash, and then as `nambari` reads it: what is no setting, or a value of another form, is refused."""
    done = subprocess.run(
        ["bash", "-e", "-c", f"{block.text}\nenv -0"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    found = dict(each.split("=", 1) for each in done.stdout.split("\0") if each.startswith("NAMBARI_"))
    assert len(found) == len(EXPORTED.findall(block.text))
    settings = read(found)
    assert all(getattr(settings, name.removeprefix("NAMBARI_").lower()) == value for name, value in found.items())
