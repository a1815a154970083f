"""Endpoints: where calls go."""

from typing import Any

import pytest
from tests.api.asking import AGENT, WEBHOOK, bought, faults, made, refused
from tests.cast import World, assert_invariants
from tests.security.statements import Statements

FIELDS = {"id", "name", "type", "url", "status", "provider", "provider_config", "created_at", "updated_at"}
VAPI_UUID = "123e4567-e89b-42d3-a456-426614174000"
ELEVENLABS = {"elevenlabs_agent_id": "agent_01jz8k3m5p7q9r"}
NO_SIP_URI = (
    "must begin with sip: or sips:, such as sip:agent@sip.example.com or sips:sip.example.com:5061;transport=tls"
)
NO_PASSWORD = "must have no user name or password in it: deliveries are signed"
NO_WEB_URL = "must be an https URL, such as https://example.com/calls"
ONLY_LOOPBACK = "must be https; http is for loopback addresses only"


async def test_an_agent_has_every_field(world: World) -> None:
    alice = await world.person()
    endpoint = await made(alice.client, name="  Reception  ")
    assert set(endpoint) == FIELDS
    assert endpoint["id"].startswith("ep_")
    assert endpoint["created_at"] == endpoint["updated_at"]
    assert {name: endpoint[name] for name in FIELDS - {"id", "created_at", "updated_at"}} == {
        "name": "Reception",
        "type": "agent",
        "url": "sip:reception@sip.example.com",
        "status": "active",
        "provider": "custom",
        "provider_config": {},
    }
    assert (await alice.client.get(f"/v1/endpoints/{endpoint['id']}")).json() == endpoint
    page = (await alice.client.get("/v1/endpoints")).json()
    assert page == {"endpoints": [endpoint], "total": 1, "limit": 50, "offset": 0, "has_more": False}


async def test_a_webhooks_secret_is_shown_once(world: World) -> None:
    alice = await world.person()
    endpoint = await made(alice.client, **WEBHOOK)
    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_")
    assert (endpoint["type"], endpoint["provider"], endpoint["provider_config"]) == ("webhook", None, {})
    path = f"/v1/endpoints/{endpoint['id']}"
    assert (await alice.client.get(path)).json() == endpoint
    assert (await alice.client.get("/v1/endpoints")).json()["endpoints"] == [endpoint]
    renamed = (await alice.client.patch(path, json={"name": "New"})).json()
    assert set(renamed) == FIELDS
    moved = (await alice.client.patch(path, json={"url": "https://example.org/calls"})).json()
    assert set(moved) == FIELDS
    assert await world.value("SELECT secret FROM endpoints") == secret
    assert (await alice.client.delete(path)).json() == {"id": endpoint["id"], "deleted": True}
    assert secret not in str(await world.fetch("SELECT data, changes FROM events"))


async def test_one_that_becomes_a_webhook_shows_its_new_secret(world: World) -> None:
    alice = await world.person()
    path = f"/v1/endpoints/{(await made(alice.client))['id']}"
    becomes = {"type": "webhook", "url": WEBHOOK["url"]}
    webhook = (await alice.client.patch(path, json=becomes)).json()
    assert webhook["secret"].startswith("whsec_")
    assert "secret" not in (await alice.client.patch(path, json=becomes)).json()
    agent = (await alice.client.patch(path, json={"type": "agent", "url": AGENT["url"]})).json()
    assert (agent["type"], agent["provider"], "secret" in agent) == ("agent", "custom", False)
    assert await world.value("SELECT secret FROM endpoints") is None
    again = (await alice.client.patch(path, json=becomes)).json()
    assert again["secret"] != webhook["secret"]


