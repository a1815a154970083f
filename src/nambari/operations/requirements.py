"""Put a catalogue of requirements in force from a file, check one, show what is in force."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nambari.db import requirements
from nambari.domain.refusals import ValidationError
from nambari.domain.requirements import Rule, Unusable, read_header, read_rule
from nambari.requirements_catalogue import SHIPPED
from nambari.wiring import Services

LARGEST_FILE_BYTES = 10_000_000
"""A catalogue of every country, type and kind has some 1,500 lines."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is no rule, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    rules: Sequence[Rule]
    faults: Sequence[Fault]


def check_file(path: Path) -> Checked:
    """Every line of a CSV file: the rules it has, and what is wrong. Lines that begin with # are for people.

    Raises ValidationError for a file without a usable header, OSError for one that cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(LARGEST_FILE_BYTES + 1)
    if len(raw) > LARGEST_FILE_BYTES:
        raise ValidationError(f"{path.name} has more than 10 MB; a catalogue of requirements has far less.")
    return _check(path.name, raw)


def _check(name: str, raw: bytes) -> Checked:
    rows = _rows(raw)
    first = next((fields for _, fields in rows if isinstance(fields, list)), [])
    try:
        header = read_header(first)
    except Unusable as fault:
        raise ValidationError(f"{name} {fault}.") from None
    rules, faults = [], []
    seen: dict[tuple[str, str, str], int] = {}
    for line, fields in rows:
        read = _read(header, fields)
        if isinstance(read, Rule) and seen.setdefault(read.of, line) != line:
            read = Unusable(f"{' '.join(read.of)} stands in the file before, on line {seen[read.of]}")
        if isinstance(read, Rule):
            rules.append(read)
        else:
            faults.append(Fault(line, str(read)))
    return Checked(rules, faults)


def _read(header: dict[str, int], fields: list[str] | Unusable) -> Rule | Unusable:
    if isinstance(fields, Unusable):
        return fields
    try:
        return read_rule(header, fields)
    except Unusable as fault:
        return fault


def _rows(raw: bytes) -> Iterator[tuple[int, list[str] | Unusable]]:
    """Each row that is not empty and no remark, with the number of its line."""
    rows = csv.reader(io.StringIO(raw.decode("utf-8-sig", errors="replace"), newline=""), strict=True)
    while True:
        try:
            fields = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield rows.line_num, Unusable(f"is not CSV: {error}")
            continue
        if fields and not fields[0].lstrip().startswith("#"):
            yield rows.line_num, fields


async def import_file(services: Services, path: Path | None) -> int:
    """Put the rules of a file in force, all or none, or those that are shipped; how many.

    A rule takes the place of the one for the same country, type and kind. Raises ValidationError that names the line.
    """
    checked = check_file(path) if path is not None else shipped()
    if checked.faults:
        first, rest = checked.faults[0], len(checked.faults) - 1
        more = f" {rest:,} more lines are at fault: `nambari requirements check` tells all." if rest else ""
        name = path.name if path is not None else "the shipped catalogue"
        raise ValidationError(f"{name}, line {first.line}: {first.reason}.{more}")
    async with services.database.writing() as connection:
        await requirements.set_rules(connection, checked.rules)
    return len(checked.rules)


def shipped() -> Checked:
    return _check(SHIPPED.name, SHIPPED.read_bytes())


async def rules(services: Services, country: str | None) -> list[dict[str, Any]]:
    """What is in force, by country, type and kind; None means all countries."""
    async with services.database.reading() as connection:
        return await requirements.rules(connection, country)
