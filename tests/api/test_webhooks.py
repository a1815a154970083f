"""Webhooks and events as their owner works with them; what others see of them: nothing."""

from pathlib import Path
from typing import Any

import pytest
from tests.api.asking import bought, but_for_the_id, faults, made, refused
from tests.cast import RICH, Person, World

from nambari.domain.access import Environment
from nambari.domain.events import SUBSCRIPTIONS
from nambari.domain.webhook import MOST_WEBHOOKS
from nambari.operations import deliver
from nambari.settings import Settings

HOOK = {"url": "https://example.com/events", "events": ["phone_number.*", "balance.low"]}
SHOWN = {
    *("id", "url", "events", "status", "failing_since", "previous_secret_until", "created_at", "updated_at"),
}


async def hook(person: Person, **fields: Any) -> dict[str, Any]:
    told = await person.client.post("/v1/webhooks", json={**HOOK, **fields})
    assert told.status_code == 201, told.text
    found: dict[str, Any] = told.json()
    return found


async def placed(world: World) -> None:
    while await deliver.place(world.services, world.services.clock(), 500):
        pass


async def test_made_shown_changed_and_deleted(world: World) -> None:
    alice = await world.person()
    new = await hook(alice)
    assert set(new) == SHOWN | {"secret"}
    assert new["id"].startswith("wh_")
    assert new["secret"].startswith("whsec_")
    assert (new["url"], new["events"], new["status"]) == (HOOK["url"], HOOK["events"], "active")
    shown = {name: value for name, value in new.items() if name != "secret"}
    path = f"/v1/webhooks/{new['id']}"
    assert (await alice.client.get(path)).json() == shown
    other = await hook(alice, events=["*"])
    page = (await alice.client.get("/v1/webhooks?limit=1")).json()
    assert ([each["id"] for each in page["webhooks"]], page["total"], page["has_more"]) == ([other["id"]], 2, True)
    rest = (await alice.client.get(f"/v1/webhooks?starting_after={other['id']}")).json()
    assert rest["webhooks"] == [shown]
    changed = await alice.client.patch(path, json={"events": ["*", "*"], "status": "inactive"})
    assert (changed.json()["events"], changed.json()["status"]) == (["*"], "inactive")
    assert (await alice.client.patch(path, json={})).json() == changed.json()
    rotated = await alice.client.post(f"{path}/rotate-secret")
    assert rotated.json()["secret"] != new["secret"]
    assert rotated.json()["previous_secret_until"] is not None
    assert (await alice.client.get(f"{path}/deliveries")).json()["deliveries"] == []
    assert (await alice.client.delete(path)).json() == {"id": new["id"], "deleted": True}
    refused(await alice.client.get(path), 404, "NOT_FOUND")
    trail = (await alice.client.get("/v1/audit?event=webhook.*")).json()["records"]
    assert [each["event"].partition(".")[2] for each in trail if each["subject_id"] == new["id"]] == [
        *("deleted", "updated", "updated", "created")
    ]
    kept = str([dict(row) for row in await world.fetch("SELECT data, changes FROM events")])
    assert "whsec_" not in kept
    await placed(world)
    assert "webhook." not in (await alice.client.get("/v1/events")).text


async def test_the_same_key_makes_one_with_one_secret(world: World) -> None:
    alice = await world.person()
    told = [await alice.client.post("/v1/webhooks", json=HOOK, headers={"idempotency-key": "hook"}) for _ in range(2)]
    assert told[0].json() == told[1].json()
    assert told[1].headers["idempotent-replayed"] == "true"
    path = f"/v1/webhooks/{told[0].json()['id']}/rotate-secret"
    turned = [await alice.client.post(path, headers={"idempotency-key": "turn"}) for _ in range(2)]
    assert turned[0].json() == turned[1].json()
    assert await world.value("SELECT count(*) FROM webhooks") == 1


