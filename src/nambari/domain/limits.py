"""How much may an organization ask of us? The limits of each plan, and what is said to who asks for more.

Nothing here counts: api/limits.py does.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from nambari.domain.refusals import RateLimitExceeded

SECOND = 1
DAY = 24 * 60 * 60


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


class LimitKind(StrEnum):
    REQUESTS_PER_SECOND = "requests_per_second"
    REQUESTS_PER_DAY = "requests_per_day"
    PURCHASES_PER_SECOND = "purchases_per_second"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many within any second, or within a day of UTC."""

    kind: LimitKind
    most: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits of a plan: on any request, and on a purchase.

    The short ones first: who is refused by one of them has used up nothing of the day.
    """

    requests: tuple[Limit, ...] = ()
    purchases: tuple[Limit, ...] = ()


class Standing(NamedTuple):
    """One limit once a request is counted: how many more it allows, and when it allows more, in Unix seconds.

    `counted`: False if it was not, and the limit stands as if nobody had asked before.
    """

    limit: Limit
    remaining: int
    resets_at: float
    exceeded: bool = False
    counted: bool = True


NO_LIMITS = Allowance()
REQUESTS: dict[Plan, tuple[int, int]] = {
    Plan.FREE: (10, 1_000),
    Plan.PRO: (50, 50_000),
    Plan.BUSINESS: (200, 500_000),
}
"""How many a second and a day. Enterprise has what the operator sets."""

PURCHASES_PER_SECOND = 5
"""Of every plan in that table."""


def allowances(enterprise_per_second: int, enterprise_per_day: int) -> dict[Plan, Allowance]:
    """By plan. For enterprise, 0 is no limit."""
    buying = Limit(LimitKind.PURCHASES_PER_SECOND, PURCHASES_PER_SECOND, SECOND)
    found = {}
    for plan, (per_second, per_day) in REQUESTS.items():
        requests = _on_requests(per_second, per_day)
        found[plan] = Allowance(requests, (buying, *requests))
    enterprise = _on_requests(enterprise_per_second, enterprise_per_day)
    return {**found, Plan.ENTERPRISE: Allowance(enterprise, enterprise)}


def _on_requests(per_second: int, per_day: int) -> tuple[Limit, ...]:
    limits = (
        Limit(LimitKind.REQUESTS_PER_SECOND, per_second, SECOND),
        Limit(LimitKind.REQUESTS_PER_DAY, per_day, DAY),
    )
    return tuple(limit for limit in limits if limit.most)


def end_of_day(now: float) -> float:
    """The next midnight of UTC, in Unix seconds as `now` is."""
    return (now // DAY + 1) * DAY


def nearest(one: Standing, other: Standing) -> Standing:
    """Which of two limits will refuse first; if both will, the one that lasts: `other`, if it is the longer."""
    return other if other.remaining <= one.remaining else one


_WORDS = {
    LimitKind.REQUESTS_PER_SECOND: "requests per second",
    LimitKind.REQUESTS_PER_DAY: "requests per day (of UTC)",
    LimitKind.PURCHASES_PER_SECOND: "purchases per second",
}


def check_standing(standing: Standing, plan: Plan, now: float) -> RateLimitExceeded | None:
    """Why the request that led to this standing is not served at `now`; None if it is."""
    if not standing.exceeded:
        return None
    limit = standing.limit
    wait_seconds = max(1, ceil((standing.resets_at - now) * 1000)) / 1000
    refusal = RateLimitExceeded(
        f"The plan {plan} allows {limit.most:,} {_WORDS[limit.kind]}. Try again in {wait_seconds:,g} s.",
        exceeded=limit.kind.value,
        allowed=limit.most,
    )
    refusal.retry_after_seconds = wait_seconds
    return refusal
