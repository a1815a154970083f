"""What every carrier must be, whoever it is: the same questions to each, in the words of carriers/base.py."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nambari.carriers.base import Carrier, OrderSlip, OrderState, Receipt, Refused, Wanted

NUMBER, OTHER, FOREIGN = "+442079460910", "+442079460911", "+12015550123"


@dataclass
class Stand:
    """A carrier that sells the three numbers. `reference`: its own name of an offer. `will`: what it does next."""

    carrier: Carrier
    reference: Callable[[str], str] = lambda number: f"ref-{number}"
    will: Callable[..., None] = lambda *_: None
    failures: dict[str, Any] = field(default_factory=dict)

    def slip(self, order_id: str = "ord_1", number: str = NUMBER) -> OrderSlip:
        return OrderSlip(id=order_id, number=number, country="GB", reference=self.reference(number))

    async def bought(self, order_id: str = "ord_1") -> Receipt:
        """What comes of the order, once it is decided."""
        receipt: Receipt | None = await self.carrier.order(self.slip(order_id))
        if receipt is not None and receipt.state is OrderState.UNDERWAY:
            receipt = await self.carrier.find(self.slip(order_id))
        assert receipt is not None
        return receipt

    async def owned(self) -> list[tuple[str, str | None]]:
        return [(each.number, each.order_id) for each in await self.carrier.list_owned()]


FILLED = Receipt(state=OrderState.FILLED, number=NUMBER)


async def a_search_shows_what_is_for_sale(stand: Stand) -> None:
    found = await stand.carrier.search(Wanted(country="GB"), 10)
    assert {each.number for each in found.hits} == {NUMBER, OTHER}
    assert all(each.reference for each in found.hits)
    assert not found.more
    some = await stand.carrier.search(Wanted(country="GB"), 1)
    assert (len(some.hits), some.more) == (1, True)
    assert (await stand.carrier.search(Wanted(country="KE"), 10)).hits == []


async def the_same_id_again_is_the_same_order(stand: Stand) -> None:
    first = await stand.bought()
    assert first == FILLED
    assert await stand.bought() == first
    assert await stand.owned() == [(NUMBER, "ord_1")]


async def a_number_is_sold_once(stand: Stand) -> None:
    await stand.bought()
    with pytest.raises(Refused):
        await stand.bought("ord_2")
    assert await stand.owned() == [(NUMBER, "ord_1")], "and it is still the first order's"
    assert NUMBER not in {each.number for each in (await stand.carrier.search(Wanted(country="GB"), 10)).hits}


async def releasing_again_is_harmless(stand: Stand) -> None:
    await stand.bought()
    for _ in range(2):
        await stand.carrier.release(NUMBER)
    assert await stand.owned() == []


async def an_order_is_found_by_our_id(stand: Stand) -> None:
    assert await stand.carrier.find(stand.slip()) is None
    assert await stand.bought() == FILLED
    assert await stand.carrier.find(stand.slip()) == FILLED
    assert await stand.carrier.find(stand.slip("ord_2")) is None
    assert await stand.carrier.find(stand.slip("ord_")) is None, "the whole id, not a part of it"


async def it_knows_us(stand: Stand) -> None:
    await stand.carrier.check()


async def configuring_again_is_harmless(stand: Stand) -> None:
    await stand.bought()
    for _ in range(2):
        await stand.carrier.configure(NUMBER)
    await stand.carrier.release(NUMBER)
    with pytest.raises(Refused):
        await stand.carrier.configure(NUMBER)


OF_ALL = (
    a_search_shows_what_is_for_sale,
    the_same_id_again_is_the_same_order,
    a_number_is_sold_once,
    releasing_again_is_harmless,
)
"""What has a meaning for our own stock, too."""
OF_CARRIERS = (*OF_ALL, an_order_is_found_by_our_id, it_knows_us, configuring_again_is_harmless)
