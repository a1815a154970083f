"""What does the public see of events and of whom we tell of them? Events, webhooks and the log of deliveries."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from nambari.api.endpoint_forms import WEB_URL
from nambari.api.fields import Id
from nambari.domain import subscriber
from nambari.domain.events import SUBSCRIPTIONS
from nambari.domain.subscriber import WebhookStatus
from nambari.domain.webhook import DeliveryStatus

WebUrl = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        description="An https address; http to loopback only. The host's addresses must be public.",
        extra_json_schema={name: WEB_URL[name] for name in ("format", "pattern")},
    ),
]
Subscribed = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"enum": list(SUBSCRIPTIONS)})]],
    Meta(min_length=1, max_length=50, description="Names of events, groups such as `phone_number.*`, or `*` for all."),
]

# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Event(Struct, kw_only=True):
    """What is posted to webhooks. `id` is the same at every attempt: who has seen it before need not act again."""

    id: str
    event: str
    timestamp: Annotated[datetime, Meta(description="When it happened.")]
    data: Annotated[dict[str, Any], Meta(description="The object as the event left it.")]


class EventPage(Struct, kw_only=True):
    """Oldest first. What comes later is never put in before what was shown."""

    events: Annotated[list[Event], Meta(description="This page of the list.")]
    limit: int
    has_more: bool


def event(row: dict[str, Any]) -> Event:
    return Event(id=row["id"], event=row["event"], timestamp=row["created_at"], data=row["data"])


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────


class NewWebhook(Struct, kw_only=True, forbid_unknown_fields=True):
    """Where events are to be posted, and which."""

    url: WebUrl
    events: Subscribed
    status: Literal["active", "inactive"] = "active"


class WebhookChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is. `active` makes a disabled one begin anew."""

    url: WebUrl | UnsetType = UNSET
    events: Subscribed | UnsetType = UNSET
    status: Literal["active", "inactive"] | UnsetType = UNSET


class Webhook(Struct, kw_only=True, omit_defaults=True):
    """`disabled` is what we make of one at which nothing arrived for a week. `secret` is shown when it is made."""

    id: str
    url: Annotated[str, Meta(description="Where events are posted.")]
    events: Annotated[list[str], Meta(description="Which events: names, groups, or `*` for all.")]
    status: WebhookStatus
    failing_since: Annotated[datetime | None, Meta(description="Nothing has arrived since then; null if all is well.")]
    previous_secret_until: Annotated[
        datetime | None, Meta(description="Until when the secret before this one signs too.")
    ]
    created_at: datetime
    updated_at: datetime
    secret: Annotated[str | UnsetType, Meta(description="Verifies what we post. Shown once, when it is made.")] = UNSET


class WebhookPage(Struct, kw_only=True):
    webhooks: Annotated[list[Webhook], Meta(description="This page of the list.")]
    total: int
    limit: int
    offset: int
    has_more: bool


class DeletedWebhook(Struct, kw_only=True):
    id: str
    deleted: bool


def webhook(record: subscriber.Webhook, secret: str | None = None) -> Webhook:
    return Webhook(
        id=record.id,
        url=record.url,
        events=record.events,
        status=record.status,
        failing_since=record.failing_since,
        previous_secret_until=record.previous_secret_until,
        created_at=record.created_at,
        updated_at=record.updated_at,
        secret=secret if secret is not None else UNSET,
    )


# ── Deliveries ───────────────────────────────────────────────────────────────────────────────────────────────────


class Delivery(Struct, kw_only=True):
    """One event on its way to one webhook, and what came of the last attempt."""

    id: str
    webhook_id: Annotated[str, Meta(description="The webhook it goes to.")]
    event_id: Annotated[str, Meta(description="The event; the receiver gets it as `webhook-id`.")]
    event: str
    subject_id: str
    status: DeliveryStatus
    attempts: Annotated[int, Meta(description="How often it was tried.")]
    response_status: Annotated[int | None, Meta(description="The HTTP status that was answered, if any was.")]
    duration_ms: Annotated[int | None, Meta(description="How long the last attempt took.")]
    error: Annotated[str | None, Meta(description="Why the last attempt failed, in words.")]
    next_attempt_at: Annotated[
        datetime | None,
        Meta(
            description="When it is tried next, or taken for lost if it is being tried; null, while pending, until an"
            " earlier event of the same object is through."
        ),
    ]
    last_attempt_at: Annotated[datetime | None, Meta(description="When it was last tried.")]
    created_at: datetime


class DeliveryPage(Struct, kw_only=True):
    """The newest event first."""

    deliveries: Annotated[list[Delivery], Meta(description="This page of the log.")]
    total: int
    limit: int
    offset: int
    has_more: bool


def delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(**row)


class DeliveryAttempt(Struct, kw_only=True):
    """One attempt, and what came of it."""

    attempted_at: Annotated[datetime, Meta(description="When what came of it was known.")]
    duration_ms: Annotated[int, Meta(description="How long it took.")]
    response_status: Annotated[int | None, Meta(description="The HTTP status that was answered, if any was.")]
    response_body: Annotated[
        str | None,
        Meta(
            description="The first 1,000 characters that were answered, as UTF-8; null where there was no answer, or"
            " where the deployment does not show it, as of receivers in its own networks."
        ),
    ]
    error: Annotated[str | None, Meta(description="Why it failed, in words; null if it arrived.")]


class AttemptPage(Struct, kw_only=True):
    """The oldest first."""

    attempts: Annotated[list[DeliveryAttempt], Meta(description="This page of the log.")]
    total: int
    limit: int
    offset: int
    has_more: bool


def attempt(row: dict[str, Any]) -> DeliveryAttempt:
    return DeliveryAttempt(**row)


# ── Sending again ────────────────────────────────────────────────────────────────────────────────────────────────

Instant = Annotated[
    datetime, Meta(tz=True, extra={"says": "must be an instant with its time zone, such as 2026-09-23T09:30:00Z"})
]


class Replay(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which events are to be sent again. `starting_after` or `from` is needed; given both, both must hold."""

    starting_after: Annotated[
        Id | None, Meta(description="The id of an event: those after it, in the order of `GET /v1/events`.")
    ] = None
    up_to: Annotated[Id | None, Meta(description="The id of an event: up to this one, and this one too.")] = None
    from_: Annotated[Instant | None, Meta(description="Those that happened then or later.")] = field(
        default=None, name="from"
    )
    to: Annotated[Instant | None, Meta(description="Those that happened before then.")] = None
    events: Annotated[Subscribed | None, Meta(description="Only these, of those that the webhook asks for.")] = None


class Replayed(Struct, kw_only=True):
    """How much is on its way. At most 1,000 events at once."""

    webhook_id: Annotated[str, Meta(description="The webhook it goes to.")]
    queued: Annotated[int, Meta(description="How many events are sent again.")]
    first_event_id: Annotated[str | None, Meta(description="The first of them; null if there are none.")]
    last_event_id: Annotated[str | None, Meta(description="The last of them; null if there are none.")]
    has_more: Annotated[bool, Meta(description="Whether the range has more, which are not sent again yet.")]
