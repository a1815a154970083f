"""`nambari operator`: who may sign in to the operators' pages of the console."""

import sys
from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Json, examples
from nambari.cli.output import Column, Record
from nambari.domain.operator import SHORTEST_PASSWORD, OperatorAccount
from nambari.operations import operators
from nambari.wiring import new_secret_letters

group = typer.Typer(help="Operators' accounts in the console: create, list and remove them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name to sign in with.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="operator")


@group.command(
    epilog=examples(
        "nambari operator create ada", "pass show nambari/ada | nambari operator create ada --password-stdin"
    )
)
def create(
    name: Name,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help=f"Read the password, of at least {SHORTEST_PASSWORD} characters, from standard input;"
            " else one is made.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Create an account for the operators' pages of the console. The password is shown this once, if it is made."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else new_secret_letters()
    account = session.with_services(
        lambda services: operators.create(services, name.strip(), password, services.clock())
    )
    made = {} if password_stdin else {"password": password}
    output.answer(
        as_json,
        {"operator_id": account.id, "name": account.name, **made},
        output.facts(
            {"Operator": account.id, "Name": account.name, **({} if password_stdin else {"Password": password})}
        ),
        "\nSign in at /console/operator of the service."
        + ("" if password_stdin else " The password is shown this once: keep it where secrets are kept."),
    )


@group.command(name="list", epilog=examples("nambari operator list"))
def list_all(as_json: Json = False) -> None:
    """List the operators' accounts, the oldest first."""
    found = session.with_services(operators.listing)
    output.rows(
        [_shape(account) for account in found],
        (
            Column("Operator", "operator_id"),
            Column("Name", "name", folds=True),
            Column("Since", "created_at", output.instant),
        ),
        as_json,
        "There are none yet. Create one with `nambari operator create NAME`.",
    )


def _shape(account: OperatorAccount) -> Record:
    return {"operator_id": account.id, "name": account.name, "created_at": account.created_at}


@group.command(epilog=examples("nambari operator remove ada"))
def remove(name: Name, as_json: Json = False) -> None:
    """Remove an account. Whoever is signed in with it is so no more."""
    session.with_services(lambda services: operators.remove(services, name))
    output.answer(as_json, {"name": name, "removed": True}, f"{name} is removed.")
