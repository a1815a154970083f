"""What the worker does for many organizations: each in a transaction of its own, so that none suffers of another."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from nambari.db import schema
from nambari.db.engine import Connection, DatabaseUnavailable
from nambari.db.renewals import Tenant
from nambari.logs import places
from nambari.operations.idempotency import Attempt, by_nobody
from nambari.wiring import Services

_log = structlog.get_logger("nambari.worker")

OfOne = Callable[[Connection, Attempt, datetime, int], Awaitable[int]]
"""Does what is due of one organization at an instant of its own time, at most so much; how much it was."""


async def each_apart(services: Services, tenants: Sequence[Tenant], of_one: OfOne, now: datetime, limit: int) -> int:
    """Do about `limit` of what is due of them; how much. Whose turn fails is told of, and passed over this time.

    Raises DatabaseUnavailable.
    """
    done = 0
    for tenant in tenants:
        if done >= limit:
            break
        attempt = by_nobody(services, tenant.organization_id, tenant.environment)
        try:
            async with services.database.writing() as connection:
                done += await of_one(connection, attempt, now + tenant.ahead, limit - done)
        except Exception as error:  # noqa: BLE001 - a bug that one of them meets must not end all those behind it
            about = {"organization_id": tenant.organization_id, "environment": tenant.environment}
            await pass_over(services, error, "what is due of an organization failed", **about)
    return done


async def pass_over(services: Services, error: Exception, what: str, **about: str) -> None:
    """Tell of what others need not suffer from. Raises DatabaseUnavailable where they would: the database is away."""
    if isinstance(error, DatabaseUnavailable):  # or one statement took too long
        async with services.database.reading() as connection:
            await schema.step(connection)
    _log.error(what, kind=type(error).__name__, places=places(error), **about)