@pytest.mark.parametrize(
    ("body", "provider", "url"),
    [
        (
            {"type": "elevenlabs", "provider_config": ELEVENLABS},
            "elevenlabs",
            "sip:sip.rtc.elevenlabs.io:5060;transport=tcp",
        ),
        (
            {"type": "agent", "provider": "elevenlabs", "provider_config": ELEVENLABS},
            "elevenlabs",
            "sip:sip.rtc.elevenlabs.io:5060;transport=tcp",
        ),
        ({"type": "vapi", "provider_config": {"vapi_sip_user": "my-agent"}}, "vapi", "sip:my-agent@sip.vapi.ai"),
        (
            {"type": "vapi", "provider_config": {"vapi_credential_id": VAPI_UUID}},
            "vapi",
            f"sip:{VAPI_UUID}.sip.vapi.ai",
        ),
        ({"type": "retell"}, "retell", "sip:sip.retellai.com;transport=tcp"),
        (
            {"type": "livekit", "provider_config": {"livekit_sip_subdomain": "vjnxecm0tjk"}},
            "livekit",
            "sip:vjnxecm0tjk.sip.livekit.cloud;transport=tcp",
        ),
        ({"type": "custom", "url": "sips:a@example.com"}, "custom", "sips:a@example.com"),
        ({"type": "vapi", "url": "sip:a@example.com"}, "vapi", "sip:a@example.com"),
        ({"type": "vapi", "provider": "vapi", "url": "sip:a@example.com"}, "vapi", "sip:a@example.com"),
    ],
)
async def test_a_providers_name_is_a_type(world: World, body: dict[str, Any], provider: str, url: str) -> None:
    alice = await world.person()
    answer = await alice.client.post("/v1/endpoints", json={"name": "Agent", **body})
    assert answer.status_code == 201, answer.text
    endpoint = answer.json()
    assert (endpoint["type"], endpoint["provider"], endpoint["url"]) == ("agent", provider, url)
    assert endpoint["provider_config"] == body.get("provider_config", {})


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"type": "agent"}, "url", "is required: the agent's SIP URI, such as sip:agent@sip.example.com"),
        ({"type": "custom"}, "url", "is required: the agent's SIP URI, such as sip:agent@sip.example.com"),
        ({"type": "webhook"}, "url", "is required: the https address that is asked where a call goes"),
        ({"type": "webhook", "url": "http://example.com/"}, "url", ONLY_LOOPBACK),
        ({"type": "webhook", "url": "http://127.0.0.2.example.com/"}, "url", ONLY_LOOPBACK),
        ({"type": "webhook", "url": "http://[2001:db8::1]/"}, "url", ONLY_LOOPBACK),
        ({"type": "webhook", "url": "ftp://example.com/"}, "url", NO_WEB_URL),
        ({"type": "webhook", "url": "https:///calls"}, "url", NO_WEB_URL),
        ({"type": "webhook", "url": "https://"}, "url", NO_WEB_URL),
        ({"type": "webhook", "url": "https://example.com:99999/"}, "url", NO_WEB_URL),
        ({"type": "webhook", "url": "https://exam ple.com/"}, "url", NO_WEB_URL),
        ({"type": "webhook", "url": "https://example.com\\@evil.example/"}, "url", NO_WEB_URL),
        ({"type": "webhook", "url": "https://пример.example/"}, "url", NO_WEB_URL),
        ({"type": "webhook", "url": "https://a:b@example.com/"}, "url", NO_PASSWORD),
        ({"type": "webhook", "url": "https://a@example.com/"}, "url", NO_PASSWORD),
        ({"type": "webhook", "url": "sip:a@example.com"}, "url", NO_WEB_URL),
        (
            {**WEBHOOK, "provider": "custom"},
            "provider",
            "belongs to agents: a webhook has a url only",
        ),
        (
            {**WEBHOOK, "provider_config": {"a": 1}},
            "provider_config",
            "belongs to agents: a webhook has a url only",
        ),
        (
            {"type": "agent", "url": "https://example.com/"},
            "url",
            NO_SIP_URI,
        ),
        (
            {"type": "elevenlabs"},
            "provider_config.elevenlabs_agent_id",
            "is required: the agent that the number is given to in ElevenLabs, such as agent_01jz8k3m5p7q9r",
        ),
        (
            {"type": "elevenlabs", "provider_config": {**ELEVENLABS, "room": 1}},
            "provider_config.room",
            "is not a field of the provider elevenlabs, which takes elevenlabs_agent_id",
        ),
        ({"type": "vapi", "provider": "retell"}, "provider", "must be vapi, or left out, with the type vapi"),
        (
            {"type": "agent", "url": AGENT["url"], "provider_config": {"x": "y" * 5000}},
            "provider_config",
            "must be at most 4096 bytes of JSON",
        ),
    ],
)
async def test_what_an_endpoint_cannot_be(world: World, body: dict[str, Any], field: str, message: str) -> None:
    alice = await world.person()
    answer = await alice.client.post("/v1/endpoints", json={"name": "x", **body})
    assert faults(answer) == {field: message}
    assert answer.json()["error"] == f"Check the request: {field} {message}."
    assert await world.value("SELECT count(*) FROM endpoints") == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/calls",
        "http://127.0.0.1/",
        "http://[::1]:9/x?y=1",
        "https://192.0.2.1/",
        "HTTPS://EXAMPLE.com",
    ],
)
async def test_which_webhook_urls_are_taken(world: World, url: str) -> None:
    alice = await world.person()
    assert (await made(alice.client, type="webhook", url=url))["url"] == url


async def test_each_field_can_be_changed_alone(world: World) -> None:
    alice = await world.person()
    endpoint = await made(alice.client)
    path = f"/v1/endpoints/{endpoint['id']}"
    for name, value in {"name": "Night", "url": "sips:b@example.com", "status": "inactive"}.items():
        before, answer = endpoint, await alice.client.patch(path, json={name: value})
        endpoint = answer.json()
        assert endpoint == {**before, name: value, "updated_at": endpoint["updated_at"]}
        row = (await world.fetch("SELECT event, changes FROM events ORDER BY sequence DESC LIMIT 1"))[0]
        assert row["event"] == "endpoint.updated"
        assert row["changes"] == [{"field": name, "before": before[name], "after": value}]
    same = await alice.client.patch(path, json={"name": "Night", "status": "inactive"})
    assert same.json() == endpoint
    assert (await alice.client.patch(path, json={})).json() == endpoint
    assert await world.value("SELECT count(*) FROM events WHERE event = 'endpoint.updated'") == 3


