"""Whose request is it, and may it be made? Keys, both their headers, scopes, addresses, expiry, revocation."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.api.asking import AGENT, OF_OPERATORS, READS, WRITES, faults, fed, first_refusal, made, refused
from tests.cast import READ_ONLY, World
from tests.conftest import started

from nambari.api.app import application, with_request_id
from nambari.domain.access import ORGANIZATION_SCOPES
from nambari.operations import keys
from nambari.settings import Settings

ASKED = [*READS, *WRITES]
ANY = [*ASKED, *OF_OPERATORS]


async def test_both_headers_carry_the_key(world: World) -> None:
    alice = await world.person()
    stranger = world.client()
    for headers in (
        {"x-api-key": alice.api_key},
        {"X-API-Key": f" {alice.api_key} "},
        {"Authorization": f"Bearer {alice.api_key}"},
        {"authorization": f"bearer  {alice.api_key}"},
        {"x-api-key": "", "Authorization": f"Bearer {alice.api_key}"},
    ):
        answer = await stranger.get("/v1/phone-numbers", headers=headers)
        assert answer.status_code == 200, (headers, answer.text)


async def test_without_a_good_key_there_is_nothing(world: World) -> None:
    stranger = world.client()
    missing: list[dict[str, str]] = [
        {},
        {"x-api-key": " "},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer "},
    ]
    wrong = [
        {"x-api-key": "kros_live_" + "a" * 32},
        {"x-api-key": "kros_live_short"},
        {"x-api-key": "ключ".encode().decode("latin-1")},
        {"x-api-key": "\xff"},
        {"Authorization": "Bearer " + "x" * 5000},
    ]
    for method, path, _ in ANY:
        for headers, code in [(each, "MISSING_API_KEY") for each in missing] + [
            (each, "INVALID_API_KEY") for each in wrong
        ]:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            answer = await stranger.request(method, path, headers=raw, content=b"{")
            assert refused(answer, 401, code) == {}
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "scope"), ANY)
async def test_each_operation_needs_its_scope(world: World, method: str, path: str, scope: str) -> None:
    others = [each.value for each in ORGANIZATION_SCOPES if each.value != scope]
    alice = await world.person(scopes=others)
    answer = await alice.client.request(method, path, content=b"not even JSON")
    assert refused(answer, 403, "INSUFFICIENT_SCOPE") == {"required": scope}


async def test_a_read_only_key_reads_all_and_writes_nothing(world: World) -> None:
    alice = await world.person()
    bob = await world.person(alice.organization_id, scopes=READ_ONLY)
    for method, path, scope in READS:
        statuses = {200, 404} if scope in READ_ONLY else {403}  # the audit trail is for those who look after the keys
        assert (await bob.client.request(method, path)).status_code in statuses
    for method, path, scope in WRITES:
        assert refused(await bob.client.request(method, path, json={}), 403, "INSUFFICIENT_SCOPE") == {
            "required": scope
        }


async def test_an_operators_key_serves_no_organization(world: World) -> None:
    _, secret = await world.key(None)
    for method, path, scope in ASKED:
        answer = await world.client(secret).request(method, path)
        assert refused(answer, 403, "INSUFFICIENT_SCOPE") == {"required": scope}


async def test_no_organizations_key_asks_for_routes(world: World) -> None:
    """Not even one that was given the scope in the database."""
    alice = await world.person()
    async with world.services.database.writing() as connection:
        await connection.execute("UPDATE api_keys SET scopes = scopes || '{routing:read}'")
    for method, path, scope in OF_OPERATORS:
        answer = await alice.client.request(method, path, content=b"not even JSON")
        assert refused(answer, 403, "INSUFFICIENT_SCOPE") == {"required": scope}
        assert "operator's key" in answer.json()["error"]
    assert (await alice.client.get("/v1/kyc")).status_code == 200


async def test_refusals_come_in_their_order(world: World) -> None:
    """Authentication, then scope, then the request itself."""
    alice = await world.person(scopes=["billing:read"])
    wrong_in_every_way = {
        "url": "/v1/phone-numbers?nonsense=1",
        "content": b"{",
        "headers": {"content-type": "text/plain"},
    }
    refused(await world.client().post(**wrong_in_every_way), 401, "MISSING_API_KEY")
    refused(await alice.client.post(**wrong_in_every_way), 403, "INSUFFICIENT_SCOPE")
    everything = await world.person()
    assert set(faults(await everything.client.post(**wrong_in_every_way))) == {"nonsense"}


async def test_a_key_works_until_its_expiry(world: World) -> None:
    soon = world.services.clock() + timedelta(hours=1)
    alice = await world.person(expires_at=soon)
    assert (await alice.client.get("/v1/kyc")).status_code == 200
    async with world.services.database.writing() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() - interval '1 second'")
    answer = await first_refusal(alice.client, "/v1/kyc", time.monotonic() + 1)
    assert refused(answer, 401, "API_KEY_EXPIRED") == {}
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_key_stops_within_a_second_on_every_process(world: World, settings: Settings, dsn: str) -> None:
    alice = await world.person()
    other = application(settings, dsn)
    async with started(other):
        elsewhere = World(other.state.services, with_request_id(other)).client(alice.api_key)
        for client in (alice.client, elsewhere):
            assert (await client.get("/v1/kyc")).status_code == 200
        await keys.revoke(world.services, alice.key_id, "req_test", world.services.clock())
        revoked = time.monotonic()
        for client in (alice.client, elsewhere):
            refused(await first_refusal(client, "/v1/kyc", revoked + 1), 401, "INVALID_API_KEY")


async def test_without_a_cache_a_revoked_key_stops_at_once(settings: Settings, dsn: str) -> None:
    app = application(replace(settings, key_cache_seconds=0), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        alice = await world.person()
        assert (await alice.client.get("/v1/kyc")).status_code == 200
        await keys.revoke(world.services, alice.key_id, "req_test", world.services.clock())
        refused(await alice.client.get("/v1/kyc"), 401, "INVALID_API_KEY")


@pytest.mark.parametrize("ended", ["revoked", "expired"])
@pytest.mark.parametrize(
    ("method", "path", "chunks", "headers"),
    [
        ("POST", "/v1/endpoints", [b" " * 10, json.dumps(AGENT).encode()], {"content-type": "application/json"}),
        ("DELETE", "/v1/endpoints/{endpoint}", [b"{", b"}"], {}),
        ("POST", "/v1/phone-numbers/{number}/restore", [b"{", b"}"], {}),
        ("POST", "/v1/kyc/documents?type=identity&country=GB", [b"%PDF-", b"1.4"], {"content-type": "application/pdf"}),
    ],
)
async def test_a_key_that_ends_while_its_body_comes_does_nothing(
    settings: Settings, dsn: str, ended: str, method: str, path: str, chunks: list[bytes], headers: dict[str, str]
) -> None:
    app = application(replace(settings, key_cache_seconds=0.01), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        alice = await world.person()
        known = {"endpoint": (await made(alice.client))["id"], "number": "pn_none"}
        before = await world.value("SELECT max(sequence) FROM events")
        body: asyncio.Queue[bytes] = asyncio.Queue()
        body.put_nowait(chunks[0])
        url = path.format(**known)
        asked = asyncio.create_task(alice.client.request(method, url, content=fed(body), headers=headers))
        await body.join()  # the key is found good before the first of the body is taken
        if ended == "revoked":
            await keys.revoke(world.services, alice.key_id, "req_test", world.services.clock())
        else:
            async with world.services.database.writing() as connection:
                await connection.execute("UPDATE api_keys SET expires_at = now() - interval '1 second'")
        while (await alice.client.get("/v1/kyc")).status_code == 200:
            pass
        for chunk in (chunks[1], b""):
            body.put_nowait(chunk)
        refused(await asked, 401, "INVALID_API_KEY" if ended == "revoked" else "API_KEY_EXPIRED")
        made_since = "SELECT count(*) FROM events WHERE sequence > $1 AND event NOT LIKE 'api_key.%'"
        assert await world.value(made_since, before) == 0


async def test_a_slow_body_is_counted_once(settings: Settings, dsn: str) -> None:
    app = application(replace(settings, key_cache_seconds=0), dsn)  # each body takes longer than that
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        alice = await world.person(await world.organization(plan="business"))
        left = [int((await alice.client.get("/v1/kyc")).headers["x-ratelimit-remaining"])]
        left += [int((await alice.client.post("/v1/endpoints", json=AGENT)).headers["x-ratelimit-remaining"])]
        assert left[0] - left[1] == 1


async def test_use_is_noted(world: World) -> None:
    alice = await world.person()
    assert await world.value("SELECT last_used_at FROM api_keys") is None
    await alice.client.get("/v1/kyc")
    assert await world.value("SELECT now() - last_used_at < interval '1 minute' FROM api_keys")


@pytest.mark.parametrize(
    ("allowed", "address", "status"),
    [
        (["192.0.2.7"], "192.0.2.7", 200),
        (["192.0.2.7"], "192.0.2.8", 403),
        (["198.51.100.0/24", "2001:db8::/32"], "198.51.100.200", 200),
        (["198.51.100.0/24", "2001:db8::/32"], "2001:db8:1::1", 200),
        (["198.51.100.0/24", "2001:db8::/32"], "2001:db9::1", 403),
        (["192.0.2.7"], "::ffff:192.0.2.7", 200),
        (["192.0.2.7"], "not an address", 403),
    ],
)
async def test_a_key_may_be_bound_to_addresses(world: World, allowed: list[str], address: str, status: int) -> None:
    _, secret = await world.key(await world.organization(), allowed_ips=allowed)
    answer = await world.client(secret, address).get("/v1/kyc", headers={"x-forwarded-for": "192.0.2.7"})
    assert answer.status_code == status, answer.text
    if status == 403:
        assert refused(answer, 403, "IP_NOT_ALLOWED") == {}


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["192.0.2.7"], 200),
        (["203.0.113.9, 192.0.2.7"], 200),  # what stands further left is anybody's word
        (["192.0.2.7, 203.0.113.9"], 403),
        (["192.0.2.7", "203.0.113.9"], 403),  # the proxy added a line of its own below the stranger's
        (["203.0.113.9", "192.0.2.7"], 200),
        (["192.0.2.7, 10.0.0.2"], 200),  # through two trusted proxies
        (["nonsense"], 403),
        (["192.0.2.7, "], 200),
        ([], 403),
    ],
)
async def test_a_trusted_proxy_is_believed(settings: Settings, dsn: str, lines: list[str], status: int) -> None:
    app = application(replace(settings, trusted_proxies=("10.0.0.0/8",)), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        _, secret = await world.key(await world.organization(), allowed_ips=["192.0.2.7"])
        headers = [("x-forwarded-for", line) for line in lines]
        assert (await world.client(secret, "10.0.0.1").get("/v1/kyc", headers=headers)).status_code == status
        untrusted = await world.client(secret, "198.51.100.1").get(
            "/v1/kyc", headers=[("x-forwarded-for", "192.0.2.7")]
        )
        refused(untrusted, 403, "IP_NOT_ALLOWED")
