"""One of each thing that an organization can have, in either environment."""

import httpx2
from tests.api.asking import bought, made
from tests.api.leavers import asked, secured
from tests.api.papers import sent
from tests.cast import Person, World
from tests.delivering import hook

from nambari.domain.access import Environment
from nambari.operations.deliver import place

NOBODYS_NUMBER = "+442079468888"
PORTED = {"hers": "+442079467001", "mine": "+442079467002", "test": "+442079467003"}


async def belongings(world: World, person: Person, environment: Environment, whose: str) -> dict[str, str]:
    """Kind → id: of a TypeID its prefix, and a few kinds besides."""
    client = person.client
    stock = await world.stock(5, environment=environment)
    endpoint = await made(client, name=f"{whose} endpoint")
    spare = await made(client, name=f"{whose} fallback")
    number = await bought(client, stock[0], endpoint_id=endpoint["id"], fallback_endpoint_id=spare["id"], tags=[whose])
    gone = await bought(client, stock[1])
    await client.delete(f"/v1/phone-numbers/{gone['id']}")
    hold = (await client.post("/v1/holds", json={"inventory_id": stock[2]})).json()
    webhook = await hook(person, f"https://{whose}.example.com/events")
    order = await client.post("/v1/porting-orders", json={"number": PORTED[whose]})
    leaves = await bought(client, stock[4])
    await secured(person)
    out = await asked(world, leaves, environment=environment)
    [line, *_] = (await client.get("/v1/credits/transactions")).json()["transactions"]
    [record, *_] = (await client.get("/v1/audit")).json()["records"]
    return {
        "pn": number["id"],
        "gone": gone["id"],
        "number": number["number"],
        "inv": stock[0],
        "sale": stock[3],
        "hold": hold["id"],
        "held": stock[2],
        "ep": endpoint["id"],
        "fallback": spare["id"],
        "wh": webhook["id"],
        "doc": (await sent(client))["id"],
        "port": order.json()["id"],
        "leaves": leaves["id"],
        "pout": out.id,
        "line": line["id"],
        "evt": record["id"],
        "req": record["request_id"],
        "key": person.key_id,
        "org": person.organization_id,
        "tag": whose,
        "dlv": await delivery(world, client, webhook["id"]),
    }


async def delivery(world: World, client: httpx2.AsyncClient, webhook_id: str) -> str:
    """The id of one, as soon as an event is placed: about a second after it happened, when none can precede it."""
    await made(client, name="told of")
    while not await world.value("SELECT count(*) FROM deliveries WHERE webhook_id = $1", webhook_id):
        await place(world.services, world.services.clock(), 1000)
    found: str = (await client.get(f"/v1/webhooks/{webhook_id}/deliveries")).json()["deliveries"][0]["id"]
    return found


def nobodys(world: World, id_: str) -> str:
    """Of the same form, and nothing at all."""
    if id_.startswith("+"):
        return NOBODYS_NUMBER
    prefix, underscore, _ = id_.partition("_")
    return world.services.new_id(prefix) if underscore else "nobody"
