"""The list of one's numbers: fields, filters, order, pages."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from tests.api.asking import bought, faults, listed, made, refused
from tests.cast import World

FIELDS = {
    *("id", "number", "e164", "country", "type", "area_code", "locality", "status", "status_reason", "endpoint_id"),
    *("porting_direction", "fallback_endpoint_id"),
    *("allow_inbound", "allow_outbound", "label", "tags", "deletion_lock", "setup_cost_cents", "monthly_cost_cents"),
    *("currency", "renews_at", "releases_at", "created_at", "updated_at", "released_at"),
}


async def test_an_item_has_every_field(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock(setup=100, monthly=250)
    number = await bought(alice.client, item, label="Front desk", tags=["a", "b"])
    page = (await alice.client.get("/v1/phone-numbers")).json()
    assert page == {"phone_numbers": [number], "total": 1, "limit": 50, "offset": 0, "has_more": False}
    assert set(number) == FIELDS
    instants = {name: number.pop(name) for name in ("created_at", "updated_at", "renews_at")}
    assert number.pop("id").startswith("pn_")
    assert number == {
        "number": "+442079460000",
        "e164": "+442079460000",
        "country": "GB",
        "type": "local",
        "area_code": "20",
        "locality": "London",
        "status": "active",
        "status_reason": None,
        "porting_direction": None,
        "endpoint_id": None,
        "fallback_endpoint_id": None,
        "allow_inbound": True,
        "allow_outbound": True,
        "label": "Front desk",
        "tags": ["a", "b"],
        "deletion_lock": False,
        "setup_cost_cents": 100,
        "monthly_cost_cents": 250,
        "currency": "USD",
        "releases_at": None,
        "released_at": None,
    }
    assert all(text.endswith("Z") and datetime.fromisoformat(text) for text in instants.values())
    assert instants["created_at"] == instants["updated_at"] < instants["renews_at"]


async def test_the_single_get_adds_endpoint_and_sip(world: World) -> None:
    alice = await world.person()
    first, second = await world.stock(2)
    endpoint = await made(alice.client)
    attached = await bought(alice.client, first, endpoint_id=endpoint["id"])
    alone = await bought(alice.client, second)
    answer = (await alice.client.get(f"/v1/phone-numbers/{attached['id']}")).json()
    assert answer == {
        **attached,
        "endpoint": {"id": endpoint["id"], "name": "Reception", "type": "agent", "provider": "custom"},
        "sip": {"uri": f"sip:{attached['number']}@localhost", "domain": "localhost", "username": attached["id"]},
    }
    assert (await alice.client.get(f"/v1/phone-numbers/{alone['id']}")).json()["endpoint"] is None


async def portfolio(world: World) -> tuple[Any, dict[str, str]]:
    """Alice with numbers of several kinds, by a name for each."""
    alice = await world.person()
    endpoint = await made(alice.client)
    [london] = await world.stock()
    [lagos] = await world.stock(country="NG", type="mobile", area_code="803", locality=None)
    [free] = await world.stock(type="toll_free", area_code="808", locality=None)
    [gone] = await world.stock()
    ids = {
        "london": (await bought(alice.client, london, endpoint_id=endpoint["id"], tags=["a", "b"]))["id"],
        "lagos": (await bought(alice.client, lagos, tags=["b"]))["id"],
        "free": (await bought(alice.client, free))["id"],
        "gone": (await bought(alice.client, gone, tags=["a"]))["id"],
    }
    await alice.client.delete(f"/v1/phone-numbers/{ids['gone']}")
    async with world.services.database.writing() as connection:
        await connection.execute(
            "UPDATE phone_numbers SET status = 'suspended', status_reason = 'insufficient_balance' WHERE id = $1",
            ids["free"],
        )
    return alice, {**ids, "endpoint": endpoint["id"]}


async def test_each_filter(world: World) -> None:
    alice, ids = await portfolio(world)
    for query, names in {
        "": ["free", "lagos", "london"],
        "action=assigned": ["free", "lagos", "london"],
        "status=active": ["lagos", "london"],
        "status=suspended": ["free"],
        "status=pending": [],
        "status=porting": [],
        "status=released": ["gone"],
        "country=NG": ["lagos"],
        "country=GB": ["free", "london"],
        "country=KE": [],
        "type=mobile": ["lagos"],
        "type=toll_free": ["free"],
        "type=local": ["london"],
        f"endpoint_id={ids['endpoint']}": ["london"],
        "endpoint_id=ep_none": [],
        "number=%2B442079460001": ["lagos"],
        "number=%2B442079460003": [],  # released
        "number=%2B442079460003&status=released": ["gone"],
        "contains=9460": ["free", "lagos", "london"],
        "contains=0002": ["free"],
        "contains=44**7946000*": ["free", "lagos", "london"],
        "contains=9999": [],
        "tag=b": ["lagos", "london"],
        "tag=a": ["london"],
        "tag=A": [],
        "tag=b&country=NG&type=mobile&status=active": ["lagos"],
    }.items():
        page = (await alice.client.get(f"/v1/phone-numbers?{query}")).json()
        assert [each["id"] for each in page["phone_numbers"]] == [ids[name] for name in names], query
        assert page["total"] == len(names)


async def test_pages_by_offset(world: World) -> None:
    alice = await world.person()
    newest_first = [(await bought(alice.client, item))["id"] for item in await world.stock(5)][::-1]
    seen = []
    for offset, more in ((0, True), (2, True), (4, False)):
        page = (await alice.client.get(f"/v1/phone-numbers?limit=2&offset={offset}")).json()
        assert (page["total"], page["limit"], page["offset"], page["has_more"]) == (5, 2, offset, more)
        seen += [each["id"] for each in page["phone_numbers"]]
    assert seen == newest_first
    beyond = (await alice.client.get("/v1/phone-numbers?offset=5")).json()
    assert beyond == {"phone_numbers": [], "total": 5, "limit": 50, "offset": 5, "has_more": False}
    far = (await alice.client.get(f"/v1/phone-numbers?offset={2**31 - 1}")).json()
    assert (far["phone_numbers"], far["total"]) == ([], 5)
    exact = (await alice.client.get("/v1/phone-numbers?limit=5")).json()
    assert (len(exact["phone_numbers"]), exact["has_more"]) == (5, False)


async def test_pages_by_cursor_are_stable_while_numbers_come_and_go(world: World) -> None:
    alice = await world.person()
    items = await world.stock(8)
    ids = [(await bought(alice.client, item))["id"] for item in items[:5]]
    first = await listed(alice.client, "limit=2")
    assert first == [ids[4], ids[3]]
    for item in items[5:]:
        await bought(alice.client, item)
    await alice.client.delete(f"/v1/phone-numbers/{ids[3]}")  # the cursor itself goes
    second = (await alice.client.get(f"/v1/phone-numbers?limit=2&starting_after={ids[3]}")).json()
    assert [each["id"] for each in second["phone_numbers"]] == [ids[2], ids[1]]
    assert (second["has_more"], second["total"]) == (True, 7)
    last = (await alice.client.get(f"/v1/phone-numbers?limit=2&starting_after={ids[1]}")).json()
    assert ([each["id"] for each in last["phone_numbers"]], last["has_more"]) == ([ids[0]], False)
    assert await listed(alice.client, f"starting_after={ids[0]}") == []
    assert await listed(alice.client, f"starting_after={ids[3]}&limit=1&offset=1") == [ids[1]]


async def test_numbers_of_one_instant_have_an_order_too(world: World) -> None:
    alice = await world.person()
    items = await world.stock(6)
    await asyncio.gather(*(bought(alice.client, item) for item in items))
    async with world.services.database.writing() as connection:
        await connection.execute("UPDATE phone_numbers SET created_at = '2026-01-01T00:00:00Z'")
    walked: list[str] = []
    while page := await listed(alice.client, "limit=2" + (f"&starting_after={walked[-1]}" if walked else "")):
        walked += page
    assert walked == sorted(walked, reverse=True)
    assert len(set(walked)) == 6


async def test_the_default_and_the_most_of_a_page(world: World) -> None:
    alice = await world.person()
    await many_numbers(world, alice.organization_id, 120)
    for query, count in (("", 50), ("limit=1", 1), ("limit=100", 100)):
        page = (await alice.client.get(f"/v1/phone-numbers?{query}")).json()
        assert (len(page["phone_numbers"]), page["total"], page["has_more"]) == (count, 120, True)
    for limit in ("0", "101", "-1", "1000000"):
        assert set(faults(await alice.client.get(f"/v1/phone-numbers?limit={limit}"))) == {"limit"}


async def test_the_total_of_ones_own_numbers_is_always_exact(world: World) -> None:
    alice = await world.person()
    await many_numbers(world, alice.organization_id, 10_500)
    page = (await alice.client.get("/v1/phone-numbers?limit=100&offset=10450")).json()
    assert (page["total"], len(page["phone_numbers"]), page["has_more"]) == (10_500, 50, False)


async def many_numbers(world: World, organization_id: str, count: int) -> None:
    async with world.services.database.writing() as connection:
        await connection.execute(
            """
            WITH item AS (
                INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status,
                                       available_since, created_at)
                SELECT 'inv_' || n, 'live', '+44207946' || n, 'GB', 'local', '{voice}', 'pool', 'in_service',
                       now(), now()
                FROM generate_series(1, $2::int) AS n RETURNING id, number
            )
            INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,
                allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents, currency,
                created_at, updated_at)
            SELECT 'pn' || substr(id, 4), $1, 'live', id, number, 'GB', 'local', 'active', true, true, '{}', false, 0,
                   0, 'USD', now(), now()
            FROM item
            """,
            organization_id,
            count,
        )


@pytest.mark.parametrize("path", ["/v1/phone-numbers", "/v1/endpoints", "/v1/credits/transactions", "/v1/audit"])
async def test_a_cursor_that_is_no_id_of_the_list_is_refused(world: World, path: str) -> None:
    alice = await world.person()
    told = faults(await alice.client.get(f"{path}?starting_after=pn_none"))
    assert told == {"starting_after": "is not the id of an item in this list"}


async def test_a_released_number_can_still_be_read(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item)
    released = (await alice.client.delete(f"/v1/phone-numbers/{number['id']}")).json()
    answer = (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert {**answer, "endpoint": None} == {**released, "endpoint": None, "sip": answer["sip"]}
    assert answer["status"] == "released"


async def test_ids_that_cannot_be_are_not_found(world: World) -> None:
    alice = await world.person()
    for path, code in (("phone-numbers", "NUMBER_NOT_FOUND"), ("endpoints", "ENDPOINT_NOT_FOUND")):
        for bad in ("x", "a" * 5000, "%00", "%FF", "%F0%9F%93%9E", "..", "pn%20x", "'--", "%25", "%0a"):
            if bad == "..":
                continue  # the client itself resolves it
            for method in ("GET", "PATCH", "DELETE"):
                body = {"json": {}} if method == "PATCH" else {}
                refused(await alice.client.request(method, f"/v1/{path}/{bad}", **body), 404, code)
        refused(await alice.client.get(f"/v1/{path}/a%2Fb"), 404, "NOT_FOUND")
