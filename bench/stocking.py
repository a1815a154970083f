"""`python -m bench.stocking`: measure the import of an inventory file beside a bare COPY of the same rows.

The import is the product's own command in a process of its own, from its start to its end: reading and checking each
number, comparing with the inventory, stocking, vacuuming. COPY is given the rows that came of it, ready to store.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
import psycopg
from devtools.numbers import draw, write_csv

from bench import machine, pages, report, stage

NUMBERS = 1_000_000
QUICK_NUMBERS = 20_000
SEED = 1
CHUNK_BYTES = 1 << 20
LOOK_SECONDS = 0.02
LONGEST_SECONDS = 1800

# The constraints that a single row must meet are on both; one has the indexes of the inventory besides.
_PLAIN = "CREATE TABLE plain (LIKE inventory INCLUDING CONSTRAINTS)"
_INDEXED = "CREATE TABLE indexed (LIKE inventory INCLUDING ALL)"


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds that each took, and the most memory that the importing process had."""

    imported: float
    copied: float
    copied_indexed: float
    peak_bytes: int


def measure(dsn: str, file: Path, rows: Path, numbers: int) -> Round:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE inventory CASCADE")
        imported, peak_bytes = _import(dsn, file)
        _copy_out(connection, rows)
        copied = _copy(connection, _PLAIN, "plain", rows, numbers)
        copied_indexed = _copy(connection, _INDEXED, "indexed", rows, numbers)
    return Round(imported, copied, copied_indexed, peak_bytes)


def _import(dsn: str, file: Path) -> tuple[float, int]:
    """Seconds, and the peak of its memory. Raises RuntimeError if it fails or takes too long."""
    command = [sys.executable, "-m", "nambari", "inventory", "import", str(file), "--json"]
    begun = time.perf_counter()
    with subprocess.Popen(
        command,
        env={"NAMBARI_DATABASE_URL": dsn, "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            peak_bytes = _watch(process, begun + LONGEST_SECONDS)
        finally:
            process.kill()
        told = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"The import failed: {told[-2000:]}")
    return time.perf_counter() - begun, peak_bytes


def _watch(process: subprocess.Popen[str], deadline: float) -> int:
    """The most memory it had, looked at often, until it ends."""
    watched, peak_bytes = psutil.Process(process.pid), 0
    while process.poll() is None:
        if time.perf_counter() > deadline:
            raise RuntimeError("The import did not end in time.")
        if watched.status() != psutil.STATUS_ZOMBIE:
            peak_bytes = max(peak_bytes, watched.memory_info().rss)
        time.sleep(LOOK_SECONDS)
    return peak_bytes


def _copy_out(connection: psycopg.Connection, rows: Path) -> None:
    with rows.open("wb") as file, connection.cursor().copy("COPY inventory TO STDOUT") as copy:
        for block in copy:
            file.write(block)


def _copy(connection: psycopg.Connection, made: str, table: str, rows: Path, numbers: int) -> float:
    """Seconds of one COPY into a new table, which is gone afterwards. Raises RuntimeError if rows are missing."""
    connection.execute(made)
    begun = time.perf_counter()
    cursor = connection.cursor()
    with rows.open("rb") as file, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        while block := file.read(CHUNK_BYTES):
            copy.write(block)
    taken = time.perf_counter() - begun
    if cursor.rowcount != numbers:
        raise RuntimeError(f"Of {numbers} rows {cursor.rowcount} were there to copy")
    connection.execute(f"DROP TABLE {table}")
    return taken


def table(rounds: list[Round], numbers: int) -> str:
    """Each beside the two COPYs."""

    def line(name: str, seconds: list[float], memory: str = "") -> list[str]:
        plain = median(each.copied / own for each, own in zip(rounds, seconds, strict=True))
        indexed = median(each.copied_indexed / own for each, own in zip(rounds, seconds, strict=True))
        rate = numbers / median(seconds)
        return [name, f"{median(seconds):.1f}", f"{rate:,.0f}", f"{indexed:.2f}", f"{plain:.2f}", memory]

    peak = max(each.peak_bytes for each in rounds) / 2**20
    return report.table(
        [f"{numbers:,} rows", "seconds", "rows per second", "of COPY, indexes", "of COPY", "most memory"],
        [
            line("nambari inventory import", [each.imported for each in rounds], f"{peak:.0f} MB"),
            line("COPY, the inventory's indexes", [each.copied_indexed for each in rounds]),
            line("COPY, no index", [each.copied for each in rounds]),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.stocking", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few numbers, once: to see that it works")
    parser.add_argument("--rounds", type=int, default=3, help="how often, by turns; 3 when left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this Markdown page")
    asked = parser.parse_args()
    numbers, count = (QUICK_NUMBERS, 1) if asked.quick else (NUMBERS, asked.rounds)
    with stage.database() as (dsn, folder), tempfile.TemporaryDirectory(dir=folder) as files:
        described = machine.describe(dsn, folder) | {
            "measured": f"{numbers:,} numbers of eight countries, each with its prices; medians of {count} rounds"
        }
        file, rows = Path(files) / "numbers.csv", Path(files) / "rows"
        with file.open("w", encoding="ascii", newline="") as out:
            written = write_csv(draw(numbers, SEED), out, terms=True)
        rounds = [measure(dsn, file, rows, written) for _ in range(count)]
    text = f"{report.header(described)}\n\n{table(rounds, written)}"
    print(text)
    if asked.write:
        pages.write(asked.write, {"stocking": text})


if __name__ == "__main__":
    main()