async def test_so_many_and_no_more_in_each_environment(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    first, *_ = [await hook(alice, status=status) for status in ("inactive", "active") * (MOST_WEBHOOKS // 2)]
    headers = {"idempotency-key": "one more"}
    for _ in range(2):
        answer = await alice.client.post("/v1/webhooks", json=HOOK, headers=headers)
        assert refused(answer, 409, "INVALID_STATE") == {}
    assert answer.json()["error"] == (
        "There are 20 webhooks here already, and 20 is the most."
        " Delete one first, or let one of them ask for more events."
    )
    for other in (mallory, tester):
        await hook(other)
    assert (await alice.client.delete(f"/v1/webhooks/{first['id']}")).status_code == 200
    await hook(alice)
    assert await world.value("SELECT count(*) FROM webhooks") == MOST_WEBHOOKS + 2


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("url", "http://example.com/", "must be https; http is for loopback addresses only"),
        ("url", "sip:a@example.com", "must be an https URL, such as https://example.com/calls"),
        ("url", "https://a:b@example.com/", "must have no user name or password in it: deliveries are signed"),
        ("url", "https://example.com/" + "x" * 500, "must be at most 500 characters long"),
        ("url", "", "must not be empty"),
        ("url", 5, "must be a string, not a whole number"),
        ("url", "http://127.0.0.1:1/", "must lead to a public address; to private and loopback ones events are sent"),
        ("url", "https://192.168.0.1/", "must lead to a public address; to private and loopback ones events are sent"),
        ("url", "https://[::ffff:10.0.0.1]/", "must lead to a public address"),
        ("events", [], "must not be empty"),
        ("events", ["*"] * 51, "must be at most 50 items long"),
        ("events", "*", "must be a list, not a string"),
        ("events", [1], "item 1 must be a string, not a whole number"),
        ("events", ["*", "number.bought"], "item 2 must be one of *, phone_number.purchased"),
        ("events", ["api_key.created"], "item 1 must be one of *"),
        ("events", ["kyc.submitted"], "item 1 must be one of *"),
        ("status", "disabled", "must be one of active, inactive"),
        ("secret", "whsec_x", "is not a field"),
    ],
)
async def test_bad_bodies(world: World, field: str, value: Any, told: str) -> None:
    alice = await world.person()
    good = await hook(alice)
    for answer in (
        await alice.client.post("/v1/webhooks", json={**HOOK, field: value}),
        await alice.client.patch(f"/v1/webhooks/{good['id']}", json={field: value}),
    ):
        found = faults(answer)
        assert list(found) == [field]
        assert found[field].startswith(told) or field == "secret", found
    assert await world.value("SELECT count(*) FROM webhooks") == 1


async def test_an_unknown_event_is_told_all_that_exist(world: World) -> None:
    alice = await world.person()
    told = faults(await alice.client.post("/v1/webhooks", json={**HOOK, "events": ["nonsense"]}))
    assert told == {"events": f"item 1 must be one of {', '.join(SUBSCRIPTIONS)}"}


async def test_others_find_nothing(world: World) -> None:
    alice = await world.person()
    mine = await hook(alice, events=["*"])
    await made(alice.client)
    await placed(world)
    [delivery, *_] = (await alice.client.get(f"/v1/webhooks/{mine['id']}/deliveries")).json()["deliveries"]
    strangers = [await world.person(), await world.person(alice.organization_id, environment=Environment.TEST)]
    before = await world.fetch("SELECT * FROM webhooks, deliveries")
    for stranger in strangers:
        theirs = await hook(stranger)
        for method, path in (
            ("GET", "/v1/webhooks/{}"),
            ("PATCH", "/v1/webhooks/{}"),
            ("DELETE", "/v1/webhooks/{}"),
            ("POST", "/v1/webhooks/{}/rotate-secret"),
            ("GET", "/v1/webhooks/{}/deliveries"),
            ("GET", "/v1/webhooks/{}/deliveries/" + delivery["id"] + "/attempts"),
            ("POST", "/v1/webhooks/{}/deliveries/" + delivery["id"] + "/replay"),
            ("POST", "/v1/webhooks/{}/replay"),
        ):
            bodies = {"PATCH": {"status": "inactive"}, "POST": {"from": "2020-01-01T00:00:00Z"}}
            has_one = method in bodies and path.count("/") == 3 + path.endswith("webhooks/{}/replay")
            body: dict[str, Any] = {"json": bodies[method]} if has_one else {}
            anothers = await stranger.client.request(method, path.format(mine["id"]), **body)
            nobodys = await stranger.client.request(method, path.format("wh_none"), **body)
            refused(anothers, 404, "NOT_FOUND")
            assert but_for_the_id(anothers) == but_for_the_id(nobodys)
        through = f"/v1/webhooks/{theirs['id']}/deliveries/{delivery['id']}/replay"
        refused(await stranger.client.post(through), 404, "NOT_FOUND")
        refused(await stranger.client.get(through.replace("/replay", "/attempts")), 404, "NOT_FOUND")
        [event, *_] = (await alice.client.get("/v1/events")).json()["events"]
        anothers = await stranger.client.get(f"/v1/events?starting_after={event['id']}")
        nobodys = await stranger.client.get("/v1/events?starting_after=evt_none")
        assert but_for_the_id(anothers) == but_for_the_id(nobodys)
        await stranger.client.delete(f"/v1/webhooks/{theirs['id']}")
        assert mine["id"] not in (await stranger.client.get("/v1/webhooks")).text
    assert before == await world.fetch("SELECT * FROM webhooks, deliveries")


async def test_events_oldest_first_by_type_and_cursor(world: World) -> None:
    alice = await world.person()
    endpoint = await made(alice.client)
    [item] = await world.stock()
    number = await bought(alice.client, item)
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"label": "mine"})
    assert (await alice.client.get("/v1/events")).json()["events"] == [], "not in place yet"
    await placed(world)
    page = (await alice.client.get("/v1/events")).json()
    assert set(page) == {"events", "limit", "has_more"}
    assert [each["event"] for each in page["events"]] == [
        *("kyc.verified", "payment.received", "endpoint.created", "phone_number.purchased", "phone_number.updated")
    ]
    assert all(set(each) == {"id", "event", "timestamp", "data"} for each in page["events"])
    assert page["events"][2]["data"]["id"] == endpoint["id"]
    payment = page["events"][1]["data"]
    assert set(payment) == {"transaction_id", "amount_cents", "balance_cents", "currency"}
    assert (payment["amount_cents"], payment["currency"]) == (RICH, "USD")

    async def names(query: str) -> list[str]:
        told = await alice.client.get(f"/v1/events?{query}")
        assert told.status_code == 200, told.text
        return [each["event"] for each in told.json()["events"]]

    assert await names("type=phone_number.*") == ["phone_number.purchased", "phone_number.updated"]
    assert await names("type=endpoint.created") == ["endpoint.created"]
    assert len(await names("type=*")) == 5
    seen: list[str] = []
    cursor = ""
    while True:
        told = (await alice.client.get(f"/v1/events?limit=2{cursor}")).json()
        seen += [each["id"] for each in told["events"]]
        if not told["has_more"]:
            break
        cursor = f"&starting_after={seen[-1]}"
    assert seen == [each["id"] for each in page["events"]]
    assert await names(f"starting_after={seen[-1]}") == []
    assert await names("order=newest_first&limit=1") == ["phone_number.updated"]
    assert await names("order=newest_first&type=endpoint.*") == ["endpoint.created"]
    assert await names(f"order=newest_first&starting_after={seen[2]}") == ["payment.received", "kyc.verified"]
    assert await names("order=oldest_first&limit=1") == ["kyc.verified"]
    for query in (
        "type=api_key.created",
        "type=nonsense",
        "limit=101",
        "limit=0",
        "offset=1",
        "order=x",
        "starting_after=evt_x",
    ):
        assert list(faults(await alice.client.get(f"/v1/events?{query}"))) == [query.partition("=")[0]]


