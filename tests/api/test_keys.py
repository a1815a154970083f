"""Keys over HTTP: made by a key, shown once, never more than their maker; listed, revoked; what others see: nothing."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.asking import but_for_the_id, faults, first_refusal, refused
from tests.cast import Person, World

from nambari.domain.access import ORGANIZATION_SCOPES, Environment

KEY = {"scopes": ["numbers:read", "api-keys:read"], "name": "agent"}
SHOWN = {
    *(
        "id",
        "name",
        "environment",
        "begins_with",
        "scopes",
        "allowed_ips",
        "monthly_cap_cents",
        "currency",
        "countries",
    ),
    *("expires_at", "revoked_at", "last_used_at", "created_at"),
}


async def make(person: Person, key: str | None = None, **fields: Any) -> dict[str, Any]:
    answer = await person.client.post(
        "/v1/api-keys", json={**KEY, **fields}, headers={"idempotency-key": key} if key else {}
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_made_used_listed_and_revoked(world: World) -> None:
    alice = await world.person()
    new = await make(alice, countries=["NG", "KE", "NG"], monthly_cap_cents=2000, allowed_ips=["127.0.0.1"])
    assert set(new) == SHOWN | {"api_key"}
    assert re.fullmatch(r"kros_live_[A-Za-z0-9]{32}", new["api_key"])
    assert new["api_key"].startswith(new["begins_with"])
    assert (new["monthly_cap_cents"], new["countries"]) == (2000, ["NG", "KE"])
    assert new["currency"] == "USD"
    assert (new["scopes"], new["environment"], new["expires_at"]) == (["api-keys:read", "numbers:read"], "live", None)
    path = f"/v1/api-keys/{new['id']}"
    shown = {name: value for name, value in new.items() if name != "api_key"}
    assert (await alice.client.get(path)).json() == shown
    async with world.client(new["api_key"]) as agent:
        assert (await agent.get("/v1/phone-numbers")).status_code == 200
        refused(await agent.post("/v1/api-keys", json=KEY), 403, "INSUFFICIENT_SCOPE")
        page = (await agent.get("/v1/api-keys?limit=1")).json()
        assert ([each["id"] for each in page["api_keys"]], page["total"], page["has_more"]) == ([new["id"]], 2, True)
        rest = (await agent.get(f"/v1/api-keys?starting_after={new['id']}")).json()
        assert [each["id"] for each in rest["api_keys"]] == [alice.key_id]
        gone = await alice.client.delete(path)
        assert gone.status_code == 200
        assert gone.json()["revoked_at"] is not None
        revoked = time.monotonic()
        assert (await alice.client.delete(path)).json() == gone.json()
        answer = await first_refusal(agent, "/v1/phone-numbers", revoked + 1)
        refused(answer, 401, "INVALID_API_KEY")
    trail = (await alice.client.get("/v1/audit?event=api_key.*")).json()["records"]
    assert [(each["event"], each["key_id"]) for each in trail if each["subject_id"] == new["id"]] == [
        ("api_key.revoked", alice.key_id),
        ("api_key.created", alice.key_id),
    ]
    told = {change["field"]: change["after"] for change in trail[1]["changes"]}
    assert told["monthly_cap_cents"] == 2000


async def test_the_secret_is_kept_nowhere_and_told_again_to_its_maker_alone(world: World) -> None:
    alice = await world.person()
    other = await world.person(alice.organization_id)
    new = await make(alice, "once")
    again = await alice.client.post("/v1/api-keys", json=KEY, headers={"idempotency-key": "once"})
    assert (again.status_code, again.json()) == (201, new)
    assert again.headers["idempotent-replayed"] == "true"
    bearer = await world.client().post(
        "/v1/api-keys", json=KEY, headers={"idempotency-key": "once", "authorization": f"Bearer {alice.api_key}"}
    )
    assert bearer.json() == new
    refused(
        await other.client.post("/v1/api-keys", json=KEY, headers={"idempotency-key": "once"}),
        409,
        "IDEMPOTENCY_CONFLICT",
    )
    assert await world.value("SELECT count(*) FROM api_keys") == 3
    letters = new["api_key"].removeprefix("kros_live_")
    for table in ("api_keys", "kept_answers", "events"):
        kept = str([dict(row) for row in await world.fetch(f"SELECT * FROM {table}")])
        assert letters not in kept
        assert letters.encode().hex() not in kept
    answers = await world.value("SELECT string_agg(convert_from(answer, 'UTF8'), '') FROM kept_answers")
    assert letters not in answers


async def test_it_takes_after_the_key_that_makes_it(world: World) -> None:
    soon = datetime(2099, 1, 31, tzinfo=UTC)
    alice = await world.person(
        allowed_ips=["127.0.0.0/8"], countries=["KE", "NG"], monthly_cap_cents=500, expires_at=soon
    )
    new = await make(alice)
    assert (new["allowed_ips"], new["countries"], new["monthly_cap_cents"], new["expires_at"]) == (
        ["127.0.0.0/8"],
        ["KE", "NG"],
        500,
        "2099-01-31T00:00:00Z",
    )
    assert (await make(alice, name="büro\u200b\u00a0\U0001f98a"))["name"] == "büro\u200b\u00a0\U0001f98a"
    narrower = await make(
        alice, allowed_ips=["127.0.0.1"], countries=["KE"], monthly_cap_cents=0, expires_at="2098-01-31T03:00:00+03:00"
    )
    assert (narrower["countries"], narrower["expires_at"]) == (["KE"], "2098-01-31T00:00:00Z")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("scopes", ["numbers:read", "kyc:write"], "which lacks kyc:write"),
        ("scopes", ["numbers:write"], "numbers:write: the key that makes it has a monthly cap"),
        ("allowed_ips", ["0.0.0.0/0"], "127.0.0.0/8"),
        ("countries", ["KE", "GB"], "KE, NG"),
        ("monthly_cap_cents", 501, "at most 500"),
        ("expires_at", "2099-01-31T00:00:01Z", "not be later"),
    ],
)
async def test_it_has_no_more_than_the_key_that_makes_it(world: World, field: str, value: Any, says: str) -> None:
    alice = await world.person(
        scopes=sorted(ORGANIZATION_SCOPES - {"kyc:write"}),
        allowed_ips=["127.0.0.0/8"],
        countries=["KE", "NG"],
        monthly_cap_cents=500,
        expires_at=datetime(2099, 1, 31, tzinfo=UTC),
    )
    told = faults(await alice.client.post("/v1/api-keys", json={**KEY, field: value}))
    assert set(told) == {field}
    assert says in told[field]
    assert await world.value("SELECT count(*) FROM api_keys") == 1
    assert await world.value("SELECT count(*) FROM events WHERE event = 'api_key.created'") == 1


async def test_a_key_that_was_revoked_just_now_makes_none(world: World) -> None:
    """While it is still believed: the answer of the cache is not enough."""
    alice = await world.person()
    assert (await alice.client.get("/v1/api-keys")).status_code == 200
    async with world.services.database.writing() as connection:
        await connection.execute("UPDATE api_keys SET revoked_at = now()")
    refused(await alice.client.post("/v1/api-keys", json=KEY), 401, "INVALID_API_KEY")
    assert await world.value("SELECT count(*) FROM api_keys") == 1


async def test_anothers_keys_and_those_of_the_other_environment_do_not_exist(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    for stranger in (mallory, tester):
        assert [each["id"] for each in (await stranger.client.get("/v1/api-keys")).json()["api_keys"]] == [
            stranger.key_id
        ]
        for method in ("GET", "DELETE"):
            anothers = await stranger.client.request(method, f"/v1/api-keys/{alice.key_id}")
            nobodys = await stranger.client.request(method, f"/v1/api-keys/key_{'0' * 26}")
            refused(anothers, 404, "NOT_FOUND")
            assert but_for_the_id(anothers) == but_for_the_id(nobodys)
        faults(await stranger.client.get(f"/v1/api-keys?starting_after={alice.key_id}"))
    assert (await make(tester))["api_key"].startswith("kros_test_")
    assert (await alice.client.get("/v1/api-keys")).status_code == 200


async def test_a_key_may_revoke_itself(world: World) -> None:
    alice = await world.person(expires_at=world.services.clock() + timedelta(hours=1))
    assert (await alice.client.delete(f"/v1/api-keys/{alice.key_id}")).json()["revoked_at"] is not None
