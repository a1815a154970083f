"""Do a carrier's account and our books tell the same? What only one of them has, and what may be done about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from nambari.domain.carrier_order import OrderStatus
from nambari.domain.lifecycle import StockStatus

OURS = frozenset({StockStatus.AVAILABLE, StockStatus.IN_SERVICE, StockStatus.AGING, StockStatus.RETIRED})
"""Stock that must be on the carrier's account."""
OVER = frozenset({OrderStatus.FAILED, OrderStatus.RETURNED})
"""Orders that must have left nothing there."""


class Difference(StrEnum):
    meaning: str
    repair: str | None

    def __new__(cls, name: str, meaning: str, repair: str | None) -> Self:
        difference = str.__new__(cls, name)
        difference._value_ = name
        difference.meaning = meaning
        difference.repair = repair
        return difference

    LEFT_THERE = (
        "left_there",
        "It is on the carrier's account by an order of ours that is over: paid for, and nobody's.",
        "give it back to the carrier",
    )
    UNKNOWN = (
        "unknown",
        "It is on the carrier's account and not in our books, and not by an order of ours: import it, or leave it.",
        None,
    )
    TWICE = ("twice", "The carrier's account has it twice: ask the carrier why.", None)
    MISSING_STOCK = (
        "missing_stock",
        "It is for sale here, and not on the carrier's account.",
        "take it off sale",
    )
    MISSING = (
        "missing",
        "It is a customer's, or not for sale here, and not on the carrier's account: ask the carrier for it.",
        None,
    )


@dataclass(frozen=True, slots=True)
class Booked:
    """Stock of this carrier, with the order that brought it last, if one did."""

    number: str
    stock: StockStatus
    order_status: OrderStatus | None


@dataclass(frozen=True, slots=True)
class There:
    """A number on the carrier's account: E.164, or as the carrier writes it where it is none."""

    number: str
    order_id: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    number: str
    difference: Difference
    order_id: str | None = None


def compare(books: Iterable[Booked], there: Iterable[There], orders: Mapping[str, OrderStatus]) -> list[Finding]:
    """In the order of the numbers. `orders` are ours by id. What is still under way either way is no difference."""
    booked = {each.number: each for each in books}
    listed = list(there)
    once = {each.number: each for each in listed}
    findings = [Finding(each.number, Difference.TWICE) for each in listed if once[each.number] is not each]
    for each in once.values():
        difference = _of_theirs(booked.get(each.number), each, orders)
        if difference is not None:
            findings.append(Finding(each.number, difference, each.order_id))
    for ours in booked.values():
        if ours.number not in once and ours.stock in OURS and ours.order_status is not OrderStatus.OPEN:
            for_sale = ours.stock is StockStatus.AVAILABLE
            findings.append(Finding(ours.number, Difference.MISSING_STOCK if for_sale else Difference.MISSING))
    return sorted(findings, key=lambda found: (found.number, found.difference))


def _of_theirs(ours: Booked | None, there: There, orders: Mapping[str, OrderStatus]) -> Difference | None:
    if ours is not None and ours.stock is not StockStatus.GONE:
        return None
    status = orders.get(there.order_id) if there.order_id is not None else None
    if status is None:
        return Difference.UNKNOWN
    return Difference.LEFT_THERE if status in OVER else None
