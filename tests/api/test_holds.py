"""Keep a number back: for whom, for how long, how many; and what the others see meanwhile."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.api.asking import bought, but_for_the_id, faults, refused
from tests.cast import Person, World, assert_invariants
from tests.moving import START, MovingWorld

from nambari.domain.access import Environment

KEY = "Idempotency-Key"


async def ask(person: Person, item: str, key: str | None = None, **wanted: Any) -> httpx2.Response:
    headers = {KEY: key} if key else {}
    return await person.client.post("/v1/holds", json={"inventory_id": item, **wanted}, headers=headers)


async def held(person: Person, item: str, **wanted: Any) -> dict[str, Any]:
    answer = await ask(person, item, **wanted)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def holds(person: Person, query: str = "") -> list[str]:
    answer = await person.client.get(f"/v1/holds{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["holds"]]


async def for_sale(person: Person, query: str = "") -> list[str]:
    answer = await person.client.get(f"/v1/phone-numbers/available?country=GB{query}")
    return [each["inventory_id"] for each in answer.json()["phone_numbers"]]


async def buy(person: Person, item: str) -> httpx2.Response:
    return await person.client.post("/v1/phone-numbers", json={"inventory_id": item})


# ── How long ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("wanted", "minutes"), [({}, 15), ({"minutes": 1}, 1), ({"minutes": 60}, 60)])
async def test_it_lasts_a_quarter_of_an_hour_or_what_is_asked(
    moving: MovingWorld, wanted: dict[str, int], minutes: int
) -> None:
    alice, [item] = await moving.person(), await moving.stock()
    made = await held(alice, item, **wanted)
    number = await moving.value("SELECT number FROM inventory")
    assert made == {
        "id": made["id"],
        "inventory_id": item,
        "number": number,
        "expires_at": (START + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z"),
        "created_at": "2026-01-31T09:30:00Z",
    }
    assert made["id"].startswith("hold_")
    assert (await alice.client.get("/v1/holds")).json() == {
        "holds": [made],
        "total": 1,
        "limit": 50,
        "offset": 0,
        "has_more": False,
    }


@pytest.mark.parametrize("minutes", [0, -1, 61])
async def test_no_longer_than_an_hour(world: World, minutes: int) -> None:
    alice, [item] = await world.person(), await world.stock()
    told = "must be at most 60" if minutes > 60 else "must be at least 1"
    assert faults(await ask(alice, item, minutes=minutes)) == {"minutes": told}
    assert await holds(alice) == []


async def test_an_expired_hold_is_no_hold_and_needs_no_sweep(moving: MovingWorld) -> None:
    alice, mallory, [item] = await moving.person(), await moving.person(), await moving.stock()
    made = await held(alice, item, minutes=15)
    moving.clock.now = datetime.fromisoformat(made["expires_at"]) - timedelta(microseconds=1)
    assert (await for_sale(mallory), await holds(alice)) == ([], [made["id"]])
    refused(await ask(mallory, item), 404, "NUMBER_NOT_AVAILABLE")
    refused(await buy(mallory, item), 404, "NUMBER_NOT_AVAILABLE")

    moving.clock.now += timedelta(microseconds=1)
    assert (await for_sale(mallory), await holds(alice)) == ([item], [])
    refused(await alice.client.delete(f"/v1/holds/{made['id']}"), 404, "NOT_FOUND")
    theirs = await held(mallory, item)
    assert theirs["id"] != made["id"]
    assert (await for_sale(alice), await holds(alice), await holds(mallory)) == ([], [], [theirs["id"]])


async def test_an_expired_hold_does_not_keep_others_from_buying(moving: MovingWorld) -> None:
    alice, mallory, [item] = await moving.person(), await moving.person(), await moving.stock()
    await held(alice, item)
    moving.clock.now += timedelta(minutes=15)
    assert (await buy(mallory, item)).status_code == 201
    assert await moving.value("SELECT count(*) FROM holds") == 0
    await assert_invariants(moving)


async def test_the_worker_forgets_what_has_expired_and_nothing_else(moving: MovingWorld) -> None:
    alice, [first, second] = await moving.person(), await moving.stock(2)
    await held(alice, first, minutes=15)
    kept = await held(alice, second, minutes=60)
    moving.clock.now += timedelta(minutes=30)
    await moving.sleep_days(0)
    assert [row["id"] for row in await moving.fetch("SELECT id FROM holds")] == [kept["id"]]


# ── For whom ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_to_others_the_number_is_gone(world: World) -> None:
    alice, mallory, [item, spare] = await world.person(), await world.person(), await world.stock(2)
    made = await held(alice, item)
    assert await for_sale(alice) == [item, spare]
    for query in ("", "&type=local", "&contains=7946", "&max_monthly_cost_cents=250", "&area_code=20&locality=London"):
        assert await for_sale(mallory, query) == [spare]
    listed = (await mallory.client.get("/v1/phone-numbers/available?country=GB")).json()
    assert (listed["total"], listed["total_is_exact"]) == (1, True)
    for path, body in (
        ("/v1/phone-numbers", {}),
        ("/v1/phone-numbers", {"validate_only": True}),
        ("/v1/holds", {"minutes": 5}),
    ):
        gone = await mallory.client.post(path, json={"inventory_id": item, **body})
        never = await mallory.client.post(path, json={"inventory_id": "inv_never", **body})
        refused(gone, 404, "NUMBER_NOT_AVAILABLE")
        assert but_for_the_id(gone) == but_for_the_id(never)
    anothers = await mallory.client.delete(f"/v1/holds/{made['id']}")
    nobodys = await mallory.client.delete("/v1/holds/hold_none")
    refused(anothers, 404, "NOT_FOUND")
    assert but_for_the_id(anothers) == but_for_the_id(nobodys)
    assert (await holds(mallory), await holds(alice)) == ([], [made["id"]])


async def test_a_colleague_shares_it_and_the_other_environment_does_not(world: World) -> None:
    alice = await world.person()
    colleague = await world.person(alice.organization_id)
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    [item] = await world.stock()
    made = await held(alice, item)
    assert await holds(colleague) == [made["id"]]
    assert await holds(tester) == []
    refused(await tester.client.delete(f"/v1/holds/{made['id']}"), 404, "NOT_FOUND")
    refused(await ask(tester, item), 404, "NUMBER_NOT_AVAILABLE")
    assert (await buy(colleague, item)).status_code == 201


async def test_the_holder_buys_it_and_the_hold_is_used_up(world: World) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    made = await held(alice, item)
    number = await bought(alice.client, item)
    assert number["number"] == made["number"]
    assert await holds(alice) == []
    refused(await alice.client.delete(f"/v1/holds/{made['id']}"), 404, "NOT_FOUND")
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    assert await for_sale(mallory) == [item], "it does not come back with the number"
    await assert_invariants(world)


async def test_a_purchase_that_is_refused_leaves_the_hold(world: World) -> None:
    alice, [item] = await world.person(cents=1), await world.stock()
    made = await held(alice, item)
    refused(await buy(alice, item), 400, "INSUFFICIENT_BALANCE")
    assert await holds(alice) == [made["id"]]


async def test_let_go_others_have_it_at_once(world: World) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    made = await held(alice, item)
    answer = await alice.client.delete(f"/v1/holds/{made['id']}")
    assert (answer.status_code, answer.json()) == (200, {"id": made["id"], "deleted": True})
    assert (await for_sale(mallory), await holds(alice)) == ([item], [])
    assert (await buy(mallory, item)).status_code == 201


async def test_what_is_not_for_sale_cannot_be_held(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    sold, retired, own = await world.stock(3)
    [unpriced] = await world.stock(setup=None, monthly=None)
    [test] = await world.stock(environment="test")
    await bought(mallory.client, sold)
    await bought(alice.client, own)
    await world.fetch("UPDATE inventory SET status = 'retired' WHERE id = $1 RETURNING 1", retired)
    for item in (sold, own, retired, unpriced, test, "inv_none", "INV", "é"):
        refused(await ask(alice, item), 404, "NUMBER_NOT_AVAILABLE")
    assert await world.value("SELECT count(*) FROM holds") == 0


async def test_nothing_is_paid_for_it_and_kyc_is_not_asked(world: World) -> None:
    alice, [item] = await world.person(verified=False, cents=0), await world.stock()
    await held(alice, item)
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == 0
    refused(await buy(alice, item), 400, "KYC_REQUIRED")


# ── How many ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_ten_at_a_time(moving: MovingWorld) -> None:
    alice, mallory, items = await moving.person(), await moving.person(), await moving.stock(12)
    made = [await held(alice, item, minutes=15) for item in items[:10]]
    eleventh = await ask(alice, items[10])
    assert refused(eleventh, 409, "INVALID_STATE") == {"live_holds": 10}
    again = await held(alice, items[3], minutes=30)
    assert again["id"] == made[3]["id"], "one that is held already is no eleventh"
    await held(mallory, items[10])
    refused(await ask(alice, items[10]), 404, "NUMBER_NOT_AVAILABLE")
    await alice.client.delete(f"/v1/holds/{made[0]['id']}")
    await held(alice, items[11])
    refused(await ask(alice, items[0]), 409, "INVALID_STATE")
    moving.clock.now += timedelta(minutes=15)
    assert await holds(alice) == [again["id"]]
    await held(alice, items[0])


async def test_ten_of_sixteen_at_once(world: World) -> None:
    alice, items = await world.person(), await world.stock(16)
    answers = await asyncio.gather(*(ask(alice, item) for item in items))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 6
    assert len(await holds(alice)) == 10


async def test_live_and_test_holds_are_counted_apart(world: World) -> None:
    alice = await world.person()
    tester = await world.person(alice.organization_id, environment=Environment.TEST)
    for item in await world.stock(10):
        await held(alice, item)
    for item in await world.stock(10, environment="test"):
        await held(tester, item)
    assert (len(await holds(alice)), len(await holds(tester))) == (10, 10)


async def test_ones_own_hold_begins_anew(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(), await moving.stock()
    first = await held(alice, item, minutes=15)
    moving.clock.now += timedelta(minutes=10)
    second = await held(alice, item)
    later = datetime.fromisoformat(second["expires_at"]) - datetime.fromisoformat(first["expires_at"])
    assert later == timedelta(minutes=10)
    assert second | {"expires_at": first["expires_at"]} == first
    third = await held(alice, item, minutes=1)
    assert datetime.fromisoformat(third["expires_at"]) == moving.clock.now + timedelta(minutes=1), "shorter as well"
    assert await holds(alice) == [first["id"]]


# ── The list ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_list_is_newest_first_and_paged(moving: MovingWorld) -> None:
    alice, items = await moving.person(), await moving.stock(5)
    made = []
    for item in items:
        made.insert(0, (await held(alice, item))["id"])
        moving.clock.now += timedelta(seconds=1)
    assert await holds(alice) == made
    first = (await alice.client.get("/v1/holds?limit=2")).json()
    assert ([each["id"] for each in first["holds"]], first["total"], first["has_more"]) == (made[:2], 5, True)
    assert await holds(alice, "?limit=2&offset=4") == made[4:]
    assert await holds(alice, f"?limit=2&starting_after={made[1]}") == made[2:4]
    assert await holds(alice, f"?starting_after={made[4]}") == []
    assert faults(await alice.client.get("/v1/holds?starting_after=hold_none")) == {
        "starting_after": "is not the id of an item in this list"
    }
    assert faults(await alice.client.get("/v1/holds?limit=101")) == {"limit": "must be at most 100"}


async def test_a_hold_that_ends_between_two_pages_keeps_its_place(moving: MovingWorld) -> None:
    alice, mallory, items = await moving.person(), await moving.person(), await moving.stock(3)
    made = []
    for item, minutes in zip(items, (60, 5, 60), strict=False):
        made.append((await held(alice, item, minutes=minutes))["id"])
        moving.clock.now += timedelta(seconds=1)
    oldest, ending, newest = made
    assert await holds(alice, "?limit=2") == [newest, ending]
    moving.clock.now += timedelta(minutes=10)
    rest = (await alice.client.get(f"/v1/holds?limit=2&starting_after={ending}")).json()
    assert ([each["id"] for each in rest["holds"]], rest["total"], rest["has_more"]) == ([oldest], 2, False)
    assert await holds(alice) == [newest, oldest]
    assert set(faults(await mallory.client.get(f"/v1/holds?starting_after={ending}"))) == {"starting_after"}


async def test_which_scopes_it_takes(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    reader = await world.person(alice.organization_id, scopes=("numbers:read",))
    writer = await world.person(alice.organization_id, scopes=("numbers:write",))
    assert refused(await ask(reader, item), 403, "INSUFFICIENT_SCOPE") == {"required": "numbers:write"}
    assert refused(await writer.client.get("/v1/holds"), 403, "INSUFFICIENT_SCOPE") == {"required": "numbers:read"}
    made = await held(writer, item)
    assert await holds(reader) == [made["id"]]
    refused(await reader.client.delete(f"/v1/holds/{made['id']}"), 403, "INSUFFICIENT_SCOPE")
    assert (await writer.client.delete(f"/v1/holds/{made['id']}")).status_code == 200


@pytest.mark.parametrize("hold_id", ["hold_none", "HOLD", "%00", "x" * 200, "é"])
async def test_a_hold_that_is_none(world: World, hold_id: str) -> None:
    alice = await world.person()
    answer = await alice.client.delete(f"/v1/holds/{hold_id}")
    assert refused(answer, 404, "NOT_FOUND") == {}
    assert answer.json()["error"].startswith("You have no hold of this id")


# ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_with_an_idempotency_key_it_is_made_and_let_go_once(moving: MovingWorld) -> None:
    alice, [item, other] = await moving.person(), await moving.stock(2)
    first = await ask(alice, item, "k", minutes=5)
    moving.clock.now += timedelta(minutes=1)
    again = await ask(alice, item, "k", minutes=5)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    refused(await ask(alice, item, "k", minutes=6), 409, "IDEMPOTENCY_CONFLICT")
    refused(await ask(alice, other, "k"), 409, "IDEMPOTENCY_CONFLICT")
    path = f"/v1/holds/{first.json()['id']}"
    gone = [await alice.client.delete(path, headers={KEY: "d"}) for _ in range(2)]
    assert (gone[0].status_code, gone[1].content) == (200, gone[0].content)
    assert gone[1].headers["idempotent-replayed"] == "true"
    refused(await alice.client.delete(path), 404, "NOT_FOUND")


async def test_a_refused_hold_is_replayed_as_it_was(world: World) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    made = await held(mallory, item)
    first = await ask(alice, item, "k")
    refused(first, 404, "NUMBER_NOT_AVAILABLE")
    await mallory.client.delete(f"/v1/holds/{made['id']}")
    assert (await ask(alice, item, "k")).content == first.content
    assert (await ask(alice, item, "k2")).status_code == 201


# ── At once ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_sixteen_organizations_one_holds_it(world: World) -> None:
    people, [item] = [await world.person(cents=0) for _ in range(16)], await world.stock()
    answers = await asyncio.gather(*(ask(person, item) for person in people))
    assert sorted(answer.status_code for answer in answers) == [201] + [404] * 15
    assert await world.value("SELECT count(*) FROM holds") == 1


async def test_hold_against_purchase_one_wins(world: World) -> None:
    for place in range(12):
        alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
        calls = [ask(alice, item), buy(mallory, item)]
        first, second = await asyncio.gather(*(calls if place % 2 else calls[::-1]))
        hold, purchase = (first, second) if place % 2 else (second, first)
        assert sorted((hold.status_code, purchase.status_code)) == [201, 404], (hold.text, purchase.text)
        assert (await holds(alice) == []) == (purchase.status_code == 201)
    await assert_invariants(world)


async def test_ones_own_hold_against_ones_own_purchase(world: World) -> None:
    for _ in range(8):
        alice, [item] = await world.person(), await world.stock()
        hold, purchase = await asyncio.gather(ask(alice, item), buy(alice, item))
        assert purchase.status_code == 201, "whoever holds it may buy it"
        assert hold.status_code in {201, 404}
        assert await holds(alice) == []
    await assert_invariants(world)
