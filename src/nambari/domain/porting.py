"""What may become of an order to bring a number from another carrier, and what must be in it?

Steps are the customer's (`submit`, `withdraw`) and the operator's, who does with the other carrier what is agreed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from nambari.domain import lifecycle
from nambari.domain.document import Document, DocumentStatus, DocumentType
from nambari.domain.lifecycle import PHONE_NUMBER, Direction, NumberStatus, StockStatus
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.refusals import InvalidState, Refusal, invalid, invalid_fields
from nambari.domain.requirements import Standing, check_standing
from nambari.domain.spending import Bounds, check_cap, check_country

LONGEST_REASON = 500


class OrderStatus(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    EXCEPTION = "exception"
    FOC_SCHEDULED = "foc_scheduled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


STEPS: dict[tuple[OrderStatus, str], OrderStatus] = {
    (OrderStatus.DRAFT, "change"): OrderStatus.DRAFT,
    (OrderStatus.EXCEPTION, "change"): OrderStatus.EXCEPTION,
    (OrderStatus.DRAFT, "submit"): OrderStatus.SUBMITTED,
    (OrderStatus.EXCEPTION, "submit"): OrderStatus.SUBMITTED,
    (OrderStatus.SUBMITTED, "review"): OrderStatus.IN_REVIEW,
    (OrderStatus.SUBMITTED, "except"): OrderStatus.EXCEPTION,
    (OrderStatus.IN_REVIEW, "except"): OrderStatus.EXCEPTION,
    (OrderStatus.FOC_SCHEDULED, "except"): OrderStatus.EXCEPTION,
    (OrderStatus.IN_REVIEW, "schedule"): OrderStatus.FOC_SCHEDULED,
    (OrderStatus.FOC_SCHEDULED, "schedule"): OrderStatus.FOC_SCHEDULED,
    (OrderStatus.FOC_SCHEDULED, "complete"): OrderStatus.COMPLETED,
    # Once the other carrier has a date, it acts on that date: only the operator can still call it off with them.
    (OrderStatus.DRAFT, "withdraw"): OrderStatus.CANCELLED,
    (OrderStatus.SUBMITTED, "withdraw"): OrderStatus.CANCELLED,
    (OrderStatus.IN_REVIEW, "withdraw"): OrderStatus.CANCELLED,
    (OrderStatus.EXCEPTION, "withdraw"): OrderStatus.CANCELLED,
    (OrderStatus.SUBMITTED, "cancel"): OrderStatus.CANCELLED,
    (OrderStatus.IN_REVIEW, "cancel"): OrderStatus.CANCELLED,
    (OrderStatus.EXCEPTION, "cancel"): OrderStatus.CANCELLED,
    (OrderStatus.FOC_SCHEDULED, "cancel"): OrderStatus.CANCELLED,
}

PARTICIPLES = {
    "change": "changed",
    "submit": "submitted",
    "review": "taken into review",
    "except": "sent back",
    "schedule": "scheduled",
    "complete": "completed",
    "withdraw": "cancelled by you",
    "cancel": "cancelled",
}


def advance(status: OrderStatus, verb: str) -> OrderStatus:
    """Raises InvalidState where the table has no such step."""
    try:
        return STEPS[status, verb]
    except KeyError:
        raise InvalidState(
            f"A porting order that is {status} cannot be {PARTICIPLES[verb]}.", status=status.value
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortingOrder:
    """Names, addresses and the account are personal data: never in logs, events or error texts.

    `missing` and `reason` are what an exception is about; `foc_at` is when the number moves, as the other carrier
    confirmed it (FOC: firm order commitment). `phone_number_id` is there from the submission on.
    """

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
    missing: tuple[str, ...]
    reason: str | None
    foc_at: datetime | None
    phone_number_id: str | None
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None


FIELDS = tuple(each.name for each in fields(PortingOrder))

PAPERS: dict[str, DocumentType] = {
    "letter_of_authorization_id": DocumentType.LETTER_OF_AUTHORIZATION,
    "recent_bill_id": DocumentType.RECENT_BILL,
    "identity_id": DocumentType.IDENTITY,
}
REQUIRED = (
    *("current_carrier", "account_number", "authorized_name", "authorized_on", "billing_name", "billing_address"),
    *PAPERS,
)
"""What must be given before an order is submitted, and what an exception may name."""


def check_given(given: Mapping[str, object], documents: Mapping[str, Document], now: datetime) -> Refusal | None:
    """What is wrong with what the customer gives; `documents` are those it names that there are."""
    faults = []
    for name, type_ in PAPERS.items():
        document_id = given.get(name)
        if document_id is None:
            continue
        document = documents.get(str(document_id))
        if document is None or document.type is not type_:
            faults.append((name, f"is no document of yours of the type {type_}"))
    authorized_on = given.get("authorized_on")
    # Somewhere it is tomorrow already.
    if isinstance(authorized_on, date) and authorized_on > (now + timedelta(days=1)).date():
        faults.append(("authorized_on", "must not be in the future"))
    return invalid_fields(faults) if faults else None


def change(order: PortingOrder, changes: Mapping[str, object], now: datetime) -> PortingOrder:
    """The order with these fields set. Raises InvalidState."""
    advance(order.status, "change")
    changed = replace(order, **changes)  # type: ignore[arg-type]
    return replace(changed, updated_at=now) if changed != order else order


# ── Submission ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a submission rests on. `documents` are those of the order; `monthly_cost_cents` is the rate card's.

    `stock` is what the inventory has of the number, and `free_since` when its last tenure ended. `spent_cents` is what
    the key has spent in this month, if it has a cap.
    """

    standing: Standing
    documents: Mapping[str, Document]
    monthly_cost_cents: int | None
    stock: StockStatus | None
    free_since: datetime | None
    spent_cents: int = 0


