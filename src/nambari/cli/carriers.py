"""`nambari carriers` and `nambari reconcile`: what is under way at carriers, and whether their accounts are ours."""

from typing import Annotated, Any

import typer

from nambari.carriers.base import CarrierFailure
from nambari.cli import output, session
from nambari.cli.arguments import Json, Wrong, examples, read_id
from nambari.cli.output import Column, instant
from nambari.db.carrier_orders import Claimed
from nambari.domain.carrier_order import TOLD_AFTER, OrderStatus
from nambari.domain.money import display
from nambari.domain.reconcile import Finding
from nambari.domain.refusals import ServiceUnavailable
from nambari.operations import fill
from nambari.operations import reconcile as operation
from nambari.wiring import Services, new_id

ORDER = "ord_01k5v12h8q3s6w1yf9c4e7j0mn"
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
        typer.echo(
            f"Late ones are under way for more than {hours} h. They are asked about until the carrier knows, or until"
            " you settle them by `nambari carriers settle`."
        )


@group.command(
    epilog=examples(f"nambari carriers settle {ORDER} --failed", f"nambari carriers settle {ORDER} --filled")
)
def settle(
    order_id: Annotated[
        str, typer.Argument(metavar="ORDER_ID", parser=read_id, help="The order; `nambari carriers orders` shows them.")
    ],
    filled: Annotated[
        bool | None,
        typer.Option("--filled/--failed", help="What the carrier has told you: it was delivered, or it never will be."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Settle an order that stays unsure, as you have heard from the carrier. You are told what it does, and asked."""
    if filled is None:
        raise Wrong("Say --filled or --failed: what the carrier has told you of the order.")
    claimed, currency = session.with_services(lambda services: _undecided(services, order_id))
    held = display(claimed.order.held_cents, currency)
    if not yes:
        typer.echo(
            f"{claimed.order.number}, ordered of {claimed.order.carrier} by {claimed.organization_id}: "
            + (
                f"it becomes active, and the {held} that are held are taken. See that its calls come here."
                if filled
                else f"it fails, and the {held} that are held are free again. If it comes after all, it goes back."
            ),
            err=True,
        )
        typer.confirm("Settle it so?", abort=True, err=True)
    session.with_services(
        lambda services: fill.settle_by_hand(services, order_id, filled=filled, request_id=new_id("req"))
    )
    status = OrderStatus.FILLED if filled else OrderStatus.FAILED
    record = {"id": order_id, "status": status, "number": claimed.order.number}
    output.answer(as_json, record, f"{order_id} is {status}.")


async def _undecided(services: Services, order_id: str) -> tuple[Claimed, str]:
    return await fill.undecided(services, order_id), services.settings.currency


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
