"""Take a released number back: what comes back with it, what it costs, until when, and who may not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.api.asking import bought, but_for_the_id, listed, made, refused
from tests.cast import Person, World, assert_invariants
from tests.conftest import moving_world
from tests.moving import START, MovingWorld

from nambari.settings import Settings

KEY = "Idempotency-Key"
IT_WAS = {"status", "released_at", "renews_at", "updated_at", "status_reason", "releases_at"}


async def released(person: Person, item: str, **wanted: Any) -> dict[str, Any]:
    """A number bought and given back, as the release answered."""
    number = await bought(person.client, item, **wanted)
    return await let_go(person, number["id"])


async def let_go(person: Person, number_id: str) -> dict[str, Any]:
    answer = await person.client.delete(f"/v1/phone-numbers/{number_id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "released")
    number: dict[str, Any] = answer.json()
    return number


async def ask(person: Person, number_id: str, key: str | None = None) -> httpx2.Response:
    return await person.client.post(f"/v1/phone-numbers/{number_id}/restore", headers={KEY: key} if key else {})


async def restored(person: Person, number_id: str) -> dict[str, Any]:
    answer = await ask(person, number_id)
    assert answer.status_code == 200, answer.text
    number: dict[str, Any] = answer.json()
    return number


async def balance(person: Person) -> int:
    cents: int = (await person.client.get("/v1/credits")).json()["balance_cents"]
    return cents


async def state(world: World) -> list[Any]:
    return await world.fetch(
        "SELECT n.*, i.status AS stock, b.available_cents, (SELECT count(*) FROM events) AS events,"
        " (SELECT count(*) FROM postings) AS postings"
        " FROM phone_numbers AS n JOIN inventory AS i ON i.id = n.inventory_id JOIN balances AS b"
        " ON (b.organization_id, b.environment) = (n.organization_id, n.environment) ORDER BY n.id"
    )


async def refused_with_nothing_done(
    world: World, person: Person, number_id: str, status: int, code: str
) -> dict[str, Any]:
    """The details of the refusal."""
    before = await state(world)
    details = refused(await ask(person, number_id), status, code)
    assert await state(world) == before
    return details


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ── What comes back ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_is_what_it_was_and_costs_nothing_within_the_paid_month(world: World) -> None:
    alice, [item] = await world.person(), await world.stock(setup=100, monthly=250)
    endpoint = await made(alice.client)
    number = await bought(
        alice.client, item, endpoint_id=endpoint["id"], allow_outbound=False, label="Desk", tags=["a", "b"]
    )
    before = await balance(alice)
    gone = await let_go(alice, number["id"])
    back = await restored(alice, number["id"])
    assert {name: value for name, value in back.items() if name not in IT_WAS} == {
        name: value for name, value in number.items() if name not in IT_WAS
    }
    assert (back["status"], back["released_at"], back["renews_at"]) == ("active", None, number["renews_at"])
    assert back["updated_at"] >= gone["released_at"]
    assert await balance(alice) == before
    shown = (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert {name: shown[name] for name in back} == back
    assert shown["endpoint"]["id"] == endpoint["id"]
    assert await listed(alice.client) == [number["id"]]
    refused(await alice.client.post("/v1/phone-numbers", json={"inventory_id": item}), 404, "NUMBER_NOT_AVAILABLE")
    await assert_invariants(world)


async def test_the_history_tells_it(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await released(alice, item)
    back = await restored(alice, number["id"])
    line, *older = (await alice.client.get(f"/v1/phone-numbers/{number['id']}/history")).json()["history"]
    assert [line["event"], *(each["event"] for each in older)] == [
        "phone_number.restored",
        "phone_number.released",
        "phone_number.purchased",
    ]
    assert line["key_id"] == alice.key_id
    assert line["changes"] == [
        {"field": "status", "before": "released", "after": "active"},
        {"field": "renews_at", "before": None, "after": back["renews_at"]},
        {"field": "released_at", "before": number["released_at"], "after": None},
    ]


async def test_a_deleted_endpoint_does_not_come_back(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    endpoint = await made(alice.client)
    number = await released(alice, item, endpoint_id=endpoint["id"], label="Desk")
    assert number["endpoint_id"] == endpoint["id"]
    assert (await alice.client.delete(f"/v1/endpoints/{endpoint['id']}")).status_code == 200
    back = await restored(alice, number["id"])
    assert (back["status"], back["endpoint_id"], back["label"]) == ("active", None, "Desk")


async def test_it_may_be_released_and_restored_again_and_again(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await bought(alice.client, item)
    for _ in range(3):
        moving.clock.now += timedelta(days=3)
        await let_go(alice, number["id"])
        moving.clock.now += timedelta(days=3)
        assert (await restored(alice, number["id"]))["renews_at"] == number["renews_at"]
    assert await balance(alice) == 0
    await assert_invariants(moving)


# ── What it costs ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_month_is_taken_only_once_the_paid_one_is_over(moving: MovingWorld) -> None:
    alice, items = await moving.person(cents=10_000), await moving.stock(2)
    first, second = [await bought(alice.client, item) for item in items]
    due = instant(first["renews_at"])
    moving.clock.now = due - timedelta(days=1)
    for number in (first, second):
        await let_go(alice, number["id"])

    moving.clock.now = due - timedelta(microseconds=1)
    back = await restored(alice, first["id"])
    assert (await balance(alice), back["renews_at"]) == (10_000 - 700, first["renews_at"])

    moving.clock.now = due
    back = await restored(alice, second["id"])
    assert await balance(alice) == 10_000 - 700 - 250, "a month, and no set-up"
    assert instant(back["renews_at"]) == datetime(2026, 3, 28, 9, 30, tzinfo=UTC)
    line = (await alice.client.get("/v1/credits/transactions")).json()["transactions"][0]
    assert (line["type"], line["amount_cents"], line["phone_number_id"]) == ("monthly_fee", -250, second["id"])
    assert line["description"] == f"Month from 2026-02-28 of {second['number']}"
    assert instant(line["created_at"]) == moving.clock.now
    await moving.sleep_days(0)
    assert await balance(alice) == 10_000 - 700 - 500, "the first renewed on its day"
    await assert_invariants(moving)


@pytest.mark.parametrize(
    ("bought_on", "restored_on", "renewals"),
    [
        ("2026-01-25", "2026-03-01", ["2026-04-01", "2026-05-01"]),
        ("2026-02-24", "2026-03-31", ["2026-04-30", "2026-05-31", "2026-06-30"]),
        ("2026-12-27", "2027-01-30", ["2027-02-28", "2027-03-30"]),
        ("2027-12-25", "2028-01-31", ["2028-02-29", "2028-03-31", "2028-04-30"]),
    ],
)
async def test_after_it_months_count_from_the_restore(
    moving: MovingWorld, bought_on: str, restored_on: str, renewals: list[str]
) -> None:
    moving.clock.now = instant(f"{bought_on}T08:00:00+00:00")
    alice, [item] = await moving.person(cents=350 + 250 * (len(renewals))), await moving.stock()
    number = await bought(alice.client, item)
    moving.clock.now = instant(number["renews_at"]) - timedelta(seconds=1)
    await let_go(alice, number["id"])
    moving.clock.now = instant(f"{restored_on}T20:15:00+00:00")
    await restored(alice, number["id"])
    seen = []
    for _ in renewals:
        seen.append((await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["renews_at"])
        moving.clock.now = instant(seen[-1])
        await moving.sleep_days(0)
    assert seen == [f"{day}T20:15:00Z" for day in renewals]
    assert (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["status"] == "suspended"
    assert await balance(alice) == 0
    await assert_invariants(moving)


async def test_within_the_month_its_days_stay_those_of_the_purchase(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=10_000), await moving.stock()
    number = await bought(alice.client, item)  # on the 31st of January
    moving.clock.now += timedelta(days=20)
    await let_go(alice, number["id"])
    moving.clock.now += timedelta(days=2)
    await restored(alice, number["id"])
    moving.clock.now = instant(number["renews_at"])
    await moving.sleep_days(0)
    now = (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert now["renews_at"] == "2026-03-31T09:30:00Z"
    await assert_invariants(moving)


async def test_without_credits_for_the_month_nothing_happens(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350 + 249), await moving.stock()
    number = await bought(alice.client, item)
    moving.clock.now = instant(number["renews_at"]) - timedelta(days=1)
    await let_go(alice, number["id"])
    moving.clock.now += timedelta(days=2)
    details = await refused_with_nothing_done(moving, alice, number["id"], 400, "INSUFFICIENT_BALANCE")
    assert details == {"required_cents": 250, "available_cents": 249, "shortfall_cents": 1}
    await moving.fund(alice.organization_id, 1)
    await restored(alice, number["id"])
    assert await balance(alice) == 0
    await assert_invariants(moving)


async def test_a_number_that_costs_nothing_leaves_no_line(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=0), await moving.stock(setup=0, monthly=0)
    number = await bought(alice.client, item)
    moving.clock.now += timedelta(days=27)
    await let_go(alice, number["id"])
    moving.clock.now += timedelta(days=5)
    back = await restored(alice, number["id"])
    assert instant(back["renews_at"]) == datetime(2026, 4, 4, 9, 30, tzinfo=UTC)
    assert (await alice.client.get("/v1/credits/transactions")).json()["transactions"] == []
    await assert_invariants(moving)


async def test_what_was_released_unpaid_is_restored_with_a_month(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await bought(alice.client, item)
    await moving.pass_days(60)
    gone = (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert gone["status"] == "released"
    refused(await ask(alice, number["id"]), 400, "INSUFFICIENT_BALANCE")
    await moving.fund(alice.organization_id, 250)
    back = await restored(alice, number["id"])
    assert (back["status"], back["status_reason"], back["releases_at"]) == ("active", None, None)
    assert await balance(alice) == 0
    await assert_invariants(moving)


async def test_what_was_suspended_when_it_was_given_back_is_active_again(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await bought(alice.client, item)
    await moving.pass_days(35)
    assert (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()["status"] == "suspended"
    await let_go(alice, number["id"])
    await moving.fund(alice.organization_id, 1000)
    back = await restored(alice, number["id"])
    assert (back["status"], back["status_reason"], back["releases_at"]) == ("active", None, None)
    assert await balance(alice) == 750
    await moving.pass_days(10)
    assert await balance(alice) == 750, "no retry of the old debt is left"
    await assert_invariants(moving)


# ── Until when ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_for_ten_days_to_the_instant(moving: MovingWorld) -> None:
    alice, items = await moving.person(), await moving.stock(2)
    first, second = [await bought(alice.client, item) for item in items]
    moving.clock.now += timedelta(days=5)
    for number in (first, second):
        await let_go(alice, number["id"])
    moving.clock.now += timedelta(days=10) - timedelta(microseconds=1)
    await restored(alice, first["id"])
    moving.clock.now += timedelta(microseconds=1)
    details = await refused_with_nothing_done(moving, alice, second["id"], 409, "INVALID_STATE")
    assert details == {"status": "released"}
    assert "10 days" in (await ask(alice, second["id"])).json()["error"]


@pytest.mark.parametrize("status", ["active", "suspended", "pending", "porting"])
async def test_only_what_is_released_can_be_restored(world: World, status: str) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await bought(alice.client, item)
    later = START + timedelta(days=900)
    await world.fetch(
        "UPDATE phone_numbers SET status = $1, retry_at = $2, releases_at = $2,"
        " porting_direction = CASE $1::text WHEN 'porting' THEN 'in' END RETURNING 1",
        status,
        later,
    )
    details = await refused_with_nothing_done(world, alice, number["id"], 409, "INVALID_STATE")
    assert details == {"status": status}


# ── Who may not ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_not_what_another_has_bought_meanwhile(world: World) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    number = await released(alice, item)
    theirs = await bought(mallory.client, item)
    await refused_with_nothing_done(world, alice, number["id"], 404, "NUMBER_NOT_AVAILABLE")
    anothers = await ask(mallory, number["id"])
    nobodys = await ask(mallory, "pn_none")
    refused(anothers, 404, "NUMBER_NOT_FOUND")
    assert but_for_the_id(anothers) == but_for_the_id(nobodys)
    assert (await mallory.client.get(f"/v1/phone-numbers/{theirs['id']}")).json()["status"] == "active"


async def test_nor_what_one_has_bought_oneself_anew(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    first = await released(alice, item)
    second = await bought(alice.client, item)
    await refused_with_nothing_done(world, alice, first["id"], 404, "NUMBER_NOT_AVAILABLE")
    await let_go(alice, second["id"])
    await restored(alice, second["id"])
    refused(await ask(alice, first["id"]), 404, "NUMBER_NOT_AVAILABLE")
    await assert_invariants(world)


async def test_what_another_gave_back_again_may_be_restored(world: World) -> None:
    """Nobody else has it, and the 10 days are not over: that is all that the contract asks."""
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    number = await released(alice, item)
    theirs = await released(mallory, item)
    assert (await restored(alice, number["id"]))["status"] == "active"
    refused(await ask(mallory, theirs["id"]), 404, "NUMBER_NOT_AVAILABLE")
    await assert_invariants(world)


async def test_what_another_holds_is_not_available_until_the_hold_expires(moving: MovingWorld) -> None:
    alice, mallory, [item] = await moving.person(), await moving.person(), await moving.stock()
    number = await released(alice, item)
    assert (await mallory.client.post("/v1/holds", json={"inventory_id": item})).status_code == 201
    await refused_with_nothing_done(moving, alice, number["id"], 404, "NUMBER_NOT_AVAILABLE")
    moving.clock.now += timedelta(minutes=15)
    await restored(alice, number["id"])
    assert await moving.value("SELECT count(*) FROM holds") == 0
    await assert_invariants(moving)


async def test_ones_own_hold_is_used_up(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await released(alice, item)
    await alice.client.post("/v1/holds", json={"inventory_id": item})
    await restored(alice, number["id"])
    assert (await alice.client.get("/v1/holds")).json()["holds"] == []
    await assert_invariants(world)


async def test_not_what_the_operator_has_retired(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await released(alice, item)
    await world.fetch("UPDATE inventory SET status = 'retired' WHERE id = $1 RETURNING 1", item)
    await refused_with_nothing_done(world, alice, number["id"], 404, "NUMBER_NOT_AVAILABLE")


async def test_aging_stock_is_restored_by_its_last_owner_only(dsn: str, settings: Settings) -> None:
    async with moving_world(dsn, replace(settings, aging_days=("7",))) as world:
        alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
        number = await released(alice, item)
        assert (await restored(alice, number["id"]))["status"] == "active"
        await let_go(alice, number["id"])
        await world.sleep_days(7)
        theirs = await released(mallory, item)
        await refused_with_nothing_done(world, alice, number["id"], 404, "NUMBER_NOT_AVAILABLE")
        await restored(mallory, theirs["id"])
        await assert_invariants(world)


async def test_nothing_of_the_old_owner_is_seen_by_the_next(world: World) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    endpoint = await made(alice.client, name="Alices agent")
    number = await released(alice, item, endpoint_id=endpoint["id"], label="Alices desk", tags=["alices"])
    theirs = await bought(mallory.client, item)
    assert (theirs["endpoint_id"], theirs["label"], theirs["tags"]) == (None, None, [])
    assert theirs["id"] != number["id"]
    seen = [
        (await mallory.client.get(path)).text
        for path in (
            f"/v1/phone-numbers/{theirs['id']}",
            f"/v1/phone-numbers/{theirs['id']}/history",
            "/v1/phone-numbers?status=released",
            "/v1/phone-numbers",
            "/v1/audit",
            "/v1/credits/transactions",
            "/v1/endpoints",
        )
    ]
    for secret in ("lices", endpoint["id"], number["id"], alice.organization_id, alice.key_id):
        assert not [text for text in seen if secret in text], secret
    history = (await mallory.client.get(f"/v1/phone-numbers/{theirs['id']}/history")).json()
    assert history["total"] == 1
    await let_go(mallory, theirs["id"])
    back = await restored(alice, number["id"])
    assert (back["label"], back["tags"], back["endpoint_id"]) == ("Alices desk", ["alices"], endpoint["id"])
    history = (await alice.client.get(f"/v1/phone-numbers/{number['id']}/history")).text
    assert mallory.key_id not in history
    assert theirs["id"] not in history


async def test_a_reader_may_not(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await released(alice, item)
    bob = await world.person(alice.organization_id, scopes=("numbers:read",))
    assert refused(await ask(bob, number["id"]), 403, "INSUFFICIENT_SCOPE") == {"required": "numbers:write"}


# ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_with_an_idempotency_key_it_is_restored_and_paid_once(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=1000), await moving.stock()
    number = await bought(alice.client, item)
    moving.clock.now = instant(number["renews_at"]) - timedelta(hours=1)
    await let_go(alice, number["id"])
    moving.clock.now += timedelta(hours=2)
    first = await ask(alice, number["id"], "k")
    again = await ask(alice, number["id"], "k")
    assert (first.status_code, again.content, again.headers["idempotent-replayed"]) == (200, first.content, "true")
    assert await balance(alice) == 1000 - 350 - 250
    refused(await ask(alice, number["id"]), 409, "INVALID_STATE")
    other = await released(alice, (await moving.stock())[0])
    refused(await ask(alice, other["id"], "k"), 409, "IDEMPOTENCY_CONFLICT")
    await assert_invariants(moving)


async def test_a_refusal_is_replayed_as_it_was(world: World) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    number = await released(alice, item)
    theirs = await bought(mallory.client, item)
    first = await ask(alice, number["id"], "k")
    refused(first, 404, "NUMBER_NOT_AVAILABLE")
    await let_go(mallory, theirs["id"])
    assert (await ask(alice, number["id"], "k")).content == first.content
    await restored(alice, number["id"])
