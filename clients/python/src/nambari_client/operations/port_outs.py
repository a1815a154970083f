"""Who may have our numbers? Another carrier that tells the port-out PIN; and what became of each request."""

from typing import Literal

from nambari_client.objects import PortOut, PortOutPage, PortOutPin
from nambari_client.request import PagedRequest, Request, ask, pages, read

PortOutStatus = Literal["cancelled", "completed", "refused", "scheduled"]
PORT_OUTS = ("v1", "port-outs")
PIN = ("v1", "port-out-pin")


def list_port_outs(
    *,
    status: PortOutStatus | None = None,
    limit: int | None = None,
    offset: int | None = None,
    starting_after: str | None = None,
) -> PagedRequest[PortOut, PortOutPage]:
    """Newest first; requests without the right PIN too, as `refused`."""
    return pages(
        PortOutPage,
        "port_outs",
        *PORT_OUTS,
        status=status,
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


def get_port_out(port_out_id: str) -> Request[PortOut]:
    return read(PortOut, *PORT_OUTS, port_out_id)


def get_port_out_pin() -> Request[PortOutPin]:
    """Whether there is one, and since when."""
    return read(PortOutPin, *PIN)


def set_port_out_pin(pin: str) -> Request[PortOutPin]:
    """6 to 10 digits, in the place of any there was. Tell it to nobody but the carrier that is to have a number."""
    return ask(PortOutPin, *PIN, body={"pin": pin})
