"""`nambari porting out`: numbers that other carriers ask for. A PIN is read, and shown to nobody."""

from datetime import datetime
from typing import Annotated

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Env, Json, Organization, examples, read_id, read_instant
from nambari.cli.output import Column
from nambari.domain.access import Environment
from nambari.domain.port_out import FIELDS, PortOut, PortOutStatus
from nambari.operations import clock, port_out
from nambari.wiring import Services, new_id

group = typer.Typer(help="Port-outs: numbers that other carriers ask for.", no_args_is_help=True)
PORT_OUT = "pout_01k5v10d6m9q2vyc4x7b1f5h8k"
ORG = "org_01h455vb4pex5vsknk084sn02q"

PortOutId = Annotated[
    str,
    typer.Argument(
        metavar="PORT_OUT_ID", parser=read_id, help="The port-out's id; `nambari porting out list` shows them."
    ),
]
At = Annotated[
    datetime,
    typer.Option(metavar="TIME", parser=read_instant, help="When it leaves, as agreed with the other carrier."),
]


@group.command(epilog=examples(f"nambari porting out pin --org {ORG}"))
def pin(
    organization_id: Organization,
    new_pin: Annotated[
        str,
        typer.Option(
            "--pin",
            metavar="PIN",
            prompt="New port-out PIN",
            hide_input=True,
            confirmation_prompt=True,
            help="6 to 10 digits. Better left out: it is asked for then, and stands in no list of processes.",
        ),
    ],
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """Set an organization's port-out PIN, or set it anew, as it could itself over the API."""
    attempt = session.operator(organization_id, environment)

    async def act(services: Services) -> datetime:
        now = await clock.read(services, attempt.caller)
        return await port_out.set_pin(services, attempt, new_pin.strip(), now)

    set_at = session.with_services(act)
    output.answer(
        as_json,
        {"organization_id": organization_id, "is_set": True, "set_at": set_at},
        f"The port-out PIN of {organization_id} is set. The customer tells it to the carrier that is to have a number.",
    )


@group.command(
    epilog=examples(
        'nambari porting out request +442079460123 --carrier "Example Telecom" --at 2030-01-31T09:00:00Z',
    )
)
def request(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number that is asked for, E.164.")],
    carrier: Annotated[str, typer.Option(metavar="NAME", help="Who asks for it.")],
    at: At,
    given_pin: Annotated[
        str,
        typer.Option(
            "--pin",
            metavar="PIN",
            prompt="PIN that the other carrier told",
            hide_input=True,
            help="The PIN that the other carrier told. Better left out: it is asked for then.",
        ),
    ],
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """Take in another carrier's request for a number. With the right PIN the number is porting, and works on."""
    done = session.with_services(
        lambda services: port_out.request(
            services, environment, number, given_pin.strip(), carrier.strip(), at, new_id("req")
        )
    )
    _tell(
        as_json,
        done,
        "It is billed and called as before. Once the other carrier has it:",
        output.command(f"nambari porting out complete {done.id}"),
        "Or if it is not to leave:",
        output.command(f"nambari porting out cancel {done.id} --reason REASON"),
    )


@group.command(name="list", epilog=examples("nambari porting out list", "nambari porting out list --status refused"))
def list_all(
    status: Annotated[PortOutStatus, typer.Option(help="Only these.")] = PortOutStatus.SCHEDULED,
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """List port-outs, the longest waiting first, a thousand at the most."""
    found = session.with_services(lambda services: port_out.listing(services, environment, status))
    output.rows(found, COLUMNS, as_json, f"No port-out is {status}.")


@group.command(epilog=examples(f"nambari porting out show {PORT_OUT}"))
def show(port_out_id: PortOutId, as_json: Json = False) -> None:
    """Show all of a port-out."""
    organization_id, environment, found = session.with_services(lambda services: port_out.show(services, port_out_id))
    told = {
        "id": found.id,
        "organization_id": organization_id,
        "environment": environment,
        **{field: getattr(found, field) for field in FIELDS},
    }
    output.answer(as_json, told, output.facts({name: str(value or "") for name, value in told.items()}))


@group.command(epilog=examples(f"nambari porting out schedule {PORT_OUT} --at 2030-02-07T09:00:00Z"))
def schedule(port_out_id: PortOutId, at: At, as_json: Json = False) -> None:
    """Tell that the number leaves at another time."""
    done = session.with_services(lambda services: port_out.schedule(services, port_out_id, at, new_id("req")))
    _tell(as_json, done, f"It leaves at {output.instant(done.leaves_at)}.")


@group.command(epilog=examples(f"nambari porting out complete {PORT_OUT}"))
def complete(port_out_id: PortOutId, as_json: Json = False) -> None:
    """The other carrier has the number: its tenure ends, and it is never for sale here."""
    done = session.with_services(lambda services: port_out.complete(services, port_out_id, new_id("req")))
    _tell(as_json, done, f"{done.number} is nobody's here; a porting order could bring it back.")


@group.command(epilog=examples(f'nambari porting out cancel {PORT_OUT} --reason "The other carrier withdrew."'))
def cancel(
    port_out_id: PortOutId,
    reason: Annotated[str, typer.Option(metavar="REASON", help="Why; the customer is told.")],
    as_json: Json = False,
) -> None:
    """The number stays, active or suspended as it is. Call it off with the other carrier first."""
    done = session.with_services(lambda services: port_out.cancel(services, port_out_id, reason.strip(), new_id("req")))
    _tell(as_json, done, "The customer sees the reason.")


def _tell(as_json: bool, done: PortOut, *lines: str) -> None:
    record = {"id": done.id, "status": done.status, "number": done.number}
    output.answer(as_json, record, f"{done.id} is {done.status}.", *lines)


COLUMNS = (
    Column("Port-out", "id"),
    Column("Organization", "organization_id"),
    Column("Name", "organization", folds=True),
    Column("Number", "number"),
    Column("To", "gaining_carrier", folds=True),
    Column("Status", "status"),
    Column("Reason", "reason", folds=True),
    Column("Leaves", "leaves_at", output.instant),
    Column("Asked", "created_at", output.instant),
)
