"""How long may a number be kept back for one organization, and how many at once? An expired hold is no hold."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nambari.domain.lifecycle import StockStatus
from nambari.domain.refusals import InvalidState, NumberNotAvailable, Refusal

USUAL_MINUTES = 15
MOST_MINUTES = 60
MOST_HOLDS = 10


@dataclass(frozen=True, slots=True)
class Hold:
    id: str
    inventory_id: str
    number: str
    expires_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`mine` is our own hold of this number; `others` how many other numbers we hold."""

    number: str | None
    stock: StockStatus | None
    priced: bool
    held_by_another: bool
    mine: Hold | None
    others: int


def decide_hold(inventory_id: str, facts: Facts, hold_id: str, minutes: int, now: datetime) -> Hold | Refusal:
    """The hold; one that we have already begins anew."""
    if facts.number is None or facts.stock is not StockStatus.AVAILABLE or not facts.priced or facts.held_by_another:
        return NumberNotAvailable("This number is no longer available. Search again and take another.")
    if facts.others >= MOST_HOLDS:
        return InvalidState(
            f"You hold {facts.others} numbers already, and {MOST_HOLDS} is the most. Buy or let go of one first.",
            live_holds=facts.others,
        )
    expires_at = now + timedelta(minutes=minutes)
    if facts.mine is not None:
        return Hold(facts.mine.id, inventory_id, facts.number, expires_at, facts.mine.created_at)
    return Hold(hold_id, inventory_id, facts.number, expires_at, now)
