"""SQL of how the business stands, over all organizations: for those who run it, and never a customer's name in it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nambari.db.engine import Connection

Counts = dict[tuple[str, ...], float]
"""By the values of labels."""

# These walk an index of what is open, or a table with a row for each carrier or webhook.
_KYC = "SELECT count(*) FROM kyc WHERE status = 'pending'"
_TROUBLE = """
    SELECT environment, status, count(*) FROM phone_numbers WHERE status IN ('suspended', 'pending', 'porting')
    GROUP BY 1, 2"""
_UNPLACED = "SELECT count(*), min(created_at) FROM events WHERE position IS NULL"
# What waits for us. A webhook that is not active is claimed by nobody, and what it has left waits for its owner. Of one
# that takes nothing a worker sends one at a time, on purpose: behind that the rest waits for the receiver.
_DELIVERIES = """
    SELECT coalesce(sum(due.count), 0)::bigint, min(greatest(due.since, w.updated_at))
    FROM webhooks AS w CROSS JOIN LATERAL (
        SELECT count(*), min(next_attempt_at) AS since FROM deliveries
        WHERE webhook_id = w.id AND next_attempt_at <= $1) AS due
    WHERE w.status = 'active' AND w.failing_since IS NULL AND due.count > 0"""
_RENEWALS = "SELECT min(due_at) FROM phone_numbers WHERE environment = 'live' AND due_at <= $1"
_ORDERS = """
    SELECT carrier, count(*), count(*) FILTER (WHERE created_at <= $1) FROM carrier_orders
    WHERE due_at IS NOT NULL AND status = 'open' GROUP BY carrier"""
_COMPARED = "SELECT carrier, differences, compared_at FROM reconciliations"
# And these an index of all that is held, and a row for each organization: they take a second for ten million.
_HELD = "SELECT environment, count(*) FROM phone_numbers WHERE status <> 'released' GROUP BY 1"
_CREDITS = "SELECT environment, sum(available_cents)::bigint, sum(held_cents)::bigint FROM balances GROUP BY 1"
# In the order of their places, which are never given behind one that is given.
_NEW_EVENTS = """
    SELECT environment, event, count(*), max(position) FROM (
        SELECT environment, event, position FROM events WHERE position > $1 ORDER BY position LIMIT $2) AS new
    GROUP BY 1, 2"""
_LAST_EVENT = "SELECT coalesce(max(position), 0) FROM events"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait, and since when the first."""

    count: int
    since: datetime | None


async def pending_kyc_of_all(connection: Connection) -> int:
    count: int = await connection.fetchval(_KYC)
    return count


async def numbers_in_trouble_of_all(connection: Connection) -> Counts:
    """How many are suspended, pending or porting, by environment and status."""
    return {(row[0], row[1]): row[2] for row in await connection.fetch(_TROUBLE)}


async def unplaced_events_of_all(connection: Connection) -> Waiting:
    """Events that are not shown yet."""
    return _waiting(await connection.fetchrow(_UNPLACED))


async def due_deliveries_of_all(connection: Connection, now: datetime) -> Waiting:
    """Those that only a worker has to take. One that was due before its webhook was last changed waits since then."""
    return _waiting(await connection.fetchrow(_DELIVERIES, now))


async def overdue_renewal_of_all(connection: Connection, now: datetime) -> datetime | None:
    """Since when the longest overdue number of the live environment waits for the worker."""
    found: datetime | None = await connection.fetchval(_RENEWALS, now)
    return found


async def open_orders_of_all(connection: Connection, stuck_since: datetime) -> tuple[Counts, Counts]:
    """By carrier: the orders under way, and those of them that are since before that instant."""
    rows = await connection.fetch(_ORDERS, stuck_since)
    return {(row[0],): row[1] for row in rows}, {(row[0],): row[2] for row in rows}


async def comparisons_of_all(connection: Connection) -> list[tuple[str, int, datetime]]:
    """Of each carrier whose account was ever compared: differences found, and when."""
    return [(row[0], row[1], row[2]) for row in await connection.fetch(_COMPARED)]


async def write_comparison_of_all(connection: Connection, carrier: str, differences: int, now: datetime) -> None:
    await connection.execute(
        """
        INSERT INTO reconciliations VALUES ($1, $2, $3)
        ON CONFLICT (carrier) DO UPDATE SET differences = excluded.differences, compared_at = excluded.compared_at
        """,
        carrier,
        differences,
        now,
    )


async def held_of_all(connection: Connection) -> dict[str, int]:
    """How many numbers somebody has, by environment."""
    return {row[0]: row[1] for row in await connection.fetch(_HELD)}


async def credits_of_all(connection: Connection) -> Counts:
    """Cents, by environment and bucket."""
    rows = await connection.fetch(_CREDITS)
    return {(row[0], bucket): row[place] for row in rows for place, bucket in ((1, "available"), (2, "held"))}


async def last_event_of_all(connection: Connection) -> int:
    """The position of the event that was shown last."""
    position: int = await connection.fetchval(_LAST_EVENT)
    return position


async def new_events_of_all(connection: Connection, after: int, limit: int) -> tuple[Counts, int]:
    """By environment and name, the next events behind that position, at most so many; and where they end."""
    rows = await connection.fetch(_NEW_EVENTS, after, limit)
    return {(row[0], row[1]): row[2] for row in rows}, max((row[3] for row in rows), default=after)


def _waiting(row: Any) -> Waiting:
    return Waiting(row[0], row[1])
