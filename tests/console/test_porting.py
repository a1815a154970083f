"""Operators move numbers at the console: porting orders with the state of their papers, and port-outs."""

from tests.api.leavers import PIN, held, leaving, secured, shown
from tests.api.porters import number_of, papers_of, priced, seen, submitted
from tests.cast import assert_invariants
from tests.console.conftest import Town

from nambari.operations import documents, porting

HOME = "/console/operator/porting"
LATE = "2099-01-31T09:00"


async def test_an_order_is_moved_from_the_list_to_its_end(town: Town) -> None:
    alice = await town.person()
    await priced(town)
    operator = await town.operators_visit()
    assert "No porting order is open" in (await operator.get(HOME)).text
    order = await submitted(alice)
    services = town.services
    await documents.accept_document(services, order["identity_id"], None, "req_test", services.clock())
    await documents.reject_document(services, order["recent_bill_id"], "Too old", "req_test", services.clock())
    here = f"{HOME}/orders/{order['id']}"
    assert here in (await operator.get(HOME)).text
    page = (await operator.get(here)).text
    for told in ("Example Telecom", "AC-20417", "Accepted", "Rejected", "Too old", "Pending", "Take into review"):
        assert told in page
    assert "The number has moved" not in page, "only the steps that there are"
    assert (await operator.post(f"{here}/complete")).status_code == 409
    assert (await operator.post(f"{here}/review")).headers["location"] == f"{here}?done=porting-in-review"
    for fields in ({"reason": ""}, {"reason": "x" * 501}, {"reason": "No", "missing": "colour"}):
        assert (await operator.post(f"{here}/except", fields)).status_code == 400
    sent = await operator.post(f"{here}/except", missing=["recent_bill_id", "billing_name"], reason="Not yours.")
    assert sent.status_code == 303
    after = await seen(alice, order)
    assert (after["missing"], after["reason"]) == (["billing_name", "recent_bill_id"], "Not yours.")
    assert "Not yours." in (await operator.get(here)).text
    papers = await papers_of(alice)
    await alice.client.patch(f"/v1/porting-orders/{order['id']}", json=papers)
    assert (await alice.client.post(f"/v1/porting-orders/{order['id']}/submit")).status_code == 200
    await operator.post(f"{here}/review")
    for at in ("", "tomorrow", "2020-01-31T09:00", "2099-02-31T09:00", "2099-01-31T09:00:00Z"):
        assert (await operator.post(f"{here}/schedule", at=at)).status_code == 400, at
    assert (await operator.post(f"{here}/schedule", at=LATE)).status_code == 303
    assert (await seen(alice, order))["foc_at"] == "2099-01-31T09:00:00Z"
    assert (await operator.post(f"{here}/complete")).status_code == 303
    assert (await number_of(alice, order))["status"] == "active"
    ended = (await operator.get(f"{here}?done=porting-completed")).text
    assert "its first month begins" in ended
    assert "Take into review" not in ended
    await assert_invariants(town)


async def test_an_order_is_cancelled(town: Town) -> None:
    alice = await town.person()
    await priced(town)
    order = await submitted(alice)
    operator = await town.operators_visit()
    here = f"{HOME}/orders/{order['id']}"
    assert (await operator.post(f"{here}/cancel", reason=" ")).status_code == 400
    assert (await operator.post(f"{here}/cancel", reason="The other carrier refuses.")).status_code == 303
    assert (await seen(alice, order))["reason"] == "The other carrier refuses."
    await assert_invariants(town)


async def test_a_number_leaves_or_stays(town: Town) -> None:
    alice = await town.person()
    await secured(alice)
    operator = await town.operators_visit()
    number = await held(town, alice)
    ask = {"number": number["number"], "carrier": "Other <b>Telecom</b>", "at": LATE, "pin": PIN}
    wrong = await operator.post(f"{HOME}/port-outs", ask | {"pin": "000001"})
    assert wrong.status_code == 409
    assert "000001" not in wrong.text
    assert "port-out PIN" in wrong.text
    for fault in ({"number": "1"}, {"carrier": ""}, {"at": ""}, {"at": "2020-01-01T00:00"}):
        assert (await operator.post(f"{HOME}/port-outs", ask | fault)).status_code == 400
    assert (await operator.post(f"{HOME}/port-outs", ask | {"number": "+442079460999"})).status_code == 404
    taken = await operator.post(f"{HOME}/port-outs", ask)
    here = taken.headers["location"].removesuffix("?done=port-out-scheduled")
    assert here in (await operator.get(HOME)).text
    page = (await operator.get(here)).text
    assert "Other &lt;b&gt;Telecom&lt;/b&gt;" in page
    assert (await operator.post(f"{here}/schedule", at="2099-03-31T09:00")).status_code == 303
    assert (await operator.post(f"{here}/cancel", reason="")).status_code == 400
    assert (await operator.post(f"{here}/cancel", reason="Withdrawn")).status_code == 303
    assert (await shown(alice, number))["status"] == "active"
    assert (await operator.post(f"{here}/complete")).status_code == 409
    again = await operator.post(f"{HOME}/port-outs", ask)
    here = again.headers["location"].removesuffix("?done=port-out-scheduled")
    assert (await operator.post(f"{here}/complete")).status_code == 303
    assert (await shown(alice, number))["status"] == "released"
    await assert_invariants(town)


async def test_what_is_not_there_and_who_is_no_operator(town: Town) -> None:
    alice = await town.person()
    await priced(town)
    order = await submitted(alice)
    operator = await town.operators_visit()
    for nothing in ("port_none", "%00", "x" * 300):
        for path in (f"{HOME}/orders/{nothing}", f"{HOME}/port-outs/{nothing}"):
            assert (await operator.get(path)).status_code == 404
            assert (await operator.post(f"{path}/complete")).status_code == 404
    assert (await operator.post(f"{HOME}/orders/{order['id']}/sell")).status_code == 404
    customer = await town.at_the_console(alice.api_key)
    for path in (HOME, f"{HOME}/orders/{order['id']}"):
        assert (await customer.get(path)).headers["location"].startswith("/console/operator/sign-in")
    answer = await customer.post(f"{HOME}/orders/{order['id']}/review")
    assert answer.status_code == 303
    foreign = await operator.client.post(f"{HOME}/orders/{order['id']}/review", data={"form_token": "0" * 64})
    assert foreign.status_code == 403
    assert (await seen(alice, order))["status"] == "submitted"


async def test_a_customer_sees_what_is_on_its_way(town: Town) -> None:
    alice, mallory = await town.person(), await town.person()
    await priced(town)
    hers, others = await town.at_the_console(alice.api_key), await town.at_the_console(mallory.api_key)
    empty = (await hers.get("/console/porting")).text
    for told in ("No order yet", "You have no port-out PIN", "Nobody has asked"):
        assert told in empty
    order = await submitted(alice)
    await porting.send_back(town.services, order["id"], ("recent_bill_id",), "Too <i>old</i>.", "req_test")
    _, leaves = await leaving(town, alice)
    shown_to_her = (await hers.get("/console/porting")).text
    for told in ("+44 20 7946 0456", "Too &lt;i&gt;old&lt;/i&gt;.", "recent bill id", "Exception", "Scheduled"):
        assert told in shown_to_her
    assert leaves.gaining_carrier in shown_to_her
    assert "set on" in shown_to_her
    assert (await others.get("/console/porting")).text.count("+44") == 0
    assert (await hers.get("/console/porting?offset=-1")).status_code == 400
    unsigned = await town.visitor().get("/console/porting")
    assert unsigned.status_code == 303
