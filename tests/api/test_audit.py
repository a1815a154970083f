"""The audit trail: all that happened in an organization, who did it, and nothing of anybody else."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.api.asking import AGENT, bought, but_for_the_id, faults, made, refused
from tests.cast import Person, World

from nambari.db.engine import Conflict
from nambari.domain.access import ORGANIZATION_SCOPES, Environment
from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.domain.refusals import InvalidState, NotFound
from nambari.operations import credit, endpoints, keys, kyc, organizations

APPLICANT = {"legal_name": "Zebedee Secretname", "country": "GB", "kind": "individual"}
ITEM = {"id", "event", "subject_id", "changes", "key_id", "key_name", "request_id", "created_at"}


async def trail(person: Person, query: str = "limit=100") -> list[dict[str, Any]]:
    answer = await person.client.get(f"/v1/audit?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["records"]
    return found


def change(field: str, before: object, after: object) -> dict[str, object]:
    return {"field": field, "before": before, "after": after}


async def test_everything_is_in_it_with_who_and_what(world: World) -> None:
    organization_id = await world.organization(plan="pro")
    alice = await world.person(organization_id, name="till", allowed_ips=["127.0.0.0/8"])
    await world.fund(organization_id, 1000)
    operator = world.operator(organization_id)
    steps = [await alice.client.post("/v1/kyc", json=APPLICANT)]
    await kyc.decline(world.services, operator, "Secretname is not on the paper.", world.services.clock())
    steps.append(await alice.client.post("/v1/kyc", json=APPLICANT))
    await kyc.approve(world.services, operator, world.services.clock())
    steps.append(await alice.client.post("/v1/endpoints", json=AGENT))
    endpoint = steps[-1].json()
    steps.append(await alice.client.patch(f"/v1/endpoints/{endpoint['id']}", json={"status": "inactive"}))
    [item] = await world.stock()
    steps.append(await alice.client.post("/v1/phone-numbers", json={"inventory_id": item}))
    number = steps[-1].json()
    steps.append(await alice.client.delete(f"/v1/endpoints/{endpoint['id']}"))
    key_id, secret = await world.key(organization_id, name="spare", scopes=["numbers:read"])
    await keys.revoke(world.services, key_id, "req_revoked", world.services.clock())

    found = (await trail(alice))[::-1]
    assert all(set(each) == ITEM for each in found)
    assert len({each["id"] for each in found}) == len(found)
    [payment] = [each["subject_id"] for each in found if each["event"] == "payment.received"]
    by_alice = iter([(alice.key_id, "till", step.headers["x-request-id"]) for step in steps])
    by_operator = (None, None, "req_test")
    told = [
        (each["event"], each["subject_id"], (each["key_id"], each["key_name"], each["request_id"])) for each in found
    ]
    assert told == [
        ("organization.created", organization_id, by_operator),
        ("api_key.created", alice.key_id, by_operator),
        ("payment.received", payment, by_operator),
        ("kyc.submitted", organization_id, next(by_alice)),
        ("kyc.declined", organization_id, by_operator),
        ("kyc.submitted", organization_id, next(by_alice)),
        ("kyc.verified", organization_id, by_operator),
        ("endpoint.created", endpoint["id"], next(by_alice)),
        ("endpoint.updated", endpoint["id"], next(by_alice)),
        ("phone_number.purchased", number["id"], next(by_alice)),
        ("endpoint.deleted", endpoint["id"], next(by_alice)),
        ("api_key.created", key_id, by_operator),
        ("api_key.revoked", key_id, (None, None, "req_revoked")),
    ]
    changes = [each["changes"] for each in found]
    assert changes[0] == [change("plan", None, "pro")]
    assert changes[1] == [
        change("name", None, "till"),
        change("scopes", None, sorted(ORGANIZATION_SCOPES)),
        change("allowed_ips", None, ["127.0.0.0/8"]),
        change("countries", None, []),
    ]
    assert changes[2] == [change("balance_cents", 0, 1000)]
    assert changes[3:7] == [
        [change("kyc_status", "not_submitted", "pending")],
        [change("kyc_status", "pending", "declined")],
        [change("kyc_status", "declined", "pending")],
        [change("kyc_status", "pending", "verified")],
    ]
    settings = {"name": "Reception", "type": "agent", "url": AGENT["url"], "provider": "custom", "provider_config": {}}
    assert {each["field"]: each["after"] for each in changes[7]} == {**settings, "status": "active"}
    assert changes[8] == [change("status", "active", "inactive")]
    assert {each["field"]: (each["before"], each["after"]) for each in changes[10]} == {
        name: (value, None) for name, value in {**settings, "status": "inactive"}.items()
    }
    [revoked] = changes[12]
    assert (revoked["field"], revoked["before"]) == ("revoked_at", None)
    assert revoked["after"].endswith("Z")
    assert secret not in str(await world.fetch("SELECT * FROM events"))
    assert secret[:12] in str(await world.fetch("SELECT data FROM events WHERE event = 'api_key.created'"))


async def test_personal_data_of_kyc_is_in_no_row(world: World) -> None:
    alice = await world.person(verified=False)
    operator = world.operator(alice.organization_id)
    assert (await alice.client.post("/v1/kyc", json=APPLICANT)).status_code == 201
    await kyc.decline(world.services, operator, "Zebedee Secretname cannot be read.", world.services.clock())
    again = {**APPLICANT, "legal_name": "Zebedee Secretname Ltd", "kind": "business"}
    assert (await alice.client.post("/v1/kyc", json=again)).status_code == 201
    await kyc.approve(world.services, operator, world.services.clock())
    rows = await world.fetch("SELECT to_jsonb(e)::text AS row FROM events AS e WHERE event LIKE 'kyc.%'")
    assert len(rows) == 4
    for word in ("Zebedee", "Secretname", "individual", "business", "GB", "cannot be read"):
        assert word not in str(rows), word
    assert "Secretname" not in str(await trail(alice))


async def test_each_environment_has_its_own(world: World) -> None:
    alice = await world.person()
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    [live] = await world.stock()
    [test] = await world.stock(environment="test")
    await bought(alice.client, live)
    await bought(tester.client, test)
    await made(tester.client)
    of_live, of_test = await trail(alice), await trail(tester)
    assert not {each["id"] for each in of_live} & {each["id"] for each in of_test}
    assert [each["event"] for each in of_test[::-1]] == [
        *("organization.created", "payment.received", "api_key.created"),
        *("phone_number.purchased", "endpoint.created"),
    ]
    assert {each["key_id"] for each in of_test} == {tester.key_id, None}
    assert {each["key_id"] for each in of_live} == {alice.key_id, None}
    assert {each["subject_id"] for each in of_live if each["event"] == "api_key.created"} == {alice.key_id}
    for person, foreign in ((alice, of_test), (tester, of_live)):
        for line in foreign:
            own = await trail(person, f"subject_id={line['subject_id']}")
            assert line["id"] not in {each["id"] for each in own}


async def test_mallory_sees_her_own(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    operators_key, _ = await world.key(None)
    [item] = await world.stock()
    number = await bought(alice.client, item, label="hers")
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    await bought(mallory.client, item)
    lines = await trail(alice)
    for query in ("", "event=phone_number.*", "event=api_key.created", "event=kyc.*", "event=organization.created"):
        found = await trail(mallory, query)
        assert found
        assert not {each["id"] for each in found} & {each["id"] for each in lines}
        assert not {each["key_id"] for each in found} & {alice.key_id}
        assert "Hers" not in str(found)
        assert operators_key not in str(found)
    for subject in (number["id"], alice.organization_id, alice.key_id, operators_key, "pn_none"):
        page = (await mallory.client.get(f"/v1/audit?subject_id={subject}")).json()
        assert page == {"records": [], "total": 0, "limit": 50, "offset": 0, "has_more": False}
    for query in ("", "&event=phone_number.*", f"&subject_id={number['id']}"):
        anothers = await mallory.client.get(f"/v1/audit?starting_after={lines[0]['id']}{query}")
        nobodys = await mallory.client.get(f"/v1/audit?starting_after=evt_none{query}")
        refused(anothers, 400, "VALIDATION_ERROR")
        assert but_for_the_id(anothers) == but_for_the_id(nobodys)


async def test_filters(world: World) -> None:
    alice = await world.person()
    [first, second] = [await bought(alice.client, item) for item in await world.stock(2)]
    await alice.client.patch(f"/v1/phone-numbers/{first['id']}", json={"label": "x"})
    await alice.client.delete(f"/v1/phone-numbers/{second['id']}")
    endpoint = await made(alice.client)
    everything = await trail(alice)
    for query, of in {
        "event=phone_number.purchased": ["phone_number.purchased"],
        "event=phone_number.*": ["phone_number.purchased", "phone_number.updated", "phone_number.released"],
        "event=api_key.*": ["api_key.created", "api_key.revoked"],
        "event=kyc.*": ["kyc.submitted", "kyc.verified", "kyc.declined"],
        "event=endpoint.deleted": ["endpoint.deleted"],
        "event=payment.*": ["payment.received"],
        "event=organization.created": ["organization.created"],
    }.items():
        page = (await alice.client.get(f"/v1/audit?{query}")).json()
        assert page["records"] == [each for each in everything if each["event"] in of], query
        assert (page["total"], page["has_more"]) == (len(page["records"]), False)
    for subject in (first["id"], second["id"], endpoint["id"], alice.key_id, alice.organization_id):
        page = (await alice.client.get(f"/v1/audit?subject_id={subject}")).json()
        assert page["records"] == [each for each in everything if each["subject_id"] == subject]
        assert page["total"] == len(page["records"]) > 0
    both = (await alice.client.get(f"/v1/audit?subject_id={first['id']}&event=phone_number.updated")).json()
    assert ([each["changes"] for each in both["records"]], both["total"]) == ([[change("label", None, "x")]], 1)


@pytest.mark.parametrize("query", ["", "event=phone_number.*&", "event=phone_number.updated&", "subject_id={}&"])
async def test_pages_are_stable_while_more_happens(world: World, query: str) -> None:
    alice = await world.person()
    [item, other] = await world.stock(2)
    number, another = await bought(alice.client, item), await bought(alice.client, other)
    query = query.format(number["id"])

    async def happen(times: int) -> None:
        for place in range(times):
            for each in (number, another):
                await alice.client.patch(f"/v1/phone-numbers/{each['id']}", json={"label": f"{place}{times}"})

    await happen(4)
    whole = [each["id"] for each in await trail(alice, f"{query}limit=100")]
    walked: list[str] = []
    while True:
        cursor = f"&starting_after={walked[-1]}" if walked else ""
        page = (await alice.client.get(f"/v1/audit?{query}limit=2{cursor}")).json()
        walked += [each["id"] for each in page["records"]]
        assert page["total"] >= len(whole)
        if not page["has_more"]:
            break
        await happen(1)
    assert walked == whole
    by_offset: list[str] = []
    total = len(await trail(alice, f"{query}limit=100"))
    for offset in range(0, total, 3):
        page = (await alice.client.get(f"/v1/audit?{query}limit=3&offset={offset}")).json()
        assert (page["total"], page["offset"], page["has_more"]) == (total, offset, offset + 3 < total)
        by_offset += [each["id"] for each in page["records"]]
    assert by_offset == [each["id"] for each in await trail(alice, f"{query}limit=100")]
    beyond = (await alice.client.get(f"/v1/audit?{query}offset={2**31 - 1}")).json()
    assert (beyond["records"], beyond["total"], beyond["has_more"]) == ([], total, False)
    after = (await alice.client.get(f"/v1/audit?{query}starting_after={whole[0]}&offset=1&limit=2")).json()
    assert [each["id"] for each in after["records"]] == whole[2:4]


async def test_a_cursor_is_of_the_list_that_is_asked_for(world: World) -> None:
    alice = await world.person()
    [line] = await trail(alice, "event=api_key.created")
    assert await trail(alice, f"event=api_key.*&starting_after={line['id']}") == []
    for query in ("event=kyc.*", "subject_id=pn_none"):
        told = faults(await alice.client.get(f"/v1/audit?{query}&starting_after={line['id']}"))
        assert told == {"starting_after": "is not the id of an item in this list"}


async def test_what_was_refused_or_changes_nothing_leaves_no_line(world: World) -> None:
    alice = await world.person()
    operator, now = world.operator(alice.organization_id), world.services.clock()
    endpoint = await made(alice.client)
    await world.fund(alice.organization_id, 5, "invoice")
    revoked, _ = await world.key(alice.organization_id)
    await keys.revoke(world.services, revoked, "req_first", now)
    before = await world.fetch("SELECT * FROM events ORDER BY sequence")
    for status, method, path, body in (
        (409, "POST", "/v1/kyc", APPLICANT),
        (400, "POST", "/v1/kyc", {**APPLICANT, "country": "XX"}),
        (400, "POST", "/v1/endpoints", {**AGENT, "url": "https://example.com"}),
        (404, "DELETE", "/v1/endpoints/ep_none", None),
        (200, "PATCH", f"/v1/endpoints/{endpoint['id']}", {"name": endpoint["name"]}),
        (404, "POST", "/v1/phone-numbers", {"inventory_id": "inv_none"}),
        (403, "GET", "/v1/audit", None),
    ):
        bob = await bobs(world, alice) if status == 403 else alice
        for key in ({}, {"Idempotency-Key": path}):
            sends = {} if body is None else {"json": body}
            answer = await bob.client.request(method, path, headers=key, **sends)
            assert answer.status_code == status, answer.text
    for refusal, act in (
        (NotFound, lambda: world.key("org_none")),
        (NotFound, lambda: keys.revoke(world.services, "key_none", "req_x", now)),
        (InvalidState, lambda: kyc.approve(world.services, operator, now)),
        (NotFound, lambda: credit.top_up(world.services, world.operator("org_none"), 5, None, now)),
    ):
        with pytest.raises(refusal):
            await act()
    await keys.revoke(world.services, revoked, "req_again", now)
    await world.fund(alice.organization_id, 5, "invoice")
    after = await world.fetch("SELECT * FROM events WHERE request_id <> 'req_bob' ORDER BY sequence")
    assert after[: len(before)] == before
    assert [row["event"] for row in after[len(before) :]] == ["api_key.created"]  # Bob's own


async def bobs(world: World, alice: Person) -> Person:
    return await world.person(alice.organization_id, scopes=["numbers:read", "billing:read"])


async def test_a_key_revoked_by_many_is_revoked_once(world: World) -> None:
    alice = await world.person()
    key_id, _ = await world.key(alice.organization_id)
    now = world.services.clock()
    told = await asyncio.gather(*(keys.revoke(world.services, key_id, f"req_{n}", now) for n in range(16)))
    assert {key.revoked_at for key in told} == {now}
    newest, oldest = await trail(alice, f"subject_id={key_id}")
    assert (newest["event"], oldest["event"]) == ("api_key.revoked", "api_key.created")


async def test_what_cannot_be_written_down_does_not_happen(world: World) -> None:
    """One transaction: where the event is refused, so is all else."""
    alice = await world.person(verified=False)
    await made(alice.client)
    taken = await world.value("SELECT id FROM events LIMIT 1")
    broken = replace(world.services, new_id=lambda prefix: taken if prefix == "evt" else world.services.new_id(prefix))
    operator, now = world.operator(alice.organization_id), world.services.clock()
    tables = ("organizations", "api_keys", "kyc", "balances", "postings", "events", "endpoints")
    before = {table: await world.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}
    endpoint = await world.value("SELECT id FROM endpoints")
    applicant = Applicant("Ada Example", "GB", ApplicantKind.INDIVIDUAL)
    for act in (
        lambda: organizations.create(broken, "Acme", "pro", "req_x", now),
        lambda: keys.revoke(broken, alice.key_id, "req_x", now),
        lambda: keys.create(broken, keys.NewKey(organization_id=None, environment=Environment.LIVE), "req_x", now),
        lambda: kyc.submit(broken, operator, applicant, now),
        lambda: endpoints.delete(broken, operator, endpoint, now),
    ):
        with pytest.raises((Conflict, NotFound)):
            await act()
    after = {table: await world.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}
    assert {**after, "api_keys": ids(after["api_keys"])} == {**before, "api_keys": ids(before["api_keys"])}


def ids(rows: list[Any]) -> list[Any]:
    """With what may not change; that a key was used is noted now and then."""
    return [(row["id"], row["revoked_at"]) for row in rows]


async def test_an_operators_key_is_in_no_organizations_trail(world: World) -> None:
    alice = await world.person()
    key_id, secret = await world.key(None, name="proxy")
    await keys.revoke(world.services, key_id, "req_revoked", world.services.clock())
    rows = await world.fetch("SELECT * FROM events WHERE organization_id IS NULL ORDER BY sequence")
    assert [(row["event"], row["subject_id"], row["environment"]) for row in rows] == [
        ("api_key.created", key_id, "live"),
        ("api_key.revoked", key_id, "live"),
    ]
    assert secret not in str(rows)
    assert key_id not in str(await trail(alice))
