"""May this order be filled, and what does it take? Order and facts in, a purchase or a refusal out."""

from dataclasses import dataclass
from datetime import datetime

from nambari.domain import kyc, ledger
from nambari.domain.endpoint import EndpointType
from nambari.domain.kyc import KycStatus
from nambari.domain.lifecycle import INVENTORY, NumberStatus, StockStatus, advance
from nambari.domain.money import display
from nambari.domain.phone_number import PhoneNumber, fallback_must_be_agent
from nambari.domain.pricing import Price
from nambari.domain.refusals import (
    EndpointNotFound,
    NumberNotAvailable,
    PriceChanged,
    Refusal,
    insufficient_balance,
)
from nambari.domain.renewal import months_after
from nambari.domain.requirements import Standing, check_number
from nambari.domain.spending import UNBOUNDED, Bounds, check_cap, check_country


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the buyer asks for. `max_total_cents` caps set-up and first month together."""

    inventory_id: str
    endpoint_id: str | None = None
    fallback_endpoint_id: str | None = None
    allow_inbound: bool = True
    allow_outbound: bool = True
    label: str | None = None
    tags: tuple[str, ...] = ()
    max_total_cents: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItem:
    """A number of the inventory with the price it is sold at; None where nothing gives it a price."""

    id: str
    number: str
    country: str
    type: str
    area_code: str | None
    locality: str | None
    capabilities: list[str]
    status: StockStatus
    available_since: datetime
    price: Price | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was true when it was read: stale by the time of the write, whose constraints have the last word.

    `held_by_another`: somebody keeps the number back just now, and it is not the buyer. `fallback_type` is None where
    there is no such endpoint. `standing` tells what the number requires of the buyer, and what is on file; None where
    nothing is required besides KYC. `spent_cents` is what the buyer's key has spent in this month, if it has a cap.
    """

    kyc_status: KycStatus
    available_cents: int
    item: StockItem | None
    held_by_another: bool
    endpoint_found: bool
    fallback_type: EndpointType | None = None
    currency: str
    standing: Standing | None = None
    spent_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What is to be written, all of it or nothing; `requires` is what was required when it was decided."""

    item: StockItem
    number: PhoneNumber
    total_cents: int
    postings: tuple[ledger.Posting, ...]
    requires: tuple[str, ...] = ()


def decide_purchase(
    order: Order, facts: Facts, number_id: str, now: datetime, bounds: Bounds = UNBOUNDED
) -> Purchase | Refusal:
    """Refusals come in the contract's order: KYC, number and what it requires, endpoint, price cap, balance.

    The key's own bounds stand where their subject does: its countries after the number, its cap before the balance.
    """
    refusal = kyc.check_purchase(facts.kyc_status)
    if refusal is not None:
        return refusal
    item = facts.item
    if item is None or item.status is not StockStatus.AVAILABLE or item.price is None or facts.held_by_another:
        return NumberNotAvailable("This number is no longer available. Search again and take another.")
    if facts.standing is not None and (lacking := check_number(facts.standing, item.country, item.type, now)):
        return lacking
    return (
        check_country(bounds, item.country)
        or _check_endpoints(order, facts)
        or _check_money(order, facts, item.price, bounds, now)
        or _fill(order, facts, item, item.price, number_id, now)
    )


def _check_endpoints(order: Order, facts: Facts) -> Refusal | None:
    fallback_missing = order.fallback_endpoint_id is not None and facts.fallback_type is None
    if fallback_missing or (order.endpoint_id is not None and not facts.endpoint_found):
        return EndpointNotFound("You have no endpoint of this id. List yours with GET /v1/endpoints.")
    if order.fallback_endpoint_id is not None and facts.fallback_type is not EndpointType.AGENT:
        return fallback_must_be_agent()
    return None


def _check_money(order: Order, facts: Facts, price: Price, bounds: Bounds, now: datetime) -> Refusal | None:
    total = price.total_cents
    if order.max_total_cents is not None and total > order.max_total_cents:
        return PriceChanged(
            f"This number now costs {display(total, facts.currency)}, above your max_total_cents. Nothing was bought.",
            total_cents=total,
            max_total_cents=order.max_total_cents,
        )
    refusal = check_cap(bounds, facts.spent_cents, total, facts.currency, now)
    if refusal is not None:
        return refusal
    if total > facts.available_cents:
        return insufficient_balance("for this number", total, facts.available_cents, facts.currency)
    return None


def _fill(order: Order, facts: Facts, item: StockItem, price: Price, number_id: str, now: datetime) -> Purchase:
    advance(INVENTORY, item.status, "sell")
    # The clock of the process that released the number may be ahead of ours: tenures never overlap all the same.
    starts_at = max(now, item.available_since)
    number = PhoneNumber(
        id=number_id,
        number=item.number,
        country=item.country,
        type=item.type,
        area_code=item.area_code,
        locality=item.locality,
        status=NumberStatus.ACTIVE,
        status_reason=None,
        endpoint_id=order.endpoint_id,
        fallback_endpoint_id=order.fallback_endpoint_id,
        allow_inbound=order.allow_inbound,
        allow_outbound=order.allow_outbound,
        label=order.label,
        tags=list(order.tags),
        deletion_lock=False,
        setup_cost_cents=price.setup_cost_cents,
        monthly_cost_cents=price.monthly_cost_cents,
        currency=facts.currency,
        renews_at=months_after(starts_at, 1),
        created_at=starts_at,
        updated_at=starts_at,
        released_at=None,
    )
    postings = ledger.charge_purchase(item.number, price.setup_cost_cents, price.monthly_cost_cents)
    requires = tuple(facts.standing.requires.get(item.type, ())) if facts.standing is not None else ()
    return Purchase(item=item, number=number, total_cents=price.total_cents, postings=postings, requires=requires)
