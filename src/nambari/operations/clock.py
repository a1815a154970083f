"""What time is it for an organization? The world's; in its test environment as far ahead as its clock was moved."""

from datetime import datetime

from nambari.db import clocks
from nambari.db.engine import Connection
from nambari.domain.access import Caller, Environment
from nambari.wiring import Services


async def read(services: Services, caller: Caller) -> datetime:
    """Asked anew each time: a clock that was just moved is told right by every process."""
    if caller.environment is Environment.LIVE:
        return services.clock()
    async with services.database.reading() as connection:
        return await read_within(services, connection, caller)


async def read_within(services: Services, connection: Connection, caller: Caller) -> datetime:
    """The same, on a connection that is at hand."""
    if caller.environment is Environment.LIVE:
        return services.clock()
    return services.clock() + await clocks.ahead(connection, caller.organization_id)
