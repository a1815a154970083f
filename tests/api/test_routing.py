"""Where does a call go? As a SIP proxy asks it, and as the owner may ask it beforehand."""

from dataclasses import replace
from typing import Any

import httpx2
import pytest
from tests.api.asking import AGENT, bought, faults, made, refused
from tests.cast import Person, World, assert_invariants
from tests.conftest import started

from nambari.api.app import application, with_request_id
from nambari.domain.access import Environment
from nambari.settings import Settings

CALLER = "+442079460999"
ABROAD = "+12025550143"


async def proxy(world: World, environment: Environment = Environment.LIVE) -> httpx2.AsyncClient:
    _, secret = await world.key(None, environment=environment)
    return world.client(secret)


async def inbound(client: httpx2.AsyncClient, to: str, call_id: str = "call-1", **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/routing/inbound", json={"to": to, "from": CALLER, "call_id": call_id, **more})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def outbound(client: httpx2.AsyncClient, **wanted: Any) -> dict[str, Any]:
    body = {"to": ABROAD, "call_id": "call-1", **wanted}
    answer = await client.post("/v1/routing/outbound", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def rejected(told: dict[str, Any], cause: str, sip_code: int) -> None:
    assert told == {"action": "reject", "sip_code": sip_code, "cause": cause, "reason": told["reason"]}
    assert told["reason"].endswith(".")


async def equipped(world: World, person: Person | None = None, **fields: Any) -> tuple[Person, dict[str, Any], str]:
    """Somebody, a number of theirs that is attached to an agent, and that agent's id."""
    person = person or await world.person()
    endpoint = await made(person.client)
    [item] = await world.stock()
    return person, await bought(person.client, item, endpoint_id=endpoint["id"], **fields), endpoint["id"]


async def calls(world: World) -> list[dict[str, Any]]:
    rows = await world.fetch("SELECT * FROM events WHERE event LIKE 'call.%' ORDER BY sequence")
    return [dict(row) for row in rows]


async def set_status(world: World, number: dict[str, Any], status: str) -> None:
    """What no operation makes of a number yet."""
    async with world.services.database.writing() as connection:
        await connection.execute(
            "UPDATE phone_numbers SET status = $2, retry_at = now(), releases_at = now(),"
            " porting_direction = CASE $2::text WHEN 'porting' THEN 'in' END WHERE id = $1",
            number["id"],
            status,
        )


# ── To a number ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_finds_its_agent(world: World) -> None:
    alice, number, endpoint = await equipped(world)
    client = await proxy(world)
    told = await inbound(client, number["number"])
    assert told == {
        "action": "route",
        "sip_uri": AGENT["url"],
        "number": number["number"],
        "phone_number_id": number["id"],
        "organization_id": alice.organization_id,
        "endpoint_id": endpoint,
        "fallback": None,
        "via_fallback": None,
    }
    digits = number["number"].removeprefix("+")
    for form, country in (
        (f"00{digits}", None),
        (f"011{digits}", "US"),
        (f"0{digits[2:]}", "GB"),
        (digits, None),
        (f" {digits}", "DE"),
        (f"tel:+{digits};ext=1", None),
        (f"sip:+{digits}@nambari.example.com;user=phone", None),
    ):
        assert await inbound(client, form, **({"country": country} if country else {})) == told, form


async def test_a_platform_without_a_user_is_given_the_number(world: World) -> None:
    alice, number, _ = await equipped(world)
    eleven = await alice.client.post(
        "/v1/endpoints",
        json={"name": "E", "type": "elevenlabs", "provider_config": {"elevenlabs_agent_id": "agent_1"}},
    )
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"endpoint_id": eleven.json()["id"]})
    told = await inbound(await proxy(world), number["number"])
    assert told["sip_uri"] == f"sip:{number['number']}@sip.rtc.elevenlabs.io:5060;transport=tcp"


