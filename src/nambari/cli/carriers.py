"""`nambari carriers` and `nambari reconcile`: what is under way at carriers, and whether their accounts are ours."""

from typing import Annotated, Any

import typer

from nambari.carriers.base import CarrierFailure
from nambari.cli import output, session
from nambari.cli.arguments import Json, examples
from nambari.cli.output import Column, instant
from nambari.domain.carrier_order import TOLD_AFTER
from nambari.domain.reconcile import Finding
from nambari.domain.refusals import ServiceUnavailable
from nambari.operations import reconcile as operation
from nambari.wiring import Services

group = typer.Typer(help="Carriers: suppliers of numbers other than our own stock.", no_args_is_help=True)

ORDER_COLUMNS = (
    Column("Order", "id"),
    Column("Carrier", "carrier"),
    Column("Number", "number"),
    Column("Status", "status"),
    Column("Since", "created_at", instant),
    Column("Late", "late", lambda late: "yes" if late else "no"),
    Column("Asked", "attempts", right=True),
    Column("Told", "last_error", folds=True),
)
FINDING_COLUMNS = (
    Column("Carrier", "carrier"),
    Column("Number", "number"),
    Column("Difference", "difference"),
    Column("Meaning", "meaning", folds=True),
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="carriers")
    app.command(epilog=examples("nambari reconcile", "nambari reconcile --carrier telnyx --repair"))(reconcile)


@group.command(epilog=examples("nambari carriers orders", "nambari carriers orders --json"))
def orders(as_json: Json = False) -> None:
    """Show the orders at carriers that are under way, the oldest first. Late ones need somebody to ask the carrier."""
    found = session.with_services(lambda services: operation.unsettled(services, services.clock()))
    output.rows(found, ORDER_COLUMNS, as_json, "No order is under way.")
    if not as_json and any(each["late"] for each in found):
        hours = int(TOLD_AFTER.total_seconds() // 3600)
        typer.echo(f"Late ones are under way for more than {hours} h. They are asked about until the carrier knows.")


def reconcile(
    name: Annotated[
        str | None, typer.Option("--carrier", metavar="NAME", help="Only this one; without it, all that are set up.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Do what can be done about it; you are asked first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --repair: do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Compare the carriers' accounts with our books: what only one of them has."""

    async def look(services: Services) -> list[tuple[str, Finding]]:
        return [
            (carrier.name, each)
            for carrier in operation.carriers_asked(services, name)
            for each in await _differences(services, carrier)
        ]

    found = session.with_services(look)
    output.rows(
        [_told(*each) for each in found], FINDING_COLUMNS, as_json, "The carriers' accounts and our books agree."
    )
    repairable = [each for each in found if each[1].difference.repair is not None]
    if not repair or not repairable:
        return
    for carrier, each in repairable:
        typer.echo(f"{each.number} ({carrier}): {each.difference.repair}.", err=True)
    if not yes:
        typer.confirm(f"Do this for {len(repairable)} numbers?", abort=True, err=True)

    async def act(services: Services) -> int:
        done = 0
        for carrier in operation.carriers_asked(services, name):
            mine = [each for owner, each in repairable if owner == carrier.name]
            done += len(await operation.repair(services, carrier, mine, services.clock()))
        return done

    done = session.with_services(act)
    typer.echo(f"Repaired {done} of {len(repairable)}; what goes back to a carrier is sent by the worker.", err=True)


async def _differences(services: Services, carrier: Any) -> list[Finding]:
    try:
        return await operation.differences(services, carrier)
    except CarrierFailure as failure:
        raise ServiceUnavailable(f"{carrier.name} does not tell its numbers: {failure}. Try again later.") from None


def _told(carrier: str, found: Finding) -> dict[str, Any]:
    return {
        "carrier": carrier,
        "number": found.number,
        "difference": found.difference.value,
        "meaning": found.difference.meaning,
        "repair": found.difference.repair,
        "order_id": found.order_id,
    }
