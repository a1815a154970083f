"""Keep a number back while it is thought about."""

from litestar import Router, delete, get, post
from litestar.params import FromPath, JSONBody

from nambari.api import shapes_of_time as shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.listing import page_of_tenant
from nambari.api.queries import Listing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import attempt, is_id_form, replay_headers, services
from nambari.api.shapes_of_time import DeletedHold, Hold, HoldOrder, HoldPage
from nambari.db import holds
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.operations.hold import hold, hold_not_found, let_go


@get(
    "/holds",
    operation_id="listHolds",
    summary="List holds",
    scope=Scope.NUMBERS_READ,
    query=Listing,
    refusals=(),
)
async def list_holds(request: StrictRequest) -> HoldPage:
    """Those that have not expired, newest first."""
    asked = read_query(request.scope["query_string"], Listing)
    page = await page_of_tenant(request, asked, holds.page, services(request).clock())
    return HoldPage(
        holds=[shapes.hold(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@post(
    "/holds",
    operation_id="createHold",
    summary="Hold a number",
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.NumberNotAvailable, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def create_hold(request: StrictRequest, data: JSONBody[HoldOrder]) -> Answer[Hold]:
    """Others see the number as gone until the hold expires, is deleted, or is used up by your purchase.

    At most 10 numbers at a time. Nothing is paid for it. It expires by the real time, in the test environment too
    unless its clock is moved.
    """
    given = services(request)
    done = await hold(given, attempt(request, data), data.inventory_id, data.minutes, given.clock())
    return Answer(shapes.hold(done.result), headers=replay_headers(done))


@delete(
    "/holds/{hold_id:str}",
    operation_id="deleteHold",
    summary="Let a held number go",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(refusals.NotFound, refusals.IdempotencyConflict),
)
async def delete_hold(request: StrictRequest, hold_id: FromPath[str]) -> Answer[DeletedHold]:
    """At once others can have it."""
    if not is_id_form(hold_id):
        raise hold_not_found()
    given = services(request)
    done = await let_go(given, attempt(request), hold_id, given.clock())
    return Answer(DeletedHold(id=done.result, deleted=True), headers=replay_headers(done))


ROUTER = Router("/", route_handlers=[list_holds, create_hold, delete_hold], tags=["Holds"])
