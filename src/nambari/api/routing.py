"""Where does this call go? For SIP proxies, with an operator's key; and for the owner who wants to know beforehand."""

from litestar import Router, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from nambari.api import shapes_of_calls as shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.phone_numbers import require_id_form
from nambari.api.reading import StrictRequest
from nambari.api.requests import asking, caller, operator, services
from nambari.api.shapes_of_calls import (
    AllowedCall,
    InboundCall,
    OutboundCall,
    RejectedCall,
    RoutedCall,
    TestCall,
    TestedRoute,
)
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.refusals import invalid
from nambari.operations import route
from nambari.operations.route import Call, CallFrom


@post(
    "/routing/inbound",
    operation_id="routeInbound",
    summary="Route a call to a number",
    status_code=200,
    scope=Scope.ROUTING_READ,
    serves_operators=True,
    keeps_no_answer=True,
    query=None,
    refusals=OF_BODIES,
)
async def route_inbound(request: StrictRequest, data: JSONBody[InboundCall]) -> Answer[RoutedCall | RejectedCall]:
    """Where a call goes that a carrier brings, or how it is rejected: 200 both.

    For SIP proxies, with an operator's key: it asks across all organizations of its environment. Each answer is that of
    the moment: a change of the number or its endpoint holds for the next call. A call to a number that somebody holds
    is an event of theirs, `call.routed` or `call.rejected`.

    If the endpoint is a webhook, we ask it first: a proxy waits for us a second longer than the 2 seconds it is given.
    An `Idempotency-Key` changes nothing here: no route is kept.
    """
    given = services(request)
    country = data.country.value if data.country else None
    call = Call(caller=data.from_, to=data.to, call_id=data.call_id, country=country)
    request_id = request.scope["state"]["request_id"]
    return Answer(
        shapes.routed_call(
            await route.inbound(given, asking(request), operator(request), request_id, call, given.clock())
        ),
    )


@post(
    "/routing/outbound",
    operation_id="routeOutbound",
    summary="Allow a call from a number",
    status_code=200,
    scope=Scope.ROUTING_READ,
    serves_operators=True,
    keeps_no_answer=True,
    query=None,
    refusals=OF_BODIES,
)
async def route_outbound(request: StrictRequest, data: JSONBody[OutboundCall]) -> Answer[AllowedCall | RejectedCall]:
    """Whether a customer may make this call, or how it is rejected: 200 both.

    The caller id must be an active number of that very organization, with `allow_outbound` on. `username` is that of
    the number's `sip`: its number must be active too. For SIP proxies, with an operator's key. An `Idempotency-Key`
    changes nothing here.
    """
    if data.organization_id is UNSET and data.username is UNSET:
        raise invalid("organization_id", "or username is required: who makes the call")
    given = services(request)
    call = CallFrom(
        caller=data.from_,
        to=data.to,
        call_id=data.call_id,
        organization_id=None if data.organization_id is UNSET else data.organization_id,
        username=None if data.username is UNSET else data.username,
    )
    request_id = request.scope["state"]["request_id"]
    return Answer(
        shapes.allowed_call(await route.outbound(given, operator(request), request_id, call, given.clock())),
    )


@post(
    "/phone-numbers/{number_id:str}/test-route",
    operation_id="testRoute",
    summary="Test the route of a phone number",
    status_code=200,
    scope=Scope.NUMBERS_READ,
    optional_body=TestCall,
    keeps_no_answer=True,
    query=None,
    refusals=(*OF_BODIES, refusals.NumberNotFound),
)
async def test_route(request: StrictRequest, number_id: FromPath[str]) -> TestedRoute:
    """What would become of a call to the number now, step by step. No call is made, and nothing is written or asked.

    The last step is where a rejected call ends. The body may be left out. An `Idempotency-Key` changes nothing here.
    """
    await request.optional_body(TestCall)
    require_id_form(number_id)
    return shapes.tested_route(*await route.foresee(services(request), caller(request), number_id))


TEST = Router("/", route_handlers=[test_route], tags=["Phone numbers"])
ROUTER = Router("/", route_handlers=[route_inbound, route_outbound], tags=["Routing"])