async def test_the_log_by_status_and_page(world: World) -> None:
    alice = await world.person()
    mine = await hook(alice, events=["endpoint.*"])
    for _ in range(3):
        await made(alice.client)
    await placed(world)
    path = f"/v1/webhooks/{mine['id']}/deliveries"
    page = (await alice.client.get(f"{path}?limit=2&status=pending")).json()
    assert (len(page["deliveries"]), page["total"], page["has_more"]) == (2, 3, True)
    rest = (await alice.client.get(f"{path}?starting_after={page['deliveries'][-1]['id']}")).json()
    assert (len(rest["deliveries"]), rest["has_more"]) == (1, False)
    async with world.services.database.writing() as connection:
        await connection.execute(
            "UPDATE deliveries SET status = 'delivered', next_attempt_at = NULL WHERE id = $1",
            page["deliveries"][-1]["id"],
        )  # the cursor itself goes
    rest = (await alice.client.get(f"{path}?status=pending&starting_after={page['deliveries'][-1]['id']}")).json()
    assert (len(rest["deliveries"]), rest["total"], rest["has_more"]) == (1, 2, False)
    other = await hook(alice, events=["endpoint.*"])
    wrong = f"/v1/webhooks/{other['id']}/deliveries?starting_after={page['deliveries'][-1]['id']}"
    assert faults(await alice.client.get(wrong)) == {"starting_after": "is not the id of an item in this list"}
    assert (await alice.client.get(f"{path}?status=failed")).json()["deliveries"] == []
    assert list(faults(await alice.client.get(f"{path}?status=lost"))) == ["status"]


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings(
        data_dir=Path("/nonexistent"),
        database_connections=10,
        webhook_allowed_networks=getattr(request, "param", ()),
    )


@pytest.mark.parametrize("settings", [("127.0.0.0/8",)], indirect=True)
async def test_named_networks_may_be_told(world: World) -> None:
    alice = await world.person()
    await hook(alice, url="http://127.0.0.1:8080/in")
    await hook(alice, url="http://localhost:8080/in")
    assert "url" in faults(await alice.client.post("/v1/webhooks", json={**HOOK, "url": "https://10.0.0.1/"}))
