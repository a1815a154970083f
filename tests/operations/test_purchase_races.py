"""Many buyers at once, over several processes: one holder a number, one charge, and every refusal true."""

from collections.abc import Awaitable

from tests.cast import Person, assert_invariants
from tests.operations.racing import Answer, Processes, at_once, codes, watched

PRICE = 350


async def test_one_number_goes_to_one_of_64_organizations(processes: Processes) -> None:
    buyers = [await processes.world.person(cents=PRICE) for _ in range(64)]
    [item] = await processes.world.stock(setup=100, monthly=250)

    async with watched(processes.world) as looks:
        answers = await at_once(processes.buy(buyer, place, item) for place, buyer in enumerate(buyers))

    assert codes(answers) == {"201": 1, "NUMBER_NOT_AVAILABLE": 63}
    assert len(looks) > 1
    balances = sorted([(await buyer.client.get("/v1/credits")).json()["balance_cents"] for buyer in buyers])
    assert balances == [0, *[PRICE] * 63]
    assert await processes.world.value("SELECT count(*) FROM postings WHERE phone_number_id IS NOT NULL") == 2
    await assert_invariants(processes.world)


async def test_credits_for_7_buy_7_of_40_numbers(processes: Processes) -> None:
    alice = await processes.world.person(cents=7 * PRICE + PRICE - 1)
    items = await processes.world.stock(40)

    async with watched(processes.world):
        answers = await at_once(processes.buy(alice, place, items[place % 40]) for place in range(64))

    assert codes(answers)["201"] == 7, codes(answers)
    assert await processes.world.value("SELECT count(*) FROM phone_numbers") == 7
    assert (await alice.client.get("/v1/credits")).json()["balance_cents"] == PRICE - 1
    sold = set(await processes.world.value("SELECT array_agg(inventory_id) FROM phone_numbers"))
    for place, answer in enumerate(answers):
        assert_refusal_is_true(answer, items[place % 40], sold)
    await assert_invariants(processes.world)


def assert_refusal_is_true(answer: Answer, item: str, sold: set[str]) -> None:
    if answer.status_code == 201:
        return
    refusal = answer.json()
    if refusal["code"] == "NUMBER_NOT_AVAILABLE":
        assert item in sold, "it was refused as sold, and is for sale"
        return
    assert refusal["code"] == "INSUFFICIENT_BALANCE", refusal
    told = refusal["details"]
    assert told["required_cents"] == PRICE
    assert told["available_cents"] % PRICE == PRICE - 1, "the balance that it told of never was"
    assert told["available_cents"] + told["shortfall_cents"] == PRICE
    assert told["shortfall_cents"] > 0


async def test_two_purchases_one_affordable(processes: Processes) -> None:
    """The smallest overdraft there is, often enough to hit the moment."""
    for _ in range(20):
        alice = await processes.world.person(cents=2 * PRICE - 1)
        items = await processes.world.stock(2)
        answers = await at_once(processes.buy(alice, place, item) for place, item in enumerate(items))
        assert codes(answers) == {"201": 1, "INSUFFICIENT_BALANCE": 1}
    await assert_invariants(processes.world)


async def test_top_ups_and_purchases_of_one_organization_lose_no_cent(processes: Processes) -> None:
    alice = await processes.world.person(cents=10 * PRICE)
    items = await processes.world.stock(30)

    async def add(place: int) -> int:
        world = processes.worlds[place % len(processes.worlds)]
        return await world.fund(alice.organization_id, PRICE, f"payment-{place}")

    calls: list[Awaitable[object]] = [processes.buy(alice, place, item) for place, item in enumerate(items)]
    await at_once([*calls, *(add(place) for place in range(20))])

    sold = await processes.world.value("SELECT count(*) FROM phone_numbers")
    balance = (await alice.client.get("/v1/credits")).json()["balance_cents"]
    assert balance == (30 - sold) * PRICE
    await assert_invariants(processes.world)


async def test_sixteen_organizations_buy_out_a_small_stock(processes: Processes) -> None:
    """Everybody tries every number, in another order: all are sold, each once, and nobody waits for a deadlock."""
    buyers: list[Person] = [await processes.world.person() for _ in range(16)]
    items = await processes.world.stock(12)

    def orders(place: int, buyer: Person) -> list[tuple[int, Person, str]]:
        turned = items[place % 12 :] + items[: place % 12]
        return [(place, buyer, item) for item in (turned if place % 2 else reversed(turned))]

    async def shop(place: int, buyer: Person) -> list[Answer]:
        return [await processes.buy(buyer, place, item) for place, buyer, item in orders(place, buyer)]

    async with watched(processes.world):
        baskets = await at_once(shop(place, buyer) for place, buyer in enumerate(buyers))

    assert codes(answer for basket in baskets for answer in basket) == {"201": 12, "NUMBER_NOT_AVAILABLE": 180}
    await assert_invariants(processes.world)