async def test_each_cause_of_a_rejection(world: World) -> None:
    alice, number, endpoint = await equipped(world)
    client = await proxy(world)
    path, own = f"/v1/phone-numbers/{number['id']}", number["number"]
    [unsold] = await world.fetch("SELECT number FROM inventory WHERE id = $1", (await world.stock())[0])
    rejected(await inbound(client, "sip:alice@example.com"), "number_unreadable", 484)
    rejected(await inbound(client, CALLER), "number_unknown", 404)
    rejected(await inbound(client, unsold["number"]), "number_unassigned", 404)
    for status in ("pending", "porting", "suspended"):
        await set_status(world, number, status)
        rejected(await inbound(client, own), f"number_{status}", 480)
    await set_status(world, number, "active")
    await alice.client.patch(path, json={"allow_inbound": False})
    rejected(await inbound(client, own), "inbound_off", 403)
    await alice.client.patch(path, json={"allow_inbound": True})
    await alice.client.patch(f"/v1/endpoints/{endpoint}", json={"status": "inactive"})
    rejected(await inbound(client, own), "endpoint_inactive", 480)
    await alice.client.delete(f"/v1/endpoints/{endpoint}")
    rejected(await inbound(client, own), "endpoint_missing", 480)
    await alice.client.delete(path)
    rejected(await inbound(client, own), "number_released", 404)


async def test_the_next_owner_has_the_calls(world: World) -> None:
    alice, number, _ = await equipped(world)
    client = await proxy(world)
    assert (await inbound(client, number["number"]))["organization_id"] == alice.organization_id
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    rejected(await inbound(client, number["number"]), "number_released", 404)
    mallory = await world.person()
    [item] = await world.fetch("SELECT id FROM inventory WHERE number = $1", number["number"])
    hers = await bought(mallory.client, item["id"])
    rejected(await inbound(client, number["number"]), "endpoint_missing", 480)
    endpoint = await made(mallory.client, url="sip:mallory@sip.example.com")
    await mallory.client.patch(f"/v1/phone-numbers/{hers['id']}", json={"endpoint_id": endpoint["id"]})
    told = await inbound(client, number["number"])
    assert (told["organization_id"], told["sip_uri"]) == (mallory.organization_id, "sip:mallory@sip.example.com")
    await assert_invariants(world)


@pytest.mark.parametrize(("rule", "action"), [("reject", "reject"), ("route", "route")])
async def test_a_suspended_number(settings: Settings, dsn: str, rule: str, action: str) -> None:
    app = application(replace(settings, suspended_inbound=rule), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        alice, number, _ = await equipped(world)
        await set_status(world, number, "suspended")
        client = await proxy(world)
        assert (await inbound(client, number["number"]))["action"] == action
        told = await outbound(client, **{"from": number["number"], "organization_id": alice.organization_id})
        rejected(told, "caller_suspended", 403)
        outcome = (await alice.client.post(f"/v1/phone-numbers/{number['id']}/test-route")).json()["outcome"]
        assert outcome["action"] == action
        await world.close()


# ── From a number ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_is_allowed(world: World) -> None:
    alice, number, _ = await equipped(world)
    _, second, _ = await equipped(world, alice)
    client = await proxy(world)
    told = {
        "action": "allow",
        "caller_id": number["number"],
        "to": ABROAD,
        "phone_number_id": number["id"],
        "organization_id": alice.organization_id,
    }
    sip = f"sip:{number['number']}@nambari.example.com"
    for who in (
        {"organization_id": alice.organization_id},
        {"username": number["id"]},
        {"username": second["id"]},
        {"username": number["id"], "organization_id": alice.organization_id},
    ):
        assert await outbound(client, **{"from": number["number"]}, **who) == told
        assert await outbound(client, **{"from": sip}, **who) == told
    national = await outbound(client, **{"from": sip, "to": "020 7946 0999", "username": number["id"]})
    assert national["to"] == CALLER


async def test_each_cause_of_a_rejected_call_from_a_number(world: World) -> None:
    alice, number, _ = await equipped(world)
    mallory, hers, _ = await equipped(world)
    client, own = await proxy(world), number["number"]

    async def told(**wanted: Any) -> dict[str, Any]:
        return await outbound(client, **{"from": own, **wanted})

    org = {"organization_id": alice.organization_id}
    rejected(await told(organization_id="org_none"), "account_unknown", 403)
    rejected(await told(username="pn_none"), "account_unknown", 403)
    rejected(await told(username=number["id"], organization_id=mallory.organization_id), "account_unknown", 403)
    rejected(await told(**org, **{"from": "anonymous"}), "caller_unreadable", 403)
    rejected(await told(**org, **{"from": hers["number"]}), "caller_not_yours", 403)
    rejected(await told(**org, **{"from": CALLER}), "caller_not_yours", 403)
    rejected(await told(username=hers["id"]), "caller_not_yours", 403)
    rejected(await told(**org, to="112"), "destination_unreadable", 484)
    for status in ("pending", "porting", "suspended"):
        await set_status(world, number, status)
        rejected(await told(**org), f"caller_{status}", 403)
        rejected(await told(username=number["id"]), "account_inactive", 403)
    await set_status(world, number, "active")
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"allow_outbound": False})
    rejected(await told(**org), "outbound_off", 403)
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    rejected(await told(**org), "caller_not_yours", 403)
    rejected(await told(username=number["id"]), "account_unknown", 403)


