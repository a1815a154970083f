"""What does the public see? Every request and reply body, and how each is made from a record.

The reference in the OpenAPI document is generated from these structs: their fields, bounds and docstrings.
"""

from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from nambari.api.fields import WORDS, WORDS_RULE, Cents, Country, Id, Label, Provider, Tags, Text
from nambari.db.phone_numbers import AttachedEndpoint
from nambari.domain import endpoint as endpoints
from nambari.domain import kyc
from nambari.domain import phone_number as phone_numbers
from nambari.domain.ledger import PostingType
from nambari.domain.lifecycle import Direction, NumberStatus
from nambari.domain.purchase import Purchase, StockItem


class ErrorBody(Struct, omit_defaults=True):
    """`error` is for people, `code` for programs; `request_id` finds the request in our logs."""

    error: str
    code: str
    request_id: str
    details: dict[str, Any] | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


# ── Phone numbers ────────────────────────────────────────────────────────────────────────────────────────────────


class PhoneNumber(Struct):
    """A phone number of the organization. Prices are those of the purchase."""

    id: str
    number: str
    e164: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    status: NumberStatus
    status_reason: str | None
    porting_direction: Direction | None
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
    renews_at: datetime | None
    releases_at: datetime | None
    created_at: datetime
    updated_at: datetime
    released_at: datetime | None


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


class PhoneNumberPage(Struct, kw_only=True):
    phone_numbers: list[PhoneNumber]
    total: int
    limit: int
    offset: int
    has_more: bool


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
    """What is missing in the answer."""

    carriers_missing: Annotated[int, Meta(ge=1, description="How many carriers did not answer in time.")]


class AvailableNumberPage(Struct, kw_only=True, omit_defaults=True):
    """`total` is exact up to 10,000; beyond, `total_is_exact` is false and `total` is 10,000.

    It is not exact either while carriers have more than they told, or did not answer; then `details` is there.
    """

    phone_numbers: list[AvailableNumber]
    total: int
    total_is_exact: bool
    limit: int
    offset: int
    has_more: bool
    details: SearchDetails | UnsetType = UNSET


class NumberOrder(Struct, kw_only=True, forbid_unknown_fields=True):
    """`max_total_cents` caps set-up and first month together; `validate_only` answers what would happen, with 200."""

    inventory_id: Id
    endpoint_id: Id | None = None
    fallback_endpoint_id: Id | None = None
    allow_inbound: bool = True
    allow_outbound: bool = True
    label: Label | None = None
    tags: Tags = []
    max_total_cents: Cents | None = None
    validate_only: bool = False


class Quote(Struct, kw_only=True):
    """What a purchase would cost and leave, with nothing bought."""

    valid: bool
    inventory_id: str
    number: str
    setup_cost_cents: int
    monthly_cost_cents: int
    total_cents: int
    currency: str


class NumberChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; `endpoint_id` and `fallback_endpoint_id` null detach, `label` null clears."""

    endpoint_id: Id | UnsetType | None = UNSET
    fallback_endpoint_id: Id | UnsetType | None = UNSET
    allow_inbound: bool | UnsetType = UNSET
    allow_outbound: bool | UnsetType = UNSET
    label: Label | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    deletion_lock: bool | UnsetType = UNSET


OTHER_SPELLINGS = {"endpointId": "endpoint_id", "allowInbound": "allow_inbound", "allowOutbound": "allow_outbound"}
"""What known clients of this API send. Taken wherever the field of the right spelling is."""


def phone_number(record: phone_numbers.PhoneNumber) -> PhoneNumber:
    return listed_number(_values_of(record))


def listed_number(values: tuple[Any, ...]) -> PhoneNumber:
    """From the values of a number's FIELDS, by their order: a list of 50 has a thousand of them."""
    return PhoneNumber(*values[:2], *values[1:])


def phone_number_detail(
    record: phone_numbers.PhoneNumber, attached: AttachedEndpoint | None, sip_domain: str
) -> PhoneNumberDetail:
    endpoint = None
    if attached is not None:
        endpoint = EndpointSummary(id=attached.id, name=attached.name, type=attached.type, provider=attached.provider)
    sip = Sip(uri=f"sip:{record.number}@{sip_domain}", domain=sip_domain, username=record.id)
    values = _values_of(record)
    return PhoneNumberDetail(*values[:2], *values[1:], endpoint=endpoint, sip=sip)


_values_of = attrgetter(*phone_numbers.FIELDS)


