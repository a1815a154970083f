"""`nambari inventory`: what there is to sell."""

from pathlib import Path
from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Env, Json, ReadFile, examples, read_country
from nambari.cli.output import Column
from nambari.domain.access import Environment
from nambari.domain.lifecycle import StockStatus
from nambari.domain.money import display
from nambari.operations import stock
from nambari.operations.stock import Imported
from nambari.wiring import Services

group = typer.Typer(help="The inventory: fill it, look at it, take numbers out of it.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The number in E.164, such as +442079460123.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="inventory")


@group.command(
    name="import",
    epilog=examples(
        "nambari inventory import numbers.csv",
        "nambari inventory import lagos.csv.gz --country NG",
        "nambari inventory import fiction.csv --env test --json",
    ),
)
def import_file(
    file: ReadFile,
    country: Annotated[
        str | None,
        typer.Option(
            metavar="CC", parser=read_country, help="The country in which numbers without a + are written nationally."
        ),
    ] = None,
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """Stock the numbers of a CSV file of any size, which may be packed by gzip.

    Its first line names its columns: number, and if you like setup_cost_cents, monthly_cost_cents (empty: the rate
    card's), capabilities (voice sms mms fax) and carrier. Country, type, area code and locality are known from the
    number.

    What cannot be stocked is written to FILE.rejected.csv with its line and the reason, and stops nothing else.
    Importing the same file again is harmless; other terms in it take the place of the old ones.
    """

    async def act(services: Services) -> Imported:
        with output.progress() as tell:
            return await stock.import_file(
                services, file, country=country, environment=environment, now=services.clock(), progress=tell
            )

    imported = session.with_services(act)
    counts = {"added": imported.added, "unchanged": imported.unchanged, "rejected": imported.rejected}
    if imported.updated:
        counts["updated"] = imported.updated
    output.answer(
        as_json, counts, ", ".join(f"{count:,} {name}" for name, count in counts.items()), *_next(imported, file)
    )


def _next(imported: Imported, file: Path) -> list[str]:
    lines = []
    if imported.rejected:
        lines.append(f"\nWhat was rejected, and why, is in {stock.rejected_path(file)}")
    if imported.unpriced:
        lines.append(
            f"\nNumbers without a price: {imported.unpriced:,}. They are not for sale until there is a rate for their"
            f" country and type. Write a CSV file with the columns {','.join(stock.RATE_COLUMNS)}, then:"
        )
        lines.append(output.command("nambari rates import RATES.csv"))
    return lines


@group.command(name="list", epilog=examples("nambari inventory list --country NG --status available"))
def list_all(
    country: Annotated[str, typer.Option(metavar="CC", parser=read_country, help="Of which country, ISO alpha-2.")],
    status: Annotated[StockStatus | None, typer.Option(help="Only those of this status.")] = None,
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """List the stock of one country, in the order of the numbers."""
    currency = session.read_settings().currency

    async def act(services: Services) -> None:
        found = stock.listing(services, environment, country, status)
        nothing = f"No {status or 'stocked'} numbers of {country}. `nambari inventory import FILE` stocks some."
        await output.stream(found, _columns(currency), as_json, nothing)

    session.with_services(act)


def _columns(currency: str) -> tuple[Column, ...]:
    return (
        Column("Number", "number"),
        Column("Status", "status"),
        Column("Type", "type"),
        Column("Area", "area_code"),
        Column("Locality", "locality", folds=True),
        # A cost of its own, or none: then the rate card's counts.
        Column("Set-up", "setup_cost_cents", lambda cents: display(cents, currency), right=True),
        Column("Monthly", "monthly_cost_cents", lambda cents: display(cents, currency), right=True),
        Column("Capabilities", "capabilities", ",".join),
        Column("Carrier", "carrier", folds=True),
    )


@group.command(epilog=examples("nambari inventory retire +442079460123"))
def retire(number: Number, environment: Env = Environment.LIVE, as_json: Json = False) -> None:
    """Take a number off sale. Refused while a customer owns it."""
    e164 = session.with_services(lambda services: stock.retire(services, number, environment, services.clock()))
    output.answer(
        as_json,
        {"number": e164, "status": StockStatus.RETIRED},
        f"{e164} is retired. To bring it back: nambari inventory restock {e164}",
    )


@group.command(epilog=examples("nambari inventory restock +442079460123"))
def restock(number: Number, environment: Env = Environment.LIVE, as_json: Json = False) -> None:
    """Put a retired number on sale again."""
    e164 = session.with_services(lambda services: stock.restock(services, number, environment, services.clock()))
    output.answer(as_json, {"number": e164, "status": StockStatus.AVAILABLE}, f"{e164} is available again.")


@group.command(epilog=examples("nambari inventory export stock.csv"))
def export(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", dir_okay=False, writable=True, help="The CSV file to write; one that is there is replaced."
        ),
    ],
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """Write the whole stock to a CSV file, which `inventory import` reads again."""
    if not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}.", param_hint="'FILE'")

    async def act(services: Services) -> int:
        with output.progress() as tell:
            return await stock.export_file(services, file, environment, tell)

    exported = session.with_services(act)
    output.answer(as_json, {"exported": exported}, f"{exported:,} numbers are in {file}")
