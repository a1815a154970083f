"""The six operations on phone numbers."""

from dataclasses import replace
from typing import Any

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from nambari.api import shapes, shapes_of_time
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.listing import page_of_tenant
from nambari.api.queries import NumberListing, NumberSearch, Release
from nambari.api.reading import StrictRequest, query_of, query_values, read_query
from nambari.api.requests import attempt, caller, clock_of, is_id_form, patience, replay_headers, services
from nambari.api.shapes import (
    AvailableNumberPage,
    NumberChanges,
    NumberOrder,
    PhoneNumber,
    PhoneNumberDetail,
    PhoneNumberPage,
    Quote,
    SearchDetails,
)
from nambari.api.shapes_of_time import ReleaseForeseen, RestoreOrder
from nambari.db import phone_numbers, requirements
from nambari.db.engine import Connection
from nambari.db.paging import Page
from nambari.db.phone_numbers import Filter
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.offer import Search
from nambari.domain.phone_number import check_fallback_differs
from nambari.domain.purchase import Order, StockItem
from nambari.domain.requirements import Standing, missing
from nambari.operations import offer
from nambari.operations.configure import configure, number_not_found
from nambari.operations.look import look
from nambari.operations.order import outcome
from nambari.operations.purchase import purchase, quote
from nambari.operations.release import foresee, release
from nambari.operations.restore import restore


@get(
    "/phone-numbers",
    operation_id="listPhoneNumbers",
    summary="List phone numbers",
    scope=Scope.NUMBERS_READ,
    query=NumberListing,
    refusals=(),
    instead=(NumberSearch, AvailableNumberPage),
)
async def list_numbers(request: StrictRequest) -> Answer[PhoneNumberPage | AvailableNumberPage]:
    """Newest first; released numbers only when `status=released` asks for them.

    `action=available` makes it a search of what is for sale, with the parameters and the answer of that operation.
    """
    values = query_values(request.scope["query_string"])
    if values.get("action") == "available":
        del values["action"]
        return Answer(await _search(request, query_of(values, NumberSearch)))
    return Answer(await _list(request, query_of(values, NumberListing)))


