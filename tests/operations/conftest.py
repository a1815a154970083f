"""Several processes on one database, each with its own application and its own pool."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.cast import World
from tests.conftest import started
from tests.operations.racing import Processes

from nambari.api.app import application, with_request_id
from nambari.settings import Settings

HOW_MANY = 4
CONNECTIONS = 8


@pytest.fixture
async def processes(world: World, dsn: str, settings: Settings) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        worlds = []
        for _ in range(HOW_MANY):
            app = application(replace(settings, database_connections=CONNECTIONS), dsn)
            await stack.enter_async_context(started(app))
            app.state.services = replace(app.state.services, clock=world.services.clock)
            worlds.append(World(app.state.services, with_request_id(app)))
        made = Processes(world, worlds)
        yield made
        await made.close()
