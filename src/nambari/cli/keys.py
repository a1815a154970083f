"""`nambari key`: who may call the API, with what."""

from datetime import datetime
from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import (
    Env,
    Json,
    Organization,
    Wrong,
    examples,
    read_cents,
    read_country,
    read_id,
    read_instant,
)
from nambari.cli.output import Column, Record
from nambari.domain.access import OPERATOR_SCOPES, ORGANIZATION_SCOPES, Environment, Key
from nambari.domain.money import display
from nambari.operations import keys
from nambari.operations.keys import NewKey
from nambari.wiring import new_id

ALL = "all"

MonthlyCap = Annotated[
    int | None,
    typer.Option(
        "--monthly-cap",
        metavar="CENTS",
        parser=read_cents,
        help="The most it may spend in a calendar month (UTC), renewals not counted. None: no cap.",
    ),
]
Countries = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="The countries whose numbers it may buy, ISO 3166-1 alpha-2. None: any."),
]

group = typer.Typer(help="API keys: create, list and revoke them.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="key")


@group.command(
    epilog=examples(
        "nambari key create --org org_01h455vb4pex5vsknk084sn02q --name production",
        "nambari key create --org org_01h455vb4pex5vsknk084sn02q --scopes numbers:read,billing:read"
        " --allowed-ip 192.0.2.0/24 --expires-at 2030-01-31T00:00:00Z",
        "nambari key create --org org_01h455vb4pex5vsknk084sn02q --name agent --monthly-cap 2000 --countries NG,KE",
        "nambari key create --operator --scopes routing:read",
    )
)
def create(
    organization_id: Annotated[
        str | None,
        typer.Option(
            "--org", metavar="ORG_ID", parser=read_id, help="The organization that the key speaks for; or --operator."
        ),
    ] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="A key of no organization, which reads routes for SIP proxies.")
    ] = False,
    environment: Env = Environment.LIVE,
    scopes: Annotated[
        str,
        typer.Option(
            metavar="all|A,B",
            help=f"What it may do: all, or some of {', '.join(sorted(ORGANIZATION_SCOPES))};"
            f" an operator's key: {', '.join(OPERATOR_SCOPES)}.",
        ),
    ] = ALL,
    name: Annotated[str, typer.Option(metavar="NAME", help="To tell it from the organization's other keys.")] = "",
    allowed_ips: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-ip", metavar="CIDR", help="An address or CIDR it may be used from; again for more. None: any."
        ),
    ] = None,
    monthly_cap_cents: MonthlyCap = None,
    countries: Countries = None,
    expires_at: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=read_instant, help="When it ends, RFC 3339 with an offset. None: never."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create an API key. It is shown this once, and kept nowhere."""
    if (organization_id is None) is not operator:
        raise Wrong("Give either --org ORG_ID or --operator.")
    wanted = NewKey(
        organization_id=organization_id,
        environment=environment,
        name=name,
        scopes=read_scopes(scopes),
        allowed_ips=allowed_ips or (),
        monthly_cap_cents=monthly_cap_cents,
        countries=() if countries is None else read_countries(countries),
        expires_at=expires_at,
    )
    key, secret = session.with_services(lambda services: keys.create(services, wanted, new_id("req"), services.clock()))
    output.answer(
        as_json,
        {"key_id": key.id, "api_key": secret},
        output.facts({"Key": key.id, "API key": secret, "May": ", ".join(sorted(key.scopes))}),
        "\nThe API key is shown this once: keep it where secrets are kept. It goes into the header x-api-key.",
        f"To end it: nambari key revoke {key.id}",
    )


def read_scopes(text: str) -> tuple[str, ...]:
    """Empty for all, as NewKey has it: so an empty list must never come from a slip of the pen."""
    if text.strip() == ALL:
        return ()
    return tuple(scope.strip() for scope in text.split(","))


def read_countries(text: str) -> tuple[str, ...]:
    return tuple(read_country(country) for country in text.split(","))


@group.command(epilog=examples("nambari key revoke key_01h455vb4pex5vsknk084sn02q"))
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY_ID", parser=read_id, help="Its id, as `nambari key list` shows it.")
    ],
    as_json: Json = False,
) -> None:
    """Revoke an API key: within a second it works nowhere. Again is harmless."""
    key = session.with_services(lambda services: keys.revoke(services, key_id, new_id("req"), services.clock()))
    output.answer(
        as_json,
        {"key_id": key.id, "revoked_at": key.revoked_at},
        f"{key.id} ({key.visible}…) is revoked since {output.instant(key.revoked_at)}." if key.revoked_at else key.id,
    )


@group.command(name="list", epilog=examples("nambari key list --org org_01h455vb4pex5vsknk084sn02q"))
def list_all(organization_id: Organization, as_json: Json = False) -> None:
    """List an organization's API keys, of both environments, revoked ones too. The secret part is not kept."""
    found = session.with_services(lambda services: keys.listing(services, organization_id))
    output.rows(
        [_shape(key) for key in found],
        COLUMNS,
        as_json,
        f"It has no keys yet. Create one with `nambari key create --org {organization_id}`.",
    )


def _shape(key: Key) -> Record:
    return {
        "key_id": key.id,
        "organization_id": key.organization_id,
        "environment": key.environment,
        "name": key.name,
        "begins_with": key.visible,
        "scopes": sorted(key.scopes),
        "allowed_ips": list(key.allowed_ips),
        "monthly_cap_cents": key.bounds.monthly_cap_cents,
        "countries": list(key.bounds.countries),
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "created_at": key.created_at,
    }


def _told_scopes(scopes: list[str]) -> str:
    return ALL if frozenset(scopes) == ORGANIZATION_SCOPES else ",".join(scopes)


def _told_cap(cents: int | None) -> str:
    return "" if cents is None else display(cents, session.read_settings().currency)


COLUMNS = (
    Column("Key", "key_id"),
    Column("Begins with", "begins_with"),
    Column("Name", "name", folds=True),
    Column("Scopes", "scopes", _told_scopes, folds=True),
    Column("Allowed IPs", "allowed_ips", ",".join, folds=True),
    Column("Monthly cap", "monthly_cap_cents", _told_cap, right=True),
    Column("Countries", "countries", ",".join, folds=True),
    Column("Last used", "last_used_at", output.instant),
    Column("Expires", "expires_at", output.instant),
    Column("Revoked", "revoked_at", output.instant),
)
