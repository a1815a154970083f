"""Idempotency-Key: the same key and request get the same answer, whatever it was, and act once."""

import asyncio
from typing import Any

import httpx2
import pytest
from tests.api.asking import AGENT, WEBHOOK, bought, faults, made, refused
from tests.cast import World, assert_invariants

from nambari.domain.access import Environment

KEY = "Idempotency-Key"


def assert_replayed(first: httpx2.Response, second: httpx2.Response) -> None:
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


async def test_every_write_is_done_once(world: World) -> None:
    alice = await world.person()
    mine, spare, other = await world.stock(3)
    number, endpoint = await bought(alice.client, mine), await made(alice.client)
    count = "SELECT count(*) FROM events"
    await alice.client.post(f"/v1/phone-numbers/{number['id']}/sip-credentials")
    for method, path, body, status in (
        ("POST", "/v1/phone-numbers", {"inventory_id": spare, "label": "é"}, 201),
        ("PATCH", f"/v1/phone-numbers/{number['id']}", {"label": "x"}, 200),
        ("POST", "/v1/endpoints", WEBHOOK, 201),
        ("DELETE", f"/v1/phone-numbers/{number['id']}/sip-credentials", None, 200),
        ("PATCH", f"/v1/endpoints/{endpoint['id']}", {"type": "webhook", "url": WEBHOOK["url"]}, 200),
        ("DELETE", f"/v1/endpoints/{endpoint['id']}", None, 200),
        ("DELETE", f"/v1/phone-numbers/{number['id']}?action=release", None, 200),
        ("POST", f"/v1/phone-numbers/{number['id']}/restore", None, 200),
        ("POST", "/v1/holds", {"inventory_id": other, "minutes": 5}, 201),
    ):
        body_of = {} if body is None else {"json": body}
        headers = {KEY: f"{method} {path}"}
        first = await alice.client.request(method, path, headers=headers, **body_of)
        assert first.status_code == status, first.text
        told = await world.value(count)
        for _ in range(2):
            assert_replayed(first, await alice.client.request(method, path, headers=headers, **body_of))
        assert await world.value(count) == told
    await assert_invariants(world)


async def test_kyc_is_submitted_once(world: World) -> None:
    alice = await world.person(verified=False)
    ask = {"url": "/v1/kyc", "json": {"legal_name": "Ada Example", "country": "GB"}, "headers": {KEY: "k"}}
    assert_replayed(await alice.client.post(**ask), await alice.client.post(**ask))


async def test_refusals_are_replayed_alike(world: World) -> None:
    """Even where the same request would by now succeed: that takes a new key."""
    alice = await world.person(verified=False, cents=0)
    [item] = await world.stock(setup=100, monthly=250)

    async def ask(key: str, **body: Any) -> httpx2.Response:
        return await alice.client.post("/v1/phone-numbers", json={"inventory_id": item, **body}, headers={KEY: key})

    asked: dict[str, dict[str, Any]] = {"kyc": {}}
    first = {"kyc": await ask("kyc")}
    refused(first["kyc"], 400, "KYC_REQUIRED")
    await world.verify(alice.organization_id)
    asked |= {
        "none": {"inventory_id": "inv_none"},
        "endpoint": {"endpoint_id": "ep"},
        "price": {"max_total_cents": 1},
        "poor": {},
    }
    for key in ("none", "endpoint", "price", "poor"):
        first[key] = await ask(key, **asked[key])
    await world.fund(alice.organization_id, 1000)
    for key, code in {
        "kyc": "KYC_REQUIRED",
        "none": "NUMBER_NOT_AVAILABLE",
        "endpoint": "ENDPOINT_NOT_FOUND",
        "price": "PRICE_CHANGED",
        "poor": "INSUFFICIENT_BALANCE",
    }.items():
        again = await ask(key, **asked[key])
        assert_replayed(first[key], again)
        assert again.json()["code"] == code
    assert (await ask("new")).status_code == 201
    await assert_invariants(world)


async def test_refusals_of_other_writes_are_replayed_alike(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item, label="x")
    path = f"/v1/phone-numbers/{number['id']}"
    await alice.client.patch(path, json={"deletion_lock": True})
    locked = await alice.client.delete(path, headers={KEY: "locked"})
    refused(locked, 409, "DELETION_LOCKED")
    unknown = await alice.client.patch(path, json={"endpoint_id": "ep_none"}, headers={KEY: "unknown"})
    refused(unknown, 404, "ENDPOINT_NOT_FOUND")
    await alice.client.patch(path, json={"deletion_lock": False})
    assert_replayed(locked, await alice.client.delete(path, headers={KEY: "locked"}))
    assert_replayed(unknown, await alice.client.patch(path, json={"endpoint_id": "ep_none"}, headers={KEY: "unknown"}))
    assert (await alice.client.get(path)).json()["status"] == "active"


