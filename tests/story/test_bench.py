"""Can anyone measure? The benchmarks run as a whole, on little and for a moment: what they print is not looked at."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench import charts, soak
from bench.customers import Counted
from bench.watch import Sample
from tests.docs.blocks import blocks

PATIENCE_SECONDS = 1_200
"""Of a benchmark: one of them clones and installs every package."""
pytestmark = pytest.mark.timeout(PATIENCE_SECONDS + 60)
ROOT = Path(__file__).parents[2]
PAGES = ("docs/performance.md", "docs/first-number.md")


def printed(module: str, *options: str) -> str:
    """What it prints; that it ends well is part of it."""
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_each_that_the_pages_name_is_run_here() -> None:
    """Those of `make bench` and `make soak` too."""
    told = "".join(block.text for page in PAGES for block in blocks(page) if block.language == "sh")
    for target in re.findall(r"^make (\w+)", told, re.MULTILINE):
        told += subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"python -m (bench\S*)", told))
    run = set(re.findall(r'printed\("([\w.]+)"', Path(__file__).read_text(encoding="utf-8")))
    assert "bench" in named
    assert named - run == set()


def test_every_operation_is_measured_beside_what_bounds_it() -> None:
    told = printed("bench", "--quick")
    for case in ("get", "list of 50", "search", "purchase", "purchase, one buyer"):
        [ours, pgbench, constant] = re.findall(rf"^{case} +([\d,]+) +([\d,]+) +([\d,]+) ", told, re.MULTILINE)[0]
        assert all(int(each.replace(",", "")) > 0 for each in (ours, pgbench, constant)), case
    assert re.search(r"one process: \d+ MB", told)


def test_calls_are_measured_with_few_numbers_and_with_many() -> None:
    told = printed("bench.routing", "--quick")
    for name in (
        "100 numbers, 1 process",
        "100 numbers, 2 processes",
        "1,000 numbers, 1 process",
        "constant, 1 process",
    ):
        assert re.search(rf"^{name} +[1-9][\d,]* +[\d.]+ +[\d.]+$", told, re.MULTILINE), told


def test_calls_are_held_by_the_proxy_with_us_behind_it_and_without() -> None:
    told = printed("bench.calls", "--quick")
    for name in (
        "Kamailio and Nambari, one process",
        "Kamailio and Nambari, two processes",
        "Kamailio with a constant",
    ):
        assert re.search(rf"^{name} +\d+ ", told, re.MULTILINE), told


def test_an_import_is_measured_beside_a_bare_copy() -> None:
    assert "COPY" in printed("bench.stocking", "--quick")


def test_deliveries_are_measured_beside_a_bare_loop_and_beside_one_that_hangs() -> None:
    told = printed("bench.delivering", "--quick")
    for name in ("1 worker", "2 workers", "a bare httpx2 loop"):
        [rate] = re.findall(rf"^{name} +([\d,]+) +[\d.]+$", told, re.MULTILINE)
        assert int(rate.replace(",", "")) > 0, name
    for name in ("alone", "beside one that never answers"):
        assert re.search(rf"^{name} +\d+ +\d+$", told, re.MULTILINE), name


def test_a_first_number_is_reached_from_the_clone_on_by_each_door() -> None:
    """It begins by what docs/quickstart.md has to be pasted; `make run` alone is what docs/README.md says."""
    told = printed("bench.first_number")
    assert re.search(r"^begin: clone and make run +3 +[\d.]+$", told, re.MULTILINE), told
    for name in ("curl", "command line", "Python client", "console, in Chromium", "an agent, over MCP"):
        assert re.search(rf"^{name} +[1-9][\d,]* +[\d.]+ +[\d.]+$", told, re.MULTILINE), name


def test_several_processes_and_what_stands_beside_them_are_measured_by_turns() -> None:
    told = printed("bench.processes", "--quick")
    for name in ("two processes", "two behind nginx", "one through PgBouncer", "one with a replica"):
        for what in ("list of 50", "search", "call routed", "purchase"):
            assert re.search(rf"^{what}, {name} +[1-9][\d,]* +[\d.]+ +[\d.]+ +[\d.]+$", told, re.MULTILINE), told
    for what in ("purchase", "call routed", "renewal"):
        assert re.search(rf"^{what} +[1-9][\d,]* .* million$", told, re.MULTILINE), told
    [all_] = re.findall(r"^all, at 4 times the mean +([\d.]+) +([\d.]+) +([\d.]+)$", told, re.MULTILINE)
    assert 0 < float(all_[0]) < float(all_[1]) < float(all_[2]), told


# ── Growth, and its charts ───────────────────────────────────────────────────────────────────────────────────────

SVG = "{http://www.w3.org/2000/svg}"


def test_growth_is_measured_at_each_size_and_drawn_from_the_same_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: growth -->\n<!-- /measured: growth -->\n<!-- drawn -->\n<!-- /drawn -->\n")
    parts = ("get", "purchase", "routing", "renewals", "deliveries")
    told = printed("bench.growth", "--quick", "--only", *parts, "--write", str(page))
    slopes = dict(re.findall(r"^(\w+) +[1-9][\d,]* +[1-9][\d,]* +([\d.]+)$", told, re.MULTILINE))
    assert set(slopes) == set(parts), told
    assert told.strip() in page.read_text()
    images = re.findall(r"^!\[(.+)\]\((images/[a-z-]+\.svg)\)$", page.read_text(), re.MULTILINE)
    assert [path for _, path in images] == ["images/growth-operations.svg", "images/growth-ratios.svg"]
    for part in parts:
        assert f"{part} {slopes[part]} times as long" in images[0][0]
    for _, path in images:
        drawn = ET.parse(tmp_path / path).getroot()
        assert {each.text for each in drawn.iter(f"{SVG}text")} >= set(parts)


def test_a_chart_of_the_same_figures_is_the_same_file_and_runs_nothing(tmp_path: Path) -> None:
    files = [tmp_path / folder / "growth.svg" for folder in ("one", "two")]
    for file in files:
        charts.lines(file, "Milliseconds", ["10", "1,000"], {"get": [1.5, 2.0], "search": [0.2, 30.0]})
    one, two = (file.read_bytes() for file in files)
    assert one == two
    assert b"prefers-color-scheme:dark" in one
    assert not re.search(rb"<script|<!--|href=\"http", one)


# ── The soak ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_short_soak_leaves_every_invariant_whole_and_says_so(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: soak -->\n<!-- /measured: soak -->\n")
    told = printed("bench.soak", "--quick", "--write", str(page))
    assert re.search(
        rf"^invariants: {len(soak.INVARIANTS)} of {len(soak.INVARIANTS)} hold\nproblems: none$", told, re.MULTILINE
    )
    for kind in ("search", "get", "list", "purchase", "patch"):
        assert re.search(rf"^{kind} +[1-9][\d,]* +[\d,]+ +0 ", told, re.MULTILINE), told
    assert re.search(r"deliveries: [1-9][\d,]* arrived, 0 still wait", told)
    for name in ("memory of the service, MB", "connections to the database", "dead rows"):
        assert re.search(rf"^{re.escape(name)} +\d", told, re.MULTILINE), told
    assert told.strip() in page.read_text()


def seen(megabytes: float, connections: float = 20) -> Sample:
    memory = {"service": megabytes * 2**20, "worker": 70 * 2**20}
    rest = dict.fromkeys(("at", "database_bytes", "dead_rows", "live_rows", "waiting"), 0.0)
    return Sample(memory_bytes=memory, files={"service": 30, "worker": 30}, connections=connections, **rest)


def took(*milliseconds: float) -> dict[str, Counted]:
    """Of a run of a minute, a request in each of its fifths."""
    latencies = [(6.0 + 12 * place, each / 1e3) for place, each in enumerate(milliseconds)]
    return {"get": Counted(Counter(done=len(latencies)), latencies)}


@pytest.mark.parametrize(
    ("different", "problem"),
    [
        ({}, None),
        ({"broken": ["no balance is below its floor"]}, "broken: no balance is below its floor"),
        ({"late": 3}, "late: 3 events and deliveries still wait"),
        ({"samples": [seen(80 + 20 * step) for step in range(10)]}, "grown: the service by 160 MB"),
        ({"samples": [seen(80, 20 + step) for step in range(10)]}, "grown: connections to the database from 20 to 28"),
        ({"samples": [seen(80, 20 + step / 5) for step in range(10)]}, None),
        ({"counted": took(8, 8, 40, 40, 33)}, "slower: the median of get from 8.0 to 33.0 ms"),
        ({"counted": took(8, 8, 40, 40, 31)}, None),
        ({"counted": took(0.5, 0.5, 0.5, 0.5, 19)}, None),
        (
            {"counted": {"get": Counted(Counter(failed=1), [(1.0, 0.1)], ["500"])}},
            "failed: 1 of get, the first with 500",
        ),
    ],
)
def test_a_soak_that_went_wrong_says_what_did(different: dict[str, object], problem: str | None) -> None:
    well = {
        "limit_per_second": 100.0,
        "asked_per_second": 50.0,
        "minutes": 1.0,
        "counted": {"get": Counted(Counter(done=1), [(1.0, 0.1)])},
        "samples": [seen(80)] * 10,
        "arrived": 1,
        "late": 0,
        "broken": [],
    }
    soaked = soak.Soaked(**(well | different))
    assert soak.problems(soaked) == ([problem] if problem else [])
    assert (problem or "problems: none") in soak.tables(soaked)


def test_gathered_purchases_are_measured_and_each_buyer_hears_its_own_refusal() -> None:
    told = printed("bench.gathering", "--quick")
    assert re.search(r"^1 buyer, 16 at once +[1-9][\d,]* +[1-9][\d,]* +[1-9]", told, re.MULTILINE), told
    assert "credits for 7, 40 wanted at once: 33 INSUFFICIENT_BALANCE, 7 bought\ninvariants broken: 0" in told
