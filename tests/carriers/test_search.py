"""A search shows our own stock and what carriers offer, as one list; a carrier that is slow or lies spoils nothing."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.carriers.conftest import FIRST, SECOND, THIRD, Shop
from tests.carriers.scripted import Lie, ScriptedCarrier

from nambari.carriers.base import Abilities, Found, Hit
from nambari.domain.access import Environment
from nambari.domain.offer import Cost, Pricing, first_of_pool, page_of_both, price_of
from nambari.domain.pricing import Price


def numbers(page: dict) -> list[str]:
    return [each["number"] for each in page["phone_numbers"]]


async def test_one_list_in_the_order_of_the_numbers(shop: Shop) -> None:
    alice = await shop.world.person()
    await shop.world.stock(3)  # +44 20 7946 0000 to 0002: before the carrier's
    page = await shop.search(alice)
    assert numbers(page) == [f"+4420794600{n:02d}" for n in range(3)] + [FIRST, SECOND, THIRD]
    assert (page["total"], page["total_is_exact"], page["has_more"], "details" in page) == (6, True, False, False)
    assert all(each["purchasable"] for each in page["phone_numbers"])
    walked = [numbers(await shop.search(alice, f"country=GB&limit=2&offset={offset}")) for offset in (0, 2, 4, 6)]
    assert [each for part in walked for each in part] == numbers(page)
    ids = [each["inventory_id"] for each in page["phone_numbers"]]
    assert ids == [each["inventory_id"] for each in (await shop.search(alice))["phone_numbers"]], "ids stay good"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("country=GB&type=local", 3),
        ("country=GB&type=mobile", 0),
        ("country=GB&area_code=20", 3),
        ("country=GB&area_code=21", 0),
        ("country=GB&locality=london", 3),
        ("country=GB&contains=46*901", 1),
        ("country=GB&contains=999", 0),
        ("country=GB&max_monthly_cost_cents=250", 3),
        ("country=GB&max_monthly_cost_cents=249", 0),
        ("country=KE", 0),
    ],
)
async def test_what_does_not_match_is_dropped_whatever_the_carrier_sends(shop: Shop, query: str, count: int) -> None:
    shop.carrier.will("search", Lie.NATIONAL)
    found = await shop.search(await shop.world.person(), query)
    assert (found["total"], len(found["phone_numbers"])) == (count, count)


async def test_a_slow_carrier_is_missing_and_the_answer_says_so(shop: Shop) -> None:
    alice = await shop.world.person()
    other = ScriptedCarrier(name="zeta")
    other.offers(SECOND)
    shop.use(shop.carrier, other, carrier_search_seconds=0.3)
    shop.carrier.will("search", Lie.HANGS, Lie.AWAY, Lie.CUT_BEFORE, Lie.GARBLED)
    began = time.monotonic()
    page = await shop.search(alice)
    assert time.monotonic() - began < 60
    assert (numbers(page), page["details"], page["total_is_exact"]) == ([SECOND], {"carriers_missing": 1}, False)
    for _ in range(2):
        assert (await shop.search(alice))["details"] == {"carriers_missing": 1}


async def test_a_carrier_may_send_anything(shop: Shop) -> None:
    odd = ["", "0", "+", "+44", "x" * 5000, "+442079460900\0", "+4420794609000000000", "\ud800", "+12015550123", "999"]
    for place, text in enumerate(odd):
        shop.carrier.for_sale[f"+4420794699{place:02d}"] = Hit(number=text, reference="r")
    good = shop.carrier.for_sale[FIRST]
    shop.carrier.for_sale[FIRST] = replace(good, reference="a\0b")
    shop.carrier.for_sale[SECOND] = replace(good, number=SECOND, reference="r" * 1000)
    shop.carrier.for_sale[THIRD] = replace(good, number=THIRD, capabilities=("fax", "teleport"))

    async def search_all(*_: object) -> object:
        return Found(list(shop.carrier.for_sale.values()))

    shop.carrier.search = search_all  # type: ignore[method-assign]
    page = await shop.search(await shop.world.person())
    assert [(each["number"], each["capabilities"]) for each in page["phone_numbers"]] == [(THIRD, ["fax"])]


async def test_ours_is_shown_once_and_the_cheapest_offer(shop: Shop) -> None:
    alice = await shop.world.person()
    shop.world._next_number = 900
    await shop.world.stock(1, monthly=700)  # FIRST, at our own price
    dear = ScriptedCarrier(name="dear")
    dear.offers(SECOND, THIRD)
    shop.use(shop.carrier, dear)
    page = await shop.search(alice)
    assert [(each["number"], each["monthly_cost_cents"]) for each in page["phone_numbers"]] == [
        (FIRST, 700),
        (SECOND, 250),
        (THIRD, 250),
    ]


async def test_whom_nobody_asks(shop: Shop) -> None:
    tester = await shop.world.person(environment=Environment.TEST)
    assert (await shop.search(tester))["total"] == 0
    shop.carrier.abilities = Abilities(countries=frozenset({"KE"}))
    assert (await shop.search(await shop.world.person()))["total"] == 0
    assert shop.carrier.asked == []


CARD = Pricing(rates={"local": Price(100, 250)}, markup_percent=20, currency="USD")


@pytest.mark.parametrize(
    ("type_", "setup", "monthly", "currency", "markup", "price"),
    [
        ("local", 1, 999, "USD", 20, Price(100, 250)),
        ("mobile", None, 101, "USD", 20, Price(0, 122)),
        ("mobile", 100, 100, "USD", 20, Price(120, 120)),
        ("mobile", 100, 100, "USD", 0, None),
        ("mobile", 100, None, "USD", 20, None),
        ("mobile", 100, 100, "EUR", 20, None),
        ("mobile", -5, -5, "USD", 20, Price(0, 0)),
    ],
)
def test_the_rate_card_prices_or_the_mark_up(
    type_: str, setup: int | None, monthly: int | None, currency: str, markup: int, price: Price | None
) -> None:
    cost = Cost(setup_cost_cents=setup, monthly_cost_cents=monthly, currency=currency)
    assert price_of(cost, type_, replace(CARD, markup_percent=markup)) == price


class Item:
    def __init__(self, number: int) -> None:
        self.number = number


@given(
    st.lists(st.tuples(st.integers(0, 200), st.booleans()), unique_by=lambda each: each[0], max_size=40),
    st.integers(0, 50),
    st.integers(1, 20),
)
def test_a_page_of_both_is_that_of_one_sorted_list(each: list[tuple[int, bool]], offset: int, limit: int) -> None:
    ordered = sorted(each)
    pool, offers = ([Item(n) for n, is_offer in ordered if is_offer is wanted] for wanted in (False, True))
    first = first_of_pool(offset, len(offers))
    rows = pool[first : first + limit + len(offers)]
    page, follows = page_of_both(rows, first, offers, offset, limit)  # type: ignore[arg-type]
    assert [item.number for item in page] == [n for n, _ in ordered][offset : offset + limit]
    more_of_pool = len(pool) > first + limit + len(offers)
    assert (follows or more_of_pool) == (len(ordered) > offset + limit)
