"""`python -m devtools.release [COMMIT]`: keep the code and a world of a release, for the test of the upgrade from it.

Run it at each release, with its commit: tests/upgrade/data is then that of the release before the one to come.
"""

import argparse
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "upgrade" / "data"
CODE = DATA / "code.tar.xz"
WORLD = DATA / "world.dump"
COMMIT = DATA / "commit"
BUYERS = DATA / "buyers.json"
"""Keys of two of its organizations, which work nowhere else, and the ids of numbers that both can pay."""
SOURCES = ("src/nambari", "clients/python/src/nambari_client")
NEEDED_ONCE = ("tests",)
"""Besides the sources, to make the world: its own simulation plays in it."""
SEEDS = 6
STEPS = 6
ITEMS = 24
"""For sale in that world, and for nobody in its stories."""

# Run by the code of the release, on its own paths.
PLAY = f"""
import asyncio, datetime, json, os, subprocess, sys
from tests.simulate.__main__ import databases
from tests.simulate.play import play
from tests.simulate.town import town

async def fill(dsn):
    async with town(dsn) as made:
        for seed in range({SEEDS}):
            await play(made, seed, {STEPS})
        made.clock.now = datetime.datetime.now(datetime.UTC)
        world = made.world
        richest = await world.fetch(
            "SELECT organization_id FROM phone_numbers JOIN kyc USING (organization_id, environment)"
            " WHERE environment = 'live' AND kyc.status = 'verified'"
            " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2")
        keys = []
        for row in richest:
            await world.fund(row["organization_id"], 1_000_000)
            keys.append((await world.key(row["organization_id"]))[1])
        items = await world.stock({ITEMS}, locality="Upgrade")
        with open(sys.argv[2], "w") as told:
            json.dump({{"api_keys": keys, "inventory_ids": items}}, told, indent=1)
            told.write("\\n")

with databases() as made:
    dsn = made.make()
    asyncio.run(fill(dsn))
    backed = [sys.executable, "-m", "nambari", "backup", sys.argv[1]]
    subprocess.run(backed, env=os.environ | {{"NAMBARI_DATABASE_URL": dsn}}, check=True)
"""


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m devtools.release", description=__doc__)
    asked.add_argument("commit", nargs="?", default="HEAD", help="of the release (HEAD)")
    commit = asked.parse_args().commit
    DATA.mkdir(parents=True, exist_ok=True)
    CODE.write_bytes(lzma.compress(_archive(commit, SOURCES), preset=9 | lzma.PRESET_EXTREME))
    with tempfile.TemporaryDirectory() as folder:
        _unpack(_archive(commit, (*SOURCES, *NEEDED_ONCE)), Path(folder))
        told = subprocess.run(
            [sys.executable, "-c", PLAY, str(WORLD), str(BUYERS)],
            cwd=folder,
            env=os.environ | paths(Path(folder)),
            check=False,
        )
    if told.returncode:
        sys.exit("The world of that release could not be made.")
    COMMIT.write_text(_git("rev-parse", f"{commit}^{{commit}}").decode(), encoding="ascii")
    for each in (CODE, WORLD, BUYERS, COMMIT):
        print(f"wrote {each.relative_to(ROOT)}, {each.stat().st_size:,} bytes")


def paths(home: Path) -> dict[str, str]:
    """The environment in which Python takes the code of the release that lies there."""
    return {"PYTHONPATH": os.pathsep.join(str(home / each) for each in ("src", "clients/python/src", "."))}


def unpack(home: Path) -> None:
    """The code of the release that is kept, into this folder."""
    _unpack(lzma.decompress(CODE.read_bytes()), home)


def _archive(commit: str, what: tuple[str, ...]) -> bytes:
    return _git("archive", commit, *what)


def _git(*what: str) -> bytes:
    return subprocess.run(["git", *what], cwd=ROOT, capture_output=True, check=True).stdout


def _unpack(archive: bytes, home: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(home, filter="data")


if __name__ == "__main__":
    main()
