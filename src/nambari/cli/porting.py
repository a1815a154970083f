"""`nambari porting`: numbers on their way from other carriers. Personal data: shown to who asks, and to nobody else."""

from datetime import datetime
from typing import Annotated

import typer

from nambari.cli import output, port_outs, session
from nambari.cli.arguments import Env, Json, examples, read_id, read_instant
from nambari.cli.output import Column
from nambari.domain.access import Environment
from nambari.domain.porting import FIELDS, REQUIRED, OrderStatus, PortingOrder
from nambari.operations import porting
from nambari.wiring import new_id

group = typer.Typer(help="Porting orders: numbers on their way from other carriers, and to them.", no_args_is_help=True)
ORDER = "port_01k5v0w9t2q5zcvu6x8b1d4f3h"

OrderId = Annotated[
    str, typer.Argument(metavar="ORDER_ID", parser=read_id, help="The order's id; `nambari porting list` shows them.")
]
Reason = Annotated[str, typer.Option(metavar="REASON", help="Why; the customer is told.")]


def add_to(app: typer.Typer) -> None:
    group.add_typer(port_outs.group, name="out")
    app.add_typer(group, name="porting")


@group.command(name="list", epilog=examples("nambari porting list", "nambari porting list --status in_review --json"))
def list_all(
    status: Annotated[OrderStatus | None, typer.Option(help="Only these; without it all that are open.")] = None,
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """List orders, the longest waiting first, a thousand at the most."""
    found = session.with_services(lambda services: porting.listing(services, environment, status))
    output.rows(found, COLUMNS, as_json, f"No porting order is {status or 'open'}.")


@group.command(epilog=examples(f"nambari porting show {ORDER}"))
def show(order_id: OrderId, as_json: Json = False) -> None:
    """Show all of an order. Personal data: mind who looks on. Its documents: `nambari kyc documents show`."""
    organization_id, environment, order = session.with_services(lambda services: porting.show(services, order_id))
    told = {
        "id": order.id,
        "organization_id": organization_id,
        "environment": environment,
        **{field: getattr(order, field) for field in FIELDS},
    }
    people = {name: " ".join(value) if name == "missing" else str(value or "") for name, value in told.items()}
    output.answer(as_json, told, output.facts(people))


@group.command(epilog=examples(f"nambari porting review {ORDER}"))
def review(order_id: OrderId, as_json: Json = False) -> None:
    """Take a submitted order into review."""
    order = session.with_services(lambda services: porting.review(services, order_id, new_id("req")))
    _tell(
        as_json,
        order,
        "Next, once the other carrier has confirmed a date:",
        output.command(f"nambari porting schedule {order.id} --at TIME"),
        "Or if something is missing or wrong:",
        output.command(f"nambari porting except {order.id} --missing FIELD --reason REASON"),
    )


@group.command(
    name="except",
    epilog=examples(f'nambari porting except {ORDER} --missing recent_bill_id --reason "The bill is not yours."'),
)
def send_back(
    order_id: OrderId,
    reason: Reason,
    missing: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help=f"What is missing or wrong: {', '.join(REQUIRED)}.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send an order back to its customer, who changes it and submits it again."""
    named = tuple(missing or ())
    order = session.with_services(
        lambda services: porting.send_back(services, order_id, named, reason.strip(), new_id("req"))
    )
    _tell(as_json, order, "The customer sees the fields and the reason, and may submit it again.")


@group.command(epilog=examples(f"nambari porting schedule {ORDER} --at 2030-01-31T09:00:00Z"))
def schedule(
    order_id: OrderId,
    at: Annotated[
        datetime,
        typer.Option(metavar="TIME", parser=read_instant, help="When it moves, as the other carrier confirmed."),
    ],
    as_json: Json = False,
) -> None:
    """Tell when the number moves, or that it moves at another time."""
    order = session.with_services(lambda services: porting.schedule(services, order_id, at, new_id("req")))
    _tell(as_json, order, "Once it has moved:", output.command(f"nambari porting complete {order.id}"))


@group.command(epilog=examples(f"nambari porting complete {ORDER}"))
def complete(order_id: OrderId, as_json: Json = False) -> None:
    """The number has moved: it is active from now on, and its first month is taken."""
    order = session.with_services(lambda services: porting.complete(services, order_id, new_id("req")))
    _tell(as_json, order, f"{order.number} is {order.phone_number_id}.")


@group.command(epilog=examples(f'nambari porting cancel {ORDER} --reason "The other carrier has refused."'))
def cancel(order_id: OrderId, reason: Reason, as_json: Json = False) -> None:
    """Cancel an open order: the number stays where it was. Call it off with the other carrier first."""
    order = session.with_services(lambda services: porting.cancel(services, order_id, reason.strip(), new_id("req")))
    _tell(as_json, order, "The customer sees the reason.")


def _tell(as_json: bool, order: PortingOrder, *lines: str) -> None:
    record = {"id": order.id, "status": order.status, "number": order.number}
    output.answer(as_json, record, f"{order.id} is {order.status}.", *lines)


COLUMNS = (
    Column("Order", "id"),
    Column("Organization", "organization_id"),
    Column("Name", "organization", folds=True),
    Column("Number", "number"),
    Column("From", "current_carrier", folds=True),
    Column("Status", "status"),
    Column("Missing", "missing", " ".join, folds=True),
    Column("Moves", "foc_at", output.instant),
    Column("Submitted", "submitted_at", output.instant),
)
