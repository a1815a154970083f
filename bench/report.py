"""How are the figures shown? As tables in plain text, and as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.figures import Figures
from bench.measure import Row
from bench.stage import Samples

AIMS = {"get": "of_constant", "list of 50": "of_constant", "purchase": "of_pgbench"}
"""Which ratio has to be a half or better."""

LEAST_SHARE = 0.01
"""What takes less of the service's time on average is not named in the profile."""


def tables(machine: dict[str, Any], rows: Sequence[Row], alone: dict[str, Figures], process: dict[str, float]) -> str:
    return "\n\n".join(
        [
            header(machine),
            table(
                [
                    "requests per second",
                    "Nambari",
                    "pgbench",
                    "constant",
                    "of pgbench",
                    "of constant",
                    "aim",
                    "reached",
                ],
                [_rates(row) for row in rows],
            ),
            table(
                ["p50 and p99, ms", "Nambari", "", "pgbench", "", "constant", ""],
                [
                    [row.name, *(cell for each in (row.ours, row.pgbench, row.constant) for cell in _latencies(each))]
                    for row in rows
                ],
            ),
            table(
                ["processor µs per request", "service", "PostgreSQL", "generator", "constant", "answer, bytes"],
                [_costs(row) for row in rows],
            ),
            table(
                ["search on one connection", "p50, ms", "p99, ms"],
                [[name, *_latencies(each)] for name, each in alone.items()],
            ),
            _process(process),
        ]
    )


def header(machine: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in machine.items())


def _rates(row: Row) -> list[str]:
    aim = AIMS.get(row.name)
    return [
        row.name,
        *(f"{each.per_second:,.0f}" for each in (row.ours, row.pgbench, row.constant)),
        f"{row.of_pgbench:.2f}",
        f"{row.of_constant:.2f}",
        f"0.50 {aim.replace('_', ' ')}" if aim else "",
        ("yes" if getattr(row, aim) >= 0.5 else "no") if aim else "",
    ]


def _latencies(figures: Figures) -> list[str]:
    return [f"{figures.p50_ms:.2f}", f"{figures.p99_ms:.2f}"]


def _costs(row: Row) -> list[str]:
    costs = (row.ours.server_us, row.ours.database_us, row.ours.generator_us, row.constant.server_us)
    return [row.name, *(f"{cost:,.0f}" if cost is not None else "" for cost in costs), f"{row.bytes:,}"]


def profile(samples: Mapping[str, Samples]) -> str:
    """For each case, how its samples fall on the packages; of our own code, on its rooms."""
    shares = {name: _shares(each["packages"]) for name, each in samples.items()}
    whole: Counter[str] = Counter()
    for share in shares.values():
        whole.update(share)
    places = [place for place, sum_of_shares in whole.most_common() if sum_of_shares / len(shares) >= LEAST_SHARE]
    body = [[place, *(f"{share[place]:.0%}" for share in shares.values())] for place in places]
    body.append(["all else", *(f"{1 - sum(share[place] for place in places):.0%}" for share in shares.values())])
    return table(["time of the service", *shares], body)


def _shares(packages: Mapping[str, int]) -> Counter[str]:
    """Of each file of ours only the room."""
    shares: Counter[str] = Counter()
    for package, count in packages.items():
        place = package.rpartition("/")[0] if package.count("/") > 1 else package
        shares[place] += count / sum(packages.values())  # type: ignore[assignment]
    return shares


def _process(process: dict[str, float]) -> str:
    return (
        f"one process: {process['memory_mb']:.0f} MB after all of this (aim: under 150),"
        f" {process['memory_at_start_mb']:.0f} MB before; its start to its first answer took"
        f" {process['start_seconds']:.2f} s"
    )


def table(head: list[str], body: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        first, *others = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line(head), "-" * len(line(["-" * width for width in widths])), *map(line, body)])


def as_json(
    machine: dict[str, Any], rows: Sequence[Row], alone: dict[str, Figures], process: dict[str, float]
) -> dict[str, Any]:
    return {
        "machine": machine,
        "operations": {
            row.name: asdict(row) | {"of_pgbench": row.of_pgbench, "of_constant": row.of_constant} for row in rows
        },
        "searches": {name: asdict(figures) for name, figures in alone.items()},
        "process": process,
    }
