"""Buy a number: facts, decision, one statement that writes it all; again where the facts had gone stale."""

import asyncio
from dataclasses import replace
from datetime import datetime

from nambari.db import inventory, kept_answers, purchases
from nambari.db.engine import Conflict, DatabaseUnavailable, Deadlock
from nambari.db.purchases import Outcome, Record
from nambari.domain import testing
from nambari.domain.access import Environment
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.purchase import Order, Purchase, decide_purchase
from nambari.domain.refusals import NumberNotAvailable, Refusal
from nambari.domain.spending import month_of, spending
from nambari.operations import idempotency
from nambari.operations.idempotency import Attempt, Done
from nambari.operations.order import may_be_offered
from nambari.operations.order import order as order_offer
from nambari.operations.order import quote as quote_offer
from nambari.traces import traced
from nambari.wiring import Services

TRIES = 20
"""Each try but the last was undone by a rival's success, so a few suffice; the bound is against a bug of ours."""

TRIES_WITHOUT_QUEUING = 2
"""Whoever finds the number locked looks once more: by then a rival mostly has it. If not, the next try waits for
the rival, who may yet fail: to be refused a number that is for sale after all would be untrue, and be kept."""


@traced("purchase")
async def purchase(services: Services, attempt: Attempt, order: Order, now: datetime) -> Done[PhoneNumber]:
    """The number bought, active from now on, its set-up and first month paid; or pending at a carrier, and they held.

    Raises the refusals of decide_purchase, ReplayedRefusal and IdempotencyConflict; then nothing was changed.
    """
    lost, slow = 0, _is_slow(attempt, order)
    for turn in range(TRIES):
        decision = await _decide(services, attempt, order, now)
        if isinstance(decision, Done):
            return decision
        if isinstance(decision, NumberNotAvailable):
            if may_be_offered(services, attempt.caller.environment):
                return await order_offer(services, attempt, order, now)
            found = await _any_for_sale(services, attempt, wait=turn == 0) if slow else None
            if found is not None:
                order = replace(order, inventory_id=found)
                continue
        try:
            if isinstance(decision, Refusal):
                await idempotency.refuse(services, attempt, decision)
                raise decision
            outcome = await _write(services, attempt, decision, now, queue=lost >= TRIES_WITHOUT_QUEUING)
        except (Conflict, Deadlock):
            continue  # a constraint knew better than our facts, or all was undone for another's sake: read them again
        if outcome is Outcome.BOUGHT:
            return Done(decision.number)
        if outcome is Outcome.BUSY:
            raise idempotency.still_running()
        lost += 1
    raise DatabaseUnavailable("a purchase was undone by others too often")


async def quote(services: Services, attempt: Attempt, order: Order, now: datetime) -> Purchase:
    """What the purchase would be, with nothing written. Raises as `purchase` does."""
    if _is_slow(attempt, order) and (found := await _any_for_sale(services, attempt, wait=True)) is not None:
        order = replace(order, inventory_id=found)
    decision = await _decide(services, attempt, order, now)
    if isinstance(decision, NumberNotAvailable) and may_be_offered(services, attempt.caller.environment):
        decision = await quote_offer(services, attempt, order, now)
    if isinstance(decision, Refusal):
        raise decision
    assert isinstance(decision, Purchase)  # noqa: S101 - a quote has no idempotency key, and so no replay
    return decision


async def _decide(
    services: Services, attempt: Attempt, order: Order, now: datetime
) -> Purchase | Refusal | Done[PhoneNumber]:
    """The decision on fresh facts, or what this idempotency key was answered before."""
    caller = attempt.caller
    async with services.database.reading() as connection:
        facts, kept = await purchases.facts(
            connection,
            *caller.tenant,
            inventory_id=order.inventory_id,
            endpoint_id=order.endpoint_id,
            fallback_endpoint_id=order.fallback_endpoint_id,
            idempotency_key=attempt.idempotency_key,
            currency=services.settings.currency,
            now=services.clock(),  # by which holds expire, in the test environment too
            capped_key_id=caller.key_id if caller.bounds.monthly_cap_cents is not None else None,
            month=month_of(now),
        )
        if kept is not None:
            await kept_answers.confirm(connection)
    if kept is not None:
        return idempotency.replay(kept, attempt, PhoneNumber)
    if caller.environment is Environment.TEST:
        refusal = testing.magic_refusal(order.inventory_id, services.settings.currency)
        if refusal is not None:
            return refusal
    return decide_purchase(order, facts, services.new_id("pn"), now, caller.bounds)


def _is_slow(attempt: Attempt, order: Order) -> bool:
    return attempt.caller.environment is Environment.TEST and order.inventory_id == testing.SLOW


async def _any_for_sale(services: Services, attempt: Attempt, *, wait: bool) -> str | None:
    """What the slow number stands for; another one each time, as somebody may have bought the last."""
    if wait:
        await asyncio.sleep(testing.SLOW_SECONDS)
    caller = attempt.caller
    async with services.database.reading() as connection:
        return await inventory.any_for_sale(connection, *caller.tenant, services.clock())


async def _write(services: Services, attempt: Attempt, decision: Purchase, now: datetime, *, queue: bool) -> Outcome:
    caller = attempt.caller
    key = attempt.idempotency_key
    record = Record(
        event_id=services.new_id("evt"),
        posting_ids=[services.new_id("txn") for _ in decision.postings],
        key_id=caller.key_id,
        request_id=attempt.request_id,
        idempotency_key=key,
        kept=idempotency.keep_result(attempt, decision.number) if key is not None else None,
        kept_at=services.clock(),
        spending=spending(caller.key_id, caller.bounds, decision.total_cents, now),
    )
    async with services.database.reading() as connection:
        return await purchases.buy(connection, *caller.tenant, decision, record, queue=queue)
