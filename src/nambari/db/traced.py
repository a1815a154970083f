"""Which statement took how long? A connection that tells it where something is traced: names, and never values."""

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import asyncpg

from nambari import traces

_OURS = "nambari.db."


def statement(name: str) -> traces.Span:
    """A statement that is under way, where it is part of something that is traced."""
    return traces.part(name, "client", db__system__name="postgresql")


def _told(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def told(self: Any, sql: str, *values: Any, **more: Any) -> Any:
        with statement(_name(sql)):
            return await method(self, sql, *values, **more)

    return told


def _name(sql: str) -> str:
    """The function of ours that asks, as `purchases.buy`; of what the driver asks by itself the word, as `COMMIT`."""
    asking = sys._getframe(2)  # noqa: SLF001 - who awaits the statement; inspect would look through all frames
    module = asking.f_globals.get("__name__", "")
    if module.startswith(_OURS):
        return f"{module.removeprefix(_OURS)}.{asking.f_code.co_name}"
    return sql.split(None, 1)[0].rstrip(";").upper()


class TracedConnection(asyncpg.Connection):  # type: ignore[misc,unused-ignore] # the driver comes without types
    fetch = _told(asyncpg.Connection.fetch)
    fetchrow = _told(asyncpg.Connection.fetchrow)
    fetchval = _told(asyncpg.Connection.fetchval)
    execute = _told(asyncpg.Connection.execute)
    executemany = _told(asyncpg.Connection.executemany)
