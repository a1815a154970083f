"""May a number be given back, what is it afterwards, and how long does it then age?"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nambari.domain.lifecycle import INVENTORY, PHONE_NUMBER, NumberStatus, StockStatus, advance
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.refusals import DeletionLocked

ANY = ""


@dataclass(frozen=True, slots=True)
class Aging:
    """How many days a released number waits before it is for sale again: by country and type, country, or for all."""

    days: dict[tuple[str, str], int]

    def of(self, country: str, type_: str) -> timedelta:
        """The most exact of the rules; no rule means no time."""
        for rule in ((country, type_), (country, ANY), (ANY, ANY)):
            if rule in self.days:
                return timedelta(days=self.days[rule])
        return timedelta()


@dataclass(frozen=True, slots=True)
class Released:
    """`stock` is what becomes of it in the inventory, for sale from `available_at` on."""

    number: PhoneNumber
    stock: StockStatus
    available_at: datetime


def decide_release(number: PhoneNumber, now: datetime, aging: Aging) -> Released | None:
    """The number as it is once its holder has given it back; None for one that is released already.

    Raises DeletionLocked, and InvalidState for a status from which there is no release.
    """
    if number.status is NumberStatus.RELEASED:
        return None
    if number.deletion_lock:
        raise DeletionLocked("This number's deletion lock is on. Switch deletion_lock off, then release it.")
    return end_tenure(number, now, aging)


def end_tenure(number: PhoneNumber, now: datetime, aging: Aging) -> Released:
    """Release it whatever its lock says, which guards against mistakes and not against unpaid months."""
    status = advance(PHONE_NUMBER, number.status, "release")
    # Not before it was bought, whatever the clocks of two processes say.
    ends_at = max(now, number.created_at)
    ages = aging.of(number.country, number.type)
    released = replace(
        number,
        status=status,
        status_reason=None,
        renews_at=None,
        releases_at=None,
        updated_at=ends_at,
        released_at=ends_at,
    )
    return Released(released, advance(INVENTORY, StockStatus.IN_SERVICE, "age" if ages else "release"), ends_at + ages)
