"""How do tests race? Many requests at once over several processes, and somebody who watches."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from tests.cast import INVARIANTS, Person, World

Answer = httpx2.Response
Given = TypeVar("Given")


@dataclass
class Processes:
    """`world` is for the test itself; the requests of a race go to the others in turn."""

    world: World
    worlds: list[World]
    _clients: dict[tuple[str, int], httpx2.AsyncClient] = field(default_factory=dict)

    def client(self, person: Person, place: int) -> httpx2.AsyncClient:
        """The person signed in at one of the processes, the `place`-th modulo their number."""
        place %= len(self.worlds)
        if (person.api_key, place) not in self._clients:
            self._clients[person.api_key, place] = self.worlds[place].client(person.api_key)
        return self._clients[person.api_key, place]

    async def buy(self, person: Person, place: int, item: str, key: str | None = None, **wanted: Any) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"inventory_id": item, **wanted}
        return await self.client(person, place).post("/v1/phone-numbers", json=body, headers=headers)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        for world in self.worlds:
            await world.close()


async def at_once(calls: Iterable[Awaitable[Given]]) -> list[Given]:
    """All of them concurrently; their answers in order."""
    return list(await asyncio.gather(*calls))


def codes(answers: Iterable[Answer]) -> Counter[str]:
    """How often each outcome: a refusal's code, or the status as text."""
    return Counter(answer.json().get("code", str(answer.status_code)) for answer in answers)


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """Until the condition is true."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the database tells nobody: it has to be asked
            await asyncio.sleep(0.01)


async def until_waiting_or_done(world: World, task: "asyncio.Task[Any]") -> None:
    """Until the task is over, or somebody waits for a lock in the database."""

    async def waiting_or_done() -> bool:
        return task.done() or bool(await world.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    await eventually(waiting_or_done)


@asynccontextmanager
async def watched(world: World) -> AsyncIterator[list[str]]:
    """While the block runs, somebody looks at the whole database again and again, each time at one moment of it.

    Gives the list of looks that were taken; at the end fails if one of them saw an invariant broken.
    """
    over, broken, looks = asyncio.Event(), [], []

    async def look() -> None:
        while True:
            last = over.is_set()  # one more look after the end
            async with world.services.database.writing() as connection:
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                for meaning, violations in INVARIANTS.items():
                    if found := await connection.fetch(violations):
                        broken.append(f"{meaning}: {found[:3]}")
            looks.append("looked")
            if last:
                return

    task = asyncio.create_task(look())
    try:
        yield looks
    finally:
        over.set()
        await task
    assert not broken, f"broken at one moment: {broken[:3]}"


async def assert_history_has_no_gap(world: World) -> int:
    """Each number is bought, released, bought, …, each release by whom it was sold to; how many steps there were."""
    steps = await world.fetch("""
        SELECT n.number, n.id, n.created_at, n.released_at, e.event FROM events AS e
        JOIN phone_numbers AS n ON n.id = e.subject_id
        WHERE e.event IN ('phone_number.purchased', 'phone_number.released') ORDER BY n.number, e.sequence""")
    before: dict[str, Any] = {}
    for step in steps:
        last = before.get(step["number"])
        if step["event"] == "phone_number.purchased":
            assert last is None or last["event"] == "phone_number.released", f"{step['number']} was sold twice"
            assert last is None or last["released_at"] <= step["created_at"], f"tenures of {step['number']} overlap"
        else:
            assert last is not None, f"{step['number']} was released before it was sold"
            assert (last["event"], last["id"]) == ("phone_number.purchased", step["id"])
        before[step["number"]] = step
    return len(steps)
