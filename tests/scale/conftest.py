"""Two `nambari serve` on one PostgreSQL, the counts of their limits in a Valkey, and nginx before them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tests.cast import Person, World
from tests.conftest import Databases
from tests.operations.valkey import valkey
from tests.scale.front import Front, front
from tests.scale.programs import HOST
from tests.story.processes import Service, free_port, service, until

from nambari.settings import Settings
from nambari.wiring import open_services


@dataclass
class Fleet:
    """`world` is for preparing and looking; customers come through `front`."""

    world: World
    front: Front
    services: list[Service]
    dsn: str
    _clients: list[httpx2.AsyncClient] = field(default_factory=list)

    async def person(self, cents: int = 1_000_000, plan: str = "enterprise") -> Person:
        """Somebody whose client comes through nginx."""
        organization = await self.world.organization(plan=plan)
        await self.world.verify(organization)
        await self.world.fund(organization, cents)
        made = await self.world.person(organization)
        await made.client.aclose()
        made.client = self.client(made.api_key)
        return made

    def client(self, key: str | None = None) -> httpx2.AsyncClient:
        made = self.front.client(key)
        self._clients.append(made)
        return made

    async def close(self) -> None:
        for each in self._clients:
            await each.aclose()
        self.world.people.clear()


Standing = tuple[list[Service], Front, str]


@pytest.fixture(scope="package")
def processes(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    folder, dsn = tmp_path_factory.mktemp("fleet"), databases.make()
    with ExitStack() as stack:
        counts = stack.enter_context(valkey(folder))
        counts.start()
        settings = {
            "NAMBARI_DATABASE_URL": dsn,
            "NAMBARI_RATE_LIMIT_URL": counts.url,
            "NAMBARI_TRUSTED_PROXIES": HOST,
            "NAMBARI_DATABASE_TIMEOUT_SECONDS": "5",
        }
        services = [
            stack.enter_context(service(folder / name, "--metrics", f"{HOST}:{free_port()}")) for name in ("one", "two")
        ]
        for each in services:
            each.settings = settings
            each.launch()
        for each in services:
            until(each.is_ready, 120, "readiness")
        before = stack.enter_context(front(folder / "nginx", [f"{HOST}:{each.port}" for each in services]))
        yield services, before, dsn
    databases.drop(dsn)


@pytest.fixture
async def fleet(processes: Standing) -> AsyncIterator[Fleet]:
    services, before, dsn = processes
    async with open_services(Settings(data_dir=Path("/nonexistent")), dsn) as given:
        world = World(given, None)
        world._next_number = await world.value("SELECT count(*)::int FROM inventory")
        made = Fleet(world, before, services, dsn)
        yield made
        await made.close()
