"""A number's way from another carrier: what is asked for, when it is ours, when it routes, when it costs."""

from datetime import timedelta
from typing import Any

import pytest
from tests.api.asking import AGENT, bought, but_for_the_id, faults, made, refused
from tests.api.papers import sent
from tests.api.porters import (
    GIVEN,
    MONTHLY,
    NUMBER,
    completed,
    do,
    drafted,
    number_of,
    papers_of,
    priced,
    scheduled,
    seen,
    submitted,
)
from tests.cast import Person, World, assert_invariants
from tests.moving import MovingWorld

from nambari.domain.access import Environment
from nambari.domain.refusals import InvalidState, ValidationError
from nambari.operations import documents, porting, stock


async def events_of(world: World, subject_id: str) -> list[str]:
    rows = await world.fetch("SELECT event FROM events WHERE subject_id = $1 ORDER BY sequence", subject_id)
    return [row["event"] for row in rows]


async def routed(world: World, number: str) -> str:
    """Where a call to the number goes, or the cause of its rejection."""
    _, secret = await world.key(None)
    async with world.client(secret) as proxy:
        body = {"to": number, "from": "+442079460999", "call_id": world.services.new_id("x")}
        answer = (await proxy.post("/v1/routing/inbound", json=body)).json()
    return str(answer.get("sip_uri") or answer["cause"])


async def test_from_draft_to_the_first_month(world: World) -> None:
    alice = await world.person(cents=1000)
    await priced(world)
    order = await drafted(alice)
    assert (order["status"], order["phone_number_id"], order["missing"]) == ("draft", None, [])
    assert {name: order[name] for name in GIVEN} == GIVEN
    assert (order["country"], order["type"], order["area_code"]) == ("GB", "local", "20")
    assert await world.value("SELECT count(*) FROM phone_numbers") == 0

    order = (await do(alice, order, "submit")).json()
    assert order["status"] == "submitted"
    number = await number_of(alice, order)
    assert (number["status"], number["setup_cost_cents"], number["monthly_cost_cents"]) == ("porting", 0, MONTHLY)
    assert number["renews_at"] is None
    endpoint = await made(alice.client)
    answer = await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"endpoint_id": endpoint["id"]})
    assert answer.status_code == 200, "it can be prepared on its way"
    assert await routed(world, NUMBER) == "number_porting"
    refused(await alice.client.delete(f"/v1/phone-numbers/{number['id']}"), 409, "INVALID_STATE")
    await assert_invariants(world)

    await scheduled(world, order)
    assert (await seen(alice, order))["foc_at"]
    assert await routed(world, NUMBER) == "number_porting"
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 1000

    await porting.complete(world.services, order["id"], "req_test")
    order, number = await seen(alice, order), await number_of(alice, order)
    assert (order["status"], number["status"]) == ("completed", "active")
    assert number["renews_at"] > order["ended_at"]
    assert await routed(world, NUMBER) == AGENT["url"]
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 1000 - MONTHLY
    assert await events_of(world, order["id"]) == [
        *("porting.created", "porting.submitted", "porting.in_review", "porting.foc_scheduled", "porting.completed"),
    ]
    assert await events_of(world, number["id"]) == [
        *("phone_number.porting", "phone_number.updated", "phone_number.activated", "phone_number.renewed"),
    ]
    await assert_invariants(world)


async def test_short_of_credits_it_arrives_suspended(world: World) -> None:
    alice = await world.person(cents=MONTHLY - 1)
    await priced(world)
    order = await submitted(alice)
    await completed(world, order)
    assert (await number_of(alice, order))["status"] == "suspended"
    await world.fund(alice.organization_id, 1)
    assert (await number_of(alice, order))["status"] == "active"
    await assert_invariants(world)


async def test_its_months_count_from_its_arrival(moving: MovingWorld) -> None:
    alice = await moving.person()
    await priced(moving)
    order = await submitted(alice)
    await moving.pass_days(40)
    assert (await number_of(alice, order))["status"] == "porting"
    await completed(moving, order)
    await moving.pass_days(62)
    lines = (await alice.client.get("/v1/credits/transactions")).json()["transactions"]
    assert [line["amount_cents"] for line in lines if line["type"] == "monthly_fee"] == [-MONTHLY] * 3
    await assert_invariants(moving)


