"""Which statements is the database sent meanwhile? Work that can be compared, where a time could not."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from nambari.wiring import Services

_SAVEPOINT = re.compile(r"__asyncpg_savepoint_\w+__")
"""Each has a name of its own."""


class Statements:
    """Every statement on the connections of these services, as the driver tells of it."""

    def __init__(self, services: Services) -> None:
        self._pool: Any = services.database._pool
        self._sent: list[str] = []
        self.values: list[Any] = []
        """All that was sent with them as a value, ever."""
        open_connection = self._pool._open_connection

        async def opened() -> Any:
            connection = await open_connection()
            connection.add_query_logger(self._note)
            return connection

        self._pool._open_connection = opened
        for connection in self._pool._idle:
            connection.add_query_logger(self._note)

    def _note(self, record: Any) -> None:
        self.values += record.args or ()
        if "typeinfo_tree" not in record.query:  # the driver's own question, on each connection once
            self._sent.append(_SAVEPOINT.sub("savepoint", record.query))

    @asynccontextmanager
    async def of(self) -> AsyncIterator[list[str]]:
        """Those of the block, complete when it has ended."""
        await asyncio.sleep(0)  # the driver tells in the next turn of the loop
        self._sent = sent = []
        yield sent
        await asyncio.sleep(0)