async def test_who_makes_the_call_must_be_said(world: World) -> None:
    answer = await (await proxy(world)).post(
        "/v1/routing/outbound", json={"from": CALLER, "to": ABROAD, "call_id": "1"}
    )
    assert faults(answer) == {"organization_id": "or username is required: who makes the call"}


# ── Worlds apart ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_operators_key_answers_for_its_environment(world: World) -> None:
    alice, number, _ = await equipped(world)
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    endpoint = await made(tester.client, url="sip:test@sip.example.com")
    [item] = await world.stock(environment="test")
    other = await bought(tester.client, item, endpoint_id=endpoint["id"])
    live, test = await proxy(world), await proxy(world, Environment.TEST)
    assert (await inbound(live, number["number"]))["sip_uri"] == AGENT["url"]
    rejected(await inbound(live, other["number"]), "number_unknown", 404)
    assert (await inbound(test, other["number"]))["sip_uri"] == "sip:test@sip.example.com"
    rejected(await inbound(test, number["number"]), "number_unknown", 404)
    told = await outbound(live, **{"from": number["number"], "username": other["id"]})
    rejected(told, "account_unknown", 403)
    [live_event, test_event] = [each for each in await calls(world) if each["event"] == "call.routed"]
    assert (live_event["environment"], test_event["environment"]) == ("live", "test")


async def test_a_test_number_is_called_in_the_time_of_its_owner(world: World) -> None:
    tester = await world.person(verified=False, cents=0, environment=Environment.TEST)
    [item] = await world.stock(environment="test")
    number = await bought(tester.client, item)
    await tester.client.post("/v1/test/clock", json={"advance_days": 10})
    await inbound(await proxy(world, Environment.TEST), number["number"])
    assert await world.value("SELECT created_at > now() + interval '9 days' FROM events WHERE event = 'call.rejected'")


async def test_a_field_that_is_a_word_of_python_is_told_as_it_is_sent(world: World) -> None:
    client = await proxy(world)
    right = {"to": CALLER, "from": CALLER, "call_id": "1"}
    for path in ("inbound", "outbound"):
        required = dict.fromkeys(right, "is required")
        assert faults(await client.post(f"/v1/routing/{path}", json={})) == required
    unknown = faults(await client.post("/v1/routing/inbound", json={**right, "from_": "x"}))
    assert unknown == {"from_": "is not a field of this request, which takes to, from, call_id, country"}
    refused(await client.get("/v1/routing/inbound"), 405, "METHOD_NOT_ALLOWED")
    assert set(faults(await client.post("/v1/routing/inbound?to=1", json=right))) == {"to"}
    assert await calls(world) == []


# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_is_an_event_of_its_owner(world: World) -> None:
    alice, number, endpoint = await equipped(world)
    client = await proxy(world)
    answer = await client.post(
        "/v1/routing/inbound", json={"to": number["number"], "from": "sip:+442079460999@x", "call_id": "a@b"}
    )
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"allow_inbound": False})
    await inbound(client, number["number"], "c@d", **{"from": "anonymous"})
    routed, turned_away = await calls(world)
    assert (routed["event"], turned_away["event"]) == ("call.routed", "call.rejected")
    assert routed["data"] == {
        "call_id": "a@b",
        "direction": "inbound",
        "from": CALLER,
        "to": number["number"],
        "phone_number_id": number["id"],
        "endpoint_id": endpoint,
        "sip_uri": AGENT["url"],
    }
    assert turned_away["data"]["cause"] == "inbound_off"
    assert turned_away["data"]["sip_code"] == 403
    assert turned_away["data"]["from"] is None
    assert routed["request_id"] == answer.headers["x-request-id"]
    assert {(each["organization_id"], each["key_id"]) for each in (routed, turned_away)} == {
        (alice.organization_id, None)
    }
    assert routed["subject_id"].startswith("call_")
    assert routed["subject_id"] != turned_away["subject_id"]


async def test_a_call_asked_again_is_one_event_unless_it_goes_another_way(world: World) -> None:
    alice, number, _ = await equipped(world)
    client, own = await proxy(world), number["number"]
    path = f"/v1/phone-numbers/{number['id']}"
    first = await inbound(client, own, "again")
    assert await inbound(client, f"sip:{own}@nambari.example.com", "again") == first
    assert len(await calls(world)) == 1
    await alice.client.patch(path, json={"allow_inbound": False})
    for _ in range(2):
        rejected(await inbound(client, own, "again"), "inbound_off", 403)
    assert [each["event"] for each in await calls(world)] == ["call.routed", "call.rejected"]
    assert len({each["subject_id"] for each in await calls(world)}) == 1
    await inbound(client, own, "another")
    await outbound(client, **{"from": own, "username": number["id"], "call_id": "again"})
    assert len(await calls(world)) == 4


async def test_an_idempotency_key_keeps_no_route(world: World) -> None:
    """Kept, it would send calls to a former owner."""
    alice, number, _ = await equipped(world)
    client = await proxy(world)
    client.headers["Idempotency-Key"] = "same"
    assert (await inbound(client, number["number"]))["action"] == "route"
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    body = {"to": number["number"], "from": CALLER, "call_id": "call-1"}
    answer = await client.post("/v1/routing/inbound", json=body)
    rejected(answer.json(), "number_released", 404)
    assert "idempotent-replayed" not in answer.headers
    assert await world.value("SELECT count(*) FROM kept_answers WHERE idempotency_key = 'same'") == 0


async def test_what_is_nobodys_leaves_no_event(world: World) -> None:
    alice, number, _ = await equipped(world)
    client = await proxy(world)
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    for to in (number["number"], CALLER, "nonsense"):
        assert (await inbound(client, to))["action"] == "reject"
    for who in ({"organization_id": "org_none"}, {"username": "pn_none"}, {"username": number["id"]}):
        assert (await outbound(client, **{"from": number["number"]}, **who))["action"] == "reject"
    assert await calls(world) == []


async def test_a_caller_id_that_is_anothers_is_the_event_of_who_tried(world: World) -> None:
    alice, _, _ = await equipped(world)
    mallory, hers, _ = await equipped(world)
    client = await proxy(world)
    await outbound(client, **{"from": hers["number"], "organization_id": alice.organization_id})
    [event] = await calls(world)
    assert (event["organization_id"], event["data"]["cause"]) == (alice.organization_id, "caller_not_yours")
    assert event["data"]["phone_number_id"] is None
    assert hers["id"] not in str(event["data"])
    assert mallory.organization_id not in str(event["data"])


