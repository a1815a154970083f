"""Webhooks: whom we tell of events."""

from typing import Any

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from nambari.api import deliveries
from nambari.api import shapes_of_webhooks as shapes
from nambari.api.answers import Answer
from nambari.api.deliveries import require_id_form
from nambari.api.errors import OF_BODIES
from nambari.api.listing import page_of_tenant
from nambari.api.queries import Listing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import attempt, caller, clock_of, replay_headers, services
from nambari.api.shapes_of_webhooks import (
    DeletedWebhook,
    NewWebhook,
    Webhook,
    WebhookChanges,
    WebhookPage,
)
from nambari.db import webhooks
from nambari.domain import refusals, subscriber
from nambari.domain.access import Scope
from nambari.domain.subscriber import WebhookStatus
from nambari.domain.webhook import check_events, check_url
from nambari.operations.webhooks import create, no_such_webhook, rotate_secret, update
from nambari.operations.webhooks import delete as remove


@get(
    "/webhooks",
    operation_id="listWebhooks",
    summary="List webhooks",
    scope=Scope.WEBHOOKS_READ,
    query=Listing,
    refusals=(),
)
async def list_webhooks(request: StrictRequest) -> WebhookPage:
    """Newest first."""
    asked = read_query(request.scope["query_string"], Listing)
    page = await page_of_tenant(request, asked, webhooks.page)
    return WebhookPage(
        webhooks=[shapes.webhook(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/webhooks/{webhook_id:str}",
    operation_id="getWebhook",
    summary="Get a webhook",
    scope=Scope.WEBHOOKS_READ,
    query=None,
    refusals=(refusals.NotFound,),
)
async def get_webhook(request: StrictRequest, webhook_id: FromPath[str]) -> Webhook:
    """Its secret is not told again."""
    require_id_form(webhook_id)
    who = caller(request)
    async with services(request).database.reading() as connection:
        found = await webhooks.find(connection, who.organization_id, who.environment, webhook_id)
    if found is None:
        raise no_such_webhook()
    return shapes.webhook(found)


@post(
    "/webhooks",
    operation_id="createWebhook",
    summary="Create a webhook",
    scope=Scope.WEBHOOKS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.InvalidState, refusals.IdempotencyConflict),
)
async def create_webhook(request: StrictRequest, data: JSONBody[NewWebhook]) -> Answer[Webhook]:
    """Its `secret` is in this answer only: it verifies what we post. There may be 20 in each environment."""
    given = services(request)
    url, events = check_url(data.url, given.webhook_networks), check_events(data.events)
    now = await clock_of(request)
    webhook = subscriber.Webhook(
        id=given.new_id("wh"),
        url=url,
        events=events,
        status=WebhookStatus(data.status),
        failing_since=None,
        previous_secret_until=None,
        created_at=now,
        updated_at=now,
    )
    done = await create(given, attempt(request, data), webhook, now)
    return Answer(shapes.webhook(done.result.webhook, done.result.secret), headers=replay_headers(done))


@patch(
    "/webhooks/{webhook_id:str}",
    operation_id="updateWebhook",
    summary="Update a webhook",
    scope=Scope.WEBHOOKS_WRITE,
    query=None,
    refusals=(*OF_BODIES, refusals.NotFound, refusals.IdempotencyConflict),
)
async def update_webhook(
    request: StrictRequest, webhook_id: FromPath[str], data: JSONBody[WebhookChanges]
) -> Answer[Webhook]:
    """While it is inactive nothing is posted, and what happens then is not kept for it: `GET /v1/events` has it."""
    require_id_form(webhook_id)
    changes: dict[str, Any] = {
        name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not msgspec.UNSET
    }
    if "status" in changes:
        changes["status"] = WebhookStatus(changes["status"])
    given = services(request)
    done = await update(given, attempt(request, data), webhook_id, changes, await clock_of(request))
    return Answer(shapes.webhook(done.result.webhook), headers=replay_headers(done))


@delete(
    "/webhooks/{webhook_id:str}",
    operation_id="deleteWebhook",
    summary="Delete a webhook",
    status_code=200,
    scope=Scope.WEBHOOKS_WRITE,
    query=None,
    refusals=(refusals.NotFound, refusals.IdempotencyConflict),
)
async def delete_webhook(request: StrictRequest, webhook_id: FromPath[str]) -> Answer[DeletedWebhook]:
    """With the log of its deliveries. What was on its way may still arrive."""
    require_id_form(webhook_id)
    given = services(request)
    done = await remove(given, attempt(request), webhook_id, await clock_of(request))
    return Answer(DeletedWebhook(id=done.result.id, deleted=True), headers=replay_headers(done))


@post(
    "/webhooks/{webhook_id:str}/rotate-secret",
    operation_id="rotateWebhookSecret",
    summary="Give a webhook another secret",
    status_code=200,
    scope=Scope.WEBHOOKS_WRITE,
    query=None,
    refusals=(refusals.NotFound, refusals.IdempotencyConflict),
)
async def rotate_webhook_secret(request: StrictRequest, webhook_id: FromPath[str]) -> Answer[Webhook]:
    """For 24 hours `webhook-signature` has a signature with each of the two; `X-Webhook-Signature` is the new one's."""
    require_id_form(webhook_id)
    given = services(request)
    done = await rotate_secret(given, attempt(request), webhook_id, await clock_of(request))
    return Answer(shapes.webhook(done.result.webhook, done.result.secret), headers=replay_headers(done))


ROUTER = Router(
    "/",
    route_handlers=[
        *(list_webhooks, get_webhook, create_webhook, update_webhook, delete_webhook, rotate_webhook_secret),
        *deliveries.HANDLERS,
    ],
    tags=["Webhooks"],
)
