"""A purchase over HTTP: what it gives and takes, and its refusals, in their order."""

from datetime import datetime
from typing import Any

import pytest
from tests.api.asking import bought, faults, made, refused
from tests.cast import Person, World, assert_invariants

from nambari.domain.access import Environment
from nambari.operations import kyc

ORDER = "/v1/phone-numbers"


async def changed_nothing(world: World, person: Person, cents: int) -> None:
    assert (
        await world.value("SELECT count(*) FROM phone_numbers WHERE organization_id = $1", person.organization_id) == 0
    )
    balance = (await person.client.get("/v1/credits")).json()
    assert balance == {"balance_cents": cents, "held_cents": 0, "currency": "USD"}
    told = await world.value("SELECT count(*) FROM events WHERE event LIKE 'phone_number.%'")
    assert told == 0
    await assert_invariants(world)


async def test_a_number_is_bought_paid_and_announced(world: World) -> None:
    alice = await world.person(cents=1000)
    [item] = await world.stock(setup=100, monthly=250)

    answer = await alice.client.post(ORDER, json={"inventory_id": item})

    assert answer.status_code == 201, answer.text
    number = answer.json()
    assert number["status"] == "active"
    assert (number["allow_inbound"], number["allow_outbound"]) == (True, True)
    balance = (await alice.client.get("/v1/credits")).json()
    assert balance == {"balance_cents": 650, "held_cents": 0, "currency": "USD"}
    lines = (await alice.client.get("/v1/credits/transactions")).json()["transactions"]
    assert [(line["type"], line["amount_cents"], line["balance_after_cents"]) for line in lines] == [
        ("monthly_fee", -250, 650),
        ("setup_fee", -100, 900),
        ("top_up", 1000, 1000),
    ]
    assert [line["phone_number_id"] for line in lines] == [number["id"], number["id"], None]
    [event] = await world.fetch("SELECT * FROM events WHERE event = 'phone_number.purchased'")
    assert (event["subject_id"], event["key_id"]) == (number["id"], alice.key_id)
    assert event["request_id"] == answer.headers["x-request-id"]
    await assert_invariants(world)


async def test_every_field_of_the_order_is_taken(world: World) -> None:
    alice = await world.person()
    endpoint = await made(alice.client)
    [item] = await world.stock(setup=100, monthly=250)
    order = {
        "inventory_id": item,
        "endpoint_id": endpoint["id"],
        "fallback_endpoint_id": None,
        "allow_inbound": False,
        "allow_outbound": False,
        "label": "Front desk é 📞",
        "tags": ["a", "team:sales"],
        "max_total_cents": 350,
    }
    number = await bought(alice.client, **order)
    assert {name: number[name] for name in order if name in number} == {
        name: value for name, value in order.items() if name not in {"inventory_id", "max_total_cents"}
    }


async def test_nulls_and_empty_text_are_as_left_out(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item, endpoint_id=None, label="", max_total_cents=None, tags=[])
    assert (number["endpoint_id"], number["label"], number["tags"]) == (None, None, [])


async def test_known_clients_other_spellings_are_taken(world: World) -> None:
    alice = await world.person()
    endpoint = await made(alice.client)
    [item] = await world.stock()
    order = {"inventory_id": item, "endpointId": endpoint["id"], "allowInbound": False, "allowOutbound": False}
    number = (await alice.client.post(ORDER, json=order)).json()
    assert (number["endpoint_id"], number["allow_inbound"], number["allow_outbound"]) == (endpoint["id"], False, False)
    both = {"inventory_id": item, "allowInbound": True, "allow_inbound": True}
    assert faults(await alice.client.post(ORDER, json=both)) == {
        "allowInbound": "is another spelling of allow_inbound: give one of the two"
    }


async def test_the_next_month_is_due_in_a_month(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item)
    bought_at, due = (datetime.fromisoformat(number[name]) for name in ("created_at", "renews_at"))
    assert 28 <= (due - bought_at).days <= 31
    assert due.time() == bought_at.time()


async def test_the_rate_card_prices_what_has_no_price_of_its_own(world: World) -> None:
    alice = await world.person(cents=1000)
    [item] = await world.stock(setup=None, monthly=None)
    refused(await alice.client.post(ORDER, json={"inventory_id": item}), 404, "NUMBER_NOT_AVAILABLE")
    async with world.services.database.writing() as connection:
        await connection.execute("INSERT INTO rates VALUES ('GB', 'local', 40, 60)")
    number = await bought(alice.client, item)
    assert (number["setup_cost_cents"], number["monthly_cost_cents"]) == (40, 60)
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 900


async def test_what_costs_nothing_needs_no_credits(world: World) -> None:
    alice = await world.person(cents=0)
    [item] = await world.stock(setup=0, monthly=0)
    await bought(alice.client, item, max_total_cents=0)
    assert (await alice.client.get("/v1/credits/transactions")).json()["total"] == 0
    await assert_invariants(world)


async def test_the_last_cent_can_be_spent(world: World) -> None:
    alice = await world.person(cents=350)
    [item] = await world.stock(setup=100, monthly=250)
    await bought(alice.client, item)
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 0
    await assert_invariants(world)