async def test_calls_are_told_in_the_trail_only_if_asked_for(world: World) -> None:
    alice, number, _ = await equipped(world)
    mallory = await world.person()
    await inbound(await proxy(world), number["number"], "x")
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"allow_inbound": False})
    await inbound(await proxy(world), number["number"], "y")

    async def trail(person: Person, query: str = "") -> list[dict[str, Any]]:
        answer = await person.client.get(f"/v1/audit?{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["records"]
        return found

    everything = await trail(alice)
    assert "phone_number.updated" in {each["event"] for each in everything}
    assert not [each for each in everything if each["event"].startswith("call.")]
    [turned_away] = await trail(alice, "event=call.rejected")
    told = {each["field"]: each["after"] for each in turned_away["changes"]}
    assert (told["cause"], told["call_id"], told["phone_number_id"]) == ("inbound_off", "y", number["id"])
    assert [each["event"] for each in await trail(alice, "event=call.*")] == ["call.rejected", "call.routed"]
    assert await trail(alice, f"subject_id={turned_away['subject_id']}") == [turned_away]
    assert await trail(mallory, "event=call.*") == []
    history = (await alice.client.get(f"/v1/phone-numbers/{number['id']}/history")).json()["history"]
    assert [each["event"] for each in history] == ["phone_number.updated", "phone_number.purchased"]


# ── The owner asks beforehand ────────────────────────────────────────────────────────────────────────────────────


async def test_the_owner_is_told_step_by_step(world: World) -> None:
    alice, number, endpoint = await equipped(world)
    client, path = await proxy(world), f"/v1/phone-numbers/{number['id']}"

    async def asked(**sends: Any) -> dict[str, Any]:
        answer = await alice.client.post(f"{path}/test-route", **sends)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        assert told["number"] == number["number"]
        return told

    told = await asked()
    assert told["steps"] == [
        {"step": "status", "found": "The number is active.", "ok": True},
        {"step": "permission", "found": "The number takes calls: allow_inbound is on.", "ok": True},
        {
            "step": "endpoint",
            "found": f"The number is attached to the endpoint {AGENT['name']} ({endpoint}).",
            "ok": True,
        },
        {"step": "endpoint_status", "found": "The endpoint is active.", "ok": True},
        {"step": "endpoint_type", "found": f"It is an agent: the call goes to {AGENT['url']}", "ok": True},
    ]
    for sends in ({"json": {}}, {"json": {"from": "anonymous"}}, {"json": {"from": None}}, {"content": b""}):
        assert await asked(**sends) == told
    assert await calls(world) == []
    assert told["outcome"] == await inbound(client, number["number"])
    for changes, cause in (({"allow_inbound": False}, "inbound_off"), ({"endpoint_id": None}, "endpoint_missing")):
        await alice.client.patch(path, json={"allow_inbound": True, **changes})
        told = await asked()
        assert [each["ok"] for each in told["steps"]][-2:] == [True, False]
        assert told["outcome"]["cause"] == cause
        assert told["outcome"] == await inbound(client, number["number"])
    await alice.client.delete(path)
    told = await asked()
    assert [each["step"] for each in told["steps"]] == ["status"]
    assert told["outcome"]["cause"] == "number_released"


async def test_a_former_owner_learns_nothing_of_the_next(world: World) -> None:
    alice, number, _ = await equipped(world)
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    path = f"/v1/phone-numbers/{number['id']}/test-route"
    before = (await alice.client.post(path)).json()
    mallory = await world.person()
    [item] = await world.fetch("SELECT id FROM inventory WHERE number = $1", number["number"])
    await bought(mallory.client, item["id"])
    assert (await alice.client.post(path)).json() == before


async def test_bad_bodies_of_a_test(world: World) -> None:
    alice, number, _ = await equipped(world)
    path = f"/v1/phone-numbers/{number['id']}/test-route"
    assert faults(await alice.client.post(path, json={"from": 5})) == {
        "from": "must be a string or null, not a whole number"
    }
    assert faults(await alice.client.post(path, json={"to": "x"})) == {
        "to": "is not a field of this request, which takes from"
    }
    refused(await alice.client.post(path, content=b"{"), 400, "INVALID_JSON")
    wrong = await alice.client.post(path, content=b"{}", headers={"content-type": "text/plain"})
    refused(wrong, 415, "UNSUPPORTED_MEDIA_TYPE")
    refused(await alice.client.post(path, content=b" " * 1_000_001), 413, "PAYLOAD_TOO_LARGE")
    refused(await alice.client.post("/v1/phone-numbers/PN_1/test-route"), 404, "NUMBER_NOT_FOUND")
