"""Buy what a carrier offers: the number is pending and the money held, in one transaction that asks no carrier.

The worker places the order; who wants to know what comes of it waits here, without a connection.
"""

import asyncio
import time
from dataclasses import replace
from datetime import datetime, timedelta

from nambari.db import carrier_orders, credits, offers, phone_numbers, purchases, requirements
from nambari.db import spending as spending_of_keys
from nambari.db.engine import Conflict, Connection, DatabaseUnavailable
from nambari.domain import ledger
from nambari.domain.access import Environment
from nambari.domain.carrier_order import CarrierOrder, OrderStatus, pending
from nambari.domain.events import Event
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.phone_number import PhoneNumber, changes_of_purchase
from nambari.domain.purchase import Order, Purchase, decide_purchase
from nambari.domain.refusals import NumberNotAvailable, Refusal
from nambari.domain.spending import month_of, spending
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt, Done, once
from nambari.traces import traced
from nambari.wiring import Services

TRIES = 20
"""Each try but the last was undone by a rival's success, as with a purchase of our own stock."""
LONGEST_WAIT = timedelta(seconds=20)
LOOK_EVERY_SECONDS = 0.25


def may_be_offered(services: Services, environment: Environment) -> bool:
    """Whether a number that is not our own stock may be a carrier's."""
    return bool(services.carriers) and environment is Environment.LIVE


@traced("order")
async def order(services: Services, attempt: Attempt, wanted: Order, now: datetime) -> Done[PhoneNumber]:
    """The number, pending, its set-up and first month held. Raises as a purchase does."""

    async def act(connection: Connection) -> PhoneNumber:
        decision, carrier, reference = await _decide(services, connection, attempt, wanted, now)
        if isinstance(decision, Refusal):
            raise decision
        number = pending(decision.number)
        placed = CarrierOrder(
            id=services.new_id("ord"),
            phone_number_id=number.id,
            carrier=carrier,
            reference=reference,
            number=number.number,
            country=number.country,
            held_cents=decision.total_cents,
            status=OrderStatus.OPEN,
            asked_at=None,
            claims=0,
            attempts=0,
            created_at=services.clock(),
        )
        await _write(services, connection, attempt, decision, number, placed, now)
        return number

    for _ in range(TRIES):
        try:
            return await once(services, attempt, PhoneNumber, act)
        except Conflict:
            continue  # somebody was faster, or the credits are spent: what is true now decides
    raise DatabaseUnavailable("an order was undone by others too often")


async def quote(services: Services, attempt: Attempt, wanted: Order, now: datetime) -> Purchase | Refusal:
    """What the purchase of an offer would be; nothing is written."""
    async with services.database.reading() as connection:
        decision, _, _ = await _decide(services, connection, attempt, wanted, now)
        return decision


async def _decide(
    services: Services, connection: Connection, attempt: Attempt, wanted: Order, now: datetime
) -> tuple[Purchase | Refusal, str, str]:
    """The decision on fresh facts, the carrier, and the carrier's name of the offer."""
    caller = attempt.caller
    facts, _ = await purchases.facts(
        connection,
        *caller.tenant,
        inventory_id=wanted.inventory_id,
        endpoint_id=wanted.endpoint_id,
        fallback_endpoint_id=wanted.fallback_endpoint_id,
        idempotency_key=None,
        currency=services.settings.currency,
        now=services.clock(),
        capped_key_id=caller.key_id if caller.bounds.monthly_cap_cents is not None else None,
        month=month_of(now),
    )
    found = await offers.find(connection, caller.environment, wanted.inventory_id, services.clock())
    item, carrier, reference = found or (None, "", "")
    if carrier not in services.carriers:
        item = None  # offered before the settings changed: nobody would place the order
    tenant = caller.tenant
    standing = await requirements.standing(connection, *tenant, item.country) if item is not None else None
    facts = replace(facts, item=item, standing=standing)
    return decide_purchase(wanted, facts, services.new_id("pn"), now, caller.bounds), carrier, reference


async def _write(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    decision: Purchase,
    number: PhoneNumber,
    placed: CarrierOrder,
    now: datetime,
) -> None:
    """Raises NumberNotAvailable if the number is stock by now, Conflict if another fact has gone stale.

    The balance is locked first, as by whoever settles: the order and the postings refer to its row, so that two orders
    of one organization would share it, and each wait for the other to let go.
    """
    tenant = attempt.caller.tenant
    available = await credits.lock_balance(connection, *tenant) or 0
    inventory_id = await carrier_orders.stock_of_any_organization(
        connection, tenant[1], decision.item, placed.carrier, number.created_at
    )
    if inventory_id is None:
        raise NumberNotAvailable("This number is no longer available. Search again and take another.")
    if not await carrier_orders.place(connection, *tenant, number, inventory_id, placed):
        raise Conflict("kyc")
    changes = changes_of_purchase(number)
    await announce(services, connection, attempt, Event.NUMBER_PURCHASED, number.id, number, now, changes)
    if placed.held_cents:
        held = ledger.hold(number.number, placed.held_cents)
        line = credits.Line(services.new_id("txn"), held, available - placed.held_cents, number.id, None)
        await credits.post_all(connection, *tenant, [line], now, held_change_cents=placed.held_cents)
    counted = spending(attempt.caller.key_id, attempt.caller.bounds, placed.held_cents, now)
    if counted is not None:
        await spending_of_keys.count(connection, *tenant, counted)


async def outcome(services: Services, attempt: Attempt, number: PhoneNumber, wait: timedelta) -> PhoneNumber:
    """The number once it is not pending any more, or as it is when the time is up."""
    caller = attempt.caller
    until = time.monotonic() + wait.total_seconds()
    while number.status is NumberStatus.PENDING and time.monotonic() < until:
        await asyncio.sleep(min(LOOK_EVERY_SECONDS, max(0.0, until - time.monotonic())))
        try:
            async with services.database.reading() as connection:
                found = await phone_numbers.find(connection, *caller.tenant, number.id)
        except DatabaseUnavailable:
            continue  # it is bought all the same
        number = found or number
    return number
