"""The balance, its statement, and the organization's KYC."""

from typing import Any

import pytest
from tests.api.asking import bought, faults, refused
from tests.cast import World, assert_invariants

from nambari.operations import kyc

APPLICANT = {"legal_name": "Ada Example", "country": "GB", "kind": "individual"}
EMPTY = {
    "status": "not_submitted",
    "kind": None,
    "legal_name": None,
    "country": None,
    "reason": None,
    "submitted_at": None,
    "decided_at": None,
}


async def test_the_balance(world: World) -> None:
    alice = await world.person(cents=0)
    assert (await alice.client.get("/v1/credits")).json() == {"balance_cents": 0, "held_cents": 0, "currency": "USD"}
    await world.fund(alice.organization_id, 10**12)
    assert (
        await alice.client.get("/v1/credits")
    ).text == '{"balance_cents":1000000000000,"held_cents":0,"currency":"USD"}'


async def test_a_line_has_every_field(world: World) -> None:
    alice = await world.person(cents=1000)
    [item] = await world.stock(setup=0, monthly=250)
    number = await bought(alice.client, item)
    page = (await alice.client.get("/v1/credits/transactions")).json()
    newest, oldest = page.pop("transactions")
    assert page == {"currency": "USD", "total": 2, "limit": 50, "offset": 0, "has_more": False}
    assert newest.pop("id").startswith("txn_")
    assert newest == {
        "type": "monthly_fee",
        "amount_cents": -250,
        "balance_after_cents": 750,
        "phone_number_id": number["id"],
        "description": f"First month of {number['number']}",
        "created_at": number["created_at"],
    }
    assert (oldest["type"], oldest["amount_cents"], oldest["phone_number_id"]) == ("top_up", 1000, None)


async def test_the_statement_is_paged(world: World) -> None:
    alice = await world.person(cents=0)
    for cents in range(1, 6):
        await world.fund(alice.organization_id, cents)

    async def page(query: str) -> tuple[list[int], int, bool, list[str]]:
        answer = (await alice.client.get(f"/v1/credits/transactions?{query}")).json()
        lines = answer["transactions"]
        return (
            [line["amount_cents"] for line in lines],
            answer["total"],
            answer["has_more"],
            [line["id"] for line in lines],
        )

    amounts, total, more, ids = await page("limit=2")
    assert (amounts, total, more) == ([5, 4], 5, True)
    await world.fund(alice.organization_id, 6)
    assert (await page(f"limit=2&starting_after={ids[-1]}"))[:3] == ([3, 2], 6, True)
    assert (await page("limit=2&offset=5"))[:3] == ([1], 6, False)
    assert (await page(f"offset={2**31 - 1}"))[:3] == ([], 6, False)
    for query in ("limit=101", "type=top_up"):
        assert len(faults(await alice.client.get(f"/v1/credits/transactions?{query}"))) == 1


async def test_no_amount_is_ever_a_float(world: World) -> None:
    alice = await world.person()
    [item, _] = await world.stock(2)
    await bought(alice.client, item)
    for path in ("phone-numbers", "phone-numbers/available?country=GB", "credits", "credits/transactions"):
        answer = await alice.client.get(f"/v1/{path}")
        amounts = [value for name, value in leaves(answer.json()) if name.endswith("_cents")]
        assert amounts
        assert all(type(value) is int for value in amounts)


def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in leaves(each, key)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each, name)]
    return [(name, value)]


async def test_kyc_is_submitted_decided_and_submitted_again(world: World) -> None:
    alice = await world.person(verified=False)
    operator = world.operator(alice.organization_id)
    assert (await alice.client.get("/v1/kyc")).json() == EMPTY

    submitted = await alice.client.post("/v1/kyc", json={**APPLICANT, "legal_name": "  Ada Example "})
    assert submitted.status_code == 201
    case = submitted.json()
    assert case == {**EMPTY, **APPLICANT, "status": "pending", "submitted_at": case["submitted_at"]}
    assert (await alice.client.get("/v1/kyc")).json() == case
    assert refused(await alice.client.post("/v1/kyc", json=APPLICANT), 409, "INVALID_STATE") == {"status": "pending"}

    await kyc.decline(world.services, operator, "The name cannot be read.", world.services.clock())
    declined = (await alice.client.get("/v1/kyc")).json()
    assert (declined["status"], declined["reason"]) == ("declined", "The name cannot be read.")
    assert declined["decided_at"] > declined["submitted_at"]

    again = (
        await alice.client.post("/v1/kyc", json={"legal_name": "Example Ltd", "country": "NG", "kind": "business"})
    ).json()
    assert (again["status"], again["reason"], again["decided_at"]) == ("pending", None, None)
    await kyc.approve(world.services, operator, world.services.clock())
    assert (await alice.client.get("/v1/kyc")).json()["status"] == "verified"
    assert refused(await alice.client.post("/v1/kyc", json=APPLICANT), 409, "INVALID_STATE") == {"status": "verified"}
    await assert_invariants(world)


async def test_the_kind_is_an_individual_unless_said(world: World) -> None:
    alice = await world.person(verified=False)
    case = (await alice.client.post("/v1/kyc", json={"legal_name": "Ada Example", "country": "NG"})).json()
    assert case["kind"] == "individual"


async def test_personal_data_stays_out_of_events_errors_and_logs(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    alice = await world.person(verified=False)
    for body in (
        {**APPLICANT, "legal_name": "Zebedee Secretname", "nonsense": 1},
        {**APPLICANT, "legal_name": "Zebedee Secretname\n"},
        {**APPLICANT, "legal_name": "Zebedee Secretname", "country": "Zebedee Secretname"},
        {**APPLICANT, "legal_name": "Zebedee Secretname"},
        {**APPLICANT, "legal_name": "Zebedee Secretname"},
    ):
        answer = await alice.client.post("/v1/kyc", json=body)
        assert answer.status_code == 201 or "Zebedee" not in answer.text
    operator = world.operator(alice.organization_id)
    await kyc.decline(world.services, operator, "Zebedee Secretname is not on the paper.", world.services.clock())
    assert "Zebedee" not in str(await world.fetch("SELECT data, changes FROM events"))
    assert "Zebedee" not in "".join(capfd.readouterr())
