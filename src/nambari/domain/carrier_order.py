"""What becomes of an order at a carrier? The carrier's answer in; the number active, failed, or asked about again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from nambari.domain import ledger
from nambari.domain.ledger import Posting
from nambari.domain.lifecycle import INVENTORY, PHONE_NUMBER, NumberStatus, StockStatus, advance
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.refusals import InvalidState
from nambari.domain.renewal import months_after

LEASE = timedelta(minutes=3)
"""For how long an order belongs to whoever works on it: longer than all the calls that they make for it."""
GIVEN_UP_AFTER = timedelta(minutes=15)
"""How long a carrier is tried that surely has not got the order: as long as an offer is good."""
TOLD_AFTER = timedelta(hours=1)
"""From then on an order that is not settled is the operator's to look at."""
LONGEST_WAIT = timedelta(minutes=15)
FIRST_WAIT = timedelta(seconds=2)
_MOST_DOUBLINGS = 20
LONGEST_TEXT = 300


class OrderStatus(StrEnum):
    OPEN = "open"  # the number is pending, the money held
    FILLED = "filled"  # delivered, and paid
    FAILED = "failed"  # nothing came of it
    RETURNING = "returning"  # on its way back to the carrier
    RETURNED = "returned"


class Failure(StrEnum):
    """Why an order came to nothing beyond what a carrier says itself: the number's `status_reason`."""

    UNAVAILABLE = "carrier_unavailable"
    LOST = "order_lost"
    WRONG_NUMBER = "wrong_number"
    SETTLED = "settled_by_operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierOrder:
    """An order that somebody works on: its claim. `asked_at` is None if the carrier does not know of it yet."""

    id: str
    phone_number_id: str
    carrier: str
    reference: str
    number: str
    country: str
    held_cents: int
    status: OrderStatus
    asked_at: datetime | None
    claims: int
    attempts: int
    created_at: datetime


class Answer(StrEnum):
    """What a carrier says of an order."""

    DELIVERED = "delivered"
    WRONG_NUMBER = "wrong_number"
    UNDERWAY = "underway"
    ABSENT = "absent"  # it knows of no such order
    REFUSED = "refused"
    UNREACHED = "unreached"  # it has surely not heard us
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do: activate, or fail for a reason, or look again; `unasked`: the carrier still does not know of it.

    `send_back`: the carrier has put something on our account that nobody here will have, or may have: what was unsure
    once is released there in any case, whatever the carrier says of it now.
    """

    activate: bool = False
    failed_for: str | None = None
    send_back: bool = False
    again_at: datetime | None = None
    unasked: bool = False


def decide(order: CarrierOrder, answer: Answer, refused_for: str, found_within: timedelta, now: datetime) -> Step:
    """`order` as it was before this look: never asked, if this was the first that the carrier heard of it."""
    if answer is Answer.DELIVERED:
        return Step(activate=True)
    if answer is Answer.WRONG_NUMBER:
        return Step(failed_for=Failure.WRONG_NUMBER, send_back=True)
    first = order.asked_at is None
    if answer is Answer.REFUSED:
        return Step(failed_for=refused_for, send_back=not first)
    if first and answer is Answer.UNREACHED and now - order.created_at >= GIVEN_UP_AFTER:
        return Step(failed_for=Failure.UNAVAILABLE)
    if order.asked_at is not None and answer is Answer.ABSENT and now - order.asked_at >= found_within + LEASE:
        return Step(failed_for=Failure.LOST, send_back=True)
    return Step(again_at=now + wait(order.attempts), unasked=first and answer is Answer.UNREACHED)


def check_undecided(status: OrderStatus) -> None:
    """Raises InvalidState for an order whose money has gone one way or the other."""
    if status is not OrderStatus.OPEN:
        raise InvalidState(f"This order is {status} already: there is nothing to settle.", status=status.value)


def wait(attempts: int) -> timedelta:
    """How long until it is looked at again: doubled each time, up to a bound. It never ends: money is held."""
    doubled: int = 2 ** min(attempts, _MOST_DOUBLINGS)
    return min(LONGEST_WAIT, FIRST_WAIT * doubled)


def legible(text: str) -> str:
    """What a carrier says, to be kept and shown: bounded, and nothing in it that does not print."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:LONGEST_TEXT])


def is_told(order_created_at: datetime, now: datetime) -> bool:
    """Whether the operator has to know of an order that is still not settled."""
    return now - order_created_at >= TOLD_AFTER


def pending(number: PhoneNumber) -> PhoneNumber:
    """A number as it is bought of a carrier: nobody has paid a month of it yet."""
    return replace(number, status=NumberStatus.PENDING, renews_at=None)


def activated(number: PhoneNumber, now: datetime) -> PhoneNumber:
    """Months count from here, not from the purchase: nobody pays for a number that could not be called."""
    starts_at = max(now, number.created_at)
    status = advance(PHONE_NUMBER, number.status, "activate")
    return replace(number, status=status, renews_at=months_after(starts_at, 1), updated_at=starts_at)


def failed(number: PhoneNumber, reason: str, now: datetime) -> PhoneNumber:
    """Ended before it began. That it has a reason tells it from a number that its holder gave back."""
    ends_at = max(now, number.created_at)
    status = advance(PHONE_NUMBER, number.status, "fail")
    return replace(number, status=status, status_reason=reason, updated_at=ends_at, released_at=ends_at)


def stock_after_failure() -> StockStatus:
    return advance(INVENTORY, StockStatus.IN_SERVICE, "fail")


def charges(number: PhoneNumber, held_cents: int) -> tuple[Posting, ...]:
    """What was held is free, and at once taken as set-up and first month: as for a number of our own stock."""
    held = (ledger.free(number.number, held_cents),) if held_cents else ()
    return (*held, *ledger.charge_purchase(number.number, number.setup_cost_cents, number.monthly_cost_cents))


def refund(number: PhoneNumber, held_cents: int) -> tuple[Posting, ...]:
    return (ledger.free(number.number, held_cents),) if held_cents else ()
