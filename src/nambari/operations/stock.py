"""Fill the inventory, price it, look at it, take numbers out of it."""

import csv
import gzip
import io
import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, cast

from nambari.db import inventory, stocking
from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.e164 import InvalidNumber, country_code_valid, identify
from nambari.domain.lifecycle import INVENTORY, StockStatus, advance
from nambari.domain.money import InvalidAmount, parse_cents
from nambari.domain.refusals import InvalidState, NotFound, ValidationError, invalid
from nambari.domain.stock import Header, Unusable, given_as_number, read_header, read_line
from nambari.wiring import Services

BATCH = 20_000
"""Lines that are held in memory at once."""
LONGEST_GIVEN = 100
"""How much of what stands where a number belongs is told with the reason why it is none."""
_NOTHING = (None,) * (len(stocking.STAGED) - 3)

TYPES = ("local", "mobile", "toll_free")
Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How a file's lines ended. `updated` are those that were for sale at other terms."""

    added: int
    unchanged: int
    updated: int
    rejected: int
    unpriced: int


async def import_file(
    services: Services,
    path: Path,
    *,
    country: str | None,
    environment: Environment,
    now: datetime,
    progress: Progress,
) -> Imported:
    """Stock the numbers of a CSV file (or one packed by gzip), in one transaction and constant memory.

    What cannot be stocked is written to FILE.rejected.csv with its line and reason. Raises ValidationError for a
    file without a usable header and for a broken gzip file, OSError for one that cannot be read.
    """
    if country is not None and not country_code_valid(country):
        raise invalid("country", f"{country!r} is no country code, such as NG")
    async with services.database.bulk() as connection:
        async with connection.transaction():
            await stocking.prepare(connection)
            terms = await _stage(services, connection, path, country, progress)
            progress("comparing with the inventory", 0.0)
            await stocking.sort_out(connection, environment)
            usable, rejected = await stocking.counts(connection)
            updated = await stocking.reprice(connection, environment, terms)
            added = await stocking.bring_back(connection, environment, now)
            added += await _add(connection, environment, usable + rejected, now, progress)
            await _write_rejected(connection, path, rejected)
        progress("putting the indexes in order", 0.0)
        await stocking.refresh_statistics(connection)
        unpriced = await stocking.unpriced(connection, environment)
    return Imported(added, usable - added - updated, updated, rejected, unpriced)


async def _stage(
    services: Services, connection: Connection, path: Path, country: str | None, progress: Progress
) -> tuple[str, ...]:
    """The terms that the file gives. Raises ValidationError for its header."""
    with path.open("rb") as raw:
        size = max(1, os.fstat(raw.fileno()).st_size)
        rows = _rows(raw, path.name)
        try:
            header = read_header(next((fields for _, fields in rows if isinstance(fields, list)), []))
        except Unusable as fault:
            raise ValidationError(f"{path.name} {fault}.") from None
        batch: list[tuple[Any, ...]] = []
        for line, fields in rows:
            batch.append(_staged(services, header, line, fields, country))
            if len(batch) == BATCH:
                await stocking.stage(connection, batch)
                batch.clear()
                progress("reading", raw.tell() / size)
        await stocking.stage(connection, batch)
        progress("reading", 1.0)
    return header.terms


def _rows(raw: BinaryIO, name: str) -> Iterator[tuple[int, list[str] | Unusable]]:
    """Each row that is not empty, with the number of its line; in place of one that is no CSV, what is wrong.

    Raises ValidationError for a gzip file that is broken or cut short: what it would say further is not known.
    """
    binary = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if name.endswith(".gz") else raw
    text = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace", newline="")
    rows = csv.reader(text, strict=True)
    while True:
        try:
            fields = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            yield rows.line_num, Unusable(f"is not CSV: {error}")
            continue
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ValidationError(f"{name} is no whole gzip file: {str(error).rstrip('.')}.") from None
        if fields:
            yield rows.line_num, fields
    text.detach()


def _staged(
    services: Services, header: Header, line: int, fields: list[str] | Unusable, country: str | None
) -> tuple[Any, ...]:
    """A row of the staging table."""
    if isinstance(fields, Unusable):
        return (line, "", str(fields), *_NOTHING)
    given = given_as_number(header, fields)[:LONGEST_GIVEN].replace("\0", "\ufffd")
    try:
        read = read_line(header, fields, country)
    except Unusable as reason:
        return (line, given, str(reason), *_NOTHING)
    number, terms = read.number, read.terms
    return (
        *(line, given, None, services.new_id("inv")),
        *(number.e164, number.country, number.type, number.area_code, number.locality),
        *(terms.setup_cost_cents, terms.monthly_cost_cents, terms.capabilities, terms.carrier),
    )


async def _add(connection: Connection, environment: Environment, lines: int, now: datetime, progress: Progress) -> int:
    added = 0
    last = await stocking.last_line(connection)
    for first in range(1, last + 1, BATCH):
        added += await stocking.add(connection, environment, first, first + BATCH - 1, now)
        progress("stocking", min(1.0, (first + BATCH) / max(1, lines)))
    return added


async def _write_rejected(connection: Connection, path: Path, count: int) -> None:
    """Beside the file; an older one of an import in which nothing is rejected now goes."""
    target = rejected_path(path)
    if not count:
        target.unlink(missing_ok=True)
        return
    partial = target.with_name(target.name + ".part")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "number", "reason"))
        async for row in stocking.rejected(connection):
            writer.writerow(row)
    partial.replace(target)


def rejected_path(path: Path) -> Path:
    return path.with_name(path.name + ".rejected.csv")


