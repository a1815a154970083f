"""`nambari credits`: what the customers have paid, and what became of it: for the operator, and for each customer."""

from collections.abc import AsyncIterator
from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Env, Json, Organization, examples, read_cents
from nambari.cli.asking import CUSTOMERS, HERE, BaseUrl, ask, cleaned, first, record
from nambari.cli.output import Column, Record
from nambari.domain.access import Environment
from nambari.domain.money import display
from nambari.operations import clock, credit
from nambari.wiring import Services
from nambari_client import AsyncClient

ORG = "org_01h455vb4pex5vsknk084sn02q"
LARGEST_PAGE = 100
OPERATORS = "Commands for the operator, of any organization"

group = typer.Typer(
    help="Credits: yours, by balance and transactions; for the operator, add them and show how they moved.",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="credits")


@group.command(
    rich_help_panel=OPERATORS,
    epilog=examples(f"nambari credits add --org {ORG} --cents 10000 --reference invoice-2030-17"),
)
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

    async def act(services: Services) -> credit.ToppedUp:
        now = await clock.read(services, attempt.caller)
        return await credit.top_up(services, attempt, cents, reference, now)

    done = session.with_services(act)
    output.answer(
        as_json,
        {"balance_cents": done.available_cents},
        f"The balance is {display(done.available_cents, session.read_settings().currency)}.",
        *([] if done.added else [f"Nothing was added: the reference {reference} was used before."]),
    )


@group.command(
    rich_help_panel=OPERATORS,
    epilog=examples(f"nambari credits statement --org {ORG}", f"nambari credits statement --org {ORG} --json"),
)
def statement(organization_id: Organization, environment: Env = Environment.LIVE, as_json: Json = False) -> None:
    """Show every movement of an organization's credits, newest first."""
    currency = session.read_settings().currency

    async def act(services: Services) -> None:
        lines = credit.statement(services, organization_id, environment)
        await output.stream(lines, _columns(currency), as_json, "No credits have moved yet.")

    session.with_services(act)


@group.command(
    rich_help_panel=CUSTOMERS,
    epilog=examples("nambari credits balance", "nambari credits balance --json | jq .balance_cents"),
)
def balance(base_url: BaseUrl = HERE, as_json: Json = False) -> None:
    """Show what you can spend."""
    found = ask(base_url, lambda api: api.get_credits())
    currency = cleaned(found).currency
    held = f", and {display(found.held_cents, currency)} set aside" if found.held_cents else ""
    output.answer(as_json, record(found), f"You have {display(found.balance_cents, currency)}{held}.")


@group.command(
    rich_help_panel=CUSTOMERS,
    epilog=examples("nambari credits transactions", "nambari credits transactions --limit 10 --json"),
)
def transactions(
    limit: Annotated[int | None, typer.Option(help="How many to show; all of them if not given.", min=1)] = None,
    base_url: BaseUrl = HERE,
    as_json: Json = False,
) -> None:
    """Show every movement of your credits, newest first."""

    async def act(api: AsyncClient) -> None:
        found = api.list_transactions(limit=min(limit or LARGEST_PAGE, LARGEST_PAGE))
        currency = (await api.get_credits()).currency

        async def rows() -> AsyncIterator[Record]:
            async for each in first(found, limit):
                yield record(each)

        await output.stream(rows(), _columns(currency), as_json, "No credits have moved yet.")

    ask(base_url, act)


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