async def test_what_must_be_there_before_it_is_submitted(world: World) -> None:
    alice = await world.person()
    await priced(world)
    order = (await alice.client.post("/v1/porting-orders", json={"number": NUMBER})).json()
    told = faults(await do(alice, order, "submit"))
    papers = await papers_of(alice)
    assert told == dict.fromkeys((*GIVEN, *papers), "is required before the order is submitted")
    await alice.client.patch(f"/v1/porting-orders/{order['id']}", json={**GIVEN, **papers})
    await documents.reject_document(
        world.services, papers["recent_bill_id"], "Unreadable", "req_test", world.services.clock()
    )
    assert faults(await do(alice, order, "submit")) == {"recent_bill_id": "was rejected: send another document"}
    another = (await sent(alice.client, "recent_bill"))["id"]
    changed = await alice.client.patch(f"/v1/porting-orders/{order['id']}", json={"recent_bill_id": another})
    assert changed.json()["recent_bill_id"] == another
    assert (await do(alice, order, "submit")).status_code == 200
    await assert_invariants(world)


async def test_what_is_given_must_be_right(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    theirs, bill = (await sent(mallory.client))["id"], (await sent(alice.client, "recent_bill"))["id"]

    async def told(**given: Any) -> dict[str, str]:
        return faults(await alice.client.post("/v1/porting-orders", json={"number": NUMBER, **given}))

    none = "is no document of yours of the type identity"
    assert await told(identity_id=theirs) == {"identity_id": none}, "another tenant's is as none"
    assert await told(identity_id="doc_none") == {"identity_id": none}
    assert await told(identity_id=bill) == {"identity_id": none}
    assert await told(authorized_on="2030-02-30") == {"authorized_on": "must be a date, such as 2030-01-31"}
    assert await told(authorized_on="2999-01-31") == {"authorized_on": "must not be in the future"}
    assert set(await told(number="+44207946")) == {"number"}
    assert set(await told(number="+449001234567")) == {"number"}, "premium rate"
    assert await world.value("SELECT count(*) FROM porting_orders") == 0
    assert set(faults(await alice.client.get("/v1/porting-orders?status=lost"))) == {"status"}


async def test_kyc_and_requirements_come_first(world: World) -> None:
    alice = await world.person(verified=False)
    await priced(world)
    order = await drafted(alice)
    assert refused(await do(alice, order, "submit"), 400, "KYC_REQUIRED") == {"kyc_status": "not_submitted"}
    await world.verify(alice.organization_id)
    async with world.services.database.writing() as connection:
        await connection.execute(
            "INSERT INTO requirements VALUES ('GB', 'local', 'individual', '{identity}', 'a test')"
        )
    assert refused(await do(alice, order, "submit"), 400, "KYC_PENDING") == {"missing_requirements": ["identity"]}
    now = world.services.clock()
    await documents.accept_document(world.services, order["identity_id"], None, "req_test", now)
    assert (await do(alice, order, "submit")).status_code == 200


async def test_a_number_that_is_with_us_is_not_ported_in(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    refused(await do(alice, await drafted(alice), "submit"), 409, "INVALID_STATE")
    await priced(world)
    [item] = await world.stock()
    stocked = await world.value("SELECT number FROM inventory")
    order = await drafted(alice, stocked)

    async def told(person: Person, order: dict[str, Any]) -> str:
        answer = await do(person, order, "submit")
        assert refused(answer, 409, "INVALID_STATE") == {}
        return str(answer.json()["error"])

    sentence = (
        "This number is with us already, or another order is bringing it: there is nothing to port in. Nothing was"
        " changed."
    )
    assert await told(alice, order) == sentence
    await bought(mallory.client, item)
    assert await told(alice, order) == sentence
    await submitted(mallory)
    assert await told(alice, await drafted(alice)) == sentence
    assert await told(mallory, await drafted(mallory)) == sentence
    await assert_invariants(world)


async def test_what_the_operator_has_retired_stays_with_the_operator(world: World) -> None:
    """Else an order that is submitted and cancelled would leave it elsewhere, from where only a port brings it back."""
    mallory = await world.person()
    await priced(world)
    await world.stock()
    number = await world.value("SELECT number FROM inventory")
    await stock.retire(world.services, number, Environment.LIVE, world.services.clock())
    order = await drafted(mallory, number)
    assert refused(await do(mallory, order, "submit"), 409, "INVALID_STATE") == {}
    assert (await do(mallory, order, "cancel")).json()["status"] == "cancelled"
    await stock.restock(world.services, number, Environment.LIVE, world.services.clock())
    assert (await mallory.client.get("/v1/phone-numbers/available?country=GB")).json()["total"] == 1
    await assert_invariants(world)


async def test_an_exception_is_told_mended_and_submitted_again(world: World) -> None:
    alice = await world.person()
    await priced(world)
    order = await submitted(alice)
    refused(await alice.client.patch(f"/v1/porting-orders/{order['id']}", json={}), 409, "INVALID_STATE")
    reason = "Ada Example is not on the bill."
    missing = ("recent_bill_id", "billing_name")
    await porting.send_back(world.services, order["id"], missing, reason, "req_test")
    sent_back = await seen(alice, order)
    assert (sent_back["status"], sent_back["missing"]) == ("exception", ["billing_name", "recent_bill_id"])
    assert sent_back["reason"] == reason
    assert (await number_of(alice, order))["status"] == "porting"
    await alice.client.patch(f"/v1/porting-orders/{order['id']}", json={"billing_name": "Ada Example"})
    again = (await do(alice, order, "submit")).json()
    assert (again["status"], again["missing"], again["reason"]) == ("submitted", [], None)
    assert again["phone_number_id"] == order["phone_number_id"]
    await completed(world, order)
    written = await world.fetch("SELECT data::text, changes::text FROM events WHERE event LIKE 'porting.%'")
    assert not [each for each in written for text in each if "Ada" in text or "Example" in text or "AC-" in text]
    await assert_invariants(world)


async def test_cancelled_it_stays_where_it_was_and_may_be_ordered_again(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    await priced(world)
    order = await submitted(alice)
    cancelled = (await do(alice, order, "cancel")).json()
    assert (cancelled["status"], cancelled["missing"]) == ("cancelled", [])
    number = await number_of(alice, order)
    assert (number["status"], number["renews_at"]) == ("released", None)
    assert await world.value("SELECT status FROM inventory") == "elsewhere", "it is not ours to sell"
    assert (await alice.client.get("/v1/phone-numbers/available?country=GB")).json()["total"] == 0
    refused(await alice.client.post(f"/v1/phone-numbers/{number['id']}/restore"), 404, "NUMBER_NOT_AVAILABLE")
    assert await events_of(world, number["id"]) == ["phone_number.porting", "phone_number.released"]
    for verb in ("submit", "cancel"):
        assert refused(await do(alice, order, verb), 409, "INVALID_STATE") == {"status": "cancelled"}
    await assert_invariants(world)
    again = await submitted(mallory)
    await completed(world, again)
    assert (await number_of(mallory, again))["status"] == "active"
    assert (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["status"] == "released"
    await assert_invariants(world)


async def test_once_there_is_a_date_only_the_operator_calls_it_off(world: World) -> None:
    alice = await world.person()
    await priced(world)
    order = await submitted(alice)
    await scheduled(world, order)
    answer = await do(alice, order, "cancel")
    assert refused(answer, 409, "INVALID_STATE") == {"status": "foc_scheduled"}
    await porting.cancel(world.services, order["id"], "The other carrier refuses.", "req_test")
    assert (await seen(alice, order))["reason"] == "The other carrier refuses."
    with pytest.raises(InvalidState):
        await porting.complete(world.services, order["id"], "req_test")
    await assert_invariants(world)


async def test_a_draft_that_is_cancelled_leaves_nothing(world: World) -> None:
    alice = await world.person()
    order = await drafted(alice)
    assert (await do(alice, order, "cancel")).json()["status"] == "cancelled"
    assert await world.value("SELECT count(*) FROM inventory") == 0


async def test_the_operator_cannot_take_a_step_that_is_none(world: World) -> None:
    alice = await world.person()
    await priced(world)
    order = await submitted(alice)
    services, at = world.services, world.services.clock() + timedelta(days=1)
    with pytest.raises(InvalidState):
        await porting.complete(services, order["id"], "req_test")
    with pytest.raises(InvalidState):
        await porting.schedule(services, order["id"], at, "req_test")
    with pytest.raises(ValidationError):
        await porting.send_back(services, order["id"], ("colour",), "No", "req_test")
    with pytest.raises(ValidationError):
        await porting.send_back(services, order["id"], (), " ", "req_test")
    await porting.review(services, order["id"], "req_test")
    with pytest.raises(ValidationError):
        await porting.schedule(services, order["id"], services.clock() - timedelta(days=1), "req_test")
    assert (await seen(alice, order))["status"] == "in_review"


async def test_one_key_one_order_one_submission(world: World) -> None:
    alice = await world.person()
    await priced(world)
    body, headers = {"number": NUMBER, **GIVEN, **await papers_of(alice)}, {"Idempotency-Key": "a"}
    first, again = [await alice.client.post("/v1/porting-orders", json=body, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    done = [await do(alice, first.json(), "submit", "b") for _ in range(2)]
    assert done[0].json() == done[1].json()
    assert await world.value("SELECT count(*) FROM porting_orders") == 1
    await assert_invariants(world)


async def test_the_list(world: World) -> None:
    alice = await world.person()
    numbers = [f"+4420794604{place:02}" for place in range(5)]
    orders = [(await alice.client.post("/v1/porting-orders", json={"number": number})).json() for number in numbers]
    await do(alice, orders[0], "cancel")
    page = (await alice.client.get("/v1/porting-orders?limit=2&status=draft")).json()
    assert [each["number"] for each in page.pop("porting_orders")] == numbers[:2:-1]
    assert page == {"total": 4, "limit": 2, "offset": 0, "has_more": True}
    rest = (await alice.client.get(f"/v1/porting-orders?starting_after={orders[1]['id']}")).json()
    assert [each["status"] for each in rest["porting_orders"]] == ["cancelled"]


async def test_what_is_anothers_is_as_what_is_not(world: World) -> None:
    alice = await world.person()
    await priced(world)
    order = await submitted(alice)
    before = await seen(alice, order)
    for other in (await world.person(), await world.person(alice.organization_id, environment=Environment.TEST)):
        for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/submit"), ("POST", "/cancel")):
            body = {"json": {"billing_name": "Mallory"}} if method == "PATCH" else {}
            answers = [
                await other.client.request(method, f"/v1/porting-orders/{id_}{path}", **body)  # type: ignore[arg-type]
                for id_ in (order["id"], "port_" + "0" * 26, "X")
            ]
            for answer in answers:
                refused(answer, 404, "NOT_FOUND")
            assert len({but_for_the_id(answer) for answer in answers}) == 1
        assert (await other.client.get("/v1/porting-orders")).json()["total"] == 0
    assert await seen(alice, order) == before


async def test_a_ported_number_is_released_like_any_other(world: World) -> None:
    alice = await world.person()
    await priced(world)
    order = await submitted(alice)
    await completed(world, order)
    answer = await alice.client.delete(f"/v1/phone-numbers/{order['phone_number_id']}")
    assert answer.json()["status"] == "released"
    assert await world.value("SELECT status FROM inventory") == "available"
    await stock.retire(world.services, NUMBER, Environment.LIVE, world.services.clock())
    await assert_invariants(world)


async def test_a_key_ports_numbers_of_its_countries_and_within_its_cap(moving: MovingWorld) -> None:
    abroad = await moving.person(countries=("NG",))
    alice = await moving.person(abroad.organization_id, monthly_cap_cents=2 * MONTHLY - 1, countries=("GB", "NG"))
    await priced(moving)
    order = await drafted(alice)
    told = refused(await do(abroad, order, "submit"), 403, "COUNTRY_NOT_ALLOWED")
    assert told == {"country": "GB", "countries": ["NG"]}
    assert (await do(alice, order, "submit")).status_code == 200
    other = await drafted(alice, "+442079460457")
    told = refused(await do(alice, other, "submit"), 403, "SPENDING_CAP_EXCEEDED")
    assert (told["required_cents"], told["spent_cents"]) == (MONTHLY, MONTHLY)
    assert (await seen(alice, other))["phone_number_id"] is None
    await assert_invariants(moving)
    await porting.send_back(moving.services, order["id"], (), "Read the bill", "req_test")
    assert (await do(abroad, order, "submit")).status_code == 200, "again, nothing is taken"
    await assert_invariants(moving)
    moving.clock.now += timedelta(days=1)  # from January into February
    assert (await do(alice, other, "submit")).status_code == 200
    assert (await do(alice, order, "cancel")).status_code == 200
    rows = await moving.fetch("SELECT spent_cents FROM key_spending ORDER BY month")
    assert [row["spent_cents"] for row in rows] == [0, MONTHLY], "given back to the month of the submission"
    await completed(moving, other)
    assert await moving.value("SELECT sum(spent_cents) FROM key_spending") == MONTHLY, "counted once"
    await assert_invariants(moving)


async def test_what_the_operator_cancels_is_given_back_too(world: World) -> None:
    alice = await world.person(monthly_cap_cents=MONTHLY)
    await priced(world)
    order = await submitted(alice)
    await porting.cancel(world.services, order["id"], "The other carrier refuses.", "req_test")
    assert await world.value("SELECT spent_cents FROM key_spending") == 0
    assert (await do(alice, await drafted(alice, "+442079460457"), "submit")).status_code == 200
    await assert_invariants(world)
