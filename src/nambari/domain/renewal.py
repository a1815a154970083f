"""When does a number renew, and what if credits are short? On its day every month; suspended, retried, released.

The day is that of the purchase, or the month's last where there is no such day.
"""

import calendar
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nambari.domain import ledger
from nambari.domain.events import Event
from nambari.domain.ledger import Posting
from nambari.domain.lifecycle import PHONE_NUMBER, NumberStatus, advance
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.release import Aging, Released, end_tenure

MONTHS = 12
SHORT_OF_CREDITS = "insufficient_balance"
RETRIED_EVERY = timedelta(days=1)
FORESEEN = timedelta(days=7)
"""How far ahead it is looked whether the credits last."""


def months_after(anchor: datetime, months: int) -> datetime:
    """The same day and time `months` months later than `anchor`, or the month's last day.

    Counted from the anchor and never from the last renewal: what was bought on the 31st renews on the 28th of
    February and on the 31st of March.
    """
    year, month = divmod(anchor.year * MONTHS + anchor.month - 1 + months, MONTHS)
    month += 1
    day = min(anchor.day, calendar.monthrange(year, month)[1])
    return anchor.replace(year=year, month=month, day=day)


def next_month(anchor: datetime, month_from: datetime) -> datetime:
    """The end of the month that begins at `month_from`, which is some months after the anchor."""
    passed = (month_from.year - anchor.year) * MONTHS + month_from.month - anchor.month
    return months_after(anchor, passed + 1)


