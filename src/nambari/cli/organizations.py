"""`nambari org`: who the customers are."""

from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Env, Json, examples, read_id
from nambari.cli.output import Column, Record
from nambari.domain.access import Environment
from nambari.domain.money import display
from nambari.operations import organizations
from nambari.wiring import new_id

OrganizationId = Annotated[
    str, typer.Argument(metavar="ORG_ID", parser=read_id, help="Its id, as `nambari org list` shows it.")
]

group = typer.Typer(help="Organizations: take them in, look at them, put them on a plan.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="org")


@group.command(epilog=examples('nambari org create --name "Acme Voice Agents" --plan pro'))
def create(
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is called; for people, need not be unique.")],
    plan: Annotated[
        str, typer.Option(metavar="PLAN", help=f"How much it may ask for: {', '.join(organizations.PLANS)}.")
    ] = organizations.PLANS[0],
    as_json: Json = False,
) -> None:
    """Take in a new organization.

    It has no key yet, may not buy before its KYC is approved, and pays from credits that you add.
    """
    organization_id = session.with_services(
        lambda services: organizations.create(services, name, plan, new_id("req"), services.clock())
    )
    output.answer(
        as_json,
        {"organization_id": organization_id},
        output.facts({"Organization": organization_id, "Name": name.strip(), "Plan": plan}),
        "\nNext, a key for it, its KYC, and credits:",
        output.command(f"nambari key create --org {organization_id}"),
        output.command(f"nambari kyc submit --org {organization_id} --legal-name NAME --country CC"),
        output.command(f"nambari credits add --org {organization_id} --cents 10000 --reference REFERENCE"),
    )


@group.command(name="set", epilog=examples("nambari org set org_01h455vb4pex5vsknk084sn02q --plan business"))
def set_plan(
    organization_id: OrganizationId,
    plan: Annotated[
        str, typer.Option(metavar="PLAN", help=f"How much it may ask for: {', '.join(organizations.PLANS)}.")
    ],
    as_json: Json = False,
) -> None:
    """Put an organization on another plan.

    Its keys have the new limits within a second, on every process. It is written into its audit trail.
    """
    before = session.with_services(
        lambda services: organizations.set_plan(services, organization_id, plan, new_id("req"), services.clock())
    )
    said = f"The plan is {plan} already." if before == plan else f"The plan is {plan} now; it was {before}."
    output.answer(as_json, {"organization_id": organization_id, "plan": plan, "plan_before": before}, said)


@group.command(name="list", epilog=examples("nambari org list", "nambari org list --json | jq -r .organization_id"))
def list_all(environment: Env = Environment.LIVE, as_json: Json = False) -> None:
    """List all organizations, the oldest first, with what they have in one environment."""
    found = session.with_services(lambda services: organizations.listing(services, environment))
    currency = session.read_settings().currency
    output.rows(
        [_shape(row, environment, currency) for row in found],
        _columns(currency),
        as_json,
        'There are no organizations yet. Take one in with `nambari org create --name "…"`.',
    )


@group.command(epilog=examples("nambari org show org_01h455vb4pex5vsknk084sn02q --env test"))
def show(
    organization_id: OrganizationId,
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """Show one organization: its plan, KYC, balance and how many numbers it holds in one environment."""
    found = session.with_services(lambda services: organizations.summary(services, organization_id, environment))
    currency = session.read_settings().currency
    shaped = _shape(found, environment, currency)
    output.answer(as_json, shaped, output.facts({column.title: column.cell(shaped) for column in _columns(currency)}))


def _shape(row: Record, environment: Environment, currency: str) -> Record:
    return {
        "organization_id": row["id"],
        "name": row["name"],
        "plan": row["plan"],
        "environment": environment,
        "kyc_status": row["kyc_status"],
        "balance_cents": row["available_cents"],
        "held_cents": row["held_cents"],
        "currency": currency,
        "phone_numbers": row["phone_numbers"],
        "created_at": row["created_at"],
    }


def _columns(currency: str) -> tuple[Column, ...]:
    return (
        Column("Organization", "organization_id"),
        Column("Name", "name", folds=True),
        Column("Plan", "plan"),
        Column("Environment", "environment"),
        Column("KYC", "kyc_status"),
        Column("Balance", "balance_cents", lambda cents: display(cents, currency), right=True),
        Column("Held", "held_cents", lambda cents: display(cents, currency), right=True),
        Column("Numbers", "phone_numbers", right=True),
        Column("Created", "created_at", output.instant),
    )
