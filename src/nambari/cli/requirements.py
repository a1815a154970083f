"""`nambari requirements`: what has to be on file to own a number, by country, type and kind of customer."""

from pathlib import Path
from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Json, ReadFile, Wrong, examples, read_country
from nambari.cli.output import Column
from nambari.domain.requirements import COLUMNS as FILE_COLUMNS
from nambari.operations import requirements

group = typer.Typer(
    help="What has to be on file to own a number: by country, type and kind of customer.", no_args_is_help=True
)

FileOrNone = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="The CSV file to read."),
]


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="requirements")


@group.command(
    name="import",
    epilog=examples("nambari requirements import requirements.csv", "nambari requirements import --shipped"),
)
def import_file(
    file: FileOrNone = None,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="The small catalogue that comes with Nambari, instead of a file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put requirements in force from a CSV file, all or none.

    Its columns are country, type (local, mobile or toll_free), kind (individual or business), requires and source,
    which says where the rule is written. What it requires are words apart by spaces: business_customer, identity,
    proof_of_address, local_address, business_registration, letter_of_authorization; empty means nothing besides KYC.
    Lines that begin with # are for people.

    A rule takes the place of the one for its country, type and kind; others stay. Where there is no rule, KYC is
    enough. Numbers that are owned already stay as they are.
    """
    if (file is None) is not shipped:
        raise Wrong("Name a file, or --shipped for the catalogue that comes with Nambari.")
    count = session.with_services(lambda services: requirements.import_file(services, file))
    output.answer(as_json, {"rules": count}, f"{count:,} rules are in force. To see all: nambari requirements show")


@group.command(epilog=examples("nambari requirements check requirements.csv"))
def check(file: ReadFile, as_json: Json = False) -> None:
    """Tell what is wrong with a CSV file of requirements, line by line; import nothing. Exit code 1 if it is faulty."""
    checked = requirements.check_file(file)
    faults = [{"line": each.line, "reason": each.reason} for each in checked.faults]
    output.answer(
        as_json,
        {"rules": len(checked.rules), "faults": faults},
        *(f"{file.name}, line {each.line}: {output.visible(each.reason)}." for each in checked.faults),
        f"{len(checked.rules):,} rules are good, {len(faults):,} lines are at fault.",
    )
    if faults:
        raise typer.Exit(1)


@group.command(epilog=examples("nambari requirements show", "nambari requirements show --country NG --json"))
def show(
    country: Annotated[
        str | None, typer.Option(metavar="CC", parser=read_country, help="Only those of this country, ISO alpha-2.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the requirements in force."""
    found = session.with_services(lambda services: requirements.rules(services, country))
    output.rows(
        found,
        (
            Column("Country", "country"),
            Column("Type", "type"),
            Column("Kind", "kind"),
            Column("Requires", "requires", lambda names: " ".join(names) or "nothing besides KYC", folds=True),
            Column("Source", "source", folds=True),
        ),
        as_json,
        "Nothing is required besides KYC. `nambari requirements import --shipped` puts a small catalogue in force; a"
        f" CSV file of your own has the columns {','.join(FILE_COLUMNS)}.",
    )
