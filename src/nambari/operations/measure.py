"""How does the business stand just now? Figures over all organizations, for those who run it; nothing is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nambari.db import measures
from nambari.db.engine import Connection
from nambari.domain.access import Environment
from nambari.domain.carrier_order import TOLD_AFTER
from nambari.domain.events import Event
from nambari.wiring import Services

NO_LABELS: tuple[str, ...] = ()

WHOLE_EVERY = timedelta(minutes=1)
"""How often all that is held is counted, which takes longer the more there is."""
EVENTS_AT_ONCE = 20_000
"""How many new events one look counts; the next one goes on from there."""


@dataclass(frozen=True, slots=True)
class Figure:
    """By the values of its labels: a figure of a moment, or one that only grows. Money is in cents, time in seconds."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]
    grows: bool = False


@dataclass(slots=True)
class Seen:
    """What one who looks again and again remembers of the looks before."""

    held: Mapping[str, int] = field(default_factory=dict)
    credits: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    counted_at: datetime | None = None
    position: int | None = None
    events: Counter[tuple[str, ...]] = field(
        default_factory=lambda: Counter({(place.value, event.value): 0 for place in Environment for event in Event})
    )


async def measure(services: Services, seen: Seen, now: datetime) -> list[Figure]:
    """Raises DatabaseUnavailable."""
    async with services.database.reading() as connection:
        trouble = await measures.numbers_in_trouble_of_all(connection)
        pending = await measures.pending_kyc_of_all(connection)
        unplaced = await measures.unplaced_events_of_all(connection)
        due = await measures.due_deliveries_of_all(connection, now)
        overdue_since = await measures.overdue_renewal_of_all(connection, now)
        under_way, stuck = await measures.open_orders_of_all(connection, now - TOLD_AFTER)
        compared = await measures.comparisons_of_all(connection)
        await _count_all(connection, seen, now)
        await _count_events(connection, seen)

    def waiting(since: datetime | None) -> float:
        return max((now - since).total_seconds(), 0.0) if since else 0.0

    return [
        Figure("phone_numbers", "Numbers that somebody has.", ("environment", "status"), _by_status(seen, trouble)),
        Figure("credits_cents", "What customers have, in cents.", ("environment", "bucket"), seen.credits),
        Figure(
            "events", "Events since this process began to count.", ("environment", "event"), seen.events, grows=True
        ),
        _one("kyc_pending", "KYC cases that wait for a decision.", pending),
        _one("events_unplaced", "Events that are written and not shown yet.", unplaced.count),
        _one("events_unplaced_seconds", "How long the oldest of them waits.", waiting(unplaced.since)),
        _one("deliveries_due", "Deliveries that are due, to webhooks that are active and do not fail.", due.count),
        _one("deliveries_due_seconds", "How long the oldest of them is due.", waiting(due.since)),
        _one("renewals_overdue_seconds", "How long the longest overdue number is due.", waiting(overdue_since)),
        _of_carriers("carrier_orders_open", "Orders under way at a carrier.", under_way),
        _of_carriers("carrier_orders_stuck", "Those of them that an operator should look at.", stuck),
        _of_carriers(
            "reconcile_differences",
            "What a carrier's account and our books did not agree on when they were last compared.",
            {(carrier,): count for carrier, count, _ in compared},
        ),
        _of_carriers(
            "reconcile_age_seconds",
            "How long ago that was.",
            {(carrier,): waiting(at) for carrier, _, at in compared},
        ),
    ]


async def _count_all(connection: Connection, seen: Seen, now: datetime) -> None:
    if seen.counted_at is not None and now - seen.counted_at < WHOLE_EVERY:
        return
    seen.held = await measures.held_of_all(connection)
    seen.credits = await measures.credits_of_all(connection)
    seen.counted_at = now


async def _count_events(connection: Connection, seen: Seen) -> None:
    """The first look finds where they end; only what comes later is counted."""
    if seen.position is None:
        seen.position = await measures.last_event_of_all(connection)
        return
    new, seen.position = await measures.new_events_of_all(connection, seen.position, EVENTS_AT_ONCE)
    seen.events.update({labels: int(count) for labels, count in new.items()})


def _by_status(seen: Seen, trouble: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """Those in trouble as they are now; the others are active, as of when all were counted."""
    others: dict[tuple[str, ...], float] = {
        (environment, "active"): max(
            held - sum(count for (place, _), count in trouble.items() if place == environment), 0
        )
        for environment, held in seen.held.items()
    }
    return {**others, **trouble}


def _one(name: str, meaning: str, value: float) -> Figure:
    return Figure(name, meaning, NO_LABELS, {NO_LABELS: value})


def _of_carriers(name: str, meaning: str, values: Mapping[tuple[str, ...], float]) -> Figure:
    return Figure(name, meaning, ("carrier",), values)
