"""The search of what is for sale: fields, filters, order, pages, and what stands in the way of this organization."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.api.asking import bought, faults, refused
from tests.cast import World

SEARCHES = ["/v1/phone-numbers/available?", "/v1/phone-numbers?action=available&"]


async def found(client: Any, query: str, path: str = SEARCHES[0]) -> list[str]:
    answer = await client.get(path + query)
    assert answer.status_code == 200, answer.text
    return [each["number"] for each in answer.json()["phone_numbers"]]


async def test_an_item_has_every_field(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock(setup=100, monthly=250)
    for path in SEARCHES:
        assert (await alice.client.get(f"{path}country=GB")).json() == {
            "phone_numbers": [
                {
                    "inventory_id": item,
                    "number": "+442079460000",
                    "e164": "+442079460000",
                    "country": "GB",
                    "type": "local",
                    "area_code": "20",
                    "locality": "London",
                    "capabilities": ["voice"],
                    "setup_cost_cents": 100,
                    "monthly_cost_cents": 250,
                    "currency": "USD",
                    "purchasable": True,
                    "missing_requirements": [],
                }
            ],
            "total": 1,
            "total_is_exact": True,
            "limit": 20,
            "offset": 0,
            "has_more": False,
        }


async def test_what_is_missing_is_told(world: World) -> None:
    await world.stock()
    unverified = await world.person(verified=False)
    [item] = (await unverified.client.get("/v1/phone-numbers/available?country=GB")).json()["phone_numbers"]
    assert (item["purchasable"], item["missing_requirements"]) == (False, ["kyc"])
    poor = await world.person(cents=0)
    [item] = (await poor.client.get("/v1/phone-numbers/available?country=GB")).json()["phone_numbers"]
    assert (item["purchasable"], item["missing_requirements"]) == (True, [])


async def test_each_filter(world: World) -> None:
    alice = await world.person()
    await world.stock(2, monthly=250)  # …0000, …0001
    await world.stock(type="mobile", area_code="7700", locality=None, monthly=900)  # …0002
    await world.stock(type="toll_free", area_code="808", locality=None, monthly=None, setup=None)  # …0003: rate card
    await world.stock(country="NG", type="mobile", area_code="803", locality="Lagos")  # …0004
    async with world.services.database.writing() as connection:
        await connection.execute("INSERT INTO rates VALUES ('GB', 'toll_free', 50, 600)")
    for query, ends in {
        "country=GB": "0123",
        "country=NG": "4",
        "country=KE": "",
        "country=GB&type=local": "01",
        "country=GB&type=mobile": "2",
        "country=GB&type=toll_free": "3",
        "country=GB&area_code=20": "01",
        "country=GB&area_code=2": "",
        "country=GB&contains=0001": "1",
        "country=GB&contains=794*000*": "0123",
        "country=GB&contains=44": "0123",
        "country=GB&contains=*" + "*" * 11: "0123",
        "country=GB&contains=*" + "*" * 12: "",
        "country=GB&locality=London": "01",
        "country=GB&locality=lONDON": "01",
        "country=GB&locality=Lon": "",
        "country=GB&locality=Lond%25": "",
        "country=GB&max_monthly_cost_cents=250": "01",
        "country=GB&max_monthly_cost_cents=249": "",
        "country=GB&max_monthly_cost_cents=600": "013",
        "country=GB&type=local&area_code=20&contains=1&locality=London&max_monthly_cost_cents=250": "1",
    }.items():
        for path in SEARCHES:
            assert await found(alice.client, query, path) == [f"+44207946000{end}" for end in ends], query


async def test_a_place_whose_name_is_not_ascii_is_found(world: World) -> None:
    alice = await world.person()
    await world.stock(locality="Évry")
    for spelt in ("Évry", "ÉVRY", "ÉvRY"):
        assert await found(alice.client, f"country=GB&locality={quote(spelt)}") == ["+442079460000"], spelt


async def test_only_what_has_a_price_and_is_available_is_for_sale(world: World) -> None:
    alice = await world.person()
    priced, held = await world.stock(2)
    await world.stock(setup=None)
    await world.stock(monthly=None)
    [retired] = await world.stock()
    number = await bought(alice.client, held)
    async with world.services.database.writing() as connection:
        await connection.execute("UPDATE inventory SET status = 'retired' WHERE id = $1", retired)
    assert await found(alice.client, "country=GB") == ["+442079460000"]
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    assert await found(alice.client, "country=GB") == ["+442079460000", "+442079460001"]
    assert priced


async def test_pages(world: World) -> None:
    alice = await world.person()
    await world.stock(25)
    everything = [f"+4420794600{place:02d}" for place in range(25)]
    first = (await alice.client.get("/v1/phone-numbers/available?country=GB")).json()
    assert [each["number"] for each in first["phone_numbers"]] == everything[:20]
    assert (first["total"], first["limit"], first["has_more"]) == (25, 20, True)
    second = (await alice.client.get("/v1/phone-numbers/available?country=GB&limit=10&offset=20")).json()
    assert [each["number"] for each in second["phone_numbers"]] == everything[20:]
    assert (second["total"], second["limit"], second["offset"], second["has_more"]) == (25, 10, 20, False)
    beyond = (await alice.client.get("/v1/phone-numbers/available?country=GB&offset=100")).json()
    assert (beyond["phone_numbers"], beyond["total"], beyond["has_more"]) == ([], 25, False)


@pytest.mark.parametrize(
    ("count", "total", "exact"), [(9_999, 9_999, True), (10_000, 10_000, True), (10_001, 10_000, False)]
)
async def test_the_total_is_exact_up_to_ten_thousand(world: World, count: int, total: int, *, exact: bool) -> None:
    alice = await world.person()
    async with world.services.database.writing() as connection:
        await connection.execute(
            """
            INSERT INTO inventory (id, environment, number, country, type, capabilities, setup_cost_cents,
                                   monthly_cost_cents, carrier, status, available_since, created_at)
            SELECT 'inv_' || n, 'live', '+44207946' || n, 'GB', 'local', '{voice}', 0, 1, 'pool', 'available',
                   now(), now()
            FROM generate_series(100000, 99999 + $1::int) AS n
            """,
            count,
        )
    page = (await alice.client.get("/v1/phone-numbers/available?country=GB&limit=100")).json()
    assert (page["total"], page["total_is_exact"], page["has_more"]) == (total, exact, True)
    last = (await alice.client.get("/v1/phone-numbers/available?country=GB&limit=100&offset=9900")).json()
    assert (last["total"], len(last["phone_numbers"]), last["has_more"]) == (
        total,
        min(100, count - 9900),
        count > 10_000,
    )
    assert last["total_is_exact"] is exact


async def test_what_the_search_needs_and_takes(world: World) -> None:
    alice = await world.person()
    assert faults(await alice.client.get("/v1/phone-numbers/available")) == {"country": "is required"}
    assert faults(await alice.client.get("/v1/phone-numbers?action=available")) == {"country": "is required"}
    for path in SEARCHES:
        told = faults(await alice.client.get(f"{path}country=GB&status=active&starting_after=x&limit=101"))
        assert set(told) == {"status", "starting_after", "limit"}
        assert told["status"].startswith("is not a parameter of this operation, which takes country, type, area_code, ")
    assert set(faults(await alice.client.get("/v1/phone-numbers?action=assigned&area_code=20"))) == {"area_code"}
    assert faults(await alice.client.get("/v1/phone-numbers?action=sold")) == {
        "action": "must be one of assigned, available"
    }
    refused(await alice.client.get("/v1/phone-numbers/available?country=GB&action=available"), 400, "VALIDATION_ERROR")