async def _list(request: StrictRequest, asked: NumberListing) -> PhoneNumberPage:
    wanted = Filter(
        status=asked.status.value if asked.status else None,
        country=asked.country.value if asked.country else None,
        type=asked.type,
        endpoint_id=asked.endpoint_id,
        number=asked.number,
        contains=asked.contains,
        tag=asked.tag,
    )
    page = await page_of_tenant(request, asked, phone_numbers.page, wanted)
    return PhoneNumberPage(
        phone_numbers=[shapes.listed_number(values) for values in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/phone-numbers/available",
    operation_id="searchAvailableNumbers",
    summary="List available numbers",
    scope=Scope.NUMBERS_READ,
    query=NumberSearch,
    refusals=(),
)
async def search_numbers(request: StrictRequest) -> AvailableNumberPage:
    """What can be bought now, in the order of the numbers: our own stock, and what carriers offer at the moment.

    The `inventory_id` of a carrier's number is good for 15 minutes, at the price that is shown.
    """
    return await _search(request, read_query(request.scope["query_string"], NumberSearch))


async def _search(request: StrictRequest, asked: NumberSearch) -> AvailableNumberPage:
    who, given = caller(request), services(request)
    search = Search(
        country=asked.country.value,
        type=asked.type,
        area_code=asked.area_code,
        locality=asked.locality,
        contains=asked.contains,
        max_monthly_cost_cents=asked.max_monthly_cost_cents,
    )
    offered = await offer.ask(given, who.environment, search)

    async def one_page(connection: Connection) -> tuple[Page[StockItem], Standing | None]:
        page = await offer.page(
            given,
            connection,
            who.organization_id,
            who.environment,
            search,
            offered,
            limit=asked.limit,
            offset=asked.offset,
        )
        # Beside the search and not in it: the search walks an index, and what is required hangs on country and type.
        return page, await requirements.standing(connection, who.organization_id, who.environment, search.country)

    page, standing = await look(given, who, one_page)
    assert standing is not None  # noqa: S101 - an organization is made with its cases
    now, currency = given.clock(), given.settings.currency
    return AvailableNumberPage(
        phone_numbers=[
            shapes.available_number(item, currency, missing(standing, item.country, item.type, now))
            for item in page.items
        ],
        total=page.total,
        total_is_exact=page.total_is_exact,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
        details=SearchDetails(carriers_missing=offered.missing) if offered.missing else msgspec.UNSET,
    )


@get(
    "/phone-numbers/{number_id:str}",
    operation_id="getPhoneNumber",
    summary="Get phone number",
    scope=Scope.NUMBERS_READ,
    query=None,
    refusals=(refusals.NumberNotFound,),
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
    buys=True,
    waits=True,
    query=None,
    refusals=(
        *OF_BODIES,
        refusals.KycRequired,
        refusals.KycPending,
        refusals.NumberNotAvailable,
        refusals.CountryNotAllowed,
        refusals.EndpointNotFound,
        refusals.PriceChanged,
        refusals.SpendingCapExceeded,
        refusals.InsufficientBalance,
        refusals.IdempotencyConflict,
    ),
    besides={200: (Quote, "With `validate_only`: what would be bought. Nothing is.")},
)
async def purchase_number(request: StrictRequest, data: JSONBody[NumberOrder]) -> Answer[PhoneNumber]:
    """Takes set-up and the first month from the credits, and gives the number, in one transaction.

    A carrier's number is `pending` at first and the credits held: `phone_number.activated` or `phone_number.failed`
    tells how it ends, or the answer itself, with `Prefer: wait=20`. One that failed is `released`, its `status_reason`
    says why, and nothing was taken.
    """
    check_fallback_differs(data.endpoint_id, data.fallback_endpoint_id)
    order = Order(
        inventory_id=data.inventory_id,
        endpoint_id=data.endpoint_id,
        fallback_endpoint_id=data.fallback_endpoint_id,
        allow_inbound=data.allow_inbound,
        allow_outbound=data.allow_outbound,
        label=data.label or None,
        tags=tuple(data.tags),
        max_total_cents=data.max_total_cents,
    )
    given = services(request)
    now = await clock_of(request)
    if data.validate_only:
        asked = replace(attempt(request), idempotency_key=None)
        return Answer(shapes.quote(await quote(given, asked, order, now)), status_code=200)  # type: ignore[arg-type]
    asked = attempt(request, data)
    done = await purchase(given, asked, order, now)
    number = await outcome(given, asked, done.result, patience(request))
    return Answer(shapes.phone_number(number), headers=replay_headers(done))


@patch(
    "/phone-numbers/{number_id:str}",
    operation_id="updatePhoneNumber",
    summary="Update phone number",
    scope=Scope.NUMBERS_WRITE,
    query=None,
    refusals=(
        *OF_BODIES,
        refusals.NumberNotFound,
        refusals.EndpointNotFound,
        refusals.InvalidState,
        refusals.IdempotencyConflict,
    ),
)
async def update_number(
    request: StrictRequest, number_id: FromPath[str], data: JSONBody[NumberChanges]
) -> Answer[PhoneNumber]:
    """Takes effect with the next call."""
    require_id_form(number_id)
    changes: dict[str, Any] = {
        name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not msgspec.UNSET
    }
    if changes.get("label") == "":
        changes["label"] = None
    given = services(request)
    done = await configure(given, attempt(request, data), number_id, changes, await clock_of(request))
    return Answer(shapes.phone_number(done.result), headers=replay_headers(done))


@delete(
    "/phone-numbers/{number_id:str}",
    operation_id="releasePhoneNumber",
    summary="Release phone number",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    query=Release,
    refusals=(
        refusals.NumberNotFound,
        refusals.InvalidState,
        refusals.DeletionLocked,
        refusals.IdempotencyConflict,
    ),
)
async def release_number(request: StrictRequest, number_id: FromPath[str]) -> Answer[PhoneNumber | ReleaseForeseen]:
    """The number returns to the available pool. Released again, it is answered alike and nothing happens twice.

    With `dry_run=true` it is told what would be lost, and nothing is released.
    """
    asked = read_query(request.scope["query_string"], Release)
    require_id_form(number_id)
    given = services(request)
    if asked.dry_run == "true":
        now = await clock_of(request)
        return Answer(shapes_of_time.release_foreseen(*await foresee(given, attempt(request), number_id, now)))
    done = await release(given, attempt(request), number_id, await clock_of(request))
    return Answer(shapes.phone_number(done.result), headers=replay_headers(done))


@post(
    "/phone-numbers/{number_id:str}/restore",
    operation_id="restorePhoneNumber",
    summary="Restore phone number",
    status_code=200,
    scope=Scope.NUMBERS_WRITE,
    optional_body=RestoreOrder,
    query=None,
    refusals=(
        *OF_BODIES,
        refusals.NumberNotFound,
        refusals.InvalidState,
        refusals.NumberNotAvailable,
        refusals.CountryNotAllowed,
        refusals.PriceChanged,
        refusals.SpendingCapExceeded,
        refusals.InsufficientBalance,
        refusals.IdempotencyConflict,
    ),
)
async def restore_number(request: StrictRequest, number_id: FromPath[str]) -> Answer[PhoneNumber]:
    """Take a number back that you released, within 10 days and while nobody else has it.

    It is what it was: endpoint, permissions, label, tags. There is no set-up fee; a month is taken only where the one
    that was paid is over. The body may be left out.
    """
    data = await request.optional_body(RestoreOrder)
    require_id_form(number_id)
    given = services(request)
    attempted = attempt(request, data if data.max_total_cents is not None else None)
    done = await restore(given, attempted, number_id, data.max_total_cents, await clock_of(request))
    return Answer(shapes.phone_number(done.result), headers=replay_headers(done))


ROUTER = Router(
    "/",
    route_handlers=[
        list_numbers,
        search_numbers,
        get_number,
        purchase_number,
        update_number,
        release_number,
        restore_number,
    ],
    tags=["Phone numbers"],
)
