"""What may a number become next? Two tables, one for what is held and one for stock, and one advance().

Nothing here knows why a change is asked for, or writes it down.
"""

from enum import StrEnum
from typing import TypeVar

from nambari.domain.refusals import InvalidState

Status = TypeVar("Status", bound=StrEnum)


class NumberStatus(StrEnum):
    """A phone number as its holder sees it."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    PENDING = "pending"
    PORTING = "porting"
    RELEASED = "released"


class StockStatus(StrEnum):
    """A number of the inventory as the operator sees it."""

    AVAILABLE = "available"
    IN_SERVICE = "in_service"
    RETIRED = "retired"


PHONE_NUMBER: dict[tuple[StrEnum, str], NumberStatus] = {
    (NumberStatus.ACTIVE, "release"): NumberStatus.RELEASED,
    (NumberStatus.SUSPENDED, "release"): NumberStatus.RELEASED,
}

INVENTORY: dict[tuple[StrEnum, str], StockStatus] = {
    (StockStatus.AVAILABLE, "sell"): StockStatus.IN_SERVICE,
    (StockStatus.IN_SERVICE, "release"): StockStatus.AVAILABLE,
    (StockStatus.AVAILABLE, "retire"): StockStatus.RETIRED,
    (StockStatus.RETIRED, "stock"): StockStatus.AVAILABLE,
}


def advance(table: dict[tuple[StrEnum, str], Status], status: Status, verb: str) -> Status:
    """The status that `verb` leads to. Raises InvalidState where the table has no such step."""
    try:
        return table[status, verb]
    except KeyError:
        raise InvalidState(f"A number that is {status} cannot be {PARTICIPLES[verb]}.", status=status.value) from None


PARTICIPLES = {"release": "released", "sell": "sold", "retire": "retired", "stock": "stocked"}
