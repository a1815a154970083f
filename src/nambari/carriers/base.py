"""What do we ask of a carrier, and how may it fail us? The protocol that every supplier of numbers is put behind.

What a carrier says is not believed here: numbers are as it writes them, and whoever asked reads and checks them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Abilities:
    """`countries`: where it sells (ISO 3166-1 alpha-2), None for anywhere. It is not asked for others.

    `found_within`: an order that it took is found by our id this long afterwards, at the latest. What is not found by
    then was never taken.
    """

    countries: frozenset[str] | None = None
    found_within: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a customer searches. None asks nothing. `contains`: digits, `*` for any one."""

    country: str
    type: str | None = None
    area_code: str | None = None
    locality: str | None = None
    contains: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A number that the carrier offers. `reference` is its own name of the offer, given back with an order.

    Costs are in cents of `currency`, each None where the carrier does not tell it.
    """

    number: str
    reference: str
    capabilities: tuple[str, ...] = ("voice",)
    setup_cost_cents: int | None = None
    monthly_cost_cents: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`more`: there are others that match."""

    hits: Sequence[Hit]
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSlip:
    """What is ordered. `id` is ours (`ord_…`) and travels with the order; `number` is E.164."""

    id: str
    number: str
    country: str
    reference: str


class OrderState(StrEnum):
    FILLED = "filled"  # the number is on our account
    UNDERWAY = "underway"  # taken, and not decided yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of an order: `number` as the carrier writes it."""

    state: OrderState
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A number on our account. `order_id` is ours, if it came by an order of ours."""

    number: str
    order_id: str | None


class CarrierFailure(Exception):
    """The text is for the operator: it is logged and kept with the order, and no customer reads it."""


class RefusedFor(StrEnum):
    """Why a carrier says no, as the customer is told it."""

    NUMBER_TAKEN = "number_taken"
    REQUIREMENTS = "requirements_missing"
    OTHER = "carrier_refused"


class Refused(CarrierFailure):
    """The carrier said no, and nothing was done. It would say so again."""

    def __init__(self, reason: RefusedFor, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Unavailable(CarrierFailure):
    """The carrier has surely done nothing: it was not reached, or told us to come again later."""


class Unsure(CarrierFailure):
    """The carrier may have done it: no answer came, or none that can be read. It is asked about, never repeated."""


class Carrier(Protocol):
    """One supplier. All may raise Unavailable and Unsure. None takes a database connection, and none may be held."""

    @property
    def name(self) -> str: ...

    @property
    def abilities(self) -> Abilities: ...

    async def check(self) -> None:
        """The least that can be asked, to see whether it knows us. Raises Unavailable, with what is wrong."""
        ...

    async def search(self, wanted: Wanted, limit: int) -> Found:
        """What it has for sale, at most so many. It may pass over what is wanted; others are dropped."""
        ...

    async def order(self, slip: OrderSlip) -> Receipt:
        """Buy this number. The same id again is the same order, if the carrier keeps to that. Raises Refused."""
        ...

    async def find(self, slip: OrderSlip) -> Receipt | None:
        """What became of the order of this id; None if the carrier knows of none. Raises Refused if it failed."""
        ...

    async def configure(self, number: str) -> None:
        """Let calls to a number of ours come to us; again is harmless. Raises Refused."""
        ...

    async def release(self, number: str) -> None:
        """Give a number back for good; one that is not ours is given back already. Raises Refused."""
        ...

    async def list_owned(self) -> Sequence[Owned]:
        """All the numbers on our account."""
        ...