async def test_a_change_of_type_or_provider_is_checked_whole(world: World) -> None:
    alice = await world.person()
    path = f"/v1/endpoints/{(await made(alice.client))['id']}"
    assert set(faults(await alice.client.patch(path, json={"type": "webhook"}))) == {"url"}
    assert set(faults(await alice.client.patch(path, json={"url": "https://example.com/"}))) == {"url"}
    assert set(faults(await alice.client.patch(path, json={"provider": "elevenlabs"}))) == {
        "provider_config.elevenlabs_agent_id"
    }
    eleven = await alice.client.patch(path, json={"type": "elevenlabs", "provider_config": ELEVENLABS})
    assert eleven.json()["url"] == "sip:sip.rtc.elevenlabs.io:5060;transport=tcp"
    retell = await alice.client.patch(path, json={"provider": "retell"})
    assert (retell.json()["url"], retell.json()["provider_config"]) == ("sip:sip.retellai.com;transport=tcp", {})


@pytest.mark.parametrize("blank", ["\u00a0", " \u2003 ", "\u3000", "\u0085", "\ufeff"])
async def test_a_name_of_spaces_of_any_kind_is_none(world: World, blank: str) -> None:
    alice = await world.person()
    endpoint = await made(alice.client)
    told = {"name": "must have at least one visible character and no control characters"}
    assert faults(await alice.client.post("/v1/endpoints", json={**AGENT, "name": blank})) == told
    assert faults(await alice.client.patch(f"/v1/endpoints/{endpoint['id']}", json={"name": blank})) == told


async def test_deleting_one_of_many_numbers_takes_no_more_statements(world: World) -> None:
    statements, sent = Statements(world.services), []
    alice = await world.person()
    items = await world.stock(7)
    for count in (1, 6):
        endpoint = await made(alice.client)
        for _ in range(count):
            await bought(alice.client, items.pop(), endpoint_id=endpoint["id"])
        async with statements.of() as these:
            answer = await alice.client.delete(f"/v1/endpoints/{endpoint['id']}")
            assert answer.status_code == 200
        sent.append(list(these))
    assert sent[0] == sent[1]
    assert await world.value("SELECT count(*) FROM events WHERE event = 'phone_number.updated'") == 7


async def test_deleting_one_detaches_its_numbers(world: World) -> None:
    alice = await world.person()
    endpoint, other = await made(alice.client), await made(alice.client)
    items = await world.stock(4)
    numbers = [await bought(alice.client, item, endpoint_id=endpoint["id"]) for item in items[:3]]
    elsewhere = await bought(alice.client, items[3], endpoint_id=other["id"])
    await alice.client.delete(f"/v1/phone-numbers/{numbers[2]['id']}")

    answer = await alice.client.delete(f"/v1/endpoints/{endpoint['id']}")

    assert (answer.status_code, answer.json()) == (200, {"id": endpoint["id"], "deleted": True})
    for number in numbers[:2]:
        now = (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()
        assert (now["endpoint_id"], now["endpoint"], now["status"]) == (None, None, "active")
        assert now["updated_at"] > number["updated_at"]
    assert (await alice.client.get(f"/v1/phone-numbers/{elsewhere['id']}")).json()["endpoint_id"] == other["id"]
    told = await world.fetch("SELECT event, subject_id, changes, data FROM events ORDER BY sequence DESC LIMIT 4")
    assert told[0]["event"] == "endpoint.deleted"
    detached = {row["subject_id"]: row for row in told[1:]}
    assert set(detached) == {number["id"] for number in numbers}, "the released one, which may be restored, too"
    for row in detached.values():
        assert row["event"] == "phone_number.updated"
        assert row["changes"] == [{"field": "endpoint_id", "before": endpoint["id"], "after": None}]
        assert row["data"]["endpoint_id"] is None
    for method in ("GET", "DELETE"):
        refused(await alice.client.request(method, f"/v1/endpoints/{endpoint['id']}"), 404, "ENDPOINT_NOT_FOUND")
    await assert_invariants(world)


async def test_the_list_is_paged(world: World) -> None:
    alice = await world.person()
    newest_first = [(await made(alice.client))["id"] for _ in range(5)][::-1]

    async def page(query: str) -> tuple[list[str], int, bool]:
        answer = (await alice.client.get(f"/v1/endpoints?{query}")).json()
        return [each["id"] for each in answer["endpoints"]], answer["total"], answer["has_more"]

    assert await page("limit=2") == (newest_first[:2], 5, True)
    assert await page("limit=2&offset=4") == (newest_first[4:], 5, False)
    await made(alice.client)
    assert await page(f"limit=2&starting_after={newest_first[1]}") == (newest_first[2:4], 6, True)
    assert await page(f"starting_after={newest_first[4]}") == ([], 6, False)
    assert faults(await alice.client.get("/v1/endpoints?limit=101&status=active")) == {
        "limit": "must be at most 100",
        "status": "is not a parameter of this operation, which takes limit, offset, starting_after",
    }
