"""What does an event carry as its `data`? The forms of those that no record of ours has already.

A JSON Schema of each is made from these types, and what is announced is built as them.
"""

from datetime import date, datetime
from typing import Literal, NotRequired, TypedDict

from nambari.domain.document import DocumentStatus, DocumentType
from nambari.domain.kyc import KycStatus
from nambari.domain.port_out import PortOutStatus
from nambari.domain.porting import OrderStatus

CallRouted = TypedDict(
    "CallRouted",
    {
        "call_id": str,
        "direction": Literal["inbound", "outbound"],
        "from": str | None,
        "to": str | None,
        "phone_number_id": str | None,
        "endpoint_id": NotRequired[str],
        "sip_uri": NotRequired[str],
        "via_fallback": NotRequired[str],
        "caller_id": NotRequired[str],
    },
)
"""A call that went on: one to a number has `endpoint_id` and `sip_uri`, one from a number `caller_id`.

`via_fallback` is the cause for which the first endpoint did not get it.
"""

CallRejected = TypedDict(
    "CallRejected",
    {
        "call_id": str,
        "direction": Literal["inbound", "outbound"],
        "from": str | None,
        "to": str | None,
        "phone_number_id": str | None,
        "cause": str,
        "sip_code": int,
        "reason": str,
    },
)


class DocumentFacts(TypedDict):
    """A document of a KYC file, without its content."""

    id: str
    type: DocumentType
    country: str
    status: DocumentStatus
    expires_on: date | None


class PortingFacts(TypedDict):
    """A porting order, without names, addresses and the account; nor the reason, which may quote them."""

    id: str
    number: str
    status: OrderStatus
    missing: tuple[str, ...]
    foc_at: datetime | None
    phone_number_id: str | None


class PortOutFacts(TypedDict):
    """A port-out; `reason` is there where it was refused, and an operator's words stay out."""

    id: str
    number: str
    phone_number_id: str
    gaining_carrier: str
    status: PortOutStatus
    reason: str | None
    leaves_at: datetime


class PinFacts(TypedDict):
    """The port-out PIN of an organization: never the PIN itself."""

    set_at: datetime


class KycDecision(TypedDict):
    kyc_status: KycStatus


class ShortNumber(TypedDict):
    """A number that the credits will not reach for, and its dates."""

    phone_number_id: str
    renews_at: datetime | None
    releases_at: datetime | None


class BalanceLow(TypedDict):
    available_cents: int
    required_cents: int
    shortfall_cents: int
    currency: str
    short: list[ShortNumber]


class PaymentReceived(TypedDict):
    transaction_id: str
    amount_cents: int
    balance_cents: int
    currency: str


class SipAccountName(TypedDict):
    """SIP credentials of a number, by name alone."""

    phone_number_id: str
    username: str


class OrganizationFacts(TypedDict):
    plan: str


class KeyFacts(TypedDict):
    """An API key; of its secret no more than what every list shows."""

    id: str
    environment: Literal["live", "test"]
    name: str
    begins_with: str
    scopes: list[str]
    allowed_ips: list[str]
    monthly_cap_cents: int | None
    countries: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
