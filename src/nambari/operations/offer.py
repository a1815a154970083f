"""Ask the carriers what they have for sale, within a time, and show it with our own stock."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog

from nambari import traces
from nambari.carriers.base import Carrier, CarrierFailure, Found, Wanted
from nambari.db import inventory, offers
from nambari.db.engine import Connection
from nambari.db.paging import Page
from nambari.domain import offer as rules
from nambari.domain.access import Environment
from nambari.domain.carrier_order import legible
from nambari.domain.offer import GOOD_FOR, Cost, Offer, Pricing, Search
from nambari.domain.purchase import StockItem
from nambari.logs import places
from nambari.wiring import Services

MOST_OF_ONE = 100
"""How many numbers one carrier is asked for."""
END_SECONDS = 1.0
"""How long a call that is cut off may take to end."""

_log = structlog.get_logger("nambari.carriers")


@dataclass(frozen=True, slots=True)
class Offered:
    """What the carriers have, as stock. `missing` did not answer; `more`: some have more than they were asked for."""

    items: list[StockItem] = field(default_factory=list)
    missing: int = 0
    more: bool = False


NOTHING = Offered()


async def ask(services: Services, environment: Environment, wanted: Search) -> Offered:
    """What matches, priced, with ids that are good for a while. Without carriers nothing is asked of anybody."""
    if not services.carriers or environment is Environment.TEST:
        return NOTHING
    answers = await _answers(services, wanted)
    found = {name: each for name, each in answers.items() if each is not None}
    missing = len(answers) - len(found)
    if not any(each.hits for each in found.values()):
        return Offered([], missing, any(each.more for each in found.values()))
    async with services.database.reading() as connection:
        rates = await offers.rates(connection, wanted.country)
        pricing = Pricing(
            rates=rates,
            markup_percent=services.settings.carrier_markup_percent,
            currency=services.settings.currency,
        )
        made = list(_offers(services, found, wanted, pricing))
        items = await offers.keep(connection, environment, made, services.clock()) if made else []
    return Offered(items, missing, any(each.more for each in found.values()))


async def _answers(services: Services, wanted: Search) -> dict[str, Found | None]:
    """By carrier; None for one that failed or is too slow."""
    asked = Wanted(
        country=wanted.country,
        type=wanted.type,
        area_code=wanted.area_code,
        locality=wanted.locality,
        contains=wanted.contains,
    )
    tasks = {
        name: asyncio.create_task(_answer(carrier, asked))
        for name, carrier in services.carriers.items()
        if carrier.abilities.countries is None or wanted.country in carrier.abilities.countries
    }
    if not tasks:
        return {}
    try:
        _, late = await asyncio.wait(tasks.values(), timeout=services.settings.carrier_search_seconds)
    finally:
        for task in tasks.values():
            task.cancel()
    if late:
        await asyncio.wait(late, timeout=END_SECONDS)
    return {name: None if task in late else task.result() for name, task in tasks.items()}


async def _answer(carrier: Carrier, wanted: Wanted) -> Found | None:
    try:
        with traces.part("carrier search", "client", nambari__carrier=carrier.name):
            return await carrier.search(wanted, MOST_OF_ONE)
    except CarrierFailure as failure:
        _log.warning("a carrier does not answer a search", carrier=carrier.name, reason=legible(str(failure)))
    except Exception as error:  # noqa: BLE001 - what a carrier sends must not take our own stock off sale
        kind = type(error).__name__
        _log.error(
            "a carrier's answer to a search is not understood", carrier=carrier.name, kind=kind, places=places(error)
        )
    return None


def _offers(services: Services, found: dict[str, Found], wanted: Search, pricing: Pricing) -> Iterator[Offer]:
    expires_at = services.clock() + GOOD_FOR
    for name, answer in found.items():
        for hit in answer.hits[:MOST_OF_ONE]:
            number = rules.number_meant(hit.number, wanted.country)
            if number is None:
                continue
            cost = Cost(
                setup_cost_cents=hit.setup_cost_cents,
                monthly_cost_cents=hit.monthly_cost_cents,
                currency=hit.currency,
            )
            price = rules.price_of(cost, number.type, pricing)
            if price is None or not rules.is_usable(hit.reference, price) or not rules.matches(number, price, wanted):
                continue
            yield Offer(
                id=services.new_id("inv"),
                carrier=name,
                reference=hit.reference,
                number=number.e164,
                country=number.country,
                type=number.type,
                area_code=number.area_code,
                locality=number.locality,
                capabilities=rules.capabilities_of(hit.capabilities),
                price=price,
                expires_at=expires_at,
            )


async def page(
    services: Services,
    connection: Connection,
    organization_id: str,
    environment: Environment,
    wanted: Search,
    offered: Offered,
    *,
    limit: int,
    offset: int,
) -> Page[StockItem]:
    """Our own stock and what the carriers offer, in the order of the numbers."""
    count = len(offered.items)
    first = rules.first_of_pool(offset, count)
    pool = await inventory.search(
        connection, organization_id, environment, wanted, services.clock(), limit=limit + count, offset=first
    )
    if offered is NOTHING:
        return pool
    items, follows = rules.page_of_both(pool.items, first, offered.items, offset, limit)
    total = pool.total + count
    return Page(
        items,
        min(total, inventory.COUNTED_AT_MOST),
        has_more=follows or pool.has_more,
        total_is_exact=pool.total_is_exact
        and total <= inventory.COUNTED_AT_MOST
        and not offered.more
        and not offered.missing,
    )
