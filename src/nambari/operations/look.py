"""Read a list: at the replica, where it has all that the reader must see; else at the primary."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from nambari.db import positions
from nambari.db.engine import Connection, DatabaseUnavailable
from nambari.domain.access import Caller
from nambari.wiring import Services

Result = TypeVar("Result")

_log = structlog.get_logger("nambari.replica")


async def look(services: Services, caller: Caller, read: Callable[[Connection], Awaitable[Result]]) -> Result:
    """What `read` finds. It must write nothing, and decide nothing.

    The replica must have whatever the caller's organization was told that it wrote, through whichever process, and
    whatever anybody wrote longer ago than the settings allow. Whatever it fails at, or does not know, the primary is
    asked: an id that is no cursor there may be one here.
    """
    replica = services.replica
    begun = time.monotonic()
    if replica is not None and replica.may_be_asked(begun):
        async with services.database.reading() as connection:
            now, own = await positions.of_primary(connection, *caller.tenant)
        least, heard = replica.past.least(begun, now, own), False
        try:
            async with replica.reading() as connection:
                there = await positions.replayed(connection)
                heard = True
                if there is not None and there >= least:
                    return await read(connection)
        except Exception as error:  # noqa: BLE001 - what is wrong with more than the replica, the primary will tell
            if not heard:
                replica.rest(time.monotonic())
                _log.warning("the replica is not asked for a while", reason=f"{type(error).__name__}: {error}")
    async with services.database.reading() as connection:
        return await read(connection)


async def remember(services: Services, caller: Caller) -> None:
    """That something was written for the caller, before this is answered. Nothing, where there is no replica."""
    if services.replica is None:
        return
    try:
        async with services.database.reading() as connection:
            await positions.note(connection, *caller.tenant)
    except DatabaseUnavailable as error:  # it is written all the same, and the answer says so
        _log.warning("a write is answered that the replica may not show yet", reason=str(error))