async def retire(services: Services, number: str, environment: Environment, now: datetime) -> str:
    """Take a number that nobody holds off sale; its E.164 form. Raises NotFound, InvalidState, ValidationError."""
    return await _move(services, number, environment, "retire", StockStatus.AVAILABLE, now)


async def restock(services: Services, number: str, environment: Environment, now: datetime) -> str:
    """Put a retired number on sale again. Raises as `retire`."""
    return await _move(services, number, environment, "stock", StockStatus.RETIRED, now)


async def _move(
    services: Services, number: str, environment: Environment, verb: str, before: StockStatus, now: datetime
) -> str:
    try:
        e164 = identify(number, placed=False).e164
    except InvalidNumber as error:
        raise invalid("number", str(error)) from None
    after = advance(INVENTORY, before, verb)
    async with services.database.writing() as connection:
        if not await stocking.move(connection, environment, e164, before, after, now):
            status = await stocking.status(connection, environment, e164)
            if status is None:
                raise NotFound(f"{e164} is not in the inventory.")
            if status == StockStatus.IN_SERVICE:
                raise InvalidState(f"{e164} is owned by a customer; nothing was changed.", status=status)
            if status == StockStatus.AGING:
                raise InvalidState(
                    f"{e164} was given back by a customer and is aging: it comes on sale by itself, and until then"
                    " they may take it back. Nothing was changed.",
                    status=status,
                )
            if status in (StockStatus.LEAVING, StockStatus.GONE):
                raise InvalidState(
                    f"{e164} was ordered of a carrier, and is not ours any more: import it if you have it again.",
                    status=status,
                )
            if status == StockStatus.ELSEWHERE:
                raise InvalidState(f"{e164} is with another carrier: a porting order brings it here.", status=status)
            raise InvalidState(f"{e164} is {status} already.", status=status)
    return e164


async def come_of_age(services: Services, now: datetime, limit: int) -> int:
    """Put on sale up to `limit` numbers that have aged long enough; how many."""
    async with services.database.writing() as connection:
        return await inventory.come_of_age_of_all(connection, now, limit)


async def import_rates(services: Services, path: Path) -> int:
    """Set the rates of a CSV file, all or none; how many. Raises ValidationError that names the line."""
    rates = list(_rates(path))
    async with services.database.writing() as connection:
        await stocking.set_rates(connection, rates)
    return len(rates)


RATE_COLUMNS = ("country", "type", "setup_cost_cents", "monthly_cost_cents")


def _rates(path: Path) -> Iterator[tuple[str, str, int, int]]:
    seen: dict[tuple[str, str], int] = {}
    for line, fields in _rate_lines(path):
        where = f"{path.name}, line {line}"
        rate = _rate(where, fields)
        first = seen.setdefault(rate[:2], line)
        if first != line:
            raise ValidationError(f"{where}: {' '.join(rate[:2])} stands in the file before, on line {first}.")
        yield rate


def _rate_lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open("rb") as raw:
        rows = _rows(raw, path.name)
        _, titles = next(rows, (0, []))
        columns = [title.strip().lower() for title in titles] if isinstance(titles, list) else []
        if sorted(columns) != sorted(RATE_COLUMNS):
            raise ValidationError(f"{path.name} must have the columns {', '.join(RATE_COLUMNS)}.")
        for line, fields in rows:
            if isinstance(fields, Unusable):
                raise ValidationError(f"{path.name}, line {line}: {fields}.")
            if len(fields) > len(columns):
                raise ValidationError(f"{path.name}, line {line}: has more fields than columns.")
            yield line, dict(zip_longest(columns, fields, fillvalue=""))


def _rate(where: str, fields: dict[str, str]) -> tuple[str, str, int, int]:
    country, kind = fields["country"].strip(), fields["type"].strip()
    if not country_code_valid(country):
        raise ValidationError(f"{where}: {country[:40]!r} is no country code, such as NG.")
    if kind not in TYPES:
        raise ValidationError(f"{where}: {kind[:40]!r} is no type; those are {', '.join(TYPES)}.")
    try:
        return country, kind, parse_cents(fields["setup_cost_cents"]), parse_cents(fields["monthly_cost_cents"])
    except InvalidAmount as error:
        raise ValidationError(f"{where}: a cost {error}.") from None


EXPORT_COLUMNS = (
    *("number", "country", "type", "area_code", "locality", "capabilities"),
    *("setup_cost_cents", "monthly_cost_cents", "carrier", "status"),
)


async def rates(services: Services) -> list[dict[str, Any]]:
    """The rate card, by country and type."""
    async with services.database.reading() as connection:
        return await stocking.rates(connection)


async def listing(
    services: Services, environment: Environment, country: str | None, status: StockStatus | None
) -> AsyncIterator[dict[str, Any]]:
    """The stock in the order of the numbers, as of one moment and however much there is; None means any."""
    async with services.database.bulk() as connection, connection.transaction():
        async for row in stocking.listing(connection, environment, country, status):
            yield row


async def export_file(services: Services, path: Path, environment: Environment, progress: Progress) -> int:
    """Write the whole stock to a CSV file that `import_file` takes again; how many lines. Never half a file."""
    partial = path.with_name(path.name + ".part")
    count = 0
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, EXPORT_COLUMNS)
            writer.writeheader()
            async with services.database.bulk() as connection, connection.transaction():
                total = await stocking.count(connection, environment)
                async for row in stocking.listing(connection, environment, None, None):
                    writer.writerow(row | {"capabilities": " ".join(row["capabilities"])})
                    count += 1
                    if count % BATCH == 0:
                        progress("writing", min(1.0, count / max(1, total)))
                progress("writing", 1.0)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count
