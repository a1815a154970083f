"""Nothing of another organization, and nothing of the other environment, is ever seen: it does not exist."""

from typing import Any

import httpx2
import pytest
from tests.api.asking import bought, but_for_the_id, listed, made, refused
from tests.cast import Person, World, assert_invariants

from nambari.domain.access import Environment

BY_ID: list[tuple[str, str, str, Any]] = [
    ("GET", "/v1/phone-numbers/{}", "pn", None),
    ("PATCH", "/v1/phone-numbers/{}", "pn", {"label": "mine"}),
    ("PATCH", "/v1/phone-numbers/{}", "pn", {}),
    ("DELETE", "/v1/phone-numbers/{}", "pn", None),
    ("DELETE", "/v1/phone-numbers/{}?action=release", "pn", None),
    ("GET", "/v1/phone-numbers/{}/history", "pn", None),
    ("GET", "/v1/phone-numbers/{}/history?starting_after=evt_none", "pn", None),
    ("DELETE", "/v1/phone-numbers/{}?dry_run=true", "pn", None),
    ("POST", "/v1/phone-numbers/{}/restore", "pn", None),
    ("POST", "/v1/phone-numbers/{}/restore", "gone", None),
    ("DELETE", "/v1/holds/{}", "hold", None),
    ("POST", "/v1/phone-numbers/{}/sip-credentials", "pn", None),
    ("DELETE", "/v1/phone-numbers/{}/sip-credentials", "pn", None),
    ("POST", "/v1/phone-numbers/{}/test-route", "pn", None),
    ("POST", "/v1/phone-numbers/{}/test-route", "pn", {"from": "+442079460999"}),
    ("GET", "/v1/endpoints/{}", "ep", None),
    ("PATCH", "/v1/endpoints/{}", "ep", {"name": "mine"}),
    ("DELETE", "/v1/endpoints/{}", "ep", None),
]
CODES = {"pn": "NUMBER_NOT_FOUND", "gone": "NUMBER_NOT_FOUND", "ep": "ENDPOINT_NOT_FOUND", "hold": "NOT_FOUND"}


async def alices(world: World) -> tuple[Person, dict[str, str]]:
    """Alice, and the ids of a number, an endpoint, a hold and a released number of hers."""
    alice = await world.person()
    endpoint = await made(alice.client)
    item, spare, held = await world.stock(3)
    number = await bought(alice.client, item, endpoint_id=endpoint["id"], label="hers", tags=["hers"])
    gone = await bought(alice.client, spare)
    await alice.client.delete(f"/v1/phone-numbers/{gone['id']}")
    hold = (await alice.client.post("/v1/holds", json={"inventory_id": held})).json()
    return alice, {
        "pn": number["id"],
        "ep": endpoint["id"],
        "gone": gone["id"],
        "hold": hold["id"],
        "number": number["number"],
        "inventory": item,
    }


async def strangers(world: World, alice: Person) -> dict[str, Person]:
    """Another organization, and Alice's own in the other environment."""
    return {
        "mallory": await world.person(),
        "test": await world.person(alice.organization_id, environment=Environment.TEST),
    }


async def ask(client: httpx2.AsyncClient, method: str, path: str, body: Any, key: str | None = None) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.request(method, path, headers=headers, **({} if body is None else {"json": body}))


@pytest.mark.parametrize(("method", "path", "kind", "body"), BY_ID)
async def test_what_is_anothers_is_as_what_is_not(world: World, method: str, path: str, kind: str, body: Any) -> None:
    alice, ids = await alices(world)
    others = await strangers(world, alice)
    everything = "SELECT * FROM phone_numbers AS n, endpoints AS e, holds AS h, events ORDER BY sequence, n.id"
    before = await world.fetch(everything)
    for who, stranger in others.items():
        for key in (None, f"{who}-{kind}"):
            anothers = await ask(stranger.client, method, path.format(ids[kind]), body, key)
            nobodys = await ask(stranger.client, method, path.format(f"{kind}_{'0' * 26}"), body, key and key + "2")
            refused(anothers, 404, CODES[kind])
            assert but_for_the_id(anothers) == but_for_the_id(nobodys)
            assert anothers.headers.keys() == nobodys.headers.keys()
    assert before == await world.fetch(everything)


