"""Numbers that other carriers ask for: the PIN without which they get none, and what became of each request."""

from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from nambari.api import shapes_of_porting as shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.listing import page_of_tenant
from nambari.api.queries import PortOutListing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import caller, clock_of, is_id_form, services
from nambari.api.shapes_of_porting import NewPortOutPin, PortOut, PortOutPage, PortOutPin
from nambari.db import port_outs
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.refusals import NotFound
from nambari.operations.idempotency import Attempt
from nambari.operations.port_out import set_pin


@get(
    "/port-outs",
    operation_id="listPortOuts",
    summary="List port-outs",
    scope=Scope.NUMBERS_READ,
    query=PortOutListing,
    refusals=(),
)
async def list_port_outs(request: StrictRequest) -> PortOutPage:
    """Newest first; requests without the right PIN too, as `refused`."""
    asked = read_query(request.scope["query_string"], PortOutListing)
    page = await page_of_tenant(request, asked, port_outs.page, asked.status)
    return PortOutPage(
        port_outs=[shapes.port_out(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/port-outs/{port_out_id:str}",
    operation_id="getPortOut",
    summary="Get a port-out",
    scope=Scope.NUMBERS_READ,
    query=None,
    refusals=(refusals.NotFound,),
)
async def get_port_out(request: StrictRequest, port_out_id: FromPath[str]) -> PortOut:
    if not is_id_form(port_out_id):
        raise _no_such_port_out()
    who = caller(request)
    async with services(request).database.reading() as connection:
        found = await port_outs.find(connection, who.organization_id, who.environment, port_out_id)
    if found is None:
        raise _no_such_port_out()
    return shapes.port_out(found)


def _no_such_port_out() -> NotFound:
    return NotFound("You have no port-out of this id. List yours with GET /v1/port-outs.")


@get(
    "/port-out-pin",
    operation_id="getPortOutPin",
    summary="Is there a port-out PIN?",
    scope=Scope.NUMBERS_READ,
    query=None,
    refusals=(),
)
async def get_pin(request: StrictRequest) -> PortOutPin:
    """Whether, and since when: the PIN itself is never told."""
    who = caller(request)
    async with services(request).database.reading() as connection:
        found = await port_outs.find_pin(connection, who.organization_id, who.environment)
    return PortOutPin(is_set=found is not None, set_at=found.set_at if found else None)


@post(
    "/port-out-pin",
    operation_id="setPortOutPin",
    summary="Set the port-out PIN",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=OF_BODIES,
    keeps_no_answer=True,
)
async def set_port_out_pin(request: StrictRequest, data: JSONBody[NewPortOutPin]) -> Answer[PortOutPin]:
    """In the place of any there was. Another carrier must tell it to have a number of yours; give it to no one else.

    The same PIN again changes nothing, so that a retry needs no Idempotency-Key: nothing of the PIN is kept for one.
    """
    attempt = Attempt(caller=caller(request), request_id=request.scope["state"]["request_id"])
    set_at = await set_pin(services(request), attempt, data.pin, await clock_of(request))
    return Answer(PortOutPin(is_set=True, set_at=set_at))


ROUTER = Router("/", route_handlers=[list_port_outs, get_port_out, get_pin, set_port_out_pin], tags=["Porting"])
