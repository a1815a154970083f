"""One embedded PostgreSQL for the whole run; for each test a database of its own, copied from a migrated template."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest
import structlog
from litestar import Litestar
from psycopg import sql
from tests.cast import World
from tests.moving import Clock, MovingWorld, with_clock

from nambari.api.app import application, with_request_id
from nambari.db import embedded
from nambari.db.migrate import migrate
from nambari.settings import Settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a shell leaves it for what it starts in the background. What the tests start would ignore Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

TEMPLATE = "nambari_template"


@pytest.fixture(autouse=True)
def _log_as_when_it_is_served() -> Iterator[None]:
    """An application in this process would else tell every request on standard output, where a test may read."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServer]:
    attached = embedded.attach(tmp_path_factory.mktemp("postgres"), durable=False)
    yield attached
    attached.close()


def dsn_of(server: embedded.EmbeddedServer, database: str) -> str:
    return server.dsn.replace("/nambari?", f"/{database}?")


@pytest.fixture(scope="session")
def template(server: embedded.EmbeddedServer) -> str:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(dsn_of(server, TEMPLATE))
    return TEMPLATE


class Databases:
    """Makes databases from the template, the next one while a test still runs: a copy takes longer than most tests."""

    def __init__(self, server: embedded.EmbeddedServer, template: str, maker: Executor) -> None:
        self._server = server
        self._template = template
        self._maker = maker
        self._count = 0
        self._next = maker.submit(self._copy, 0)

    def make(self) -> str:
        """The DSN of a new, migrated, empty database."""
        made = self._next.result()
        self._count += 1
        self._next = self._maker.submit(self._copy, self._count)
        return made

    @contextmanager
    def filled(self, statements: str) -> Iterator[str]:
        """The DSN of a database in which these were run, and which knows how much there is."""
        made = self.make()
        with psycopg.connect(made, autocommit=True) as connection:
            connection.execute(sql.SQL(statements))
            connection.execute("VACUUM ANALYZE")
        yield made
        self.drop(made)

    def _copy(self, place: int) -> str:
        name = f"test_{place}"
        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        return dsn_of(self._server, name)

    def make_empty(self) -> str:
        """The DSN of a new database with nothing in it."""
        self._count += 1
        name = f"empty_{self._count}"
        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        return dsn_of(self._server, name)

    def drop(self, dsn: str) -> None:
        name = dsn.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]
        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def databases(server: embedded.EmbeddedServer, template: str) -> Iterator[Databases]:
    with ThreadPoolExecutor(1) as maker:
        yield Databases(server, template, maker)


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    made = databases.make()
    yield made
    databases.drop(made)


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    """The DSN of a database with nothing in it."""
    made = databases.make_empty()
    yield made
    databases.drop(made)


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10)


@asynccontextmanager
async def started(app: Litestar) -> AsyncIterator[None]:
    """The application between start-up and shutdown, both in one task, as its framework needs them."""
    ready, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        try:
            async with app.lifespan():
                ready.set()
                await over.wait()
        finally:
            ready.set()

    life = asyncio.create_task(live())
    await ready.wait()
    try:
        yield
    finally:
        over.set()
        await life


@pytest.fixture
async def world(dsn: str, settings: Settings) -> AsyncIterator[World]:
    app = application(settings, dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        yield world
        await world.close()


@asynccontextmanager
async def moving_world(dsn: str, settings: Settings) -> AsyncIterator[MovingWorld]:
    app = application(settings, dsn)
    async with started(app):
        clock = Clock()
        app.state.services = with_clock(app.state.services, clock)
        world = MovingWorld(app.state.services, with_request_id(app), clock=clock)
        yield world
        await world.close()


@pytest.fixture
async def moving(dsn: str, settings: Settings) -> AsyncIterator[MovingWorld]:
    async with moving_world(dsn, settings) as world:
        yield world
