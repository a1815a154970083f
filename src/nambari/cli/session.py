"""How does a command reach the database? Settings, server, schema up to date, services; and all is left again."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from nambari import settings as settings_module
from nambari.db import migrate, schema
from nambari.domain.access import Caller, Environment
from nambari.operations.idempotency import Attempt
from nambari.settings import Settings
from nambari.wiring import Services, attach_server, new_id, open_services

Result = TypeVar("Result")


class Terminated(SystemExit):
    """A SIGTERM, as an exception: whatever is held is given back on the way out."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


def on_sigterm(*_: object) -> None:
    raise Terminated


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """As asyncio.run, and SIGTERM ends it as Ctrl-C does: by cancelling `main`. Raises Terminated then.

    An exception out of a signal handler may come up in the middle of the driver's compiled code, which crashes.
    """
    terminated = False

    async def cancelled_by_sigterm() -> Result:
        def cancel() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        task = asyncio.ensure_future(main)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, cancel)
        return await task

    outside = signal.getsignal(signal.SIGTERM)
    try:
        return asyncio.run(cancelled_by_sigterm())
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise
    finally:
        signal.signal(signal.SIGTERM, outside)  # which the loop, as it closes, sets to the system's own


def read_settings() -> Settings:
    """Raises InvalidSetting."""
    return settings_module.read(os.environ)


@contextmanager
def database(settings: Settings, *, kept_running: bool = False) -> Iterator[str]:
    """The DSN of the server that the settings name, or of the embedded one, which runs meanwhile.

    `kept_running` is for whoever serves for long: if the embedded one ends, it is started again.
    """
    server = attach_server(settings)
    try:
        with server.kept_running() if kept_running else contextlib.nullcontext():
            yield server.dsn
    finally:
        server.close()


def bring_up_to_date(settings: Settings, dsn: str) -> None:
    """Migrate if the schema is behind. Raises MigrationFailed, DatabaseUnavailable."""
    if run(step(settings, dsn)) != migrate.newest_step():
        migrate.migrate(dsn)


async def step(settings: Settings, dsn: str) -> str | None:
    """The migration that this database is at; None if it is empty."""
    async with open_services(settings, dsn) as services, services.database.reading() as connection:
        return await schema.step(connection)


def with_services(act: Callable[[Services], Awaitable[Result]]) -> Result:
    """Do `act` on a database that is up to date, whether or not the service runs."""
    settings = read_settings()

    async def served(dsn: str) -> Result:
        async with open_services(settings, dsn) as services:
            return await act(services)

    with database(settings) as dsn:
        bring_up_to_date(settings, dsn)
        return run(served(dsn))


def operator(organization_id: str, environment: Environment = Environment.LIVE) -> Attempt:
    """The operator, acting for an organization: without a key, at the command line."""
    return Attempt(caller=Caller(None, organization_id, environment), request_id=new_id("req"))
