"""`nambari rates`: what a number costs that has no price of its own."""

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Json, ReadFile, examples
from nambari.cli.output import Column
from nambari.domain.money import display
from nambari.operations import stock

group = typer.Typer(help="The rate card: set-up and monthly cents, by country and type.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="rates")


@group.command(name="import", epilog=examples("nambari rates import rates.csv"))
def import_file(file: ReadFile, as_json: Json = False) -> None:
    """Set rates from a CSV file, all or none.

    Its columns are country, type (local, mobile or toll_free), setup_cost_cents and monthly_cost_cents. A rate takes
    the place of the one for its country and type; others stay. What is sold already keeps its price.
    """
    count = session.with_services(lambda services: stock.import_rates(services, file))
    output.answer(as_json, {"rates": count}, f"{count:,} rates are set. To see all: nambari rates show")


@group.command(epilog=examples("nambari rates show", "nambari rates show --json"))
def show(as_json: Json = False) -> None:
    """Show the rate card."""
    found = session.with_services(stock.rates)
    currency = session.read_settings().currency
    output.rows(
        [row | {"currency": currency} for row in found],
        (
            Column("Country", "country"),
            Column("Type", "type"),
            Column("Set-up", "setup_cost_cents", lambda cents: display(cents, currency), right=True),
            Column("Monthly", "monthly_cost_cents", lambda cents: display(cents, currency), right=True),
        ),
        as_json,
        "There are no rates yet. Write a CSV file with the columns"
        f" {','.join(stock.RATE_COLUMNS)}, then: nambari rates import FILE",
    )
