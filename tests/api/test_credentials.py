"""SIP credentials: made, rotated and deleted by the owner, told once; looked up by the proxy that checks digests."""

import hashlib
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from tests.api.asking import bought, faults, refused
from tests.api.test_idempotency import KEY
from tests.api.test_routing import equipped, outbound, proxy, rejected, set_status
from tests.cast import Person, World, assert_invariants
from tests.conftest import started
from tests.moving import MovingWorld

from nambari.api.app import application, with_request_id
from nambari.domain.access import Environment
from nambari.settings import Settings


def path(number: dict[str, Any]) -> str:
    return f"/v1/phone-numbers/{number['id']}/sip-credentials"


async def given(person: Person, number: dict[str, Any]) -> dict[str, Any]:
    answer = await person.client.post(path(number))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def challenged(client: httpx2.AsyncClient, username: str) -> dict[str, Any]:
    answer = await client.post("/v1/routing/credentials", json={"username": username})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def digest(made: dict[str, Any]) -> str:
    """As a user agent computes its HA1 from what the owner was told."""
    return md5(f"{made['username']}:{made['realm']}:{made['password']}")


async def everything(world: World) -> str:
    """All that is written of numbers, events and kept answers."""
    rows = await world.fetch("""
        SELECT n::text FROM phone_numbers AS n UNION ALL SELECT e::text FROM events AS e
        UNION ALL SELECT convert_from(answer, 'UTF8') FROM kept_answers""")
    return "\n".join(row[0] for row in rows)


async def test_they_are_told_once_and_check_a_digest(world: World) -> None:
    alice, number, _ = await equipped(world)
    shown = (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["sip"]
    made = await given(alice, number)
    assert made == {
        "username": shown["username"],
        "password": made["password"],
        "realm": shown["domain"],
        "domain": shown["domain"],
        "uri": f"sip:{shown['username']}@{shown['domain']}",
    }
    assert len(made["password"]) >= 32
    assert made["password"].isalnum()
    client = await proxy(world)
    events = await world.value("SELECT count(*) FROM events")
    assert await challenged(client, made["username"]) == {
        "action": "challenge",
        "username": made["username"],
        "realm": made["realm"],
        "ha1": digest(made),
        "organization_id": alice.organization_id,
        "phone_number_id": number["id"],
    }
    assert await world.value("SELECT count(*) FROM events") == events, "a lookup is no event"
    told = await outbound(client, **{"from": number["number"], "username": made["username"]})
    assert told["action"] == "allow"


async def test_no_password_is_written_down(world: World) -> None:
    alice, number, _ = await equipped(world)
    first = await alice.client.post(path(number), headers={KEY: "make"})
    password = first.json()["password"]
    assert password not in await everything(world)
    again = await alice.client.post(path(number), headers={KEY: "make"})
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first.json(), "password": None}
    assert (await challenged(await proxy(world), number["id"]))["ha1"] == digest(first.json())
    told = (await alice.client.get("/v1/audit")).text + (await alice.client.get("/v1/events")).text
    assert password not in told
    assert digest(first.json()) not in told


async def test_another_password_takes_the_place_of_the_first(world: World) -> None:
    alice, number, _ = await equipped(world)
    client = await proxy(world)
    first, second = await given(alice, number), await given(alice, number)
    assert first["password"] != second["password"]
    assert (await challenged(client, number["id"]))["ha1"] == digest(second)
    deleted = await alice.client.delete(path(number))
    assert (deleted.status_code, deleted.json()) == (200, {"username": number["id"], "deleted": True})
    rejected(await challenged(client, number["id"]), "account_without_credentials", 403)
    refused(await alice.client.delete(path(number)), 404, "NOT_FOUND")
    third = await given(alice, number)
    history = (await alice.client.get(f"/v1/phone-numbers/{number['id']}/history")).json()["history"]
    assert [each["event"] for each in history] == [
        *("sip_credentials.created", "sip_credentials.deleted", "sip_credentials.rotated", "sip_credentials.created"),
        "phone_number.purchased",
    ]
    assert {change["field"] for each in history[:4] for change in each["changes"]} == {"sip_realm", "sip_password_at"}
    assert history[0]["key_id"] == alice.key_id
    for made in (first, second, third):
        assert made["password"] not in await everything(world)


async def test_whose_calls_are_challenged(world: World) -> None:
    alice, number, _ = await equipped(world)
    client = await proxy(world)
    rejected(await challenged(client, number["id"]), "account_without_credentials", 403)
    await given(alice, number)
    for status in ("pending", "porting", "suspended"):
        await set_status(world, number, status)
        rejected(await challenged(client, number["id"]), "account_inactive", 403)
    for username in ("", "pn_none", "Ünicode", number["number"], number["id"].upper(), "x" * 1000, "a b", "'--"):
        rejected(await challenged(client, username), "account_unknown", 403)
    rejected(await challenged(await proxy(world, Environment.TEST), number["id"]), "account_unknown", 403)
    told = faults(await client.post("/v1/routing/credentials", json={"username": "\0"}))
    assert told == {"username": "must have no NUL character"}


@pytest.mark.parametrize("status", ["pending", "porting"])
async def test_what_makes_no_calls_is_given_none(world: World, status: str) -> None:
    alice, number, _ = await equipped(world)
    await set_status(world, number, status)
    assert refused(await alice.client.post(path(number)), 409, "INVALID_STATE") == {"status": status}
    await set_status(world, number, "suspended")
    await given(alice, number)


async def test_they_end_with_the_tenure(world: World) -> None:
    alice, number, _ = await equipped(world)
    client = await proxy(world)
    await given(alice, number)
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    rejected(await challenged(client, number["id"]), "account_unknown", 403)
    assert await world.value("SELECT count(*) FROM phone_numbers WHERE sip_ha1 IS NOT NULL") == 0
    assert refused(await alice.client.post(path(number)), 409, "INVALID_STATE") == {"status": "released"}
    refused(await alice.client.delete(path(number)), 404, "NOT_FOUND")
    assert (await alice.client.post(f"/v1/phone-numbers/{number['id']}/restore")).status_code == 200
    rejected(await challenged(client, number["id"]), "account_without_credentials", 403)
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    mallory = await world.person()
    [item] = await world.fetch("SELECT id FROM inventory WHERE number = $1", number["number"])
    hers = await bought(mallory.client, item["id"])
    assert (await given(mallory, hers))["username"] != number["id"], "the next owner's account is another"
    await assert_invariants(world)


async def test_they_end_with_a_tenure_that_time_ends(moving: MovingWorld) -> None:
    alice = await moving.person(cents=400)
    [item] = await moving.stock()
    number = await bought(alice.client, item)
    await given(alice, number)
    await moving.pass_days(80)
    assert (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["status"] == "released"
    assert await moving.value("SELECT count(*) FROM phone_numbers WHERE sip_ha1 IS NOT NULL") == 0


async def test_a_deployment_that_moves_keeps_what_it_gave(world: World, settings: Settings, dsn: str) -> None:
    alice, number, _ = await equipped(world)
    made = await given(alice, number)
    app = application(replace(settings, sip_domain="new.example.com"), dsn)
    async with started(app):
        moved = World(app.state.services, with_request_id(app))
        client = await proxy(moved)
        told = await challenged(client, number["id"])
        assert (told["realm"], told["ha1"]) == (made["realm"], digest(made))
        answer = await moved.client(alice.api_key).post(path(number))
        assert (await challenged(client, number["id"]))["realm"] == answer.json()["realm"] == "new.example.com"
        await moved.close()
