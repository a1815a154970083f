"""How is an answer shown? As JSON to a program, as a table on a terminal, as aligned text to a pipe.

Standard output has the answer and nothing else; how far long work is stands on standard error.
"""

import sys
from collections.abc import AsyncIterable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

Record = Mapping[str, Any]
Tell = Callable[[str, float], None]

BLOCK = 500
"""Rows that are held in memory and laid out together: a list may be longer than memory."""
JOINERS = "\u200c\u200d"
"""Not printable, and still letters' business in Persian, Hindi and emoji."""


@dataclass(frozen=True, slots=True)
class Column:
    """`folds` lets a narrow terminal break its cells; all others, ids first of all, are always shown whole."""

    title: str
    field: str
    told: Callable[[Any], str] = str
    folds: bool = False
    right: bool = False

    def cell(self, row: Record) -> str:
        value = row[self.field]
        return visible(self.told(value)) if value is not None else ""


def answer(as_json: bool, record: Record, *lines: str) -> None:
    """One object to a program; to a person what the lines say, the first of which is the answer itself."""
    if as_json:
        typer.echo(msgspec.json.encode(record))
        return
    for line in lines:
        typer.echo(line)


def rows(found: Sequence[Record], columns: Sequence[Column], as_json: bool, nothing: str) -> None:
    """A list that is short enough to be had at once; `nothing` is said to a person where it is empty."""
    if found:
        _block(found, columns, as_json)
    elif not as_json:
        typer.echo(nothing)


async def stream(found: AsyncIterable[Record], columns: Sequence[Column], as_json: bool, nothing: str) -> None:
    """A list of any length, in constant memory."""
    block: list[Record] = []
    several = False
    async for row in found:
        block.append(row)
        if len(block) == BLOCK:
            _block(block, columns, as_json, titled=not several)
            block.clear()
            several = True
    if block:
        _block(block, columns, as_json, titled=not several)
    elif not several:
        rows((), columns, as_json, nothing)


def _block(found: Sequence[Record], columns: Sequence[Column], as_json: bool, *, titled: bool = True) -> None:
    if as_json:
        typer.echo(b"\n".join(msgspec.json.encode(row) for row in found))
    elif sys.stdout.isatty():
        Console(highlight=False).print(_table(found, columns), crop=False)
    else:
        cells = [[column.cell(row) or "-" for column in columns] for row in found]
        titles = [column.title.upper().replace(" ", "_") for column in columns]
        for line in _aligned([titles, *cells], columns)[0 if titled else 1 :]:
            typer.echo(line)


def _table(found: Sequence[Record], columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        widest = max(cell_len(text) for text in (column.title, *(column.cell(row) for row in found)))
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.folds,
            min_width=None if column.folds else widest,
            overflow="fold",
        )
    for row in found:
        table.add_row(*(Text(column.cell(row)) for column in columns))
    return table


def _aligned(lines: Sequence[Sequence[str]], columns: Sequence[Column]) -> list[str]:
    """Two spaces at least between the columns, and never an empty cell."""
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    return ["  ".join(map(_padded, line, widths, [column.right for column in columns])).rstrip() for line in lines]


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def facts(pairs: Mapping[str, str]) -> str:
    """What one object is, a line for each of its facts."""
    width = max(map(len, pairs))
    return "\n".join(f"{name:<{width}}  {visible(value) or '-'}" for name, value in pairs.items())


def command(text: str) -> str:
    """A line to copy: set apart, and never broken."""
    return typer.style(f"  {text}", bold=True)


def visible(text: str) -> str:
    """Without what would steer the terminal: names come from customers."""
    return "".join(letter if letter.isprintable() or letter in JOINERS else "\ufffd" for letter in text)


def instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def progress() -> Iterator[Tell]:
    """Where to tell how far the work is: a bar on a terminal, else a line for each tenth, all on standard error."""
    console = Console(stderr=True)
    if not sys.stderr.isatty() or console.is_dumb_terminal:
        yield _Lines()
        return
    looks = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    # Transient: what remains on the screen is the answer.
    with Progress(*looks, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("beginning", total=1.0)
        yield lambda doing, part: bar.update(task, description=doing, completed=part)


class _Lines:
    def __init__(self) -> None:
        self._told: tuple[str, int] | None = None

    def __call__(self, doing: str, part: float) -> None:
        tenths = int(part * 10)
        if (doing, tenths) != self._told:
            self._told = (doing, tenths)
            typer.echo(f"{doing}: {tenths * 10} %", err=True)