async def test_a_key_serves_one_request(world: World) -> None:
    alice = await world.person()
    first, second = await world.stock(2)
    numbers = "/v1/phone-numbers"
    number = (await alice.client.post(numbers, json={"inventory_id": first}, headers={KEY: "k"})).json()
    path = f"{numbers}/{number['id']}"
    for method, other, body in (
        ("POST", numbers, {"inventory_id": second}),
        ("POST", numbers, {"inventory_id": first, "label": "x"}),
        ("POST", "/v1/endpoints", AGENT),
        ("PATCH", path, {"label": "x"}),
        ("DELETE", path, None),
    ):
        sent = {} if body is None else {"json": body}
        answer = await alice.client.request(method, other, headers={KEY: "k"}, **sent)
        assert refused(answer, 409, "IDEMPOTENCY_CONFLICT") == {}
        assert "idempotent-replayed" not in answer.headers
    assert (await alice.client.get(path)).json()["status"] == "active"
    assert (await alice.client.get("/v1/endpoints")).json()["total"] == 0
    await assert_invariants(world)


async def test_how_the_json_is_spelt_makes_no_other_request(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    first = await alice.client.post(
        "/v1/phone-numbers", json={"inventory_id": item, "allow_inbound": False}, headers={KEY: "k"}
    )
    respelt = f' {{"allowInbound" : false,\n "tags": [], "inventory_id": "{item}"}}'
    again = await alice.client.post(
        "/v1/phone-numbers", content=respelt, headers={KEY: "k", "content-type": "application/json; charset=utf-8"}
    )
    assert_replayed(first, again)


async def test_one_key_of_two_owners_is_two_keys(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    colleague = await world.person(alice.organization_id)
    answers = [
        await person.client.post("/v1/endpoints", json=AGENT, headers={KEY: "same"})
        for person in (alice, mallory, tester)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 3
    assert_replayed(answers[0], await colleague.client.post("/v1/endpoints", json=AGENT, headers={KEY: "same"}))


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", "~!@#$%^&*()", '"quoted"'])
async def test_which_keys_are_taken(world: World, key: str) -> None:
    alice = await world.person()
    first = await alice.client.post("/v1/endpoints", json=AGENT, headers={KEY: key})
    assert_replayed(first, await alice.client.post("/v1/endpoints", json=AGENT, headers={KEY: key}))


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"a\tb", b"\xc3\xa9", b"\xff", b"\x7f", b"a\x00b"])
async def test_which_keys_are_refused(world: World, key: bytes) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item)
    before = await world.value("SELECT count(*) FROM events")
    for method, path, body in (
        ("POST", "/v1/endpoints", AGENT),
        ("POST", "/v1/phone-numbers", {"inventory_id": item}),
        ("POST", "/v1/phone-numbers", {"inventory_id": item, "validate_only": True}),
        ("PATCH", f"/v1/phone-numbers/{number['id']}", {"label": "x"}),
        ("DELETE", f"/v1/phone-numbers/{number['id']}", None),
    ):
        sent = {} if body is None else {"json": body}
        answer = await alice.client.request(method, path, headers=[(KEY.encode(), key)], **sent)
        assert faults(answer) == {KEY: "must be 1 to 255 printable ASCII characters"}
    twice = await alice.client.post("/v1/endpoints", json=AGENT, headers=[(KEY, "a"), (KEY, "b")])
    assert faults(twice) == {KEY: "is given twice"}
    assert await world.value("SELECT count(*) FROM events") == before


async def test_a_failure_of_ours_is_not_kept(world: World) -> None:
    alice = await world.person()
    async with world.services.database.writing() as connection:
        await connection.execute("ALTER TABLE endpoints RENAME TO elsewhere")
    broken = await alice.client.post("/v1/endpoints", json=AGENT, headers={KEY: "k"})
    refused(broken, 500, "INTERNAL_ERROR")
    async with world.services.database.writing() as connection:
        await connection.execute("ALTER TABLE elsewhere RENAME TO endpoints")
    mended = await alice.client.post("/v1/endpoints", json=AGENT, headers={KEY: "k"})
    assert (mended.status_code, "idempotent-replayed" in mended.headers) == (201, False)


async def test_what_breaks_the_schema_leaves_the_key_free(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    faults(await alice.client.post("/v1/phone-numbers", json={"inventory_id": 5}, headers={KEY: "k"}))
    answer = await alice.client.post("/v1/phone-numbers", json={"inventory_id": item}, headers={KEY: "k"})
    assert answer.status_code == 201


async def test_of_many_at_once_one_acts(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    ask = {"url": "/v1/phone-numbers", "json": {"inventory_id": item}, "headers": {KEY: "k"}}
    answers = await asyncio.gather(*(alice.client.post(**ask) for _ in range(32)))
    made_by = {answer.content for answer in answers if answer.status_code == 201}
    others = [answer for answer in answers if answer.status_code != 201]
    assert len(made_by) == 1
    for answer in others:
        refused(answer, 409, "IDEMPOTENCY_CONFLICT")
    assert (await alice.client.post(**ask)).content in made_by
    assert await world.value("SELECT count(*) FROM phone_numbers") == 1
    await assert_invariants(world)
