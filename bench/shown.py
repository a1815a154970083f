"""How is growth shown? As tables, and as charts of the same values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import charts, report
from bench.figures import Figures
from bench.renewing import Work

RENEWALS = "renewals"
"""Each is a number's month; its latencies are of a batch."""
DELIVERIES = "deliveries"
PURCHASE = "purchase"


@dataclass(frozen=True, slots=True)
class Line:
    """One operation at one size, and which part it is of what bounds it."""

    ours: Figures
    of_statements: float
    of_constant: float | None

    @property
    def milliseconds(self) -> float:
        """Of one, where they follow each other without a pause: a rate, the other way round."""
        return 1e3 / self.ours.per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """All that was measured at one size."""

    size: int
    held: int
    lines: dict[str, Line]
    fill_seconds: float
    database_bytes: int
    memory_bytes: int
    start_seconds: float
    syncs_per_second: float
    work: Work | None
    """Of one renewal, if they were measured."""
    described: dict[str, Any]


def tables(described: dict[str, Any], grown: Sequence[Grown]) -> str:
    names = list(grown[-1].lines)
    sizes = [f"{each.size:,}" for each in grown]

    def per_size(head: str, cell: Callable[[Line], str], *more: str) -> tuple[list[str], list[list[str]]]:
        return [head, *sizes, *more], [[name, *(cell(each.lines[name]) for each in grown)] for name in names]

    head, rates = per_size(
        "per second, by numbers for sale", lambda line: f"{line.ours.per_second:,.0f}", "times as long"
    )
    for row in rates:
        row.append(f"{slope(grown, row[0]):.2f}")
    return "\n\n".join(
        [
            report.header(described),
            report.table(head, rates),
            report.table(*per_size("p50, ms", lambda line: f"{line.ours.p50_ms:.2f}")),
            report.table(*per_size("p99, ms", lambda line: f"{line.ours.p99_ms:.2f}")),
            report.table(*per_size("of the bare statements", lambda line: f"{line.of_statements:.2f}")),
            report.table(*per_size("of the constant", lambda line: _or_nothing(line.of_constant))),
            report.table(["the database and the service", *sizes], _surroundings(grown)),
        ]
    )


def slope(grown: Sequence[Grown], name: str) -> float:
    """How many times as long one takes at the largest size as at the smallest."""
    return grown[-1].lines[name].milliseconds / grown[0].lines[name].milliseconds


def _surroundings(grown: Sequence[Grown]) -> list[list[str]]:
    rows = [
        ["numbers held", *(f"{each.held:,}" for each in grown)],
        ["filled in, s", *(f"{each.fill_seconds:.0f}" for each in grown)],
        ["database, MB", *(f"{each.database_bytes / 2**20:,.0f}" for each in grown)],
        ["memory of the service after all of this, MB", *(f"{each.memory_bytes / 2**20:.0f}" for each in grown)],
        ["its start to its first answer, s", *(f"{each.start_seconds:.2f}" for each in grown)],
        ["fsyncs per second, one by one", *(f"{each.syncs_per_second:,.0f}" for each in grown)],
    ]
    if PURCHASE in grown[-1].lines:
        shares = (each.lines[PURCHASE].ours.per_second / each.syncs_per_second for each in grown)
        rows.append(["purchases, of these", *(f"{share:.2f}" for share in shares)])
    works = [each.work for each in grown if each.work is not None]
    if works:
        rows.append(["pages read for a renewal", *(f"{work.pages_read:.2f}" for work in works)])
        rows.append(["pages logged whole for a renewal", *(f"{work.pages_logged:.2f}" for work in works)])
        rows.append(["log for a renewal, bytes", *(f"{work.log_bytes:,.0f}" for work in works)])
    return rows


def _or_nothing(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def draw(grown: Sequence[Grown], folder: Path) -> str:
    """The charts, written into the folder; the Markdown that shows them, their words for who cannot see them."""
    names = list(grown[-1].lines)
    sizes = [f"{each.size:,}" for each in grown]
    searches = [name for name in names if name.startswith("search")]
    others = [name for name in names if name not in searches]
    shown = []
    for stem, title, some in (
        ("growth-operations", "Milliseconds of one, by numbers for sale", others),
        ("growth-searches", "Milliseconds of a search, by numbers for sale", searches),
    ):
        if some:
            values = {name: [each.lines[name].milliseconds for each in grown] for name in some}
            charts.lines(folder / f"{stem}.svg", title, sizes, values)
            told = "; ".join(f"{name} {slope(grown, name):.2f} times as long" for name in some)
            shown.append(_image(stem, f"{title}. From {sizes[0]} to {sizes[-1]}: {told}."))
    last = grown[-1].lines
    ratios: dict[str, list[float | None]] = {
        "of the bare statements": [last[name].of_statements for name in names],
        "of the constant": [last[name].of_constant for name in names],
    }
    title = f"Of what bounds it, with {sizes[-1]} numbers for sale"
    charts.bars(folder / "growth-ratios.svg", title, names, ratios)
    told = "; ".join(f"{name} {last[name].of_statements:.2f}" for name in names)
    shown.append(_image("growth-ratios", f"{title}. Of the bare statements: {told}."))
    return "\n\n".join(shown)


def _image(stem: str, words: str) -> str:
    return f"![{words}](images/{stem}.svg)"
