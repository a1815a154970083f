"""How often did an organization ask? Counts requests against the limits of its plan, and tells how they stand.

Which limits there are is decided in domain/limits.py. What is refused uses up nothing of the day.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import reduce
from math import ceil
from typing import NamedTuple, Protocol

import structlog

from nambari.domain.access import Key
from nambari.domain.limits import (
    DAY,
    NO_LIMITS,
    Allowance,
    Limit,
    LimitKind,
    Plan,
    Standing,
    check_standing,
    end_of_day,
    nearest,
)
from nambari.domain.refusals import RateLimitExceeded
from nambari.wiring import SharedCounts, open_shared_counts, read_unix_seconds

UNLIMITED = 2**31 - 1
"""What is told where there is no limit: a number like any other, so that no client waits or stumbles over it."""

WAIT_SECONDS = 0.5
"""How long a request waits for the shared counts, all of them together."""

MOST_AT_ONCE = 10
"""How many requests of this process are in the middle of it, each on a connection; the others wait in line."""

PAUSE_SECONDS = 1.0
"""How long shared counts that failed are not asked again."""

TELL_EVERY_SECONDS = 10.0

_log = structlog.get_logger("nambari.api")
Header = tuple[bytes, bytes]


class Counts(Protocol):
    async def take(self, tenant: str, limit: Limit, now: float) -> Standing:
        """Count one more for this tenant, if the limit allows it."""


class OwnCounts:
    """The counts of this process alone, forgotten when it ends.

    Nothing is swept: what was not asked for in a whole turn of a minute, or is of another day, is dropped at once.
    """

    def __init__(self) -> None:
        self._turned_at = 0.0
        self._recent: dict[str, deque[float]] = {}
        self._before: dict[str, deque[float]] = {}
        self._day = 0.0
        self._of_day: dict[str, int] = {}

    async def take(self, tenant: str, limit: Limit, now: float) -> Standing:
        if limit.window_seconds == DAY:
            return self._take_of_day(tenant, limit, now)
        instants = self._instants(f"{tenant}/{limit.kind}", now)
        begin = now - limit.window_seconds
        while instants and not begin < instants[0] <= now:  # the latter if the clock was set back
            instants.popleft()
        taken = len(instants) < limit.most
        if taken:
            instants.append(now)
        return Standing(limit, limit.most - len(instants), instants[0] + limit.window_seconds, not taken)

    def _instants(self, key: str, now: float) -> deque[float]:
        """Of what was let through lately, the oldest first."""
        if abs(now - self._turned_at) >= 60:
            self._turned_at, self._before, self._recent = now, self._recent, {}
        found = self._recent.get(key)
        if found is None:
            found = self._recent[key] = self._before.pop(key) if key in self._before else deque()
        return found

    def _take_of_day(self, tenant: str, limit: Limit, now: float) -> Standing:
        end = end_of_day(now)
        if end != self._day:
            self._day, self._of_day = end, {}
        used = self._of_day.get(tenant, 0)
        if used >= limit.most:
            return Standing(limit, 0, end, exceeded=True)
        self._of_day[tenant] = used + 1
        return Standing(limit, limit.most - used - 1, end)


class CountsOfAll:
    """The counts of all processes together, in a Valkey or Redis."""

    def __init__(self, shared: SharedCounts) -> None:
        self._shared = shared

    async def take(self, tenant: str, limit: Limit, now: float) -> Standing:
        key = f"{tenant}/{limit.kind}"
        if limit.window_seconds == DAY:
            end = end_of_day(now)
            used = await self._shared.incr(f"{key}/{end:.0f}", DAY)
            return Standing(limit, max(0, limit.most - used), end, used > limit.most)
        taken = await self._shared.acquire_entry(key, limit.most, limit.window_seconds)
        begin, used = await self._shared.get_moving_window(key, limit.most, limit.window_seconds)
        return Standing(limit, limit.most - used if taken else 0, begin + limit.window_seconds, not taken)


class Counter:
    """Counts a request against several limits."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def count(self, tenant: str, limits: tuple[Limit, ...], now: float) -> list[Standing]:
        """How each limit stands; one that refuses is the last, as those behind it are not asked."""
        standings: list[Standing] = []
        for limit in limits:
            standings.append(await self._counts.take(tenant, limit, now))
            if standings[-1].exceeded:
                break
        return standings


