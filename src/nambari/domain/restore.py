"""May its former owner take a released number back? Free of set-up, while nobody else has it, for some days."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nambari.domain import ledger
from nambari.domain.lifecycle import INVENTORY, PHONE_NUMBER, NumberStatus, StockStatus, advance
from nambari.domain.money import display
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.refusals import InvalidState, NumberNotAvailable, PriceChanged, insufficient_balance
from nambari.domain.renewal import Month, months_after
from nambari.domain.spending import UNBOUNDED, Bounds, check_cap, check_country

RESTORABLE = timedelta(days=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a released number and its stock. `aging_for_us`: it ages since we gave it back."""

    number: PhoneNumber
    billing_anchor_at: datetime
    paid_until: datetime
    stock: StockStatus
    aging_for_us: bool
    held_by_another: bool
    available_cents: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The month is paid anew only where the one that was paid is over; then months count from now on."""

    number: PhoneNumber
    billing_anchor_at: datetime
    month: Month | None


def restorable_until(released_at: datetime) -> datetime:
    return released_at + RESTORABLE


def takes_month(paid_until: datetime, now: datetime) -> bool:
    """Whether a month is paid anew: only where the one that was paid is over."""
    return paid_until <= now


def decide_restore(
    facts: Facts,
    now: datetime,
    bounds: Bounds = UNBOUNDED,
    spent_cents: int = 0,
    max_total_cents: int | None = None,
) -> Restored:
    """The number, back, or a refusal.

    Raises InvalidState, NumberNotAvailable, CountryNotAllowed, PriceChanged, SpendingCapExceeded, InsufficientBalance,
    in this order.
    `bounds` and `spent_cents` are the key's: by its act a number is taken, and mostly nothing spent.
    """
    number = facts.number
    status = advance(PHONE_NUMBER, number.status, "restore")
    if number.status_reason is not None:
        raise InvalidState(
            "This number never was yours: its order failed. Search for it, and buy it if it is for sale.",
            status=number.status.value,
        )
    _check_time(number, now)
    _check_stock(facts)
    refusal = check_country(bounds, number.country)
    if refusal is not None:
        raise refusal
    anchor, month, paid_until = facts.billing_anchor_at, None, facts.paid_until
    if takes_month(paid_until, now):
        _check_cost(number, max_total_cents)
        refusal = check_cap(bounds, spent_cents, number.monthly_cost_cents, number.currency, now)
        if refusal is not None:
            raise refusal
        anchor, month, paid_until = now, _charge(facts, now), months_after(now, 1)
    restored = replace(number, status=status, released_at=None, renews_at=paid_until, updated_at=now)
    return Restored(restored, anchor, month)


def _check_time(number: PhoneNumber, now: datetime) -> None:
    assert number.released_at is not None  # noqa: S101 - the schema: what is released has its time
    if now >= restorable_until(number.released_at):
        raise InvalidState(
            f"A released number can be restored for {RESTORABLE.days} days; those of this one are over. Search for it,"
            " and buy it anew if it is for sale.",
            status=NumberStatus.RELEASED.value,
        )


def _check_stock(facts: Facts) -> None:
    free = facts.stock is StockStatus.AVAILABLE or (facts.stock is StockStatus.AGING and facts.aging_for_us)
    if not free or facts.held_by_another:
        raise NumberNotAvailable("This number is no longer available: it cannot be restored.")
    advance(INVENTORY, facts.stock, "restore")


def _check_cost(number: PhoneNumber, max_total_cents: int | None) -> None:
    cost = number.monthly_cost_cents
    if max_total_cents is not None and cost > max_total_cents:
        raise PriceChanged(
            f"The month that was paid is over: taking the number back costs {display(cost, number.currency)} for"
            " another, above your max_total_cents. Nothing was done.",
            total_cents=cost,
            max_total_cents=max_total_cents,
        )


def _charge(facts: Facts, now: datetime) -> Month:
    """The month that begins now."""
    number, available = facts.number, facts.available_cents
    cost = number.monthly_cost_cents
    if cost > available:
        raise insufficient_balance("for a month of this number", cost, available, number.currency)
    return Month(now, ledger.charge_month(number.number, now, cost) if cost else None)
