"""Let go of what is kept for a time only."""

from datetime import datetime, timedelta

from nambari.db import deliveries as delivery_rows
from nambari.db import holds as hold_rows
from nambari.db import kept_answers
from nambari.db import offers as offer_rows
from nambari.db import sessions as session_rows
from nambari.wiring import Services


async def answers(services: Services, now: datetime, limit: int) -> int:
    """Forget up to `limit` answers whose Idempotency-Keys are past their time; how many."""
    before = now - timedelta(hours=services.settings.idempotency_hours)
    async with services.database.writing() as connection:
        return await kept_answers.forget_of_all(connection, before, limit)


async def holds(services: Services, now: datetime, limit: int) -> int:
    """Forget up to `limit` holds that have expired; how many. They were no holds any more."""
    async with services.database.writing() as connection:
        return await hold_rows.forget_of_all(connection, now, limit)


async def deliveries(services: Services, now: datetime, limit: int) -> int:
    """Forget up to `limit` deliveries that are done with for long, each with its attempts; how many.

    What is still to be delivered is kept, however old.
    """
    before = now - timedelta(days=services.settings.delivery_log_days)
    async with services.database.writing() as connection:
        return await delivery_rows.forget_of_all(connection, before, limit)


async def offers(services: Services, now: datetime, limit: int) -> int:
    """Forget up to `limit` offers of carriers that are over; how many."""
    async with services.database.writing() as connection:
        return await offer_rows.forget_of_all(connection, now, limit)


async def sessions(services: Services, now: datetime, limit: int) -> int:
    """Forget up to `limit` sessions of the console that have ended; how many."""
    async with services.database.writing() as connection:
        return await session_rows.forget(connection, now, limit)
