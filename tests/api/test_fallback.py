"""A fallback endpoint: attached and detached like the first, told to the proxy, and standing in for the first."""

from typing import Any

import pytest
from tests.api.asking import AGENT, WEBHOOK, bought, faults, made, refused
from tests.api.test_routing import calls, equipped, inbound, proxy, rejected
from tests.cast import Person, World

SAME = "must be another endpoint than endpoint_id, for which it stands in"
NO_AGENT = "must be an agent: a SIP proxy calls it, and asks no webhook by then"
NIGHT = {"name": "Night", "url": "sip:night@sip.example.com"}


async def with_both(world: World) -> tuple[Person, dict[str, Any], str, str]:
    """Somebody, a number of theirs, its endpoint and its fallback."""
    alice, number, first = await equipped(world)
    second = (await made(alice.client, **NIGHT))["id"]
    answer = await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"fallback_endpoint_id": second})
    assert answer.status_code == 200, answer.text
    return alice, answer.json(), first, second


async def explained(alice: Person, number: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = (await alice.client.post(f"/v1/phone-numbers/{number['id']}/test-route")).json()
    return told


async def test_it_is_attached_with_a_purchase_and_with_a_change(world: World) -> None:
    alice, number, first, second = await with_both(world)
    path = f"/v1/phone-numbers/{number['id']}"
    assert (number["endpoint_id"], number["fallback_endpoint_id"]) == (first, second)
    assert (await alice.client.get(path)).json()["fallback_endpoint_id"] == second
    [item] = await world.stock()
    other = await bought(alice.client, item, endpoint_id=first, fallback_endpoint_id=second)
    assert other["fallback_endpoint_id"] == second
    swapped = await alice.client.patch(path, json={"endpoint_id": second, "fallback_endpoint_id": first})
    assert (swapped.json()["endpoint_id"], swapped.json()["fallback_endpoint_id"]) == (second, first)
    gone = await alice.client.patch(path, json={"fallback_endpoint_id": None})
    assert gone.json()["fallback_endpoint_id"] is None
    [last, *_] = (await alice.client.get(f"{path}/history")).json()["history"]
    assert last["changes"] == [{"field": "fallback_endpoint_id", "before": first, "after": None}]


async def test_what_cannot_stand_in(world: World) -> None:
    alice, number, first, second = await with_both(world)
    mallory = await world.person()
    webhook, theirs = (await made(alice.client, **WEBHOOK))["id"], (await made(mallory.client))["id"]
    path, field = f"/v1/phone-numbers/{number['id']}", "fallback_endpoint_id"
    for changes in ({field: first}, {"endpoint_id": second}, {"endpoint_id": webhook, field: webhook}):
        told = faults(await alice.client.patch(path, json=changes))
        assert told == {field: NO_AGENT if webhook in changes.values() else SAME}
    assert faults(await alice.client.patch(path, json={field: webhook})) == {field: NO_AGENT}
    for missing in ("ep_none", theirs):
        refused(await alice.client.patch(path, json={field: missing}), 404, "ENDPOINT_NOT_FOUND")
    assert (await alice.client.get(path)).json()["updated_at"] == number["updated_at"]
    [item] = await world.stock()
    for fallback, told in ((first, SAME), (webhook, NO_AGENT)):
        order = {"inventory_id": item, "endpoint_id": first, field: fallback}
        assert faults(await alice.client.post("/v1/phone-numbers", json=order)) == {field: told}
    for missing in ("ep_none", theirs):
        order = {"inventory_id": item, field: missing}
        refused(await alice.client.post("/v1/phone-numbers", json=order), 404, "ENDPOINT_NOT_FOUND")


async def test_it_is_detached_when_it_is_deleted_and_stays_through_a_restore(world: World) -> None:
    alice, number, _, second = await with_both(world)
    path = f"/v1/phone-numbers/{number['id']}"
    await alice.client.delete(path)
    assert (await alice.client.post(f"{path}/restore")).json()["fallback_endpoint_id"] == second
    assert (await alice.client.delete(f"/v1/endpoints/{second}")).status_code == 200
    assert (await alice.client.get(path)).json()["fallback_endpoint_id"] is None
    [last, *_] = (await alice.client.get(f"{path}/history")).json()["history"]
    assert (last["event"], last["changes"]) == (
        "phone_number.updated",
        [{"field": "fallback_endpoint_id", "before": second, "after": None}],
    )


async def test_a_proxy_is_told_where_next(world: World) -> None:
    alice, number, first, second = await with_both(world)
    client = await proxy(world)
    told = await inbound(client, number["number"])
    assert (told["endpoint_id"], told["sip_uri"], told["via_fallback"]) == (first, AGENT["url"], None)
    assert told["fallback"] == {"endpoint_id": second, "sip_uri": NIGHT["url"]}
    shown = await explained(alice, number)
    assert shown["outcome"] == told
    assert shown["steps"][-1] == {
        "step": "fallback",
        "found": f"If that fails, the call goes to the fallback endpoint Night ({second}): {NIGHT['url']}",
        "ok": True,
    }
    await alice.client.patch(f"/v1/endpoints/{second}", json={"status": "inactive"})
    assert (await inbound(client, number["number"]))["fallback"] is None
    last = (await explained(alice, number))["steps"][-1]
    assert last["found"] == f"No call goes to the fallback endpoint Night ({second}): it is inactive."
    await alice.client.patch(f"/v1/endpoints/{second}", json={"status": "active", **WEBHOOK})
    assert (await inbound(client, number["number"]))["fallback"] is None


@pytest.mark.parametrize("deleted", [True, False])
async def test_it_stands_in_at_once(world: World, *, deleted: bool) -> None:
    alice, number, first, second = await with_both(world)
    client = await proxy(world)
    if deleted:
        await alice.client.delete(f"/v1/endpoints/{first}")
    else:
        await alice.client.patch(f"/v1/endpoints/{first}", json={"status": "inactive"})
    cause = "endpoint_missing" if deleted else "endpoint_inactive"
    told = await inbound(client, number["number"])
    assert (told["action"], told["endpoint_id"], told["sip_uri"]) == ("route", second, NIGHT["url"])
    assert (told["fallback"], told["via_fallback"]) == (None, cause)
    [event] = await calls(world)
    assert (event["event"], event["data"]["via_fallback"]) == ("call.routed", cause)
    assert event["data"]["endpoint_id"] == second
    shown = await explained(alice, number)
    assert shown["outcome"] == told
    assert [each["ok"] for each in shown["steps"][-2:]] == [False, True]
    assert NIGHT["url"] in shown["steps"][-1]["found"]
    await alice.client.patch(f"/v1/endpoints/{second}", json={"status": "inactive"})
    rejected(await inbound(client, number["number"]), cause, 480)
    assert [each["ok"] for each in (await explained(alice, number))["steps"][-2:]] == [False, False]
    await alice.client.patch(f"/v1/endpoints/{second}", json={"status": "active"})
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"allow_inbound": False})
    rejected(await inbound(client, number["number"]), "inbound_off", 403)
