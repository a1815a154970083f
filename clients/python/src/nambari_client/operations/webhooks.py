"""Who is told of events, what became of it, and what was missed?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from nambari_client.objects import (
    AttemptPage,
    DeletedWebhook,
    Delivery,
    DeliveryAttempt,
    DeliveryPage,
    Event,
    EventPage,
    Replayed,
    Webhook,
    WebhookPage,
)
from nambari_client.request import PagedRequest, Request, changed, given, pages, read, write

Switch = Literal["active", "inactive"]
DeliveryStatus = Literal["delivered", "failed", "pending"]
Order = Literal["oldest_first", "newest_first"]
WEBHOOKS = ("v1", "webhooks")


def list_events(
    *,
    type: str | None = None,
    order: Order | None = None,
    limit: int | None = None,
    starting_after: str | None = None,
) -> PagedRequest[Event, EventPage]:
    """What happened, oldest first if `order` is not given. `type` is a name or a group, such as `phone_number.*`."""
    return pages(
        EventPage, "events", "v1", "events", type=type, order=order, limit=limit, starting_after=starting_after
    )


def list_webhooks(
    *, limit: int | None = None, offset: int | None = None, starting_after: str | None = None
) -> PagedRequest[Webhook, WebhookPage]:
    return pages(WebhookPage, "webhooks", *WEBHOOKS, limit=limit, offset=offset, starting_after=starting_after)


def create_webhook(
    url: str, events: Sequence[str], *, status: Switch = "active", idempotency_key: str | None = None
) -> Request[Webhook]:
    """`events` are names, groups such as `phone_number.*`, or `*`. The answer alone shows the `secret`."""
    body = given(url=url, events=tuple(events), status=status)
    return write("POST", Webhook, *WEBHOOKS, body=body, key=idempotency_key)


def get_webhook(webhook_id: str) -> Request[Webhook]:
    return read(Webhook, *WEBHOOKS, webhook_id)


def update_webhook(
    webhook_id: str,
    *,
    url: str | UnsetType = UNSET,
    events: Sequence[str] | UnsetType = UNSET,
    status: Switch | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Request[Webhook]:
    """What is left out stays as it is. `active` makes a disabled one begin anew."""
    body = changed(url=url, events=events if isinstance(events, UnsetType) else tuple(events), status=status)
    return write("PATCH", Webhook, *WEBHOOKS, webhook_id, body=body, key=idempotency_key)


def delete_webhook(webhook_id: str, *, idempotency_key: str | None = None) -> Request[DeletedWebhook]:
    return write("DELETE", DeletedWebhook, *WEBHOOKS, webhook_id, key=idempotency_key)


def rotate_webhook_secret(webhook_id: str, *, idempotency_key: str | None = None) -> Request[Webhook]:
    """Another secret, shown in the answer; until `previous_secret_until` both sign."""
    return write("POST", Webhook, *WEBHOOKS, webhook_id, "rotate-secret", key=idempotency_key)


def list_deliveries(
    webhook_id: str,
    *,
    status: DeliveryStatus | None = None,
    limit: int | None = None,
    offset: int | None = None,
    starting_after: str | None = None,
) -> PagedRequest[Delivery, DeliveryPage]:
    """What was sent to a webhook, and what came of it, newest event first."""
    return pages(
        DeliveryPage,
        "deliveries",
        *WEBHOOKS,
        webhook_id,
        "deliveries",
        status=status,
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


def replay_delivery(webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None) -> Request[Delivery]:
    """Send an event again."""
    return write("POST", Delivery, *WEBHOOKS, webhook_id, "deliveries", delivery_id, "replay", key=idempotency_key)


def list_delivery_attempts(
    webhook_id: str, delivery_id: str, *, limit: int | None = None, offset: int | None = None
) -> PagedRequest[DeliveryAttempt, AttemptPage]:
    """Every attempt of a delivery, the oldest first, those before a replay too."""
    path = (*WEBHOOKS, webhook_id, "deliveries", delivery_id, "attempts")
    return pages(AttemptPage, "attempts", *path, limit=limit, offset=offset)


def replay_events(
    webhook_id: str,
    *,
    starting_after: str | None = None,
    up_to: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    events: Sequence[str] | None = None,
    idempotency_key: str | None = None,
) -> Request[Replayed]:
    """Send a range of events again, arrived or not. `starting_after` or `from_` is needed; given both, both must hold.

    `starting_after` and `up_to` are ids of events, `from_` and `to` instants with a time zone. If the answer
    `has_more`, ask again with its `last_event_id` as `starting_after`.
    """
    body = given(
        starting_after=starting_after,
        up_to=up_to,
        from_=from_,
        to=to,
        events=None if events is None else tuple(events),
    )
    return write("POST", Replayed, *WEBHOOKS, webhook_id, "replay", body=body, key=idempotency_key)
