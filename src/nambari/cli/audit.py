"""`nambari audit`: what happened in an organization, and who did it."""

from typing import Annotated, Any

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Env, Json, Wrong, examples, read_id
from nambari.cli.output import Column
from nambari.domain.access import Environment
from nambari.operations.audit import trail
from nambari.wiring import Services

ORG = "org_01h455vb4pex5vsknk084sn02q"


def add_to(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            f"nambari audit --org {ORG}",
            f'nambari audit --org {ORG} --event "api_key.*" --json',
            "nambari audit --operator",
        )
    )(audit)


def audit(
    organization_id: Annotated[
        str | None,
        typer.Option("--org", metavar="ORG_ID", parser=read_id, help="Whose trail it is; or --operator."),
    ] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="What became of the keys of no organization, which SIP proxies use.")
    ] = False,
    environment: Env = Environment.LIVE,
    event: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this event, or those of a group, such as api_key.*; docs/events.md lists them."
            " Without it, all but calls.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the audit trail: numbers, endpoints, keys, KYC and credits, newest first.

    Each line tells what changed and in which request. One without a key was done by an operator, or by time.
    """
    if (organization_id is None) is not operator:
        raise Wrong("Give either --org ORG_ID or --operator.")

    async def act(services: Services) -> None:
        lines = trail(services, organization_id, environment, event)
        await output.stream(lines, COLUMNS, as_json, "Nothing of this has happened yet.")

    session.with_services(act)


def _changes(changes: list[dict[str, Any]]) -> str:
    return "; ".join(f"{each['field']}: {_value(each['before'])} → {_value(each['after'])}" for each in changes)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return "none" if value in (None, "") else str(value)


COLUMNS = (
    Column("Time", "created_at", output.instant),
    Column("Event", "event"),
    Column("Subject", "subject_id"),
    Column("Changes", "changes", _changes, folds=True),
    Column("Key", "key_id"),
    Column("Key name", "key_name", folds=True),
    Column("Request", "request_id"),
)
