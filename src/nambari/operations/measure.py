"""How does the business stand just now? Figures over all organizations, for those who run it; nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nambari.db import measures
from nambari.wiring import Services

NO_LABELS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure of a moment, by the values of its labels. Money is in cents, time in seconds."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


async def measure(services: Services, now: datetime) -> list[Gauge]:
    """Raises DatabaseUnavailable."""
    async with services.database.reading() as connection:
        numbers = await measures.numbers_of_all(connection)
        funds = await measures.credits_of_all(connection)
        pending = await measures.pending_kyc_of_all(connection)
        unplaced, unplaced_since = await measures.unplaced_events_of_all(connection)
        due, due_since = await measures.due_deliveries_of_all(connection, now)
        overdue_since = await measures.overdue_renewal_of_all(connection, now)

    def waiting(since: datetime | None) -> float:
        return max((now - since).total_seconds(), 0.0) if since else 0.0

    return [
        Gauge("phone_numbers", "Numbers that somebody holds.", ("environment", "status"), numbers),
        Gauge("credits_cents", "What customers have, in cents.", ("environment", "bucket"), funds),
        _one("kyc_pending", "KYC cases that wait for a decision.", pending),
        _one("events_unplaced", "Events that are written and not shown yet.", unplaced),
        _one("events_unplaced_seconds", "How long the oldest of them waits.", waiting(unplaced_since)),
        _one("deliveries_due", "Deliveries to webhooks that are due.", due),
        _one("deliveries_due_seconds", "How long the oldest of them is due.", waiting(due_since)),
        _one("renewals_overdue_seconds", "How long the longest overdue number is due.", waiting(overdue_since)),
    ]


def _one(name: str, meaning: str, value: float) -> Gauge:
    return Gauge(name, meaning, NO_LABELS, {NO_LABELS: value})