async def test_kyc_stands_before_everything_else(world: World) -> None:
    alice = await world.person(verified=False, cents=0)
    impossible = {"inventory_id": "inv_none", "endpoint_id": "ep_none", "max_total_cents": 0}
    operator = world.operator(alice.organization_id)

    assert refused(await alice.client.post(ORDER, json=impossible), 400, "KYC_REQUIRED") == {
        "kyc_status": "not_submitted"
    }
    await alice.client.post("/v1/kyc", json={"legal_name": "Ada Example", "country": "GB"})
    assert refused(await alice.client.post(ORDER, json=impossible), 400, "KYC_PENDING") == {}
    await kyc.decline(world.services, operator, "The name cannot be read.", world.services.clock())
    assert refused(await alice.client.post(ORDER, json=impossible), 400, "KYC_REQUIRED") == {"kyc_status": "declined"}
    await changed_nothing(world, alice, 0)


async def test_refusals_come_in_the_contracts_order(world: World) -> None:
    """Each step puts right what was refused in the one before, and finds the next."""
    alice = await world.person(cents=349)
    [item] = await world.stock(setup=100, monthly=250)
    order: dict[str, Any] = {
        "inventory_id": "inv_none",
        "endpoint_id": "ep_none",
        "max_total_cents": 349,
        "nonsense": 1,
    }
    ask = alice.client.post

    assert set(faults(await ask(ORDER, json=order))) == {"nonsense"}
    del order["nonsense"]
    assert refused(await ask(ORDER, json=order), 404, "NUMBER_NOT_AVAILABLE") == {}
    order["inventory_id"] = item
    assert refused(await ask(ORDER, json=order), 404, "ENDPOINT_NOT_FOUND") == {}
    order["endpoint_id"] = (await made(alice.client))["id"]
    assert refused(await ask(ORDER, json=order), 409, "PRICE_CHANGED") == {"total_cents": 350, "max_total_cents": 349}
    order["max_total_cents"] = 350
    assert refused(await ask(ORDER, json=order), 400, "INSUFFICIENT_BALANCE") == {
        "required_cents": 350,
        "available_cents": 349,
        "shortfall_cents": 1,
    }
    await changed_nothing(world, alice, 349)
    await world.fund(alice.organization_id, 1)
    assert (await ask(ORDER, json=order)).status_code == 201
    await assert_invariants(world)


async def test_a_number_is_sold_once(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item)
    for person in (alice, mallory):
        refused(await person.client.post(ORDER, json={"inventory_id": item}), 404, "NUMBER_NOT_AVAILABLE")
    await alice.client.delete(f"{ORDER}/{number['id']}")
    again = await bought(mallory.client, item)
    assert (again["number"], again["id"] == number["id"]) == (number["number"], False)
    refused(await mallory.client.get(f"{ORDER}/{number['id']}"), 404, "NUMBER_NOT_FOUND")
    await assert_invariants(world)


async def test_validate_only_tells_and_does_nothing(world: World) -> None:
    alice = await world.person(cents=350)
    [item] = await world.stock(setup=100, monthly=250)
    order = {"inventory_id": item, "validate_only": True}
    for headers in ({}, {"Idempotency-Key": "one"}, {"Idempotency-Key": "one"}):
        answer = await alice.client.post(ORDER, json=order, headers=headers)
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers
        assert answer.json() == {
            "valid": True,
            "inventory_id": item,
            "number": "+442079460000",
            "setup_cost_cents": 100,
            "monthly_cost_cents": 250,
            "total_cents": 350,
            "currency": "USD",
        }
    refused(await alice.client.post(ORDER, json={**order, "max_total_cents": 1}), 409, "PRICE_CHANGED")
    refused(await alice.client.post(ORDER, json={**order, "inventory_id": "inv_none"}), 404, "NUMBER_NOT_AVAILABLE")
    refused(await alice.client.post(ORDER, json={**order, "endpoint_id": "ep_none"}), 404, "ENDPOINT_NOT_FOUND")
    await changed_nothing(world, alice, 350)
    await bought(alice.client, item)


async def test_the_test_environment_sells_its_own(world: World) -> None:
    tester = await world.person(verified=False, cents=0, environment=Environment.TEST)
    [item] = await world.stock(environment="test")
    number = await bought(tester.client, item)
    assert number["status"] == "active"
    assert await world.value("SELECT environment FROM phone_numbers") == "test"
    await assert_invariants(world)


@pytest.mark.parametrize("cents", [2**31, 10**12])
async def test_large_amounts_stay_whole(world: World, cents: int) -> None:
    alice = await world.person(cents=10**12)
    [item] = await world.stock(setup=1, monthly=cents - 1)
    answer = await alice.client.post(ORDER, json={"inventory_id": item, "max_total_cents": cents})
    assert f'"monthly_cost_cents":{cents - 1},' in answer.text
    assert f'"balance_cents":{10**12 - cents},' in (await alice.client.get("/v1/credits")).text
    await assert_invariants(world)
