"""A purchase over HTTP, and all it rests on."""

from tests.cast import World, assert_invariants


async def test_a_number_is_bought_paid_and_announced(world: World) -> None:
    alice = await world.person(cents=1000)
    [item] = await world.stock(setup=100, monthly=250)

    answer = await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})

    assert answer.status_code == 201, answer.text
    number = answer.json()
    assert number["status"] == "active"
    assert (number["allow_inbound"], number["allow_outbound"]) == (True, True)
    balance = (await alice.client.get("/v1/credits")).json()
    assert balance == {"balance_cents": 650, "held_cents": 0, "currency": "USD"}
    await assert_invariants(world)
