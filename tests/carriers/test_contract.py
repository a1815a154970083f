"""What every carrier must be, whoever it is: the same questions to each, in the words of carriers/base.py."""

import pytest
from tests.carriers.scripted import Lie, ScriptedCarrier

from nambari.carriers.base import Carrier, OrderSlip, OrderState, Receipt, Refused, Unavailable, Unsure, Wanted

NUMBER, OTHER, FOREIGN = "+442079460910", "+442079460911", "+12015550123"


def slip(order_id: str = "ord_1", number: str = NUMBER) -> OrderSlip:
    return OrderSlip(id=order_id, number=number, country="GB", reference=f"ref-{number}")


@pytest.fixture
def carrier() -> Carrier:
    made = ScriptedCarrier()
    made.offers(NUMBER, OTHER, FOREIGN)
    return made


async def test_a_search_shows_what_is_for_sale(carrier: Carrier) -> None:
    found = await carrier.search(Wanted(country="GB"), 10)
    assert {each.number for each in found.hits} == {NUMBER, OTHER}
    assert all(each.reference for each in found.hits)
    assert not found.more
    some = await carrier.search(Wanted(country="GB"), 1)
    assert (len(some.hits), some.more) == (1, True)


async def test_an_order_is_found_by_our_id(carrier: Carrier) -> None:
    assert await carrier.find(slip()) is None
    filled = Receipt(state=OrderState.FILLED, number=NUMBER)
    assert await carrier.order(slip()) == filled
    assert await carrier.find(slip()) == filled
    assert await carrier.find(slip("ord_2")) is None
    assert [(each.number, each.order_id) for each in await carrier.list_owned()] == [(NUMBER, "ord_1")]


async def test_the_same_id_again_is_the_same_order(carrier: Carrier) -> None:
    first = await carrier.order(slip())
    assert await carrier.order(slip()) == first
    assert len(await carrier.list_owned()) == 1


async def test_a_number_is_sold_once(carrier: Carrier) -> None:
    await carrier.order(slip())
    with pytest.raises(Refused):
        await carrier.order(slip("ord_2"))
    assert NUMBER not in {each.number for each in (await carrier.search(Wanted(country="GB"), 10)).hits}


async def test_configuring_and_releasing_again_is_harmless(carrier: Carrier) -> None:
    await carrier.order(slip())
    for _ in range(2):
        await carrier.configure(NUMBER)
    for _ in range(2):
        await carrier.release(NUMBER)
    assert list(await carrier.list_owned()) == []
    with pytest.raises(Refused):
        await carrier.configure(NUMBER)


@pytest.mark.parametrize(
    ("lie", "failure", "done"),
    [
        (Lie.AWAY, Unavailable, False),
        (Lie.THROTTLED, Unavailable, False),
        (Lie.TAKEN, Refused, False),
        (Lie.CUT_BEFORE, Unsure, False),
        (Lie.CUT, Unsure, True),
    ],
)
async def test_each_failure_says_what_may_have_been_done(lie: Lie, failure: type[Exception], done: bool) -> None:
    carrier = ScriptedCarrier()
    carrier.offers(NUMBER)
    carrier.will("order", lie)
    with pytest.raises(failure):
        await carrier.order(slip())
    assert (await carrier.find(slip()) is not None) is done
