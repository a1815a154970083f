"""What does the public see of porting orders?"""

from datetime import date, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from nambari.api.fields import E164, WORDS, WORDS_RULE, Day, Id, Text
from nambari.domain import port_out as port_outs
from nambari.domain import porting
from nambari.domain.port_out import PIN_PATTERN, PIN_RULE, PortOutStatus
from nambari.domain.porting import OrderStatus

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS, extra=WORDS_RULE)]
Pin = Annotated[str, Meta(pattern=PIN_PATTERN, extra={"says": PIN_RULE})]
Address = Annotated[str, Meta(min_length=1, max_length=500, pattern=WORDS, extra=WORDS_RULE)]


class NewPortingOrder(Struct, kw_only=True, forbid_unknown_fields=True):
    """Begins as a draft: all but the number may be given later, and must be before it is submitted."""

    number: E164
    current_carrier: Text | None = None
    account_number: Text | None = None
    authorized_name: Name | None = None
    authorized_on: Day | None = None
    billing_name: Name | None = None
    billing_address: Address | None = None
    letter_of_authorization_id: Id | None = None
    recent_bill_id: Id | None = None
    identity_id: Id | None = None


class PortingOrderChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    current_carrier: Text | UnsetType = UNSET
    account_number: Text | UnsetType = UNSET
    authorized_name: Name | UnsetType = UNSET
    authorized_on: Day | UnsetType = UNSET
    billing_name: Name | UnsetType = UNSET
    billing_address: Address | UnsetType = UNSET
    letter_of_authorization_id: Id | UnsetType = UNSET
    recent_bill_id: Id | UnsetType = UNSET
    identity_id: Id | UnsetType = UNSET


class PortingOrder(Struct, kw_only=True):
    """An order to bring a number from another carrier. Of an `exception`, `missing` and `reason` say what is wrong."""

    id: str
    number: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    status: OrderStatus
    current_carrier: str | None
    account_number: str | None
    authorized_name: str | None
    authorized_on: date | None
    billing_name: str | None
    billing_address: str | None
    letter_of_authorization_id: str | None
    recent_bill_id: str | None
    identity_id: str | None
    missing: list[str]
    reason: str | None
    foc_at: datetime | None
    phone_number_id: str | None
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None


class PortingOrderPage(Struct, kw_only=True):
    porting_orders: list[PortingOrder]
    total: int
    limit: int
    offset: int
    has_more: bool


def order(record: porting.PortingOrder) -> PortingOrder:
    values = {name: getattr(record, name) for name in porting.FIELDS}
    return PortingOrder(**{**values, "missing": list(record.missing)})


# ── Porting out ──────────────────────────────────────────────────────────────────────────────────────────────────


class NewPortOutPin(Struct, kw_only=True, forbid_unknown_fields=True):
    """6 to 10 digits, and not one digit repeated."""

    pin: Pin


class PortOutPin(Struct, kw_only=True):
    """Whether there is one; never the PIN itself."""

    is_set: bool
    set_at: datetime | None


class PortOut(Struct, kw_only=True):
    """What another carrier asked for. `reason` is a word of ours if it was `refused`, else the operator's."""

    id: str
    phone_number_id: str
    number: str
    gaining_carrier: str
    status: PortOutStatus
    reason: str | None
    leaves_at: datetime
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class PortOutPage(Struct, kw_only=True):
    port_outs: list[PortOut]
    total: int
    limit: int
    offset: int
    has_more: bool


def port_out(record: port_outs.PortOut) -> PortOut:
    return PortOut(**{name: getattr(record, name) for name in port_outs.FIELDS})
