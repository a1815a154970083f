"""The pages of events and of those who are told of them: what happened, webhooks, deliveries, and sending again."""

from litestar import Response, Router, get, post
from litestar.params import FromPath

from nambari.api.queries import AuditListing, DeliveryListing, Listing
from nambari.api.requests import is_id_form
from nambari.api.shapes_of_webhooks import NewWebhook
from nambari.console.forms import Asked, as_body, as_query
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import attempt, enter, redirect, visit
from nambari.db import delivery_log, events, webhooks
from nambari.domain.access import Scope
from nambari.domain.events import SUBSCRIPTIONS
from nambari.domain.refusals import Refusal, ValidationError, invalid
from nambari.domain.subscriber import Webhook, WebhookStatus
from nambari.domain.webhook import DeliveryStatus, check_events, check_url
from nambari.operations import clock
from nambari.operations.replay import no_such_delivery, replay_one
from nambari.operations.webhooks import (
    MadeWebhook,
    create,
    delete,
    no_such_webhook,
    rotate_secret,
    update,
)

SHOWN = 25


@get("/console/events", scope=Scope.WEBHOOKS_READ)
async def list_events(request: Asked) -> Response[str]:
    """What webhooks are told of, the newest first."""
    here = visit(request)
    problem, asked = None, AuditListing()
    try:
        asked = as_query(request, AuditListing)
    except ValidationError as refusal:
        problem = refusal
    name = asked.event.value if asked.event else "*"
    if name not in SUBSCRIPTIONS:
        problem, name = invalid("event", "is none that webhooks are told of"), "*"
    async with here.services.database.reading() as connection:
        found = await events.page(
            connection,
            *here.caller.tenant,
            events.Filter(names=[str(each) for each in SUBSCRIPTIONS[name]]),
            limit=SHOWN,
            offset=asked.offset,
            starting_after=None,
        )
    return page(
        request,
        "events.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        found=found,
        asked={"event": name} if name != "*" else {},
        names=[each for each in SUBSCRIPTIONS if each != "*"],
        offset=asked.offset,
        shown=SHOWN,
    )


@get("/console/webhooks", scope=Scope.WEBHOOKS_READ)
async def list_webhooks(request: Asked) -> Response[str]:
    return await _list(request)


async def _list(request: Asked, problem: Refusal | None = None, made: MadeWebhook | None = None) -> Response[str]:
    here = visit(request)
    asked = as_query(request, Listing)
    async with here.services.database.reading() as connection:
        found = await webhooks.page(
            connection,
            *here.caller.tenant,
            limit=SHOWN,
            offset=asked.offset,
            starting_after=None,
        )
    return page(
        request,
        "webhooks.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        found=found,
        made=made,
        given=here.form.values() if here.form and problem else {},
        chosen=here.form.texts("events") if here.form and problem else ["*"],
        names=list(SUBSCRIPTIONS),
        offset=asked.offset,
        shown=SHOWN,
    )


@post("/console/webhooks", scope=Scope.WEBHOOKS_WRITE)
async def create_webhook(request: Asked) -> Response[str]:
    """Its secret is shown, this once."""
    done = await outcome(_create(request))
    return await _list(request, done) if isinstance(done, Refusal) else await _list(request, made=done)


async def _create(request: Asked) -> MadeWebhook:
    here = visit(request)
    body = as_body({"url": here.posted.text("url"), "events": here.posted.texts("events")}, NewWebhook)
    url, names = check_url(body.url, here.services.webhook_networks), check_events(body.events)
    now = await clock.read(here.services, here.caller)
    webhook = Webhook(
        id=here.services.new_id("wh"),
        url=url,
        events=names,
        status=WebhookStatus.ACTIVE,
        failing_since=None,
        previous_secret_until=None,
        created_at=now,
        updated_at=now,
    )
    return (await create(here.services, attempt(request), webhook, now)).result


@get("/console/webhooks/{webhook_id:str}", scope=Scope.WEBHOOKS_READ)
async def show_webhook(request: Asked, webhook_id: FromPath[str]) -> Response[str]:
    return await _show(request, webhook_id)


async def _show(
    request: Asked, webhook_id: str, problem: Refusal | None = None, secret: str | None = None
) -> Response[str]:
    here = visit(request)
    tenant = here.caller.tenant
    asked = as_query(request, DeliveryListing)
    _require_id_form(webhook_id)
    async with here.services.database.reading() as connection:
        webhook = await webhooks.find(connection, *tenant, webhook_id)
        if webhook is None:
            raise no_such_webhook()
        found = await delivery_log.page(
            connection, *tenant, webhook_id, asked.status, limit=SHOWN, offset=asked.offset, starting_after=None
        )
    return page(
        request,
        "webhook.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        webhook=webhook,
        secret=secret,
        found=found,
        asked={"status": asked.status.value} if asked.status else {},
        statuses=[(each.value, each.value.capitalize()) for each in DeliveryStatus],
        offset=asked.offset,
        shown=SHOWN,
    )


@post("/console/webhooks/{webhook_id:str}/status", scope=Scope.WEBHOOKS_WRITE)
async def set_status(request: Asked, webhook_id: FromPath[str]) -> Response[str]:
    """Pause it, or resume it."""
    _require_id_form(webhook_id)
    here = visit(request)
    status = WebhookStatus.ACTIVE if here.posted.text("status") == "active" else WebhookStatus.INACTIVE
    now = await clock.read(here.services, here.caller)
    await update(here.services, attempt(request), webhook_id, {"status": status}, now)
    return redirect(f"/console/webhooks/{webhook_id}?done=webhook-saved")


@post("/console/webhooks/{webhook_id:str}/rotate", scope=Scope.WEBHOOKS_WRITE)
async def rotate(request: Asked, webhook_id: FromPath[str]) -> Response[str]:
    _require_id_form(webhook_id)
    here = visit(request)
    now = await clock.read(here.services, here.caller)
    done = await rotate_secret(here.services, attempt(request), webhook_id, now)
    return await _show(request, webhook_id, secret=done.result.secret)


@post("/console/webhooks/{webhook_id:str}/delete", scope=Scope.WEBHOOKS_WRITE)
async def delete_webhook(request: Asked, webhook_id: FromPath[str]) -> Response[str]:
    _require_id_form(webhook_id)
    here = visit(request)
    await delete(here.services, attempt(request), webhook_id, await clock.read(here.services, here.caller))
    return redirect("/console/webhooks?done=webhook-deleted")


@post("/console/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/replay", scope=Scope.WEBHOOKS_WRITE)
async def replay_delivery(request: Asked, webhook_id: FromPath[str], delivery_id: FromPath[str]) -> Response[str]:
    _require_id_form(webhook_id)
    if not is_id_form(delivery_id):
        raise no_such_delivery()
    here = visit(request)
    done = await outcome(replay_one(here.services, attempt(request), webhook_id, delivery_id))
    if isinstance(done, Refusal):
        return await _show(request, webhook_id, done)
    return redirect(f"/console/webhooks/{webhook_id}?done=replayed")


def _require_id_form(webhook_id: str) -> None:
    if not is_id_form(webhook_id):
        raise no_such_webhook()


ROUTER = Router(
    "/",
    route_handlers=[
        *(list_events, list_webhooks, create_webhook, show_webhook, set_status, rotate, delete_webhook),
        replay_delivery,
    ],
    before_request=enter,
)
