"""A shop that sells a carrier's numbers, with a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from tests.carriers.scripted import ScriptedCarrier
from tests.cast import Person, assert_invariants
from tests.conftest import started
from tests.moving import Clock, MovingWorld, with_clock

from nambari import worker
from nambari.api.app import application, with_request_id
from nambari.operations import fill
from nambari.settings import Settings

FIRST, SECOND, THIRD = (f"+44207946{place:04d}" for place in (900, 901, 902))


@dataclass
class Shop:
    world: MovingWorld
    carrier: ScriptedCarrier
    app: Litestar
    task: "asyncio.Task[int] | None" = None

    async def search(self, person: Person, query: str = "country=GB") -> Any:
        answer = await person.client.get(f"/v1/phone-numbers/available?{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def offer(self, person: Person, number: str = FIRST) -> str:
        """The inventory id under which the carrier's number is shown."""
        [found] = [each for each in (await self.search(person))["phone_numbers"] if each["number"] == number]
        return str(found["inventory_id"])

    async def buy(self, person: Person, number: str = FIRST, **headers: str) -> Any:
        body = {"inventory_id": await self.offer(person, number)}
        answer = await person.client.post("/v1/phone-numbers", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def see_to_orders(self) -> int:
        """Once, what is due now."""
        services = self.world.services
        return await fill.due(services, services.clock(), 100)

    async def see_to_orders_once_there_is_one(self) -> None:
        """In a task of its own: whoever waits for the carrier is not waited for."""
        while not await self.world.value("SELECT EXISTS (SELECT 1 FROM carrier_orders)"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.task = asyncio.create_task(self.see_to_orders())

    async def wait_and_see(self, wait: timedelta = timedelta(minutes=16), times: int = 1) -> None:
        """So long that what waits is looked at again."""
        for _ in range(times):
            self.world.clock.now += wait
            await self.see_to_orders()

    async def number(self, person: Person, number_id: str) -> Any:
        return (await person.client.get(f"/v1/phone-numbers/{number_id}")).json()

    async def credits(self, person: Person) -> tuple[int, int]:
        told = (await person.client.get("/v1/credits")).json()
        return told["balance_cents"], told["held_cents"]

    async def events(self, number_id: str) -> list[str]:
        rows = await self.world.fetch("SELECT event FROM events WHERE subject_id = $1 ORDER BY sequence", number_id)
        return [row["event"].removeprefix("phone_number.") for row in rows]

    async def order(self, number_id: str) -> Any:
        [row] = await self.world.fetch("SELECT * FROM carrier_orders WHERE phone_number_id = $1", number_id)
        return row

    async def stock_of(self, number: str = FIRST) -> str | None:
        found: str | None = await self.world.value("SELECT status FROM inventory WHERE number = $1", number)
        return found

    async def pass_days(self, days: int) -> None:
        await self.world.pass_days(days)
        await self.see_to_orders()

    async def sweep(self) -> None:
        await worker.sweep_all(self.world.services)
        await self.see_to_orders()

    def use(self, *carriers: ScriptedCarrier, **settings: Any) -> None:
        """Sell what these have, with these settings."""
        services = self.world.services
        services = replace(
            services,
            carriers={each.name: each for each in carriers or (self.carrier,)},
            settings=replace(services.settings, **settings),
        )
        self.world.services = self.app.state.services = services


@asynccontextmanager
async def selling(dsn: str, settings: Settings) -> AsyncIterator[Shop]:
    app = application(settings, dsn)
    async with started(app):
        clock = Clock()
        world = MovingWorld(with_clock(app.state.services, clock), with_request_id(app), clock=clock)
        made = Shop(world, ScriptedCarrier(), app)
        made.use()
        made.carrier.offers(FIRST, SECOND, THIRD)
        await world.fetch("INSERT INTO rates VALUES ('GB', 'local', 100, 250) RETURNING 1")
        yield made
        await assert_invariants(world)
        await world.close()


@pytest.fixture
async def shop(dsn: str, settings: Settings) -> AsyncIterator[Shop]:
    async with selling(dsn, settings) as made:
        yield made
