"""What does the public see of what passes with time? Holds, a release foreseen, and the test environment's clock."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from nambari.api.fields import Cents, Id
from nambari.domain import hold as holds
from nambari.domain.hold import MOST_MINUTES, USUAL_MINUTES
from nambari.domain.money import MOST_CENTS
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.release import Released
from nambari.domain.restore import restorable_until
from nambari.domain.testing import MOST_DAYS_AT_ONCE

# ── Holds ────────────────────────────────────────────────────────────────────────────────────────────────────────


class HoldOrder(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which number to keep back, and for how long. A hold that you have on it already begins anew."""

    inventory_id: Id
    minutes: Annotated[int, Meta(ge=1, le=MOST_MINUTES)] = USUAL_MINUTES


class Hold(Struct, kw_only=True):
    """A number that is kept back for the organization; to others it is gone. Buying it uses the hold up."""

    id: str
    inventory_id: str
    number: str
    expires_at: datetime
    created_at: datetime


class HoldPage(Struct, kw_only=True):
    holds: list[Hold]
    total: int
    limit: int
    offset: int
    has_more: bool


class DeletedHold(Struct, kw_only=True):
    id: str
    deleted: bool


def hold(record: holds.Hold) -> Hold:
    return Hold(
        id=record.id,
        inventory_id=record.inventory_id,
        number=record.number,
        expires_at=record.expires_at,
        created_at=record.created_at,
    )


# ── Releases and restores ────────────────────────────────────────────────────────────────────────────────────────────


class RestoreOrder(Struct, kw_only=True, forbid_unknown_fields=True):
    """A restore takes a month's cost where the month that was paid is over, and else nothing."""

    max_total_cents: Annotated[
        Cents | None, Meta(description="Refuse the restore if it takes more: 0 takes the number back only for nothing.")
    ] = None


class ReleaseForeseen(Struct, kw_only=True):
    """What a release would take from you, with nothing released. Nothing of what is paid comes back."""

    id: str
    number: str
    endpoint_id: str | None
    label: str | None
    tags: list[str]
    paid_until: datetime | None
    for_sale_at: datetime
    restorable_until: datetime


def release_foreseen(released: Released, before: PhoneNumber) -> ReleaseForeseen:
    after = released.number
    assert after.released_at is not None  # noqa: S101 - what a release sets
    return ReleaseForeseen(
        id=after.id,
        number=after.number,
        endpoint_id=after.endpoint_id,
        label=after.label,
        tags=after.tags,
        paid_until=before.renews_at,
        for_sale_at=released.available_at,
        restorable_until=restorable_until(after.released_at),
    )


# ── Test environment ─────────────────────────────────────────────────────────────────────────────────────────────


class TestCredits(Struct, kw_only=True, forbid_unknown_fields=True):
    """Below zero takes credits away, to see what happens without."""

    amount_cents: Annotated[int, Meta(ge=-MOST_CENTS, le=MOST_CENTS)]


class ClockAdvance(Struct, kw_only=True, forbid_unknown_fields=True):
    """How far to move the organization's own test clock; never back."""

    advance_days: Annotated[int, Meta(ge=1, le=MOST_DAYS_AT_ONCE)]


class TestClock(Struct, kw_only=True):
    """What time it is in the organization's test environment."""

    now: datetime


class ClockAdvanced(Struct, kw_only=True):
    """The time it is then, and what fell due on the way and was done."""

    now: datetime
    months_paid: int
    suspended: int
    resumed: int
    released: int
    back_on_sale: int
