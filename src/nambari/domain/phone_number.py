"""What is a phone number, as its holder sees it? The record that operations make and doors show."""

from dataclasses import dataclass, fields, replace
from datetime import datetime

from nambari.domain.lifecycle import Direction, NumberStatus
from nambari.domain.refusals import ValidationError, invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber:
    """Prices are in cents of `currency`, as they were at the purchase.

    `renews_at` is when the next month is due, and of a suspended number when the unpaid one was. `releases_at` is there
    once credits fall short: the number is released then, unless they suffice again. `porting_direction` is that of a
    number that is porting.
    """

    id: str
    number: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    status: NumberStatus
    status_reason: str | None
    porting_direction: Direction | None = None
    endpoint_id: str | None
    fallback_endpoint_id: str | None = None
    allow_inbound: bool
    allow_outbound: bool
    label: str | None
    tags: list[str]
    deletion_lock: bool
    setup_cost_cents: int
    monthly_cost_cents: int
    currency: str
    renews_at: datetime | None
    releases_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    released_at: datetime | None

    @property
    def leaves(self) -> bool:
        """Whether another carrier is to have it. Until it has, all goes on as if the number stayed."""
        return self.porting_direction is Direction.OUT

    @property
    def standing(self) -> NumberStatus:
        """As what it is billed and called: of one that leaves, what it would be if it stayed."""
        if not self.leaves:
            return self.status
        return NumberStatus.ACTIVE if self.status_reason is None else NumberStatus.SUSPENDED


FIELDS = tuple(each.name for each in fields(PhoneNumber))

CHANGING = (
    *("status", "status_reason", "porting_direction", "endpoint_id", "fallback_endpoint_id", "allow_inbound"),
    *("allow_outbound", "label", "tags", "deletion_lock", "renews_at", "releases_at", "released_at"),
)
"""What may be another from one day to the next; all else stays as it was bought."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one field was and what it became."""

    field: str
    before: object
    after: object


def changes_between(old: PhoneNumber, new: PhoneNumber) -> list[Change]:
    """What a holder would call changed: every field but the time of the change itself."""
    return [
        Change(name, getattr(old, name), getattr(new, name))
        for name in FIELDS
        if name != "updated_at" and getattr(old, name) != getattr(new, name)
    ]


def changes_of_purchase(number: PhoneNumber) -> list[Change]:
    """From nothing to what was bought: whoever follows the changes from here on has the number as it is."""
    return [Change(name, None, value) for name in CHANGING if (value := getattr(number, name)) is not None]


def check_fallback_differs(endpoint_id: str | None, fallback_endpoint_id: str | None) -> None:
    """Raises ValidationError for an endpoint that is to stand in for itself."""
    if fallback_endpoint_id is not None and fallback_endpoint_id == endpoint_id:
        raise invalid("fallback_endpoint_id", "must be another endpoint than endpoint_id, for which it stands in")


def fallback_must_be_agent() -> ValidationError:
    return invalid("fallback_endpoint_id", "must be an agent: a SIP proxy calls it, and asks no webhook by then")


def configure(number: PhoneNumber, now: datetime, **changes: object) -> PhoneNumber:
    """The number with these fields set; `updated_at` moves only if something else did. Raises ValidationError."""
    new = replace(number, **changes)  # type: ignore[arg-type]
    check_fallback_differs(new.endpoint_id, new.fallback_endpoint_id)
    return replace(new, updated_at=now) if changes_between(number, new) else number
