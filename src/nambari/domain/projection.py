"""How do the credits go in the coming days, if nothing is added? Every month that falls due, in its order.

For the eye: what is really done with months that are not paid is in renewal.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from nambari.domain.renewal import next_month

AHEAD = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A number that is held: its next month begins at `renews_at`, counted from `billing_anchor_at`."""

    renews_at: datetime
    billing_anchor_at: datetime
    monthly_cost_cents: int


@dataclass(frozen=True, slots=True)
class Step:
    """What the months that begin at an instant ask for, and what is left then: below zero once they are not paid."""

    at: datetime
    cents: int
    left_cents: int


@dataclass(frozen=True, slots=True)
class Projection:
    """`short_at` is when the credits fall short first, None if they last."""

    begins_at: datetime
    ends_at: datetime
    available_cents: int
    steps: tuple[Step, ...]

    @property
    def required_cents(self) -> int:
        return sum(step.cents for step in self.steps)

    @property
    def shortfall_cents(self) -> int:
        return max(0, self.required_cents - self.available_cents)

    @property
    def short_at(self) -> datetime | None:
        return next((step.at for step in self.steps if step.left_cents < 0), None)


def project(numbers: Iterable[Upcoming], available_cents: int, now: datetime) -> Projection:
    """The next 90 days. What is due already is due now."""
    until = now + AHEAD
    due: dict[datetime, int] = {}
    for number in numbers:
        at = number.renews_at
        while at <= until:
            due[max(at, now)] = due.get(max(at, now), 0) + number.monthly_cost_cents
            at = next_month(number.billing_anchor_at, at)
    left, steps = available_cents, []
    for at in sorted(due):
        left -= due[at]
        if due[at]:
            steps.append(Step(at, due[at], left))
    return Projection(now, until, available_cents, tuple(steps))
