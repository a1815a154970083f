"""SQL of how the business stands, over all organizations: for those who run it, and never a customer's name in it."""

from datetime import datetime
from typing import Any

from nambari.db.engine import Connection

# Each walks an index of what is open, or a table with a row for each organization; the first, of all that is held.
_NUMBERS = "SELECT environment, status, count(*) FROM phone_numbers WHERE status <> 'released' GROUP BY 1, 2"
_CREDITS = "SELECT environment, sum(available_cents)::bigint, sum(held_cents)::bigint FROM balances GROUP BY 1"
_KYC = "SELECT count(*) FROM kyc WHERE status = 'pending'"
_UNPLACED = "SELECT count(*), min(created_at) FROM events WHERE position IS NULL"
_DELIVERIES = "SELECT count(*), min(next_attempt_at) FROM deliveries WHERE next_attempt_at <= $1"
_RENEWALS = "SELECT min(due_at) FROM phone_numbers WHERE environment = 'live' AND due_at <= $1"


async def numbers_of_all(connection: Connection) -> dict[tuple[str, ...], int]:
    """How many are held, by environment and status."""
    return {(row[0], row[1]): row[2] for row in await connection.fetch(_NUMBERS)}


async def credits_of_all(connection: Connection) -> dict[tuple[str, ...], int]:
    """Cents, by environment and bucket."""
    rows = await connection.fetch(_CREDITS)
    return {(row[0], bucket): row[place] for row in rows for place, bucket in ((1, "available"), (2, "held"))}


async def pending_kyc_of_all(connection: Connection) -> int:
    count: int = await connection.fetchval(_KYC)
    return count


async def unplaced_events_of_all(connection: Connection) -> tuple[int, datetime | None]:
    """How many events are not shown yet, and since when the oldest waits."""
    return _pair(await connection.fetchrow(_UNPLACED))


async def due_deliveries_of_all(connection: Connection, now: datetime) -> tuple[int, datetime | None]:
    """How many deliveries are due, and since when."""
    return _pair(await connection.fetchrow(_DELIVERIES, now))


async def overdue_renewal_of_all(connection: Connection, now: datetime) -> datetime | None:
    """Since when the longest overdue number of the live environment waits for the worker."""
    found: datetime | None = await connection.fetchval(_RENEWALS, now)
    return found


def _pair(row: Any) -> tuple[int, datetime | None]:
    return row[0], row[1]
