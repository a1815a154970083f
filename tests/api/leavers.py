"""Numbers that other carriers ask for, as tests have them."""

from datetime import timedelta
from typing import Any

from tests.api.asking import AGENT, bought, made
from tests.cast import Person, World

from nambari.domain.access import Environment
from nambari.domain.port_out import PortOut
from nambari.operations import port_out

PIN = "204175"
CARRIER = "Example Telecom"


async def secured(person: Person, pin: str = PIN) -> None:
    answer = await person.client.post("/v1/port-out-pin", json={"pin": pin})
    assert answer.status_code == 200, answer.text
    assert answer.json()["is_set"] is True
    assert pin not in answer.text


async def held(world: World, person: Person) -> dict[str, Any]:
    """A number that is attached to an agent, and has SIP credentials."""
    [item] = await world.stock()
    number = await bought(person.client, item, endpoint_id=(await made(person.client))["id"])
    answer = await person.client.post(f"/v1/phone-numbers/{number['id']}/sip-credentials")
    assert answer.status_code == 200, answer.text
    return number


async def asked(
    world: World, number: dict[str, Any], pin: str = PIN, environment: Environment = Environment.LIVE, days: int = 7
) -> PortOut:
    """Another carrier asks the operator for the number."""
    at = world.services.clock() + timedelta(days=days)
    return await port_out.request(world.services, environment, number["number"], pin, CARRIER, at, "req_test")


async def leaving(world: World, person: Person) -> tuple[dict[str, Any], PortOut]:
    """A number that another carrier has asked for with the PIN."""
    await secured(person)
    number = await held(world, person)
    return number, await asked(world, number)


async def shown(person: Person, number: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await person.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    return found


async def calls(world: World, number: dict[str, Any]) -> tuple[str, str, str]:
    """What becomes of a call to the number, of one from it, and of its challenge: where it goes, or the cause."""
    _, secret = await world.key(None)
    async with world.client(secret) as proxy:

        async def told(path: str, **body: Any) -> dict[str, Any]:
            answer: dict[str, Any] = (await proxy.post(f"/v1/routing/{path}", json=body)).json()
            return answer

        other = "+442079460999"
        inbound = await told("inbound", to=number["number"], **{"from": other}, call_id=world.services.new_id("x"))
        outbound = await told(
            "outbound",
            to=other,
            **{"from": number["number"]},
            call_id=world.services.new_id("x"),
            username=number["id"],
        )
        challenged = await told("credentials", username=number["id"])
    return (
        str(inbound.get("sip_uri") or inbound["cause"]),
        str(outbound.get("caller_id") or outbound["cause"]),
        str(challenged.get("cause") or "challenged"),
    )


def works(number: dict[str, Any]) -> tuple[str, str, str]:
    return AGENT["url"], str(number["number"]), "challenged"
