"""Every carrier keeps the contract: the scripted one, Telnyx and Twilio; and our own stock, as far as it is one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from tests.carriers.contract import NUMBER, OF_ALL, OF_CARRIERS, Stand
from tests.carriers.stands import STANDS
from tests.cast import Person, World

from nambari.carriers.base import (
    Abilities,
    Found,
    Hit,
    OrderSlip,
    OrderState,
    Owned,
    Receipt,
    Refused,
    RefusedFor,
    Unavailable,
    Unsure,
    Wanted,
)

Clause = Callable[[Stand], Awaitable[None]]


@pytest.fixture(params=STANDS)
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    async with STANDS[request.param]() as made:
        yield made


@pytest.mark.parametrize("clause", OF_CARRIERS, ids=lambda each: each.__name__)
async def test_a_carrier_keeps_the_contract(stand: Stand, clause: Clause) -> None:
    await clause(stand)


@pytest.mark.parametrize(
    ("what", "failure", "done"),
    [
        ("throttled", Unavailable, False),
        ("taken", Refused, False),
        ("not done", Unsure, False),
        ("done", Unsure, True),
    ],
)
async def test_each_failure_says_what_may_have_been_done(
    stand: Stand, what: str, failure: type[Exception], done: bool
) -> None:
    stand.will("order", stand.failures[what])
    with pytest.raises(failure):
        await stand.carrier.order(stand.slip())
    assert (await stand.carrier.find(stand.slip()) is not None) is done
    if failure is Refused:
        return
    assert (await stand.bought()).number == NUMBER, "asked again under its id it is one order all the same"
    assert await stand.owned() == [(NUMBER, "ord_1")]


class Pool:
    """Our own stock, as a carrier would see it: over the API, our id as the key of the purchase (decision 0062)."""

    name = "pool"
    abilities = Abilities()

    def __init__(self, buyer: Person) -> None:
        self._buyer = buyer
        self._orders: dict[str, str] = {}

    async def check(self) -> None:
        (await self._buyer.client.get("/v1/credits")).raise_for_status()

    async def search(self, wanted: Wanted, limit: int) -> Found:
        query = f"country={wanted.country}&limit={limit}"
        page = (await self._buyer.client.get(f"/v1/phone-numbers/available?{query}")).json()
        hits = [Hit(number=each["number"], reference=each["inventory_id"]) for each in page["phone_numbers"]]
        return Found(hits, more=page["has_more"])

    async def order(self, slip: OrderSlip) -> Receipt:
        body, key = {"inventory_id": slip.reference}, {"Idempotency-Key": slip.id}
        answer = await self._buyer.client.post("/v1/phone-numbers", json=body, headers=key)
        if answer.status_code != 201:
            raise Refused(RefusedFor.NUMBER_TAKEN, answer.text)
        bought = answer.json()
        self._orders[bought["id"]] = slip.id
        return Receipt(state=OrderState.FILLED, number=bought["number"])

    async def find(self, slip: OrderSlip) -> Receipt | None:
        raise NotImplementedError("nobody asks: its order and our books are one transaction")

    async def configure(self, number: str) -> None:
        raise NotImplementedError("there is nothing to configure: its calls come to us already")

    async def release(self, number: str) -> None:
        for each in await self._list():
            if each["number"] == number:
                await self._buyer.client.delete(f"/v1/phone-numbers/{each['id']}")

    async def list_owned(self) -> Sequence[Owned]:
        return [Owned(number=each["number"], order_id=self._orders.get(each["id"])) for each in await self._list()]

    async def _list(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = (await self._buyer.client.get("/v1/phone-numbers")).json()["phone_numbers"]
        return found


@pytest.mark.parametrize("clause", OF_ALL, ids=lambda each: each.__name__)
async def test_our_own_stock_keeps_what_of_it_has_a_meaning_for_stock(world: World, clause: Clause) -> None:
    world._next_number = int(NUMBER[-4:])
    stock = await world.stock(2)
    references = dict(zip([NUMBER, f"{NUMBER[:-1]}1"], stock, strict=True))
    await clause(Stand(Pool(await world.person()), reference=references.__getitem__))
