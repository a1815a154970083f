"""DELETE ?dry_run=true: what a release would take, with nothing done; and the same refusals as the real thing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.api.asking import bought, but_for_the_id, faults, made, refused
from tests.cast import World, assert_invariants
from tests.conftest import moving_world
from tests.moving import MovingWorld

from nambari.settings import Settings

KEY = "Idempotency-Key"
FORESEEN = "?dry_run=true"


async def state(world: World) -> list[Any]:
    """All that a release would write."""
    return [
        await world.fetch("SELECT * FROM phone_numbers ORDER BY id"),
        await world.fetch("SELECT * FROM inventory ORDER BY id"),
        await world.fetch("SELECT * FROM balances ORDER BY organization_id, environment"),
        await world.value("SELECT count(*) FROM events"),
        await world.value("SELECT count(*) FROM kept_answers"),
    ]


async def test_it_tells_what_would_be_lost_and_loses_nothing(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(), await moving.stock()
    endpoint = await made(alice.client)
    number = await bought(alice.client, item, endpoint_id=endpoint["id"], label="Desk", tags=["a", "b"])
    moving.clock.now += timedelta(days=2)
    before = await state(moving)
    for query in (FORESEEN, "?dry_run=true&action=release", "?action=release&dry_run=true"):
        answer = await alice.client.delete(f"/v1/phone-numbers/{number['id']}{query}", headers={KEY: "k"})
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "id": number["id"],
                "number": number["number"],
                "endpoint_id": endpoint["id"],
                "label": "Desk",
                "tags": ["a", "b"],
                "paid_until": "2026-02-28T09:30:00Z",
                "for_sale_at": "2026-02-02T09:30:00Z",
                "restorable_until": "2026-02-12T09:30:00Z",
            },
        )
        assert "idempotent-replayed" not in answer.headers
    assert await state(moving) == before
    await assert_invariants(moving)


async def test_the_key_of_a_dry_run_is_free_for_the_release(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await bought(alice.client, item)
    path = f"/v1/phone-numbers/{number['id']}"
    await alice.client.delete(path + FORESEEN, headers={KEY: "k"})
    real = await alice.client.delete(path, headers={KEY: "k"})
    assert (real.status_code, real.json()["status"]) == (200, "released")


async def test_it_foresees_how_long_the_number_will_age(dsn: str, settings: Settings) -> None:
    async with moving_world(dsn, replace(settings, aging_days=("7", "GB/local=30"))) as world:
        alice, [item] = await world.person(), await world.stock()
        number = await bought(alice.client, item)
        told = (await alice.client.delete(f"/v1/phone-numbers/{number['id']}{FORESEEN}")).json()
        assert told["for_sale_at"] == "2026-03-02T09:30:00Z"
        await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
        assert await world.value("SELECT available_since FROM inventory") == world.clock.now + timedelta(days=30)


async def test_what_it_foresees_comes_true(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(), await moving.stock()
    number = await bought(alice.client, item)
    path = f"/v1/phone-numbers/{number['id']}"
    told = (await alice.client.delete(path + FORESEEN)).json()
    await alice.client.delete(path)
    moving.clock.now += timedelta(days=10) - timedelta(microseconds=1)
    assert told["restorable_until"] == "2026-02-10T09:30:00Z"
    back = (await alice.client.post(f"{path}/restore")).json()
    assert (back["status"], back["renews_at"]) == ("active", told["paid_until"])


async def test_of_a_suspended_number_nothing_is_paid_any_more(moving: MovingWorld) -> None:
    alice, [item] = await moving.person(cents=350), await moving.stock()
    number = await bought(alice.client, item)
    await moving.pass_days(30)
    told = (await alice.client.delete(f"/v1/phone-numbers/{number['id']}{FORESEEN}")).json()
    assert told["paid_until"] == "2026-02-28T09:30:00Z"
    assert told["paid_until"] < told["for_sale_at"]


async def test_false_is_the_real_thing(world: World) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await bought(alice.client, item)
    answer = await alice.client.delete(f"/v1/phone-numbers/{number['id']}?dry_run=false")
    assert (answer.status_code, answer.json()["status"]) == (200, "released")


@pytest.mark.parametrize("value", ["", "True", "TRUE", "1", "yes", "true%20", "null"])
async def test_any_other_value_releases_nothing(world: World, value: str) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await bought(alice.client, item)
    path = f"/v1/phone-numbers/{number['id']}"
    assert faults(await alice.client.delete(f"{path}?dry_run={value}")) == {"dry_run": "must be one of true, false"}
    assert faults(await alice.client.delete(f"{path}?dry_run=true&dry_run=true")) == {"dry_run": "is given twice"}
    assert (await alice.client.get(path)).json()["status"] == "active"


async def test_it_is_refused_as_the_release_is(world: World) -> None:
    alice, mallory, [item] = await world.person(), await world.person(), await world.stock()
    number = await bought(alice.client, item)
    path = f"/v1/phone-numbers/{number['id']}"
    reader = await world.person(alice.organization_id, scopes=("numbers:read",))
    for person, status, code in ((mallory, 404, "NUMBER_NOT_FOUND"), (reader, 403, "INSUFFICIENT_SCOPE")):
        foreseen, real = await person.client.delete(path + FORESEEN), await person.client.delete(path)
        assert refused(foreseen, status, code) == refused(real, status, code)
        assert but_for_the_id(foreseen) == but_for_the_id(real)
    for unknown in ("pn_none", "PN", "x" * 200):
        refused(await alice.client.delete(f"/v1/phone-numbers/{unknown}{FORESEEN}"), 404, "NUMBER_NOT_FOUND")

    await alice.client.patch(path, json={"deletion_lock": True})
    foreseen, real = await alice.client.delete(path + FORESEEN), await alice.client.delete(path)
    assert refused(foreseen, 409, "DELETION_LOCKED") == {}
    assert but_for_the_id(foreseen) == but_for_the_id(real)
    await alice.client.patch(path, json={"deletion_lock": False})


@pytest.mark.parametrize("status", ["pending", "porting"])
async def test_a_status_that_cannot_be_released(world: World, status: str) -> None:
    alice, [item] = await world.person(), await world.stock()
    number = await bought(alice.client, item)
    await world.fetch(
        "UPDATE phone_numbers SET status = $1, porting_direction = CASE $1::text WHEN 'porting' THEN 'in' END"
        " RETURNING 1",
        status,
    )
    path = f"/v1/phone-numbers/{number['id']}"
    foreseen, real = await alice.client.delete(path + FORESEEN), await alice.client.delete(path)
    assert refused(foreseen, 409, "INVALID_STATE") == {"status": status}
    assert but_for_the_id(foreseen) == but_for_the_id(real)


async def test_of_what_is_released_there_is_nothing_to_foresee(world: World) -> None:
    """The release itself answers alike again and again; there is nothing that it would take."""
    alice, [item] = await world.person(), await world.stock()
    number = await bought(alice.client, item)
    path = f"/v1/phone-numbers/{number['id']}"
    await alice.client.delete(path)
    assert refused(await alice.client.delete(path + FORESEEN), 409, "INVALID_STATE") == {"status": "released"}
    assert (await alice.client.delete(path)).status_code == 200