def available_number(item: StockItem, currency: str, missing: list[str]) -> AvailableNumber:
    assert item.price is not None  # noqa: S101 - a search finds only what has a price
    return AvailableNumber(
        inventory_id=item.id,
        number=item.number,
        e164=item.number,
        country=item.country,
        type=item.type,
        area_code=item.area_code,
        locality=item.locality,
        capabilities=item.capabilities,
        setup_cost_cents=item.price.setup_cost_cents,
        monthly_cost_cents=item.price.monthly_cost_cents,
        currency=currency,
        purchasable=not missing,
        missing_requirements=missing,
    )


def quote(purchase: Purchase) -> Quote:
    number = purchase.number
    return Quote(
        valid=True,
        inventory_id=purchase.item.id,
        number=number.number,
        setup_cost_cents=number.setup_cost_cents,
        monthly_cost_cents=number.monthly_cost_cents,
        total_cents=purchase.total_cents,
        currency=number.currency,
    )


# ── Endpoints ────────────────────────────────────────────────────────────────────────────────────────────────────


class Endpoint(Struct, kw_only=True, omit_defaults=True):
    """`url` is a SIP URI for an agent, an https URL for a webhook. `secret` is shown when it is made, never again."""

    id: str
    name: str
    type: Literal["agent", "webhook"]
    url: str
    status: endpoints.EndpointStatus
    provider: str | None
    provider_config: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    secret: str | UnsetType = UNSET


class EndpointPage(Struct, kw_only=True):
    endpoints: list[Endpoint]
    total: int
    limit: int
    offset: int
    has_more: bool


class DeletedEndpoint(Struct, kw_only=True):
    id: str
    deleted: bool


Url = Annotated[str, Meta(min_length=1, max_length=500)]
EndpointType = Literal["agent", "webhook", "elevenlabs", "vapi", "retell", "livekit", "custom"]


class NewEndpoint(Struct, kw_only=True, forbid_unknown_fields=True):
    """An agent takes a SIP `url`, or a provider with its `provider_config`; a webhook takes an https `url`.

    A provider's name as `type` means an agent of that provider.
    """

    name: Text
    type: EndpointType
    url: Url | None = None
    status: Literal["active", "inactive"] = "active"
    provider: Provider | None = None
    provider_config: dict[str, Any] = {}


class EndpointChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    name: Text | UnsetType = UNSET
    type: EndpointType | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    status: Literal["active", "inactive"] | UnsetType = UNSET
    provider: Provider | UnsetType | None = UNSET
    provider_config: dict[str, Any] | UnsetType = UNSET


def endpoint(record: endpoints.Endpoint, secret: str | None = None) -> Endpoint:
    return Endpoint(
        id=record.id,
        name=record.name,
        type=record.type.value,
        url=record.url,
        status=record.status,
        provider=record.provider,
        provider_config=record.provider_config,
        created_at=record.created_at,
        updated_at=record.updated_at,
        secret=secret if secret is not None else UNSET,
    )


# ── Credits and KYC ──────────────────────────────────────────────────────────────────────────────────────────────


class Credits(Struct, kw_only=True):
    """`balance_cents` is free to spend; `held_cents` is set aside for open orders."""

    balance_cents: int
    held_cents: int
    currency: str


class Transaction(Struct, kw_only=True):
    """A line of the statement: `amount_cents` is below zero where credits were taken."""

    id: str
    type: PostingType
    amount_cents: int
    balance_after_cents: int
    phone_number_id: str | None
    description: str
    created_at: datetime


class TransactionPage(Struct, kw_only=True):
    transactions: list[Transaction]
    currency: str
    total: int
    limit: int
    offset: int
    has_more: bool


class Kyc(Struct, kw_only=True):
    """`reason` is there when it was declined."""

    status: kyc.KycStatus
    kind: kyc.ApplicantKind | None
    legal_name: str | None
    country: str | None
    reason: str | None
    submitted_at: datetime | None
    decided_at: datetime | None


class KycSubmission(Struct, kw_only=True, forbid_unknown_fields=True):
    legal_name: Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS, extra=WORDS_RULE)]
    country: Country
    kind: kyc.ApplicantKind = kyc.ApplicantKind.INDIVIDUAL


def kyc_case(case: kyc.KycCase) -> Kyc:
    return Kyc(
        status=case.status,
        kind=case.kind,
        legal_name=case.legal_name,
        country=case.country,
        reason=case.reason,
        submitted_at=case.submitted_at,
        decided_at=case.decided_at,
    )


class Health(Struct):
    """`environment` is not told: this asks nothing of a key."""

    status: Literal["ok"]
