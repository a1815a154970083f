"""What does the API answer about porting orders?"""

from datetime import date

from msgspec import Struct

from nambari_client.objects.instant import Instant
from nambari_client.objects.paging import Page


class PortingOrder(Struct, kw_only=True):
    """An order to bring a number from another carrier. Of an `exception`, `missing` and `reason` say what is wrong.

    `foc_at` is when the number moves, as the current carrier has confirmed it.
    """

    id: str
    number: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    status: str
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
    foc_at: Instant | None
    phone_number_id: str | None
    created_at: Instant
    updated_at: Instant
    submitted_at: Instant | None
    ended_at: Instant | None


class PortingOrderPage(Page, kw_only=True):
    porting_orders: list[PortingOrder]


class PortOutPin(Struct, kw_only=True):
    """Whether there is one, and since when; never the PIN itself."""

    is_set: bool
    set_at: Instant | None


class PortOut(Struct, kw_only=True):
    """What another carrier asked for. `reason` is a word of the service if it was `refused`, else the operator's."""

    id: str
    phone_number_id: str
    number: str
    gaining_carrier: str
    status: str
    reason: str | None
    leaves_at: Instant
    created_at: Instant
    updated_at: Instant
    ended_at: Instant | None


class PortOutPage(Page, kw_only=True):
    port_outs: list[PortOut]