def check_submission(order: PortingOrder, facts: Facts, now: datetime, bounds: Bounds, currency: str) -> Refusal | None:
    """In this order: status, what is missing, KYC and what the number requires, the number, its country, price and cap.

    `bounds` are the key's. They are asked when the number is taken, and not when the order is submitted again.
    """
    advance(order.status, "submit")
    faults = [(name, "is required before the order is submitted") for name in REQUIRED if getattr(order, name) is None]
    for name in PAPERS:
        document = facts.documents.get(getattr(order, name) or "")
        if document is not None and document.status is DocumentStatus.REJECTED:
            faults.append((name, "was rejected: send another document"))
        elif document is not None and document.is_expired(now):
            faults.append((name, "has expired: send another document"))
        elif document is not None and document.erased_at is not None:
            faults.append((name, "is not kept any more: send the document anew"))
    if faults:
        return invalid_fields(faults)
    refusal = check_standing(facts.standing, order.country, order.type, now)
    if refusal is not None or order.phone_number_id is not None:
        return refusal
    if facts.stock not in {None, StockStatus.ELSEWHERE}:
        return with_us_already()
    refusal = check_country(bounds, order.country)
    if refusal is not None:
        return refusal
    if facts.monthly_cost_cents is None:
        return InvalidState("Numbers like this one have no price here yet. Ask the operator for a rate.")
    return check_cap(bounds, facts.spent_cents, facts.monthly_cost_cents, currency, now)


def with_us_already() -> InvalidState:
    return InvalidState(
        "This number is with us already, or another order is bringing it: there is nothing to port in. Nothing was"
        " changed."
    )


def submit(order: PortingOrder, number_id: str, now: datetime) -> PortingOrder:
    return replace(
        order,
        status=advance(order.status, "submit"),
        phone_number_id=order.phone_number_id or number_id,
        missing=(),
        reason=None,
        foc_at=None,
        submitted_at=order.submitted_at or now,
        updated_at=now,
    )


def arriving(order: PortingOrder, facts: Facts, number_id: str, currency: str, now: datetime) -> PhoneNumber:
    """The number while it is on its way: it routes nothing and costs nothing until it is here. There is no set-up."""
    assert facts.monthly_cost_cents is not None  # noqa: S101 - the submission was checked
    begins_at = max(now, facts.free_since or now)
    return PhoneNumber(
        id=number_id,
        number=order.number,
        country=order.country,
        type=order.type,
        area_code=order.area_code,
        locality=order.locality,
        status=NumberStatus.PORTING,
        status_reason=None,
        porting_direction=Direction.IN,
        endpoint_id=None,
        allow_inbound=True,
        allow_outbound=True,
        label=None,
        tags=[],
        deletion_lock=False,
        setup_cost_cents=0,
        monthly_cost_cents=facts.monthly_cost_cents,
        currency=currency,
        renews_at=None,
        created_at=begins_at,
        updated_at=begins_at,
        released_at=None,
    )


# ── The operator's steps ─────────────────────────────────────────────────────────────────────────────────────────


def review(order: PortingOrder, now: datetime) -> PortingOrder:
    return replace(order, status=advance(order.status, "review"), updated_at=now)


def send_back(order: PortingOrder, missing: tuple[str, ...], reason: str, now: datetime) -> PortingOrder:
    """The customer is told the fields and the reason. Raises InvalidState, ValidationError."""
    status = advance(order.status, "except")
    _check_reason(reason)
    unknown = [name for name in missing if name not in REQUIRED]
    if unknown:
        raise invalid("missing", f"must be of {', '.join(REQUIRED)}")
    named = tuple(name for name in REQUIRED if name in missing)
    return replace(order, status=status, missing=named, reason=reason, foc_at=None, updated_at=now)


def schedule(order: PortingOrder, foc_at: datetime, now: datetime) -> PortingOrder:
    """Raises InvalidState, ValidationError for a time that has passed."""
    status = advance(order.status, "schedule")
    if foc_at <= now:
        raise invalid("at", "has passed: a number is scheduled for a time to come")
    return replace(order, status=status, foc_at=foc_at, updated_at=now)


def complete(order: PortingOrder, now: datetime) -> PortingOrder:
    return replace(order, status=advance(order.status, "complete"), updated_at=now, ended_at=now)


def cancel(order: PortingOrder, verb: str, reason: str | None, now: datetime) -> PortingOrder:
    """`verb` is `withdraw` of the customer, `cancel` of the operator, whose reason the customer is told."""
    status = advance(order.status, verb)
    if reason is not None:
        _check_reason(reason)
    return replace(order, status=status, reason=reason, updated_at=now, ended_at=now)


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.strip() or not reason.isprintable():
        raise invalid("reason", f"must be 1 to {LONGEST_REASON} printable characters")


def arrived(number: PhoneNumber, now: datetime) -> PhoneNumber:
    """The number once it is here: its first month is due at once, and is paid or not like any other."""
    status = lifecycle.advance(PHONE_NUMBER, number.status, "complete_port")
    return replace(number, status=status, porting_direction=None, renews_at=now, updated_at=now)


def stayed_away(number: PhoneNumber, now: datetime) -> PhoneNumber:
    """The number whose order was cancelled."""
    status = lifecycle.advance(PHONE_NUMBER, number.status, "cancel_port")
    ends_at = max(now, number.created_at)
    return replace(number, status=status, porting_direction=None, updated_at=ends_at, released_at=ends_at)
