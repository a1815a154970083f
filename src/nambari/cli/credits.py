"""`nambari credits`: what the customers have paid, and what became of it."""

from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Env, Json, Organization, examples, read_cents
from nambari.cli.output import Column
from nambari.domain.access import Environment
from nambari.domain.money import display
from nambari.operations import credit
from nambari.wiring import Services

ORG = "org_01h455vb4pex5vsknk084sn02q"

group = typer.Typer(help="Credits: add them, and show how they moved.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="credits")


@group.command(epilog=examples(f"nambari credits add --org {ORG} --cents 10000 --reference invoice-2030-17"))
def add(
    organization_id: Organization,
    cents: Annotated[int, typer.Option(metavar="CENTS", parser=read_cents, help="How much: 10000 is 100.00.")],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="REFERENCE",
            help="The payment that this is for: one reference adds once, so a repeated command is harmless."
            " Without one, each repetition adds again.",
        ),
    ] = None,
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """Add credits to an organization that has paid."""
    attempt = session.operator(organization_id, environment)

    done = session.with_services(lambda services: credit.top_up(services, attempt, cents, reference, services.clock()))
    output.answer(
        as_json,
        {"balance_cents": done.available_cents},
        f"The balance is {display(done.available_cents, session.read_settings().currency)}.",
        *([] if done.added else [f"Nothing was added: the reference {reference} was used before."]),
    )


@group.command(
    epilog=examples(f"nambari credits statement --org {ORG}", f"nambari credits statement --org {ORG} --json")
)
def statement(organization_id: Organization, environment: Env = Environment.LIVE, as_json: Json = False) -> None:
    """Show every movement of an organization's credits, newest first."""
    currency = session.read_settings().currency

    async def act(services: Services) -> None:
        lines = credit.statement(services, organization_id, environment)
        await output.stream(lines, _columns(currency), as_json, "No credits have moved yet.")

    session.with_services(act)


def _columns(currency: str) -> tuple[Column, ...]:
    return (
        Column("Transaction", "id"),
        Column("Time", "created_at", output.instant),
        Column("Type", "type"),
        Column("Amount", "amount_cents", lambda cents: display(cents, currency), right=True),
        Column("Balance after", "balance_after_cents", lambda cents: display(cents, currency), right=True),
        Column("Description", "description", folds=True),
        Column("Number", "phone_number_id"),
    )
