"""How are the figures shown? As tables in plain text, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.figures import Figures
from bench.measure import Row

AIMS = {"get": "of_constant", "list of 50": "of_constant", "purchase": "of_pgbench"}
"""Which ratio has to be a half or better."""


def tables(machine: dict[str, Any], rows: Sequence[Row], alone: dict[str, Figures], process: dict[str, float]) -> str:
    return "\n\n".join(
        [
            "\n".join(f"{name}: {value}" for name, value in machine.items()),
            _table(
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
            _table(
                ["p50 and p99, ms", "Nambari", "", "pgbench", "", "constant", ""],
                [
                    [row.name, *(cell for each in (row.ours, row.pgbench, row.constant) for cell in _latencies(each))]
                    for row in rows
                ],
            ),
            _table(
                ["processor µs per request", "service", "PostgreSQL", "generator", "constant", "answer, bytes"],
                [_costs(row) for row in rows],
            ),
            _table(
                ["search on one connection", "p50, ms", "p99, ms"],
                [[name, *_latencies(each)] for name, each in alone.items()],
            ),
            _process(process),
        ]
    )


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


def _process(process: dict[str, float]) -> str:
    return (
        f"one process: {process['memory_mb']:.0f} MB after all of this (aim: under 150),"
        f" {process['memory_at_start_mb']:.0f} MB before; its start to its first answer took"
        f" {process['start_seconds']:.2f} s"
    )


def _table(head: list[str], body: list[list[str]]) -> str:
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
