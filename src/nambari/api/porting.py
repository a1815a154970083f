"""Orders to bring numbers from other carriers."""

from typing import Any

import msgspec
from litestar import Router, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from nambari.api import shapes_of_porting as shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.listing import page_of_tenant
from nambari.api.queries import PortingListing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import attempt, caller, clock_of, is_id_form, replay_headers, services
from nambari.api.shapes_of_porting import NewPortingOrder, PortingOrder, PortingOrderChanges, PortingOrderPage
from nambari.db import porting
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.document import parse_day
from nambari.operations.porting import change, create, no_such_order, submit, withdraw


@get(
    "/porting-orders",
    operation_id="listPortingOrders",
    summary="List porting orders",
    scope=Scope.NUMBERS_READ,
    query=PortingListing,
    refusals=(),
)
async def list_orders(request: StrictRequest) -> PortingOrderPage:
    """Newest first."""
    asked = read_query(request.scope["query_string"], PortingListing)
    page = await page_of_tenant(request, asked, porting.page, asked.status)
    return PortingOrderPage(
        porting_orders=[shapes.order(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/porting-orders/{order_id:str}",
    operation_id="getPortingOrder",
    summary="Get a porting order",
    scope=Scope.NUMBERS_READ,
    query=None,
    refusals=(refusals.NotFound,),
)
async def get_order(request: StrictRequest, order_id: FromPath[str]) -> PortingOrder:
    _require_id_form(order_id)
    who = caller(request)
    async with services(request).database.reading() as connection:
        found = await porting.find(connection, who.organization_id, who.environment, order_id)
    if found is None:
        raise no_such_order()
    return shapes.order(found)


@post(
    "/porting-orders",
    operation_id="createPortingOrder",
    summary="Draft a porting order",
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.IdempotencyConflict),
)
async def create_order(request: StrictRequest, data: JSONBody[NewPortingOrder]) -> Answer[PortingOrder]:
    """A draft: nothing happens until it is submitted. Documents are sent with `POST /v1/kyc/documents` before."""
    given, now = services(request), await clock_of(request)
    values = {name: value for name, value in _values(data).items() if value is not None and name != "number"}
    done = await create(given, attempt(request, data), data.number, values, now)
    return Answer(shapes.order(done.result), headers=replay_headers(done))


@patch(
    "/porting-orders/{order_id:str}",
    operation_id="updatePortingOrder",
    summary="Change a porting order",
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.NotFound, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def update_order(
    request: StrictRequest, order_id: FromPath[str], data: JSONBody[PortingOrderChanges]
) -> Answer[PortingOrder]:
    """While it is a draft, or an exception."""
    _require_id_form(order_id)
    given, now = services(request), await clock_of(request)
    done = await change(given, attempt(request, data), order_id, _values(data), now)
    return Answer(shapes.order(done.result), headers=replay_headers(done))


def _values(data: Struct) -> dict[str, Any]:
    values = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not msgspec.UNSET}
    if isinstance(values.get("authorized_on"), str):
        values["authorized_on"] = parse_day(values["authorized_on"], "authorized_on")
    return values


@post(
    "/porting-orders/{order_id:str}/submit",
    operation_id="submitPortingOrder",
    summary="Submit a porting order",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(
        refusals.NotFound,
        refusals.KycRequired,
        refusals.KycPending,
        refusals.CountryNotAllowed,
        refusals.SpendingCapExceeded,
        refusals.InvalidState,
        refusals.IdempotencyConflict,
    ),
)
async def submit_order(request: StrictRequest, order_id: FromPath[str]) -> Answer[PortingOrder]:
    """The number is yours as `porting`: it can be configured, and routes and costs nothing until it has moved.

    There is no set-up fee. The month begins, and is paid, when the order is completed. It counts for the cap of the key
    from now on, and no more if the order is cancelled.
    """
    _require_id_form(order_id)
    given = services(request)
    done = await submit(given, attempt(request), order_id, await clock_of(request))
    return Answer(shapes.order(done.result), headers=replay_headers(done))


@post(
    "/porting-orders/{order_id:str}/cancel",
    operation_id="cancelPortingOrder",
    summary="Cancel a porting order",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(refusals.NotFound, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def cancel_order(request: StrictRequest, order_id: FromPath[str]) -> Answer[PortingOrder]:
    """Until there is a date; after that, ask the operator."""
    _require_id_form(order_id)
    given = services(request)
    done = await withdraw(given, attempt(request), order_id, await clock_of(request))
    return Answer(shapes.order(done.result), headers=replay_headers(done))


def _require_id_form(order_id: str) -> None:
    if not is_id_form(order_id):
        raise no_such_order()


ROUTER = Router(
    "/",
    route_handlers=[list_orders, get_order, create_order, update_order, submit_order, cancel_order],
    tags=["Porting"],
)