class ForgivingCounter(Counter):
    """As Counter, over counts that may be away: then every request is let through, and the log says so.

    A request waits for them half a second at most, and while they are away only one in a second asks.
    """

    def __init__(self, shared: SharedCounts) -> None:
        super().__init__(CountsOfAll(shared))
        self._turn = asyncio.Semaphore(MOST_AT_ONCE)
        self._failures: tuple[type[Exception], ...] = (*shared.failures, OSError, TimeoutError)
        self._asked_again_at: float | None = None
        self._told_at = -TELL_EVERY_SECONDS
        self._told = False

    async def count(self, tenant: str, limits: tuple[Limit, ...], now: float) -> list[Standing]:
        away, began_at = self._asked_again_at is not None, time.monotonic()
        if self._asked_again_at is not None:
            if began_at < self._asked_again_at:
                return _uncounted(limits, now)
            self._asked_again_at = began_at + PAUSE_SECONDS
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._turn:
                standings = await super().count(tenant, limits, now)
        except self._failures as error:
            self._note_failure(error)
            return _uncounted(limits, now)
        if away:
            self._note_return()
        return standings

    def _note_failure(self, error: Exception) -> None:
        now = time.monotonic()
        self._asked_again_at = now + PAUSE_SECONDS
        if now - self._told_at >= TELL_EVERY_SECONDS:
            self._told_at, self._told = now, True
            _log.warning(
                "rate limits are not held: their counts cannot be reached, requests are let through",
                reason=f"{type(error).__name__}: {error}",
            )

    def _note_return(self) -> None:
        self._asked_again_at = None
        if self._told:
            self._told = False
            _log.warning("rate limits are held again")


def _uncounted(limits: tuple[Limit, ...], now: float) -> list[Standing]:
    """As if nobody had asked before, and nobody knows of the day."""
    least = min(limits, key=lambda limit: limit.most)
    return [Standing(least, least.most, now, counted=False)]


class Admission(NamedTuple):
    """Why a request is not served, if so; the headers of its answer; and whether it was counted, if it had to be."""

    refusal: RateLimitExceeded | None
    headers: list[Header]
    counted: bool = True


class Limiter:
    """Holds each organization to its plan; its two environments apart, as nothing of one is to be seen in the other."""

    def __init__(
        self, counter: Counter, allowances: dict[Plan, Allowance], now: Callable[[], float] = read_unix_seconds
    ) -> None:
        self._counter = counter
        self._allowances = allowances
        self._now = now

    async def admit(self, key: Key, *, buys: bool) -> Admission:
        """Count a request."""
        allowance = NO_LIMITS if key.plan is None else self._allowances[key.plan]
        limits = allowance.purchases if buys else allowance.requests
        now = self._now()
        if key.plan is None or not limits:
            return Admission(None, headers(UNLIMITED, UNLIMITED, now))
        standings = await self._counter.count(f"{key.organization_id}/{key.environment}", limits, now)
        standing = _told(standings)
        told = headers(standing.limit.most, standing.remaining, standing.resets_at) + _of_day(standings)
        if not standing.exceeded:
            return Admission(None, told, standing.counted)
        # Of now: who was counted last may have waited.
        return Admission(check_standing(standing, key.plan, self._now()), told)


def headers(limit: int, remaining: int, resets_at: float) -> list[Header]:
    return [
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", b"%d" % ceil(resets_at)),
    ]


def _told(standings: list[Standing]) -> Standing:
    """The limit that refused, or if all allow the request, the one that will refuse first."""
    return standings[-1] if standings[-1].exceeded else reduce(nearest, standings)


def _of_day(standings: list[Standing]) -> list[Header]:
    """For who asks for long, and evenly: to them the limit of a second is always the nearest, and tells nothing."""
    return [
        header
        for each in standings
        if each.limit.kind is LimitKind.REQUESTS_PER_DAY
        for header in (
            (b"x-ratelimit-limit-day", b"%d" % each.limit.most),
            (b"x-ratelimit-remaining-day", b"%d" % each.remaining),
        )
    ]


@asynccontextmanager
async def open_limiter(url: str, allowances: dict[Plan, Allowance]) -> AsyncIterator[Limiter]:
    """With the counts of all processes at `url`; without one, with those of this process."""
    if not url:
        yield own_limiter(allowances)
        return
    async with open_shared_counts(url) as shared:
        yield Limiter(ForgivingCounter(shared), allowances)


def own_limiter(allowances: dict[Plan, Allowance], now: Callable[[], float] = read_unix_seconds) -> Limiter:
    return Limiter(Counter(OwnCounts()), allowances, now)
