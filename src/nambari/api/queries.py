"""Which query parameters does each list take? One struct each: validation and reference are made from it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from nambari.api.fields import (
    E164,
    AreaCode,
    Cents,
    Country,
    Day,
    Digits,
    EventFilter,
    Id,
    NumberType,
    Subscription,
    Tag,
    Text,
)
from nambari.domain.document import DocumentType
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.port_out import PortOutStatus
from nambari.domain.porting import OrderStatus
from nambari.domain.webhook import DeliveryStatus

MOST_OFFSET = 2**31 - 1
MOST_LISTED = 100

Limit = Annotated[int, Meta(ge=1, le=MOST_LISTED, description="How many to answer at most.")]
Offset = Annotated[int, Meta(ge=0, le=MOST_OFFSET, description="How many to pass over.")]
StartingAfter = Annotated[
    Id | None, Meta(description="The id of the last item you have; the pages stay stable while others are added.")
]
Contains = Annotated[Digits | None, Meta(description="Digits within the number; `*` stands for any one digit.")]


class Listing(Struct, kw_only=True):
    """Every list that is paged and filtered by nothing."""

    limit: Limit = 50
    offset: Offset = 0
    starting_after: StartingAfter = None


class NumberListing(Struct, kw_only=True):
    """The numbers that the organization holds."""

    action: Annotated[
        Literal["assigned", "available"],
        Meta(description="`available` searches what is for sale, as `/phone-numbers/available` does."),
    ] = "assigned"
    status: Annotated[
        NumberStatus | None, Meta(description="Without it, all but `released`, which are listed only when asked for.")
    ] = None
    country: Country | None = None
    type: NumberType | None = None
    endpoint_id: Annotated[Id | None, Meta(description="Those attached to this endpoint.")] = None
    number: Annotated[E164 | None, Meta(description="This very number, E.164. In a URL, `+` is written `%2B`.")] = None
    contains: Contains = None
    tag: Annotated[Tag | None, Meta(description="Those that have this tag.")] = None
    limit: Limit = 50
    offset: Offset = 0
    starting_after: StartingAfter = None


class NumberSearch(Struct, kw_only=True):
    """The numbers that are for sale."""

    country: Country
    type: NumberType | None = None
    area_code: Annotated[AreaCode | None, Meta(description="The geographic area code, or the network's.")] = None
    contains: Contains = None
    locality: Annotated[
        Text | None, Meta(description="The place, whole, as the numbers have it; capitals from A to Z do not matter.")
    ] = None
    max_monthly_cost_cents: Annotated[Cents | None, Meta(description="The most that a month may cost.")] = None
    limit: Limit = 20
    offset: Offset = 0


class AuditListing(Struct, kw_only=True):
    """The audit trail."""

    event: Annotated[
        EventFilter | None, Meta(description="Only this event, or with `.*` those of a group, such as `api_key.*`.")
    ] = None
    subject_id: Annotated[
        Id | None, Meta(description="Only what happened to this: a number, an endpoint, a key, the organization.")
    ] = None
    limit: Limit = 50
    offset: Offset = 0
    starting_after: StartingAfter = None


class EventListing(Struct, kw_only=True):
    """The events, for catching up."""

    type: Annotated[
        Subscription | None, Meta(description="Only this event, or with `.*` those of a group; `*` for all.")
    ] = None
    order: Annotated[
        Literal["oldest_first", "newest_first"],
        Meta(description="`newest_first` begins with the last event there is, and goes back."),
    ] = "oldest_first"
    limit: Limit = 50
    starting_after: Annotated[Id | None, Meta(description="The id of the last event you have, in this order.")] = None


class DeliveryListing(Struct, kw_only=True):
    """What was sent to a webhook, or is to be."""

    status: Annotated[DeliveryStatus | None, Meta(description="Only those that stand so.")] = None
    limit: Limit = 50
    offset: Offset = 0
    starting_after: StartingAfter = None


class AttemptListing(Struct, kw_only=True):
    """What was tried, of one delivery."""

    limit: Limit = 50
    offset: Offset = 0


class DocumentUpload(Struct, kw_only=True):
    """What is said of a document; the file itself is the body."""

    type: Annotated[DocumentType, Meta(description="What it is.")]
    country: Annotated[Country, Meta(description="Where it was made out; of a proof of address, where that is.")]
    expires_on: Annotated[Day | None, Meta(description="The last day on which it is good, if it expires.")] = None


class PortingListing(Listing, kw_only=True):
    """The porting orders of the organization."""

    status: Annotated[OrderStatus | None, Meta(description="Only those that stand so.")] = None


class PortOutListing(Listing, kw_only=True):
    """The port-outs of the organization."""

    status: Annotated[PortOutStatus | None, Meta(description="Only those that stand so.")] = None


class Release(Struct, kw_only=True):
    action: Annotated[
        Literal["release"] | None, Meta(description="What known clients of this API send; it changes nothing.")
    ] = None
    dry_run: Annotated[
        Literal["true", "false"], Meta(description="`true` tells what would be lost, and releases nothing.")
    ] = "false"
