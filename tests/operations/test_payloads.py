"""Is what events carry what their JSON Schemas say? All of the catalogue, as the real application writes it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from tests.api.asking import AGENT, bought, made
from tests.api.leavers import CARRIER, PIN, secured
from tests.api.papers import accepted, sent
from tests.api.porters import do, drafted, submitted
from tests.carriers.conftest import SECOND, Shop, selling
from tests.carriers.scripted import Lie
from tests.cast import Person
from tests.delivering import delivered, hook
from tests.moving import MovingWorld
from tests.receiver import Receiver, answer, receiving

from nambari.api.payload_schemas import name_of, payload_schemas
from nambari.domain.access import Environment
from nambari.domain.events import SUBSCRIPTIONS, Event
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.domain.port_out import PortOut
from nambari.domain.refusals import InvalidState
from nambari.operations import documents, keys, kyc, organizations, port_out, porting
from nambari.settings import Settings

CALLER = "+442079460999"


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def shop(dsn: str, settings: Settings) -> AsyncIterator[Shop]:
    async with selling(dsn, settings) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def taken_in(world: MovingWorld) -> Person:
    """An organization whose KYC was declined at first, and that has credits for a month of its number."""
    organization_id = await world.organization()
    operator = world.operator(organization_id)
    applicant = Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL)
    await kyc.submit(world.services, operator, applicant, world.clock())
    await kyc.decline(world.services, operator, "The papers cannot be read.", world.clock())
    await kyc.submit(world.services, operator, applicant, world.clock())
    await kyc.approve(world.services, operator, world.clock())
    await world.fund(organization_id, 1000)
    for plan in ("business", "enterprise"):
        await organizations.set_plan(world.services, organization_id, plan, "req_test", world.clock())
    key_id, _ = await world.key(organization_id, monthly_cap_cents=100, countries=("GB", "NG"))
    await keys.revoke(world.services, key_id, "req_test", world.clock())
    return await world.person(organization_id)


async def called(world: MovingWorld, number: dict[str, Any]) -> None:
    """To the number and from it; and from nothing that can be read."""
    _, secret = await world.key(None, scopes=("routing:read",))
    async with world.client(secret) as proxy:
        for path, call in (
            ("inbound", {"to": number["number"], "from": CALLER}),
            ("inbound", {"to": number["number"], "from": "anonymous"}),
            ("outbound", {"to": CALLER, "from": number["number"], "username": number["id"]}),
            ("outbound", {"to": "nowhere", "from": "anonymous", "username": number["id"]}),
        ):
            told = await proxy.post(f"/v1/routing/{path}", json={"call_id": f"{path} {call['from']}", **call})
            assert told.status_code == 200, told.text


async def lived(world: MovingWorld, receiver: Receiver) -> None:
    """All that can happen to an organization."""
    alice = await taken_in(world)
    await hook(alice, receiver.url(), ["*"])
    dead = await hook(alice, receiver.url("/dead"), ["*"])
    gone = await hook(alice, receiver.url())
    await alice.client.patch(f"/v1/webhooks/{gone['id']}", json={"events": ["kyc.*"]})
    await alice.client.delete(f"/v1/webhooks/{gone['id']}")
    endpoint = await made(alice.client)
    await alice.client.patch(f"/v1/endpoints/{endpoint['id']}", json={"name": "Night"})
    await alice.client.post("/v1/endpoints", json={**AGENT, "type": "retell", "url": None, "provider_config": {}})
    one, two = await world.stock(2, monthly=300)
    number = await bought(alice.client, one, endpoint_id=endpoint["id"], tags=["sales"])
    other = await bought(alice.client, two)
    await called(world, number)
    credentials = f"/v1/phone-numbers/{number['id']}/sip-credentials"
    for _ in ("made", "rotated"):
        assert (await alice.client.post(credentials)).status_code == 200
    await alice.client.delete(credentials)
    await alice.client.delete(f"/v1/endpoints/{endpoint['id']}")
    await called(world, number)
    await alice.client.delete(f"/v1/phone-numbers/{other['id']}")
    assert (await alice.client.post(f"/v1/phone-numbers/{other['id']}/restore")).status_code == 200
    await alice.client.delete(f"/v1/phone-numbers/{other['id']}")
    await world.fund(alice.organization_id, 100)
    for _ in range(11):  # so that the dead webhook is disabled
        await delivered(world)
        world.clock.now += timedelta(days=1)
        await made(alice.client)
    await world.pass_days(55)  # paid once, then short of credits
    await world.fund(alice.organization_id, 5000)
    await delivered(world)
    assert (await alice.client.get(f"/v1/webhooks/{dead['id']}")).json()["status"] == "disabled"


async def sent_papers(world: MovingWorld, receiver: Receiver) -> None:
    """Documents that are accepted, refused and expire; numbers that are brought from elsewhere, or stay there."""
    ben = await world.person()
    await hook(ben, receiver.url(), ["*"])
    expires_on = (world.clock() + timedelta(days=40)).date().isoformat()
    await accepted(world, ben.client, expires_on=expires_on)
    refused = await sent(ben.client)
    await documents.reject_document(world.services, refused["id"], "Unreadable", "req_test", world.clock())
    await documents.erase_file(world.services, refused["id"], "req_test", world.clock())
    order = await drafted(ben)
    await ben.client.patch(f"/v1/porting-orders/{order['id']}", json={"current_carrier": "Other Telecom"})
    for _ in ("at first", "again"):
        assert (await do(ben, order, "submit")).status_code == 200
        await porting.review(world.services, order["id"], "req_test")
        if _ == "at first":
            await porting.send_back(world.services, order["id"], ("recent_bill_id",), "Too old", "req_test")
    at = world.clock() + timedelta(days=7)
    await porting.schedule(world.services, order["id"], at, "req_test")
    await porting.complete(world.services, order["id"], "req_test")
    assert (await do(ben, await submitted(ben, "+442079460457"), "cancel")).status_code == 200
    await let_go(world, ben, order["number"])
    await world.pass_days(45)
    await delivered(world)


async def let_go(world: MovingWorld, ben: Person, number: str) -> None:
    """Another carrier asks for the number, and gets it at the third time."""
    at = world.clock() + timedelta(days=7)

    async def asked() -> PortOut:
        return await port_out.request(world.services, Environment.LIVE, number, PIN, CARRIER, at, "req_test")

    with pytest.raises(InvalidState):
        await asked()
    await secured(ben)
    await port_out.cancel(world.services, (await asked()).id, "Withdrawn", "req_test")
    await port_out.complete(world.services, (await asked()).id, "req_test")


async def ordered(shop: Shop, receiver: Receiver) -> None:
    """Numbers of a carrier: one that comes, and one that was taken."""
    cleo = await shop.world.person()
    await hook(cleo, receiver.url(), ["*"])
    await shop.buy(cleo)
    await shop.see_to_orders()
    shop.carrier.will("order", Lie.TAKEN)
    await shop.buy(cleo, SECOND)
    await shop.see_to_orders()
    await delivered(shop.world)


async def test_every_event_fits_its_schema(shop: Shop, receiver: Receiver) -> None:
    receiver.answers = lambda each: answer(500 if each.target == "/dead" else 204)
    moving = shop.world
    await ordered(shop, receiver)
    await sent_papers(moving, receiver)
    await lived(moving, receiver)
    components = {"schemas": payload_schemas(Event)}
    validators = {
        name: jsonschema_rs.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": components}, validate_formats=True
        )
        for name in map(name_of, Event)
    }
    seen = set()
    for row in await moving.fetch("SELECT event, data FROM events"):
        name = name_of(Event(row["event"]))
        validators[name].validate(row["data"])
        known = components["schemas"][name]["properties"]
        assert set(row["data"]) <= set(known), f"{row['event']} carries what its schema does not tell of"
        seen.add(row["event"])
    assert seen == {event.value for event in Event}
    document = (await moving.client().get("/openapi.json")).json()
    for name in SUBSCRIPTIONS["*"]:
        posted = document["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema = jsonschema_rs.Draft202012Validator(
            {**posted, "components": document["components"]}, validate_formats=True
        )
        of_it = [each.event for each in receiver.received if each.event["event"] == name]
        assert of_it, f"{name} was never posted"
        for each in of_it:
            schema.validate(each)
            assert not schema.is_valid(each | {"event": "other"})
            assert not schema.is_valid(each | {"data": {}})


def test_an_event_that_lacks_what_its_schema_needs_is_found() -> None:
    """Or a schema that takes anything would pass for one that fits."""
    components = {"schemas": payload_schemas(Event)}
    for event in Event:
        schema = {"$ref": f"#/components/schemas/{name_of(event)}", "components": components}
        validator = jsonschema_rs.Draft202012Validator(schema)
        assert not validator.is_valid({}), event
        assert not validator.is_valid(msgspec.json.decode(b'{"id": 5}')), event
