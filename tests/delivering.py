"""How tests make webhooks, deliver what is due and read what was delivered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.cast import Person, World

from nambari import worker
from nambari.sending import Sender
from nambari.wiring import open_sender


@asynccontextmanager
async def sending(world: World) -> AsyncIterator[Sender]:
    async with open_sender(world.services) as sender:
        yield sender


async def delivered(world: World) -> int:
    """Deliver what is due; how many attempts that took."""
    async with sending(world) as sender:
        return await worker.deliver_all(world.services, sender)


async def hook(person: Person, url: str, events: list[str] | None = None) -> dict[str, Any]:
    told = await person.client.post("/v1/webhooks", json={"url": url, "events": events or ["*"]})
    assert told.status_code == 201, told.text
    found: dict[str, Any] = told.json()
    return found


async def log(person: Person, webhook: dict[str, Any], query: str = "limit=100") -> list[dict[str, Any]]:
    told = await person.client.get(f"/v1/webhooks/{webhook['id']}/deliveries?{query}")
    assert told.status_code == 200, told.text
    found: list[dict[str, Any]] = told.json()["deliveries"]
    return found


async def rename(person: Person, endpoint: dict[str, Any], *names: str) -> None:
    for name in names:
        told = await person.client.patch(f"/v1/endpoints/{endpoint['id']}", json={"name": name})
        assert told.status_code == 200


async def attempts(person: Person, delivery: dict[str, Any], query: str = "limit=100") -> list[dict[str, Any]]:
    path = f"/v1/webhooks/{delivery['webhook_id']}/deliveries/{delivery['id']}/attempts?{query}"
    told = await person.client.get(path)
    assert told.status_code == 200, told.text
    found: list[dict[str, Any]] = told.json()["attempts"]
    return found
