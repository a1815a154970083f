"""The six operations on phone numbers."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from nambari.api import shapes
from nambari.api.errors import documented
from nambari.api.reading import StrictRequest
from nambari.api.requests import (
    Key,
    Limit,
    Offset,
    StartingAfter,
    attempt,
    caller,
    is_id_form,
    replay_headers,
    services,
)
from nambari.api.shapes import (
    E164,
    AreaCode,
    AvailableNumberPage,
    Country,
    Digits,
    Id,
    NumberChanges,
    NumberOrder,
    NumberType,
    PhoneNumber,
    PhoneNumberDetail,
    PhoneNumberPage,
    Quote,
    Tag,
    Text,
)
from nambari.db import inventory, kyc, phone_numbers
from nambari.db.inventory import Search
from nambari.db.paging import UnknownCursor
from nambari.db.phone_numbers import Filter
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.kyc import KycStatus
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.purchase import Order
from nambari.domain.refusals import invalid, invalid_fields
from nambari.operations.configure import configure, number_not_found
from nambari.operations.purchase import purchase, quote
from nambari.operations.release import release

TAGS = ["Phone numbers"]
SEARCHED_BY = (
    "country",
    "type",
    "area_code",
    "contains",
    "locality",
    "max_monthly_cost_cents",
    "limit",
    "offset",
)
LISTED_BY = (
    *("status", "country", "type", "endpoint_id", "number", "contains", "tag"),
    *("limit", "offset", "starting_after"),
)
SEARCH_LIMIT = 20
LIST_LIMIT = 50

Optional = QueryParameter(required=False)
MaxCents = Annotated[int | None, QueryParameter(required=False, ge=0, le=10**12, description="Per month, in cents.")]


@get(
    "/phone-numbers",
    operation_id="listPhoneNumbers",
    summary="List phone numbers",
    scope=Scope.NUMBERS_READ,
    query=("action", *dict.fromkeys(LISTED_BY + SEARCHED_BY)),
    responses=documented(),
)
async def list_numbers(
    request: StrictRequest,
    action: Annotated[
        Literal["assigned", "available"] | None,
        QueryParameter(
            required=False, description="`available` searches what is for sale, as /phone-numbers/available."
        ),
    ] = None,
    status: Annotated[NumberStatus | None, Optional] = None,
    country: Annotated[Country | None, Optional] = None,
    type: Annotated[NumberType | None, Optional] = None,  # noqa: A002 - the parameter's public name
    endpoint_id: Annotated[Id | None, Optional] = None,
    number: Annotated[E164 | None, Optional] = None,
    contains: Annotated[Digits | None, Optional] = None,
    tag: Annotated[Tag | None, Optional] = None,
    area_code: Annotated[AreaCode | None, Optional] = None,
    locality: Annotated[Text | None, Optional] = None,
    max_monthly_cost_cents: MaxCents = None,
    limit: Annotated[
        int | None,
        QueryParameter(required=False, ge=1, le=100, description="How many at most: 50, or 20 of a search."),
    ] = None,
    offset: Offset = 0,
    starting_after: StartingAfter = None,
) -> Response[PhoneNumberPage | AvailableNumberPage]:
    """Newest first; released numbers only when `status=released` asks for them."""
    _refuse_foreign_parameters(request, SEARCHED_BY if action == "available" else LISTED_BY)
    if action == "available":
        if country is None:
            raise invalid("country", "is required with action=available")
        search = Search(
            country=country.value,
            type=type,
            area_code=area_code,
            locality=locality,
            contains=contains,
            max_monthly_cost_cents=max_monthly_cost_cents,
        )
        return Response(await _search(request, search, limit or SEARCH_LIMIT, offset))
    wanted = Filter(
        status=status.value if status else None,
        country=country.value if country else None,
        type=type,
        endpoint_id=endpoint_id,
        number=number,
        contains=contains,
        tag=tag,
    )
    return Response(await _list(request, wanted, limit or LIST_LIMIT, offset, starting_after))


def _refuse_foreign_parameters(request: StrictRequest, known: tuple[str, ...]) -> None:
    """One path, two lists: what only the other one knows is as unknown as any other parameter."""
    foreign = [name for name in request.query_params if name not in known and name != "action"]
    if foreign:
        message = f"is not a parameter of this list, which takes {', '.join(known)}"
        raise invalid_fields([(name, message) for name in foreign])


async def _list(
    request: StrictRequest, wanted: Filter, limit: int, offset: int, starting_after: str | None
) -> PhoneNumberPage:
    who = caller(request)
    try:
        async with services(request).database.reading() as connection:
            page = await phone_numbers.page(
                connection,
                who.organization_id,
                who.environment,
                wanted,
                limit=limit,
                offset=offset,
                starting_after=starting_after,
            )
    except UnknownCursor:
        raise unknown_cursor() from None
    return PhoneNumberPage(
        phone_numbers=[shapes.phone_number(number) for number in page.items],
        total=page.total,
        limit=limit,
        offset=offset,
        has_more=page.has_more,
    )


def unknown_cursor() -> refusals.ValidationError:
    return invalid("starting_after", "is no id of this list")


@get(
    "/phone-numbers/available",
    operation_id="searchAvailableNumbers",
    summary="List available numbers",
    scope=Scope.NUMBERS_READ,
    query=SEARCHED_BY,
    responses=documented(),
)
async def search_numbers(
    request: StrictRequest,
    country: FromQuery[Country],
    type: Annotated[NumberType | None, Optional] = None,  # noqa: A002 - the parameter's public name
    area_code: Annotated[AreaCode | None, Optional] = None,
    contains: Annotated[Digits | None, Optional] = None,
    locality: Annotated[Text | None, Optional] = None,
    max_monthly_cost_cents: MaxCents = None,
    limit: Limit = SEARCH_LIMIT,
    offset: Offset = 0,
) -> AvailableNumberPage:
    """What can be bought now, in the order of the numbers."""
    search = Search(
        country=country.value,
        type=type,
        area_code=area_code,
        locality=locality,
        contains=contains,
        max_monthly_cost_cents=max_monthly_cost_cents,
    )
    return await _search(request, search, limit, offset)


async def _search(request: StrictRequest, search: Search, limit: int, offset: int) -> AvailableNumberPage:
    who, given = caller(request), services(request)
    async with given.database.reading() as connection:
        page = await inventory.search(connection, who.environment, search, limit=limit, offset=offset)
        case = await kyc.case(connection, who.organization_id, who.environment)
    missing = [] if case is not None and case.status is KycStatus.VERIFIED else ["kyc"]
    currency = given.settings.currency
    return AvailableNumberPage(
        phone_numbers=[shapes.available_number(item, currency, missing) for item in page.items],
        total=page.total,
        total_is_exact=page.total_is_exact,
        limit=limit,
        offset=offset,
        has_more=page.has_more,
    )


@get(
    "/phone-numbers/{number_id:str}",
    operation_id="getPhoneNumber",
    summary="Get phone number",
    scope=Scope.NUMBERS_READ,
    query=(),
    responses=documented(refusals.NumberNotFound),
)
async def get_number(request: StrictRequest, number_id: FromPath[str]) -> PhoneNumberDetail:
    """A released number is shown to the organization that held it."""
    require_id_form(number_id)
    who, given = caller(request), services(request)
    async with given.database.reading() as connection:
        found = await phone_numbers.find_with_endpoint(connection, who.organization_id, who.environment, number_id)
    if found is None:
        raise number_not_found()
    return shapes.phone_number_detail(*found, given.settings.sip_domain)


def require_id_form(number_id: str) -> None:
    if not is_id_form(number_id):
        raise number_not_found()


@post(
    "/phone-numbers",
    operation_id="purchasePhoneNumber",
    summary="Purchase phone number",
    scope=Scope.NUMBERS_WRITE,
    query=(),
    responses={
        200: ResponseSpec(Quote, description="What would happen, with `validate_only`", generate_examples=False),
        **documented(
            refusals.InvalidJson,
            refusals.KycRequired,
            refusals.KycPending,
            refusals.NumberNotAvailable,
            refusals.EndpointNotFound,
            refusals.PriceChanged,
            refusals.InsufficientBalance,
            refusals.IdempotencyConflict,
            refusals.PayloadTooLarge,
            refusals.UnsupportedMediaType,
        ),
    },
)
async def purchase_number(
    request: StrictRequest, data: JSONBody[NumberOrder], idempotency_key: Key = None
) -> Response[PhoneNumber]:
    """Takes set-up and the first month from the credits, and gives the number, in one transaction."""
    order = Order(
        inventory_id=data.inventory_id,
        endpoint_id=data.endpoint_id,
        allow_inbound=data.allow_inbound,
        allow_outbound=data.allow_outbound,
        label=data.label or None,
        tags=tuple(data.tags),
        max_total_cents=data.max_total_cents,
    )
    given = services(request)
    now = given.clock()
    if data.validate_only:
        asked = attempt(request, None)
        return Response(shapes.quote(await quote(given, asked, order, now)), status_code=200)  # type: ignore[arg-type]
    done = await purchase(given, attempt(request, idempotency_key, data), order, now)
    return Response(shapes.phone_number(done.result), headers=replay_headers(done))


@patch(
    "/phone-numbers/{number_id:str}",
    operation_id="updatePhoneNumber",
    summary="Update phone number",
    scope=Scope.NUMBERS_WRITE,
    query=(),
    responses=documented(
        refusals.InvalidJson,
        refusals.NumberNotFound,
        refusals.EndpointNotFound,
        refusals.InvalidState,
        refusals.IdempotencyConflict,
        refusals.PayloadTooLarge,
        refusals.UnsupportedMediaType,
    ),
)
async def update_number(
    request: StrictRequest, number_id: FromPath[str], data: JSONBody[NumberChanges], idempotency_key: Key = None
) -> Response[PhoneNumber]:
    """Takes effect with the next call."""
    require_id_form(number_id)
    changes: dict[str, Any] = {
        name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not msgspec.UNSET
    }
    if changes.get("label") == "":
        changes["label"] = None
    given = services(request)
    done = await configure(given, attempt(request, idempotency_key, data), number_id, changes, given.clock())
    return Response(shapes.phone_number(done.result), headers=replay_headers(done))


@delete(
    "/phone-numbers/{number_id:str}",
    operation_id="releasePhoneNumber",
    summary="Release phone number",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=("action",),
    responses=documented(
        refusals.NumberNotFound, refusals.InvalidState, refusals.DeletionLocked, refusals.IdempotencyConflict
    ),
)
async def release_number(
    request: StrictRequest,
    number_id: FromPath[str],
    action: Annotated[Literal["release"] | None, Optional] = None,  # noqa: ARG001 - known clients send it
    idempotency_key: Key = None,
) -> Response[PhoneNumber]:
    """The number returns to the available pool. Released again, it is answered alike and nothing happens twice."""
    require_id_form(number_id)
    given = services(request)
    done = await release(given, attempt(request, idempotency_key), number_id, given.clock())
    return Response(shapes.phone_number(done.result), headers=replay_headers(done))


ROUTER = Router(
    "/",
    route_handlers=[list_numbers, search_numbers, get_number, purchase_number, update_number, release_number],
    tags=TAGS,
)