@dataclass(frozen=True, slots=True)
class Due:
    """A number that the worker has to look at. Its months are counted from `billing_anchor_at`."""

    number: PhoneNumber
    billing_anchor_at: datetime
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Month:
    """A month that was paid, from an instant on; nothing was taken where it costs nothing."""

    month_from: datetime
    posting: Posting | None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of a number that was due: the month that was paid, if any, and what the number is now.

    `event` is None where nothing happened but another vain try; `released` is there if it was given up.
    """

    before: PhoneNumber
    after: PhoneNumber
    paid_until: datetime
    month: Month | None
    retry_at: datetime | None
    event: Event | None
    released: Released | None = None

    def still_due(self, now: datetime) -> bool:
        """Whether a month was paid, and the next is due as well."""
        return self.month is not None and self.paid_until <= now


def settle(
    due: Sequence[Due], available_cents: int, now: datetime, grace: timedelta, aging: Aging, horizon: datetime
) -> list[Renewal]:
    """Month by month over all these numbers, the oldest debt first: as if the worker had never been away.

    Months that begin after the horizon are left for the next time: other numbers may owe older ones.
    """
    debts = [(_month_from(each), each.number.id, each) for each in due]
    heapq.heapify(debts)
    steps = []
    while debts:
        _, number_id, each = heapq.heappop(debts)
        step = decide_renewal(each, available_cents, now, grace, aging)
        steps.append(step)
        if step.month is not None and step.month.posting is not None:
            available_cents -= step.month.posting.amount_cents
        if step.still_due(now) and step.paid_until <= horizon:
            heapq.heappush(debts, (step.paid_until, number_id, replace(each, number=step.after)))
    return steps


def decide_renewal(due: Due, available_cents: int, now: datetime, grace: timedelta, aging: Aging) -> Renewal:
    """One month is paid; where the credits do not reach, the number is suspended, tried again, and in the end released.

    For a number that is active, or suspended as credits are short.
    """
    number, month_from, cost = due.number, _month_from(due), due.number.monthly_cost_cents
    if cost <= available_cents:
        paid_until = next_month(due.billing_anchor_at, month_from)
        month = Month(month_from, ledger.charge_month(number.number, month_from, cost) if cost else None)
        return _paid(Renewal(number, number, paid_until, month, None, Event.NUMBER_RENEWED), now, grace)
    unpaid = Renewal(number, number, month_from, None, now + RETRIED_EVERY, None)
    if number.standing is not NumberStatus.SUSPENDED:
        return _suspend(unpaid, now, grace)
    # What leaves is not taken from under the other carrier; if it stays after all, it is released then.
    if number.releases_at is not None and number.releases_at <= now and not number.leaves:
        released = end_tenure(number, now, aging)
        return replace(unpaid, after=released.number, retry_at=None, event=Event.NUMBER_RELEASED, released=released)
    return unpaid


def _month_from(due: Due) -> datetime:
    assert due.number.renews_at is not None  # noqa: S101 - the schema: whatever is due has its renewal
    return due.number.renews_at


def _paid(paid: Renewal, now: datetime, grace: timedelta) -> Renewal:
    """Active as soon as no month is due any more; until then it is looked at again at once.

    Who pays an old month of several is given the grace time anew for those that remain.
    """
    number = replace(paid.after, renews_at=paid.paid_until, updated_at=now)
    if paid.paid_until > now:
        return _resume(replace(paid, after=number), now)
    if number.standing is not NumberStatus.SUSPENDED:
        return replace(paid, after=number)
    return replace(paid, after=replace(number, releases_at=_later(number.releases_at, now + grace)), retry_at=now)


def _later(told: datetime | None, releases_at: datetime) -> datetime:
    """A release date that was told may move away, never closer."""
    return max(filter(None, (told, releases_at)))


def _resume(paid: Renewal, now: datetime) -> Renewal:
    number = replace(paid.after, releases_at=None)
    if number.standing is not NumberStatus.SUSPENDED:
        return replace(paid, after=number)
    resumed = replace(number, status=_after(number, "resume"), status_reason=None, updated_at=now)
    return replace(paid, after=resumed, event=Event.NUMBER_RESUMED)


def _suspend(unpaid: Renewal, now: datetime, grace: timedelta) -> Renewal:
    number = unpaid.after
    suspended = replace(
        number,
        status=_after(number, "suspend"),
        status_reason=SHORT_OF_CREDITS,
        releases_at=_later(number.releases_at, now + grace),
        updated_at=now,
    )
    return replace(unpaid, after=suspended, event=Event.NUMBER_SUSPENDED)


def _after(number: PhoneNumber, verb: str) -> NumberStatus:
    """One that leaves is porting throughout: its reason alone tells that it is suspended."""
    return number.status if number.leaves else advance(PHONE_NUMBER, number.status, verb)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the coming days ask of the credits. `short` are the numbers for whose month they will not suffice.

    `changed` are the numbers, before and after, whose release date is told now, or gone as the credits suffice again.
    """

    required_cents: int
    shortfall_cents: int
    short: tuple[PhoneNumber, ...]
    changed: tuple[tuple[PhoneNumber, PhoneNumber], ...]

    @property
    def is_news(self) -> bool:
        """Whether there is anything to warn of that was not told before."""
        return any(after.releases_at is not None for _, after in self.changed)


def forecast(upcoming: Iterable[PhoneNumber], available_cents: int, grace: timedelta) -> Forecast:
    """In the order in which they are due, as the renewals themselves go: each is paid for that still can be.

    A date that was told stays: it may move away later, never closer.
    """
    left, required = available_cents, 0
    short: list[PhoneNumber] = []
    changed: list[tuple[PhoneNumber, PhoneNumber]] = []
    for number in sorted(upcoming, key=lambda each: (each.renews_at, each.id)):
        assert number.renews_at is not None  # noqa: S101 - the schema: what is due has its renewal
        required += number.monthly_cost_cents
        after = number
        if number.monthly_cost_cents <= left:
            left -= number.monthly_cost_cents
            after = replace(number, releases_at=None)
        else:
            after = replace(number, releases_at=number.releases_at or number.renews_at + grace)
            short.append(after)
        if after != number:
            changed.append((number, after))
    return Forecast(required, max(0, required - available_cents), tuple(short), tuple(changed))