async def test_lists_show_ones_own(world: World) -> None:
    alice, ids = await alices(world)
    filters = ("", f"number=%2B{ids['number'][1:]}", f"endpoint_id={ids['ep']}", "tag=hers", "contains=7946")
    for query in filters:
        assert await listed(alice.client, query) == [ids["pn"]]
    for stranger in (await strangers(world, alice)).values():
        for query in filters:
            assert await listed(stranger.client, query) == []
        assert (await stranger.client.get("/v1/endpoints")).json()["endpoints"] == []
        assert (await stranger.client.get("/v1/holds")).json()["holds"] == []
        for path, cursor in (("phone-numbers", ids["pn"]), ("endpoints", ids["ep"]), ("holds", ids["hold"])):
            anothers = await stranger.client.get(f"/v1/{path}?starting_after={cursor}")
            nobodys = await stranger.client.get(f"/v1/{path}?starting_after=none")
            assert but_for_the_id(anothers) == but_for_the_id(nobodys)
        [line] = await world.fetch(
            "SELECT id FROM postings WHERE phone_number_id = $1 AND type = 'setup_fee'", ids["pn"]
        )
        refused(
            await stranger.client.get(f"/v1/credits/transactions?starting_after={line['id']}"), 400, "VALIDATION_ERROR"
        )


async def test_anothers_endpoint_cannot_be_attached(world: World) -> None:
    alice, ids = await alices(world)
    for environment, stranger in zip(("live", "test"), (await strangers(world, alice)).values(), strict=True):
        own, spare = await world.stock(
            2, environment=environment, prefix="+4420794600" if environment == "test" else "+44207946"
        )
        number = await bought(stranger.client, own)
        for body, method, path in (
            ({"inventory_id": spare}, "POST", "/v1/phone-numbers"),
            ({}, "PATCH", f"/v1/phone-numbers/{number['id']}"),
        ):
            anothers = await stranger.client.request(method, path, json={**body, "endpoint_id": ids["ep"]})
            nobodys = await stranger.client.request(method, path, json={**body, "endpoint_id": "ep_none"})
            refused(anothers, 404, "ENDPOINT_NOT_FOUND")
            assert but_for_the_id(anothers) == but_for_the_id(nobodys)
    await assert_invariants(world)


async def test_a_held_number_is_as_one_that_never_was(world: World) -> None:
    alice, ids = await alices(world)
    for stranger in (await strangers(world, alice)).values():
        anothers = await stranger.client.post("/v1/phone-numbers", json={"inventory_id": ids["inventory"]})
        nobodys = await stranger.client.post("/v1/phone-numbers", json={"inventory_id": "inv_never"})
        refused(anothers, 404, "NUMBER_NOT_AVAILABLE")
        assert but_for_the_id(anothers) == but_for_the_id(nobodys)
    await assert_invariants(world)


async def test_stock_credits_and_kyc_are_of_one_environment(world: World) -> None:
    alice = await world.person(cents=777, verified=False)
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    [live] = await world.stock()
    [test] = await world.stock(environment="test")
    for person, own, foreign in ((alice, live, test), (tester, test, live)):
        found = (await person.client.get("/v1/phone-numbers/available?country=GB")).json()
        assert [each["inventory_id"] for each in found["phone_numbers"]] == [own]
        refused(
            await person.client.post("/v1/phone-numbers", json={"inventory_id": foreign, "validate_only": True}),
            *((400, "KYC_REQUIRED") if person is alice else (404, "NUMBER_NOT_AVAILABLE")),
        )
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 777
    assert (await tester.client.get("/v1/credits")).json()["balance_cents"] == 10_000_00
    assert (await alice.client.get("/v1/kyc")).json()["status"] == "not_submitted"
    assert (await tester.client.get("/v1/kyc")).json()["status"] == "verified"
    assert len((await alice.client.get("/v1/credits/transactions")).json()["transactions"]) == 1
