"""Deliveries: what was sent to a webhook, each attempt of it; and what is to be sent again."""

from datetime import UTC, datetime

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from nambari.api import shapes_of_webhooks as shapes
from nambari.api.answers import Answer
from nambari.api.errors import OF_BODIES
from nambari.api.listing import unknown_cursor
from nambari.api.queries import AttemptListing, DeliveryListing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import attempt, caller, is_id_form, replay_headers, services
from nambari.api.shapes_of_webhooks import AttemptPage, Delivery, DeliveryPage, Replay, Replayed
from nambari.db import delivery_log, webhooks
from nambari.db.paging import UnknownCursor
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.operations.replay import WantedAgain, no_such_delivery, replay_one, replay_range
from nambari.operations.webhooks import no_such_webhook


@get(
    "/webhooks/{webhook_id:str}/deliveries",
    operation_id="listDeliveries",
    summary="List the deliveries of a webhook",
    scope=Scope.WEBHOOKS_READ,
    query=DeliveryListing,
    refusals=(refusals.NotFound,),
)
async def list_deliveries(request: StrictRequest, webhook_id: FromPath[str]) -> DeliveryPage:
    """The newest event first: what was sent, how often, and what was answered last."""
    asked = read_query(request.scope["query_string"], DeliveryListing)
    require_id_form(webhook_id)
    who = caller(request)
    tenant = (who.organization_id, who.environment)
    try:
        async with services(request).database.reading() as connection:
            if await webhooks.find(connection, *tenant, webhook_id) is None:
                raise no_such_webhook()
            page = await delivery_log.page(
                connection,
                *tenant,
                webhook_id,
                asked.status,
                limit=asked.limit,
                offset=asked.offset,
                starting_after=asked.starting_after,
            )
    except UnknownCursor:
        raise unknown_cursor() from None
    return DeliveryPage(
        deliveries=[shapes.delivery(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/attempts",
    operation_id="listDeliveryAttempts",
    summary="List the attempts of a delivery",
    scope=Scope.WEBHOOKS_READ,
    query=AttemptListing,
    refusals=(refusals.NotFound,),
)
async def list_attempts(request: StrictRequest, webhook_id: FromPath[str], delivery_id: FromPath[str]) -> AttemptPage:
    """The oldest first, those before a replay too: when, for how long, and what came back."""
    asked = read_query(request.scope["query_string"], AttemptListing)
    require_id_form(webhook_id)
    _require_delivery_form(delivery_id)
    who = caller(request)
    tenant = (who.organization_id, who.environment)
    async with services(request).database.reading() as connection:
        if await webhooks.find(connection, *tenant, webhook_id) is None:
            raise no_such_webhook()
        if await delivery_log.find(connection, *tenant, webhook_id, delivery_id) is None:
            raise no_such_delivery()
        page = await delivery_log.attempts(
            connection, *tenant, webhook_id, delivery_id, limit=asked.limit, offset=asked.offset
        )
    return AttemptPage(
        attempts=[shapes.attempt(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@post(
    "/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/replay",
    operation_id="replayDelivery",
    summary="Send an event again",
    status_code=200,
    scope=Scope.WEBHOOKS_WRITE,
    query=None,
    refusals=(refusals.NotFound, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def replay_delivery(
    request: StrictRequest, webhook_id: FromPath[str], delivery_id: FromPath[str]
) -> Answer[Delivery]:
    """At once, with all its attempts before it, whatever came of it before. A webhook that is not active refuses."""
    require_id_form(webhook_id)
    _require_delivery_form(delivery_id)
    given = services(request)
    done = await replay_one(given, attempt(request), webhook_id, delivery_id)
    return Answer(msgspec.convert(done.result.shown, Delivery), headers=replay_headers(done))


@post(
    "/webhooks/{webhook_id:str}/replay",
    operation_id="replayEvents",
    summary="Send the events of a range again",
    status_code=200,
    scope=Scope.WEBHOOKS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.NotFound, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def replay_events(request: StrictRequest, webhook_id: FromPath[str], data: JSONBody[Replay]) -> Answer[Replayed]:
    """At once, and those of one object in their order: the events that the webhook asks for, arrived or not.

    Those that happened while it was not active are sent for the first time. If `has_more`, ask again with
    `last_event_id` as `starting_after`, and all else as it was. A webhook that is not active refuses.
    """
    require_id_form(webhook_id)
    if data.starting_after is None and data.from_ is None:
        raise refusals.invalid(
            "from", "is needed where starting_after is not given: an instant, or 0001-01-01T00:00:00Z for all"
        )
    wanted = WantedAgain(
        starting_after=data.starting_after,
        up_to=data.up_to,
        since=data.from_ and _in_utc(data.from_),
        before=data.to and _in_utc(data.to),
        names=data.events,
    )
    given = services(request)
    done = await replay_range(given, attempt(request, data), webhook_id, wanted)
    return Answer(msgspec.convert(done.result, Replayed, from_attributes=True), headers=replay_headers(done))


def require_id_form(webhook_id: str) -> None:
    if not is_id_form(webhook_id):
        raise no_such_webhook()


def _require_delivery_form(delivery_id: str) -> None:
    if not is_id_form(delivery_id):
        raise no_such_delivery()


def _in_utc(bound: datetime) -> datetime:
    """RFC 3339 has offsets of up to a day, PostgreSQL takes 16 hours. What is beyond the calendar is its end."""
    try:
        return bound.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if bound.year == 1 else datetime.max.replace(tzinfo=UTC)


HANDLERS = (list_deliveries, list_attempts, replay_delivery, replay_events)
