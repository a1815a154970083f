"""Who has a test key, and what they do with it: buy, move credits, move the clock, look."""

from datetime import datetime
from typing import Any

import httpx2
from tests.cast import Person, World

from nambari.domain.access import Environment

KEY = "Idempotency-Key"
FREE = 10_000_00
PRICE = 350


async def tester_of(world: World, **wanted: Any) -> Person:
    """Somebody with a test key, of a new organization."""
    organization_id = await world.organization()
    return await world.person(organization_id, environment=Environment.TEST, **wanted)


async def order(person: Person, item: str, key: str | None = None, **wanted: Any) -> httpx2.Response:
    headers = {KEY: key} if key else {}
    return await person.client.post("/v1/phone-numbers", json={"inventory_id": item, **wanted}, headers=headers)


async def add(person: Person, cents: int, key: str | None = None) -> httpx2.Response:
    headers = {KEY: key} if key else {}
    return await person.client.post("/v1/test/credits", json={"amount_cents": cents}, headers=headers)


async def advance(person: Person, days: int, key: str | None = None) -> httpx2.Response:
    headers = {KEY: key} if key else {}
    return await person.client.post("/v1/test/clock", json={"advance_days": days}, headers=headers)


async def advanced(person: Person, days: int) -> dict[str, Any]:
    """What fell due, by name, of what did; with the time it is then."""
    answer = await advance(person, days)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if value}


async def now_of(person: Person) -> datetime:
    answer = await person.client.get("/v1/test/clock")
    assert set(answer.json()) == {"now"}
    return instant(answer.json()["now"])


async def seen(person: Person, number: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await person.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    return found


async def balance(person: Person) -> int:
    cents: int = (await person.client.get("/v1/credits")).json()["balance_cents"]
    return cents


async def leave_with(person: Person, cents: int) -> None:
    """So many credits and no more."""
    assert (await add(person, cents - await balance(person))).json()["balance_cents"] == cents


async def statement(person: Person) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = (await person.client.get("/v1/credits/transactions?limit=100")).json()["transactions"]
    return lines


async def for_sale(person: Person) -> list[str]:
    answer = await person.client.get("/v1/phone-numbers/available?country=GB")
    return [each["inventory_id"] for each in answer.json()["phone_numbers"]]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
