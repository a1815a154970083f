"""What may a key spend? Numbers of some countries only, and so much in a calendar month (UTC).

Purchases, restores and porting orders count, for they are the key's own acts; a renewal is nobody's, and does not.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from nambari.domain.money import display
from nambari.domain.refusals import CountryNotAllowed, Refusal, SpendingCapExceeded

_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one key. No cap: whatever the credits allow; no countries: all of them. They never change."""

    monthly_cap_cents: int | None = None
    countries: tuple[str, ...] = ()


UNBOUNDED = Bounds()


@dataclass(frozen=True, slots=True)
class Spending:
    """What is to be counted against a key's cap, in the month that begins on that day."""

    key_id: str
    month: date
    cap_cents: int
    cents: int


def month_of(now: datetime) -> date:
    """The first day of the month."""
    return now.astimezone(UTC).date().replace(day=1)


def next_month(now: datetime) -> datetime:
    """When the count begins anew."""
    month = month_of(now)
    if month.month == _DECEMBER:
        return datetime(month.year + 1, 1, 1, tzinfo=UTC)
    return datetime(month.year, month.month + 1, 1, tzinfo=UTC)


def check_country(bounds: Bounds, country: str) -> Refusal | None:
    if not bounds.countries or country in bounds.countries:
        return None
    return CountryNotAllowed(
        f"This API key takes numbers of {', '.join(bounds.countries)} only, and this one is of {country}. Nothing was"
        " done. Choose another number, or use a key that may.",
        country=country,
        countries=list(bounds.countries),
    )


def check_cap(bounds: Bounds, spent_cents: int, cents: int, currency: str, now: datetime) -> Refusal | None:
    """`spent_cents` is what the key has spent in this month so far."""
    cap = bounds.monthly_cap_cents
    if cap is None or spent_cents + cents <= cap:
        return None
    resets_at = next_month(now)
    return SpendingCapExceeded(
        f"This takes {display(cents, currency)}, and this API key has spent {display(spent_cents, currency)} of the"
        f" {display(cap, currency)} that it may spend in a month. Nothing was done. Use another key, or try again from"
        f" {resets_at.date()}.",
        required_cents=cents,
        cap_cents=cap,
        spent_cents=spent_cents,
        resets_at=resets_at,
    )


def exceeding(made: Bounds, maker: Bounds) -> list[tuple[str, str]]:
    """In which of its bounds a new key would be wider than the key that makes it: each with what is wrong."""
    faults = []
    cap = maker.monthly_cap_cents
    if cap is not None and (made.monthly_cap_cents is None or made.monthly_cap_cents > cap):
        faults.append(("monthly_cap_cents", f"must be at most {cap}, the cap of the key that makes it"))
    if maker.countries and (not made.countries or set(made.countries) - set(maker.countries)):
        faults.append(("countries", f"must be among those of the key that makes it: {', '.join(maker.countries)}"))
    return faults


def spending(key_id: str | None, bounds: Bounds, cents: int, now: datetime) -> Spending | None:
    """What has to be counted, if there is a cap and something is spent."""
    if key_id is None or bounds.monthly_cap_cents is None or cents == 0:
        return None
    return Spending(key_id, month_of(now), bounds.monthly_cap_cents, cents)
