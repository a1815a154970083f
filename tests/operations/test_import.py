"""A large import: its memory, its end half way, and others at the same time."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from random import Random

import psycopg
import pytest
from tests.cast import World
from tests.operations.racing import Processes, at_once, eventually

from devtools import numbers
from nambari.domain.access import Environment
from nambari.operations import stock
from nambari.operations.stock import Imported

SMALL, LARGE = 25_000, 100_000
"""Both are more than the lines that are held in memory at once."""
MOST_MORE_KILOBYTES = 3_000
"""75,000 more lines of which nothing but the number were kept would be 70 bytes each, so 5 MB and more.

Two runs of one file differ by half a MB, as the allocator and the collector have it.
"""

IMPORT = """
import sys
from nambari.cli import program
code = program.run(["inventory", "import", *sys.argv[1:]])
with open("/proc/self/status") as status:
    print("peak", *(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""
"""Asks itself at the end, as what the system tells of a child counts the memory of the one that it was forked from."""


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of valid Kenyan mobile numbers: the names of places, which local ones need, are not loaded for it.

    Loading them takes more memory for a moment than all else, and would hide what the import itself takes.
    """
    [mobile] = [space for space in numbers.spaces(["KE"]) if space.type == "mobile"]
    return write(tmp_path_factory.mktemp("import") / "large.csv", islice(mobile.shuffled(Random(1)), LARGE))


def write(path: Path, lines: Iterable[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["number"], *([line] for line in lines)])
    return path


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()[1:]


def beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def importing(path: Path, dsn: str) -> "subprocess.Popen[str]":
    ours = {name: value for name, value in os.environ.items() if not name.startswith("NAMBARI_")}
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, path, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ours | {"NAMBARI_DATABASE_URL": dsn},
    )


async def import_(world: World, path: Path) -> Imported:
    return await stock.import_file(
        world.services,
        path,
        country=None,
        environment=Environment.LIVE,
        now=world.services.clock(),
        progress=lambda *_: None,
    )


def peak_kilobytes(path: Path, dsn: str, added: int) -> int:
    out, err = importing(path, dsn).communicate(timeout=120)
    assert out == f'{{"added":{added},"unchanged":0,"rejected":0}}\n', err
    return int(err.split()[-1])


# ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone tells a process its peak")
def test_four_times_the_lines_take_no_more_memory(large: Path, dsn: str, tmp_path: Path) -> None:
    lines = lines_of(large)
    small_peak = peak_kilobytes(write(tmp_path / "small.csv", lines[-SMALL:]), dsn, SMALL)
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM inventory")
    large_peak = peak_kilobytes(large, dsn, LARGE)
    more = large_peak - small_peak
    assert more < MOST_MORE_KILOBYTES, f"{small_peak} kB for {SMALL} lines, {large_peak} kB for {LARGE}"


# ── An end half way ──────────────────────────────────────────────────────────────────────────────────────────────


HELD_UP = """
    INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status, available_since,
                           created_at)
    VALUES ('inv_1', 'live', %s, 'KE', 'mobile', '{voice}', 'pool', 'available', now(), now())"""


async def test_an_import_that_is_killed_leaves_nothing(large: Path, world: World, dsn: str, tmp_path: Path) -> None:
    """Kill -9, when a part is stocked and the rest is held up by somebody who stocks its last number just now."""
    lines = lines_of(large)[:SMALL]
    path = write(tmp_path / "numbers.csv", ["nobody", *lines])
    with psycopg.connect(dsn) as another:
        another.execute(HELD_UP, [lines[-1]])
        process = importing(path, dsn)

        async def it_is_held_up() -> bool:
            assert process.poll() is None, process.communicate()
            return await world.value("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0

        await eventually(it_is_held_up, 60)
        process.kill()
        _, told = process.communicate(timeout=60)
        assert [line for line in told.splitlines() if line.startswith("stocking")] == ["stocking: 80 %"]
        another.rollback()

    async def its_transaction_is_over() -> bool:
        others = "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"
        return await world.value(f"{others} AND datname = current_database()") == 0

    await eventually(its_transaction_is_over)
    assert await world.value("SELECT count(*) FROM inventory") == 0
    assert await world.value("SELECT count(*) FROM pg_class WHERE relname = 'staged'") == 0
    assert beside(path) == ["numbers.csv"]
    again = await import_(world, path)
    assert (again.added, again.unchanged, again.rejected) == (len(lines), 0, 1)


# ── Several at once ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_two_imports_of_one_file_stock_it_once(large: Path, processes: Processes, tmp_path: Path) -> None:
    lines = lines_of(large)[:5_000]
    path = write(tmp_path / "numbers.csv", [*lines, "nobody", lines[0]])
    told = await at_once(import_(world, path) for world in processes.worlds[:2])
    assert sorted((each.added, each.unchanged, each.updated, each.rejected) for each in told) == [
        (0, 5_000, 0, 2),
        (5_000, 0, 0, 2),
    ]
    assert await processes.world.value("SELECT count(*) FROM inventory") == 5_000
    assert beside(path) == ["numbers.csv", "numbers.csv.rejected.csv"]
    with (tmp_path / "numbers.csv.rejected.csv").open(encoding="utf-8", newline="") as rejected:
        assert [row[0] for row in csv.reader(rejected)] == ["line", "5002", "5003"]


async def test_two_files_of_the_same_numbers_in_another_order(
    large: Path, processes: Processes, tmp_path: Path
) -> None:
    """Each would lock what the other wants next, if they went on side by side."""
    lines = sorted(lines_of(large)[: stock.BATCH + 5_000])
    paths = [write(tmp_path / "up.csv", lines), write(tmp_path / "down.csv", reversed(lines))]
    told = await at_once(import_(world, path) for world, path in zip(processes.worlds, paths, strict=False))
    assert sorted((each.added, each.unchanged) for each in told) == [(0, len(lines)), (len(lines), 0)]
    assert await processes.world.value("SELECT count(*) FROM inventory") == len(lines)
