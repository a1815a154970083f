"""What does the API answer about numbers, those for sale and holds?"""

from typing import Any

from msgspec import Struct

from nambari_client.objects.instant import Instant
from nambari_client.objects.paging import Page


class PhoneNumber(Struct, kw_only=True):
    """A phone number of the organization. Prices are those of the purchase.

    A carrier's number is `pending`, its price held, until the carrier has decided; then it is `active`, or `released`
    with the reason in `status_reason` and the price free again.
    """

    id: str
    number: str
    e164: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    status: str
    status_reason: str | None
    porting_direction: str | None
    endpoint_id: str | None
    fallback_endpoint_id: str | None
    allow_inbound: bool
    allow_outbound: bool
    label: str | None
    tags: list[str]
    deletion_lock: bool
    setup_cost_cents: int
    monthly_cost_cents: int
    currency: str
    renews_at: Instant | None
    releases_at: Instant | None
    created_at: Instant
    updated_at: Instant
    released_at: Instant | None


class EndpointSummary(Struct, kw_only=True):
    id: str
    name: str
    type: str
    provider: str | None


class Sip(Struct, kw_only=True):
    """Where the number is reached by SIP."""

    uri: str
    domain: str
    username: str


class PhoneNumberDetail(PhoneNumber, kw_only=True):
    """A phone number with its endpoint and its SIP address."""

    endpoint: EndpointSummary | None
    sip: Sip


class PhoneNumberPage(Page, kw_only=True):
    phone_numbers: list[PhoneNumber]


class AvailableNumber(Struct, kw_only=True):
    """A number for sale. `purchasable` is for this organization: `missing_requirements` tells what is in the way."""

    inventory_id: str
    number: str
    e164: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    capabilities: list[str]
    setup_cost_cents: int
    monthly_cost_cents: int
    currency: str
    purchasable: bool
    missing_requirements: list[str]


class SearchDetails(Struct, kw_only=True):
    """What is missing in the answer: so many carriers did not answer in time."""

    carriers_missing: int


class AvailableNumberPage(Page, kw_only=True):
    """`total` is exact up to 10,000; beyond, `total_is_exact` is false and `total` is 10,000."""

    phone_numbers: list[AvailableNumber]
    total_is_exact: bool
    details: SearchDetails | None = None


class Quote(Struct, kw_only=True):
    """What a purchase would cost and leave, with nothing bought."""

    valid: bool
    inventory_id: str
    number: str
    setup_cost_cents: int
    monthly_cost_cents: int
    total_cents: int
    currency: str


class ReleaseForeseen(Struct, kw_only=True):
    """What a release would take from you, with nothing released. Nothing of what is paid comes back."""

    id: str
    number: str
    endpoint_id: str | None
    label: str | None
    tags: list[str]
    paid_until: Instant | None
    for_sale_at: Instant
    restorable_until: Instant


class FieldChange(Struct, kw_only=True):
    """What one field was and what it became; null where there was nothing, or is nothing any more."""

    field: str
    before: Any
    after: Any


class HistoryRecord(Struct, kw_only=True):
    """One change in a number's life. With the changes of the purchase, which begin with nothing, they make it whole."""

    id: str
    event: str
    changes: list[FieldChange]
    key_id: str | None
    key_name: str | None
    request_id: str
    created_at: Instant


class HistoryPage(Page, kw_only=True):
    """The life of one number, while this organization holds it or held it."""

    history: list[HistoryRecord]


class Hold(Struct, kw_only=True):
    """A number that is kept back for the organization; to others it is gone. Buying it uses the hold up."""

    id: str
    inventory_id: str
    number: str
    expires_at: Instant
    created_at: Instant


class HoldPage(Page, kw_only=True):
    holds: list[Hold]


class DeletedHold(Struct, kw_only=True):
    id: str
    deleted: bool


class SipCredentials(Struct, kw_only=True):
    """What a SIP user agent needs to make calls from the number. `password` is null in a replay: it is not kept."""

    username: str
    password: str | None
    realm: str
    domain: str
    uri: str


class DeletedCredentials(Struct, kw_only=True):
    username: str
    deleted: bool
