"""A durable PostgreSQL that faults may be done to, a database in it for each test, and services on that."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cast import World
from tests.faults.postgres import Postgres, postgres
from tests.story.processes import Service, service

from nambari.settings import Settings
from nambari.wiring import open_services

TIMEOUT_SECONDS = 3
"""How long the services of these tests wait for the database: time enough where nothing is wrong, and soon over."""


@dataclass
class Place:
    """One database of a PostgreSQL, and a folder."""

    postgres: Postgres
    name: str
    home: Path

    @property
    def dsn(self) -> str:
        return self.postgres.dsn(self.name)

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        async with open_services(Settings(data_dir=Path("/nonexistent")), self.dsn) as services:
            world = World(services, None)
            yield world
            await world.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture
def place(cluster: Postgres, tmp_path: Path) -> Place:
    if not cluster.runs():
        cluster.start()
    return Place(cluster, cluster.make_database(), tmp_path)


@pytest.fixture
def served(place: Place) -> Iterator[Service]:
    """On that database, not started yet."""
    with service(place.home / "service") as made:
        made.settings |= settings(place.dsn)
        yield made


@pytest.fixture
def second(place: Place) -> Iterator[Service]:
    """Another one on the same database, not started yet."""
    with service(place.home / "second") as made:
        made.settings |= settings(place.dsn)
        yield made


def settings(dsn: str) -> dict[str, str]:
    return {"NAMBARI_DATABASE_URL": dsn, "NAMBARI_DATABASE_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)}
