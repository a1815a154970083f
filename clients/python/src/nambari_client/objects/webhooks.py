"""What does the API answer about events, and those who are told of them?"""

from typing import Any

from msgspec import Struct

from nambari_client.objects.instant import Instant
from nambari_client.objects.paging import Page


class Event(Struct, kw_only=True):
    """What is posted to webhooks. `id` is the same at every attempt: who has seen it before need not act again."""

    id: str
    event: str
    timestamp: Instant
    data: dict[str, Any]


class EventPage(Struct, kw_only=True):
    """Oldest first. What comes later is never put in before what was shown."""

    events: list[Event]
    limit: int
    has_more: bool


class Webhook(Struct, kw_only=True):
    """`disabled` is what we make of one at which nothing arrived for a week. `secret` is shown when it is made."""

    id: str
    url: str
    events: list[str]
    status: str
    failing_since: Instant | None
    previous_secret_until: Instant | None
    created_at: Instant
    updated_at: Instant
    secret: str | None = None


class WebhookPage(Page, kw_only=True):
    webhooks: list[Webhook]


class DeletedWebhook(Struct, kw_only=True):
    id: str
    deleted: bool


class Delivery(Struct, kw_only=True):
    """One event on its way to one webhook, and what came of the last attempt."""

    id: str
    webhook_id: str
    event_id: str
    event: str
    subject_id: str
    status: str
    attempts: int
    response_status: int | None
    duration_ms: int | None
    error: str | None
    next_attempt_at: Instant | None
    last_attempt_at: Instant | None
    created_at: Instant


class DeliveryPage(Page, kw_only=True):
    """The newest event first."""

    deliveries: list[Delivery]


class DeliveryAttempt(Struct, kw_only=True):
    """One attempt, and what came of it."""

    attempted_at: Instant
    duration_ms: int
    response_status: int | None
    response_body: str | None
    error: str | None


class AttemptPage(Page, kw_only=True):
    """The oldest first."""

    attempts: list[DeliveryAttempt]


class Replayed(Struct, kw_only=True):
    """How much is on its way, at most 1,000 events. If `has_more`, go on with `last_event_id` as `starting_after`."""

    webhook_id: str
    queued: int
    first_event_id: str | None
    last_event_id: str | None
    has_more: bool
