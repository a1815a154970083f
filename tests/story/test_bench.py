"""Can anyone measure? The benchmarks run as a whole, on little and for a moment: what they print is not looked at."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed(module: str) -> str:
    """What it prints with --quick; that it ends well is part of it."""
    command = [sys.executable, "-m", module, "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_operation_is_measured_beside_what_bounds_it() -> None:
    told = printed("bench")
    for case in ("get", "list of 50", "search", "purchase", "purchase, one buyer"):
        [ours, pgbench, constant] = re.findall(rf"^{case} +([\d,]+) +([\d,]+) +([\d,]+) ", told, re.MULTILINE)[0]
        assert all(int(each.replace(",", "")) > 0 for each in (ours, pgbench, constant)), case
    assert re.search(r"one process: \d+ MB", told)


def test_calls_are_measured_with_few_numbers_and_with_many() -> None:
    told = printed("bench.routing")
    for name in (
        "100 numbers, 1 process",
        "100 numbers, 2 processes",
        "1,000 numbers, 1 process",
        "constant, 1 process",
    ):
        assert re.search(rf"^{name} +[1-9][\d,]* +[\d.]+ +[\d.]+$", told, re.MULTILINE), told


def test_calls_are_held_by_the_proxy_with_us_behind_it_and_without() -> None:
    told = printed("bench.calls")
    for name in (
        "Kamailio and Nambari, one process",
        "Kamailio and Nambari, two processes",
        "Kamailio with a constant",
    ):
        assert re.search(rf"^{name} +\d+ ", told, re.MULTILINE), told


def test_an_import_is_measured_beside_a_bare_copy() -> None:
    assert "COPY" in printed("bench.stocking")


def test_deliveries_are_measured_beside_a_bare_loop_and_beside_one_that_hangs() -> None:
    told = printed("bench.delivering")
    for name in ("1 worker", "2 workers", "a bare httpx2 loop"):
        [rate] = re.findall(rf"^{name} +([\d,]+) +[\d.]+$", told, re.MULTILINE)
        assert int(rate.replace(",", "")) > 0, name
    for name in ("alone", "beside one that never answers"):
        assert re.search(rf"^{name} +\d+ +\d+$", told, re.MULTILINE), name
