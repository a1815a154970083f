"""Porting orders as tests make them, and what the operator does with them."""

from datetime import timedelta
from typing import Any

from tests.api.papers import sent
from tests.cast import Person, World

from nambari.operations import porting

NUMBER = "+442079460456"
MONTHLY = 250
GIVEN = {
    "current_carrier": "Example Telecom",
    "account_number": "AC-20417",
    "authorized_name": "Ada Example",
    "authorized_on": "2020-01-18",
    "billing_name": "Example Limited",
    "billing_address": "1 Example Street, London",
}
PAPERS = ("letter_of_authorization", "recent_bill", "identity")


async def priced(world: World) -> None:
    async with world.services.database.writing() as connection:
        await connection.execute("INSERT INTO rates VALUES ('GB', 'local', 700, $1)", MONTHLY)


async def papers_of(person: Person) -> dict[str, str]:
    return {f"{type_}_id": (await sent(person.client, type_))["id"] for type_ in PAPERS}


async def drafted(person: Person, number: str = NUMBER, **given: Any) -> dict[str, Any]:
    """A draft that has all it needs."""
    body = {"number": number, **GIVEN, **await papers_of(person), **given}
    answer = await person.client.post("/v1/porting-orders", json=body)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def do(person: Person, order: dict[str, Any], verb: str, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return await person.client.post(f"/v1/porting-orders/{order['id']}/{verb}", headers=headers)


async def submitted(person: Person, number: str = NUMBER) -> dict[str, Any]:
    answer = await do(person, await drafted(person, number), "submit")
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def scheduled(world: World, order: dict[str, Any]) -> None:
    await porting.review(world.services, order["id"], "req_test")
    at = world.services.clock() + timedelta(days=7)
    await porting.schedule(world.services, order["id"], at, "req_test")


async def completed(world: World, order: dict[str, Any]) -> None:
    await scheduled(world, order)
    await porting.complete(world.services, order["id"], "req_test")


async def seen(person: Person, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await person.client.get(f"/v1/porting-orders/{order['id']}")).json()
    return found


async def number_of(person: Person, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await person.client.get(f"/v1/phone-numbers/{order['phone_number_id']}")).json()
    return found
