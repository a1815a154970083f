"""A number's way to another carrier: who may ask, what goes on meanwhile, and that it never comes back by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.api.asking import bought, but_for_the_id, made, refused
from tests.api.leavers import CARRIER, PIN, asked, calls, held, leaving, secured, shown, works
from tests.api.porters import completed, do, drafted, priced, submitted
from tests.cast import World, assert_invariants
from tests.moving import MovingWorld

from nambari.domain.access import Environment
from nambari.domain.refusals import InvalidState, NotFound, ValidationError
from nambari.operations import port_out, stock


async def events_of(world: World, subject_id: str) -> list[str]:
    rows = await world.fetch("SELECT event FROM events WHERE subject_id = $1 ORDER BY sequence", subject_id)
    return [row["event"] for row in rows]


async def refusal(world: World, number: dict[str, Any], pin: str = PIN) -> str:
    """The reason for which a request is refused, and written down."""
    with pytest.raises(InvalidState) as refused_for:
        await asked(world, number, pin)
    return str(refused_for.value.details.get("reason"))


async def test_it_works_on_until_it_has_left(world: World) -> None:
    alice = await world.person()
    number, order = await leaving(world, alice)
    assert (order.status, order.gaining_carrier, order.ended_at) == ("scheduled", CARRIER, None)
    seen = await shown(alice, number)
    assert (seen["status"], seen["porting_direction"], seen["renews_at"]) == ("porting", "out", number["renews_at"])
    assert await calls(world, number) == works(number)
    [listed] = (await alice.client.get("/v1/phone-numbers?status=porting")).json()["phone_numbers"]
    assert listed["id"] == number["id"]
    refused(await alice.client.delete(f"/v1/phone-numbers/{number['id']}"), 409, "INVALID_STATE")
    changed = await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"label": "Going"})
    assert (changed.status_code, changed.json()["status"]) == (200, "porting")
    rotated = await alice.client.post(f"/v1/phone-numbers/{number['id']}/sip-credentials")
    assert rotated.status_code == 200
    await assert_invariants(world)

    await port_out.complete(world.services, order.id, "req_test")
    gone = await shown(alice, number)
    assert (gone["status"], gone["porting_direction"], gone["endpoint_id"]) == ("released", None, None)
    assert gone["released_at"] is not None
    assert await calls(world, number) == ("number_unknown", "account_unknown", "account_unknown")
    assert await world.value("SELECT status FROM inventory") == "elsewhere"
    assert await world.value("SELECT sip_ha1 FROM phone_numbers") is None
    told = (await alice.client.get(f"/v1/port-outs/{order.id}")).json()
    assert (told["status"], told["reason"], told["phone_number_id"]) == ("completed", None, number["id"])
    assert told["ended_at"] is not None
    assert await events_of(world, number["id"]) == [
        *("phone_number.purchased", "sip_credentials.created", "phone_number.porting", "phone_number.updated"),
        *("sip_credentials.rotated", "phone_number.released"),
    ]
    assert await events_of(world, order.id) == ["port_out.scheduled", "port_out.completed"]
    await assert_invariants(world)


async def test_its_history_tells_each_step(world: World) -> None:
    alice = await world.person()
    number, order = await leaving(world, alice)
    await port_out.cancel(world.services, order.id, "Withdrawn", "req_test")
    records = (await alice.client.get(f"/v1/phone-numbers/{number['id']}/history")).json()["history"]
    told = {each["event"]: {one["field"]: (one["before"], one["after"]) for one in each["changes"]} for each in records}
    assert told["phone_number.porting"] == {"status": ("active", "porting"), "porting_direction": (None, "out")}
    assert told["phone_number.updated"] == {"status": ("porting", "active"), "porting_direction": ("out", None)}


async def test_once_it_has_left_nobody_can_have_it_here(world: World, tmp_path: Path) -> None:
    alice, mallory = await world.person(), await world.person()
    number, order = await leaving(world, alice)
    await port_out.complete(world.services, order.id, "req_test")
    [item] = [row["id"] for row in await world.fetch("SELECT id FROM inventory")]
    assert (await mallory.client.get("/v1/phone-numbers/available?country=GB")).json()["total"] == 0
    refused(await mallory.client.post("/v1/holds", json={"inventory_id": item}), 404, "NUMBER_NOT_AVAILABLE")
    refused(await mallory.client.post("/v1/phone-numbers", json={"inventory_id": item}), 404, "NUMBER_NOT_AVAILABLE")
    restore = f"/v1/phone-numbers/{number['id']}/restore"
    refused(await alice.client.post(restore), 404, "NUMBER_NOT_AVAILABLE")
    released = await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    assert released.json()["status"] == "released", "again, it is as it was"
    for move in (stock.restock, stock.retire):
        with pytest.raises(InvalidState, match="another carrier"):
            await move(world.services, number["number"], Environment.LIVE, world.services.clock())
    file = tmp_path / "numbers.csv"
    file.write_text(f"number\n{number['number']}\n")
    imported = await stock.import_file(
        world.services,
        file,
        country=None,
        environment=Environment.LIVE,
        now=world.services.clock(),
        progress=lambda *_: None,
    )
    assert (imported.added, imported.rejected) == (0, 1)
    assert "is with another carrier" in stock.rejected_path(file).read_text()
    with pytest.raises(NotFound):
        await asked(world, number)
    await assert_invariants(world)


async def test_it_comes_back_by_a_porting_order_alone(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    await priced(world)
    number, order = await leaving(world, alice)
    here = await drafted(mallory, number["number"])
    refused(await do(mallory, here, "submit"), 409, "INVALID_STATE")
    await port_out.complete(world.services, order.id, "req_test")
    assert (await do(mallory, here, "submit")).status_code == 200
    cancelled = await do(mallory, here, "cancel")
    assert cancelled.json()["status"] == "cancelled"
    assert await world.value("SELECT status FROM inventory") == "elsewhere"
    back = await submitted(mallory, number["number"])
    with pytest.raises(InvalidState):
        await asked(world, number)
    await completed(world, back)
    await assert_invariants(world)
    await secured(mallory)
    again = await asked(world, number)
    await port_out.complete(world.services, again.id, "req_test")
    assert (await mallory.client.get(f"/v1/phone-numbers/{back['phone_number_id']}")).json()["status"] == "released"
    await assert_invariants(world)


async def test_cancelled_it_stays_as_it_was(world: World) -> None:
    alice = await world.person()
    number, order = await leaving(world, alice)
    before = await shown(alice, number)
    done = await port_out.cancel(world.services, order.id, "The other carrier withdrew.", "req_test")
    assert (done.status, done.reason) == ("cancelled", "The other carrier withdrew.")
    after = await shown(alice, number)
    assert (after["status"], after["porting_direction"]) == ("active", None)
    assert after["endpoint_id"] == before["endpoint_id"]
    assert await calls(world, number) == works(number)
    written = await world.fetch("SELECT data::text AS data FROM events WHERE event LIKE 'port_out.%'")
    assert not [each for each in written if "withdrew" in each["data"]], "the operator's words stay in the row"
    for step in (
        port_out.complete(world.services, order.id, "req_test"),
        port_out.cancel(world.services, order.id, "Again", "req_test"),
        port_out.schedule(world.services, order.id, world.services.clock() + timedelta(days=1), "req_test"),
    ):
        with pytest.raises(InvalidState):
            await step
    assert (await asked(world, number)).status == "scheduled", "and may be asked for again"
    await assert_invariants(world)


async def test_its_months_are_paid_until_it_leaves(moving: MovingWorld) -> None:
    alice = await moving.person(cents=900)
    number, order = await leaving(moving, alice)
    await moving.pass_days(59)
    seen = await shown(alice, number)
    assert (seen["status"], seen["status_reason"]) == ("porting", None)
    assert await calls(moving, number) == works(number)
    lines = (await alice.client.get("/v1/credits/transactions")).json()["transactions"]
    assert len([line for line in lines if line["type"] == "monthly_fee"]) == 3
    await port_out.complete(moving.services, order.id, "req_test")
    left = (await alice.client.get("/v1/credits")).json()["balance_cents"]
    await moving.pass_days(70)
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == left == 50
    await assert_invariants(moving)


async def test_short_of_credits_it_is_suspended_and_leaves_all_the_same(moving: MovingWorld) -> None:
    alice = await moving.person(cents=350)
    number, order = await leaving(moving, alice)
    await moving.pass_days(22)
    warned = await shown(alice, number)
    assert warned["releases_at"] is not None, "it is warned of as any other"
    await moving.pass_days(7)
    seen = await shown(alice, number)
    assert (seen["status"], seen["porting_direction"]) == ("porting", "out")
    assert (seen["status_reason"], seen["releases_at"]) == ("insufficient_balance", warned["releases_at"])
    assert await calls(moving, number) == ("number_suspended", "account_inactive", "account_inactive")
    await assert_invariants(moving)
    await moving.pass_days(60)
    assert (await shown(alice, number))["status"] == "porting", "it is not released from under the other carrier"
    await port_out.complete(moving.services, order.id, "req_test")
    gone = await shown(alice, number)
    assert (gone["status"], gone["status_reason"], gone["releases_at"]) == ("released", None, None)
    await assert_invariants(moving)


async def test_a_top_up_lifts_the_suspension_of_one_that_leaves(moving: MovingWorld) -> None:
    alice = await moving.person(cents=350)
    number, _ = await leaving(moving, alice)
    await moving.pass_days(35)
    assert (await shown(alice, number))["status_reason"] == "insufficient_balance"
    await moving.fund(alice.organization_id, 1000)
    seen = await shown(alice, number)
    assert (seen["status"], seen["porting_direction"], seen["status_reason"]) == ("porting", "out", None)
    assert await calls(moving, number) == works(number)
    assert (await events_of(moving, number["id"]))[-2:] == ["phone_number.suspended", "phone_number.resumed"]
    await assert_invariants(moving)


async def test_cancelled_while_it_is_suspended(moving: MovingWorld) -> None:
    """It stays suspended, and is released on its day, if that has passed by then at the next look."""
    alice = await moving.person(cents=350)
    number, order = await leaving(moving, alice)
    await moving.pass_days(35)
    await port_out.cancel(moving.services, order.id, "Withdrawn", "req_test")
    assert (await shown(alice, number))["status"] == "suspended"
    await assert_invariants(moving)
    again = await asked(moving, number)
    assert (await shown(alice, number))["status_reason"] == "insufficient_balance", "a suspended one may leave too"
    await moving.pass_days(60)
    await port_out.cancel(moving.services, again.id, "Withdrawn", "req_test")
    await moving.pass_days(1)
    assert (await shown(alice, number))["status"] == "released"
    assert await moving.value("SELECT status FROM inventory") == "available"
    await assert_invariants(moving)


async def test_without_the_right_pin_nothing_changes_but_that_it_is_written_down(world: World) -> None:
    alice = await world.person()
    number = await held(world, alice)
    before = await shown(alice, number)
    assert await refusal(world, number) == "no_pin"
    await secured(alice)
    for pin in ("204176", "", "2041750", "x" * 5000, "\uff12\uff10\uff14\uff11\uff17\uff15"):
        assert await refusal(world, number, pin) == "wrong_pin"
    assert await refusal(world, number) == "too_many_attempts", "not even the right one"
    assert await shown(alice, number) == before
    told = (await alice.client.get("/v1/port-outs?status=refused")).json()
    assert [each["reason"] for each in told["port_outs"]] == ["too_many_attempts", *["wrong_pin"] * 5, "no_pin"]
    assert told["total"] == 7
    assert await events_of(world, told["port_outs"][0]["id"]) == ["port_out.refused"]
    await assert_invariants(world)


async def test_after_an_hour_one_pin_is_looked_at_again(moving: MovingWorld) -> None:
    alice = await moving.person()
    number = await held(moving, alice)
    await secured(alice)
    for _ in range(4):
        await refusal(moving, number, "000001")
    order = await asked(moving, number)
    await port_out.cancel(moving.services, order.id, "Withdrawn", "req_test")
    for _ in range(5):
        assert await refusal(moving, number, "000001") == "wrong_pin", "the right one had them count anew"
    moving.clock.now += timedelta(minutes=59)
    assert await refusal(moving, number) == "too_many_attempts"
    moving.clock.now += timedelta(minutes=1)
    assert await refusal(moving, number, "000001") == "wrong_pin"
    assert await refusal(moving, number) == "too_many_attempts"
    await secured(alice, "918273")
    assert (await asked(moving, number, "918273")).status == "scheduled", "another PIN is looked at at once"


async def test_the_pin_is_in_no_answer_event_or_row(world: World) -> None:
    alice = await world.person()
    assert (await alice.client.get("/v1/port-out-pin")).json() == {"is_set": False, "set_at": None}
    await secured(alice)
    first = (await alice.client.get("/v1/port-out-pin")).json()
    again = await alice.client.post("/v1/port-out-pin", json={"pin": PIN}, headers={"Idempotency-Key": "a"})
    assert again.json() == first, "the same PIN again is no other"
    await secured(alice, "918273")
    number = await held(world, alice)
    assert await refusal(world, number) == "wrong_pin", "the old one is none"
    await asked(world, number, "918273")
    assert (await events_of(world, alice.organization_id)).count("port_out.pin_set") == 2
    tables = [row["name"] for row in await world.fetch("SELECT relname AS name FROM pg_stat_user_tables")]
    for table in tables:
        assert not await world.fetch(f"SELECT 1 FROM {table} AS t WHERE t::text ~ '{PIN}|918273'"), table
    trail = await alice.client.get("/v1/audit?event=port_out.pin_set")
    assert (trail.json()["total"], PIN in trail.text) == (2, False)
    assert await world.value("SELECT count(*) FROM kept_answers WHERE idempotency_key = 'a'") == 0


async def test_what_cannot_leave(world: World) -> None:
    alice = await world.person()
    await secured(alice)
    number = await held(world, alice)
    await asked(world, number)
    with pytest.raises(InvalidState, match="already"):
        await asked(world, number)
    [item] = await world.stock()
    other = await bought(alice.client, item)
    await alice.client.delete(f"/v1/phone-numbers/{other['id']}")
    with pytest.raises(NotFound):
        await asked(world, other)
    with pytest.raises(NotFound):
        await asked(world, {"number": "+442079460999"})
    with pytest.raises(ValidationError):
        await asked(world, {"number": "+44207"})
    with pytest.raises(ValidationError):
        await asked(world, number, days=-1)
    with pytest.raises(NotFound):
        await asked(world, number, environment=Environment.TEST)
    assert await world.value("SELECT failures FROM port_out_pins") == 0, "none of these tried a PIN"
    assert await world.value("SELECT count(*) FROM port_outs") == 1


async def test_the_date_is_moved(world: World) -> None:
    alice = await world.person()
    _, order = await leaving(world, alice)
    at = world.services.clock() + timedelta(days=30)
    assert (await port_out.schedule(world.services, order.id, at, "req_test")).leaves_at == at
    with pytest.raises(ValidationError):
        await port_out.schedule(world.services, order.id, world.services.clock() - timedelta(days=1), "req_test")
    assert await events_of(world, order.id) == ["port_out.scheduled", "port_out.scheduled"]
    with pytest.raises(NotFound):
        await port_out.complete(world.services, "pout_none", "req_test")


async def test_an_endpoint_that_is_deleted_meanwhile(world: World) -> None:
    alice = await world.person()
    await secured(alice)
    endpoint = await made(alice.client)
    [item] = await world.stock()
    number = await bought(alice.client, item, endpoint_id=endpoint["id"])
    order = await asked(world, number)
    assert (await alice.client.delete(f"/v1/endpoints/{endpoint['id']}")).status_code == 200
    assert (await shown(alice, number))["status"] == "porting"
    await port_out.complete(world.services, order.id, "req_test")
    await assert_invariants(world)


async def test_what_is_anothers_is_as_what_is_not(world: World) -> None:
    alice = await world.person()
    number, order = await leaving(world, alice)
    before = await shown(alice, number)
    for other in (await world.person(), await world.person(alice.organization_id, environment=Environment.TEST)):
        answers = [
            await other.client.get(f"/v1/port-outs/{id_}") for id_ in (order.id, "pout_" + "0" * 26, "X", "x" * 200)
        ]
        for answer in answers:
            refused(answer, 404, "NOT_FOUND")
        assert len({but_for_the_id(answer) for answer in answers}) == 1
        assert (await other.client.get("/v1/port-outs")).json()["total"] == 0
        assert (await other.client.get("/v1/port-out-pin")).json()["is_set"] is False
        await secured(other, "918273")
        assert await refusal(world, {**number, "number": (await held(world, alice))["number"]}, "918273") == "wrong_pin"
    assert await shown(alice, number) == before


async def test_the_list(world: World) -> None:
    alice = await world.person()
    await secured(alice)
    orders = [await asked(world, await held(world, alice)) for _ in range(3)]
    await port_out.cancel(world.services, orders[0].id, "Withdrawn", "req_test")
    page = (await alice.client.get("/v1/port-outs?limit=1&status=scheduled")).json()
    assert [each["id"] for each in page.pop("port_outs")] == [orders[2].id]
    assert page == {"total": 2, "limit": 1, "offset": 0, "has_more": True}
    rest = (await alice.client.get(f"/v1/port-outs?starting_after={orders[1].id}")).json()
    assert [each["reason"] for each in rest["port_outs"]] == ["Withdrawn"]
