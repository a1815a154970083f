"""What is a carrier's number worth to a customer? Which hits match, at which price, and where they stand in a page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nambari.domain.dialled import dialled
from nambari.domain.e164 import InvalidNumber, Number, identify
from nambari.domain.money import MOST_CENTS
from nambari.domain.pricing import Price
from nambari.domain.purchase import StockItem
from nambari.domain.stock import CAPABILITIES, DEFAULT_CAPABILITIES

GOOD_FOR = timedelta(minutes=15)
"""How long an offer keeps its id and its price, from the last time it was shown."""
LONGEST_REFERENCE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which numbers to show; None asks nothing."""

    country: str
    type: str | None = None
    area_code: str | None = None
    locality: str | None = None
    contains: str | None = None
    max_monthly_cost_cents: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the carrier asks, in cents of `currency`; None where it does not say."""

    setup_cost_cents: int | None
    monthly_cost_cents: int | None
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """The rate card of one country by type, and what is added to a carrier's cost where that has no line."""

    rates: Mapping[str, Price]
    markup_percent: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A carrier's number at a price, until an instant. `reference` is the carrier's own name of it."""

    id: str
    carrier: str
    reference: str
    number: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    capabilities: list[str]
    price: Price
    expires_at: datetime


def number_meant(text: str, country: str) -> Number | None:
    """The number that a carrier writes somehow, read as one of this country; None if it is none that we can sell."""
    e164 = dialled(text, country)
    try:
        return identify(e164) if e164 is not None else None
    except InvalidNumber:
        return None


def price_of(cost: Cost, type_: str, pricing: Pricing) -> Price | None:
    """The rate card's line; else the carrier's cost and the mark-up, each rounded up. None: it is not for sale.

    Without a mark-up, and in another currency than ours, a cost is no price: nobody sells at cost by mistake.
    """
    rate = pricing.rates.get(type_)
    if rate is not None:
        return rate
    if not pricing.markup_percent or cost.currency != pricing.currency or cost.monthly_cost_cents is None:
        return None
    return Price(_marked_up(cost.setup_cost_cents or 0, pricing), _marked_up(cost.monthly_cost_cents, pricing))


def is_usable(reference: str, price: Price) -> bool:
    """Whether it can be kept: carriers may send anything."""
    return (
        len(reference) <= LONGEST_REFERENCE
        and reference.isprintable()
        and max(price.setup_cost_cents, price.monthly_cost_cents) <= MOST_CENTS
    )


def _marked_up(cents: int, pricing: Pricing) -> int:
    return -(-max(0, cents) * (100 + pricing.markup_percent) // 100)


def matches(number: Number, price: Price, wanted: Search) -> bool:
    """Whether it is what was asked for: carriers pass over what they do not understand."""
    return (
        number.country == wanted.country
        and wanted.type in (None, number.type)
        and wanted.area_code in (None, number.area_code)
        and (wanted.locality is None or wanted.locality.lower() == (number.locality or "").lower())
        and (wanted.contains is None or _has_digits(number.e164, wanted.contains))
        and (wanted.max_monthly_cost_cents is None or price.monthly_cost_cents <= wanted.max_monthly_cost_cents)
    )


def _has_digits(e164: str, contains: str) -> bool:
    return re.search(contains.replace("*", "[0-9]"), e164.removeprefix("+")) is not None


def capabilities_of(told: Sequence[str]) -> list[str]:
    """Those that we know, in our order; none told means voice."""
    return [name for name in CAPABILITIES if name in told] or list(DEFAULT_CAPABILITIES)


def first_of_pool(offset: int, offers: int) -> int:
    """Where to begin to read the pool for a page at `offset` of both together: no earlier row can be on the page."""
    return max(0, offset - offers)


def page_of_both(
    pool: Sequence[StockItem], first: int, offers: Sequence[StockItem], offset: int, limit: int
) -> tuple[list[StockItem], bool]:
    """A page of pool and offers in the order of the numbers, and whether more of what is given follows.

    `pool` are its rows from `first` on, as many as the page and all the offers take. If none is there the pool ends
    before `first`: then the page has nothing, unless it begins with the first row of all.
    """
    if first and not pool:
        return [], False
    before = [] if not first else [each for each in offers if each.number < pool[0].number]
    tail = sorted([*pool, *offers[len(before) :]], key=lambda each: each.number)
    start = offset - first - len(before)
    return tail[start : start + limit], len(tail) > start + limit
