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


class Direction(StrEnum):
    """Whither a number is that is porting: to us, or to another carrier."""

    IN = "in"
    OUT = "out"


class StockStatus(StrEnum):
    """A number of the inventory as the operator sees it."""

    AVAILABLE = "available"
    IN_SERVICE = "in_service"
    AGING = "aging"
    RETIRED = "retired"
    LEAVING = "leaving"  # a carrier's, on its way back there
    GONE = "gone"  # a carrier's, not ours any more or never delivered: it may be ordered again
    ELSEWHERE = "elsewhere"  # with another carrier, and never for sale: only a port brings it


PHONE_NUMBER: dict[tuple[StrEnum, str], NumberStatus] = {
    (NumberStatus.ACTIVE, "suspend"): NumberStatus.SUSPENDED,
    (NumberStatus.SUSPENDED, "resume"): NumberStatus.ACTIVE,
    (NumberStatus.ACTIVE, "release"): NumberStatus.RELEASED,
    (NumberStatus.SUSPENDED, "release"): NumberStatus.RELEASED,
    (NumberStatus.RELEASED, "restore"): NumberStatus.ACTIVE,
    (NumberStatus.PENDING, "activate"): NumberStatus.ACTIVE,
    (NumberStatus.PENDING, "fail"): NumberStatus.RELEASED,
    (NumberStatus.PORTING, "complete_port"): NumberStatus.ACTIVE,
    (NumberStatus.PORTING, "cancel_port"): NumberStatus.RELEASED,
    (NumberStatus.ACTIVE, "port_out"): NumberStatus.PORTING,
    (NumberStatus.SUSPENDED, "port_out"): NumberStatus.PORTING,
    (NumberStatus.PORTING, "move_away"): NumberStatus.RELEASED,
    (NumberStatus.PORTING, "stay"): NumberStatus.ACTIVE,
    (NumberStatus.PORTING, "stay_suspended"): NumberStatus.SUSPENDED,
}

INVENTORY: dict[tuple[StrEnum, str], StockStatus] = {
    (StockStatus.AVAILABLE, "sell"): StockStatus.IN_SERVICE,
    (StockStatus.IN_SERVICE, "release"): StockStatus.AVAILABLE,
    (StockStatus.IN_SERVICE, "age"): StockStatus.AGING,
    (StockStatus.AGING, "come_of_age"): StockStatus.AVAILABLE,
    (StockStatus.AVAILABLE, "restore"): StockStatus.IN_SERVICE,
    (StockStatus.AGING, "restore"): StockStatus.IN_SERVICE,
    (StockStatus.AVAILABLE, "retire"): StockStatus.RETIRED,
    (StockStatus.RETIRED, "stock"): StockStatus.AVAILABLE,
    (StockStatus.GONE, "order"): StockStatus.IN_SERVICE,
    (StockStatus.IN_SERVICE, "fail"): StockStatus.GONE,
    (StockStatus.AVAILABLE, "give_back"): StockStatus.LEAVING,
    (StockStatus.LEAVING, "leave"): StockStatus.GONE,
    (StockStatus.AVAILABLE, "lose"): StockStatus.GONE,
    (StockStatus.ELSEWHERE, "port_in"): StockStatus.IN_SERVICE,
    (StockStatus.IN_SERVICE, "cancel_port"): StockStatus.ELSEWHERE,
    (StockStatus.IN_SERVICE, "move_away"): StockStatus.ELSEWHERE,
}


def advance(table: dict[tuple[StrEnum, str], Status], status: Status, verb: str) -> Status:
    """The status that `verb` leads to. Raises InvalidState where the table has no such step."""
    try:
        return table[status, verb]
    except KeyError:
        raise InvalidState(f"A number that is {status} cannot be {PARTICIPLES[verb]}.", status=status.value) from None


PARTICIPLES = {
    "release": "released",
    "suspend": "suspended",
    "resume": "resumed",
    "restore": "restored",
    "sell": "sold",
    "age": "left to age",
    "come_of_age": "put on sale again",
    "retire": "retired",
    "stock": "stocked",
    "activate": "activated",
    "fail": "failed",
    "order": "ordered",
    "give_back": "given back to its carrier",
    "leave": "let go",
    "lose": "lost",
    "port_in": "ported in",
    "complete_port": "taken over from another carrier",
    "cancel_port": "left with another carrier",
    "port_out": "ported out",
    "move_away": "handed over to another carrier",
    "stay": "kept from another carrier",
    "stay_suspended": "kept from another carrier and suspended",
}
