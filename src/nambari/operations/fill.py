"""See to the orders at carriers: place each once, ask what became of it, settle it; send back what nobody has.

No transaction is open while a carrier is asked: an order is claimed with a lease, and settled if it is still ours then.
Whoever dies in between leaves a lease that ends, and the next one asks the carrier what became of it.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from nambari import traces
from nambari.carriers.base import (
    Carrier,
    CarrierFailure,
    OrderSlip,
    OrderState,
    Receipt,
    Refused,
    RefusedFor,
    Unavailable,
    Unsure,
)
from nambari.db import carrier_orders, credits, phone_numbers, spending
from nambari.db.carrier_orders import Claimed
from nambari.db.engine import Conflict, Connection, DatabaseUnavailable
from nambari.domain import carrier_order as rules
from nambari.domain.access import Caller
from nambari.domain.carrier_order import LEASE, Answer, OrderStatus, Step, decide, is_told, legible
from nambari.domain.events import Event
from nambari.domain.ledger import Bucket, Posting, PostingType
from nambari.domain.lifecycle import INVENTORY, StockStatus, advance
from nambari.domain.offer import number_meant
from nambari.domain.phone_number import PhoneNumber, changes_between
from nambari.domain.refusals import NotFound
from nambari.logs import places
from nambari.operations import renew
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt, by_nobody
from nambari.wiring import Services

Result = TypeVar("Result")

CALL_SECONDS = 30.0
"""How long one call to a carrier may take. All those for one order are well within its lease."""
GIVEN_UP = (OrderStatus.FAILED, OrderStatus.RETURNING, OrderStatus.RETURNED)
HELD_BACK = timedelta(hours=1)
"""When a number that somebody holds, and that would go back to its carrier, is looked at again."""

_log = structlog.get_logger("nambari.carriers")


@dataclass(frozen=True, slots=True)
class Said:
    """What a carrier said of an order. `text` is for the operator; `number` what it delivered, where it is another."""

    answer: Answer
    text: str = ""
    refused_for: str = RefusedFor.OTHER
    number: str | None = None


async def due(services: Services, now: datetime, limit: int) -> int:
    """See to what is due at all carriers, at most so many of each; how many."""
    done = 0
    for carrier in services.carriers.values():
        done += await of_carrier(services, carrier, now, limit)
    return done


async def of_carrier(services: Services, carrier: Carrier, now: datetime, limit: int) -> int:
    async with services.database.writing() as connection:
        claimed = await carrier_orders.claim_of_all(connection, carrier.name, now, now + LEASE, limit)
    await asyncio.gather(*(_see_to(services, carrier, each) for each in claimed))
    return len(claimed)


async def give_back(services: Services, now: datetime, limit: int) -> int:
    """Send up to `limit` numbers of carriers on their way back: nobody took them while they could be restored."""
    async with services.database.writing() as connection:
        found = await carrier_orders.lock_left_over_of_all(connection, now, limit)
        if found:
            await carrier_orders.give_back_of_all(connection, found, now, now + HELD_BACK)
    return len(found)


async def _see_to(services: Services, carrier: Carrier, claimed: Claimed) -> None:
    try:
        with traces.follow(claimed.traceparent, "see to an order", "consumer", nambari__carrier=carrier.name):
            if claimed.order.status is OrderStatus.RETURNING:
                await _return(services, carrier, claimed)
            else:
                said = await _ask(carrier, claimed)
                await settle(services, claimed, said, carrier.abilities.found_within, services.clock())
    except (DatabaseUnavailable, Conflict) as error:
        _log.warning("an order is looked at again", order=claimed.order.id, reason=str(error))


# ── What the carrier says ────────────────────────────────────────────────────────────────────────────────────────


async def _ask(carrier: Carrier, claimed: Claimed) -> Said:
    """Place the order, if the carrier has never heard of it; else ask what became of it. Then let calls come."""
    order = claimed.order
    slip = OrderSlip(id=order.id, number=order.number, country=order.country, reference=order.reference)
    try:
        new = order.asked_at is None
        asked = carrier.order(slip) if new else carrier.find(slip)
        said = _read(await _bounded("order" if new else "find", asked), slip)
    except Refused as no:
        return Said(Answer.REFUSED, legible(str(no)), no.reason)
    except CarrierFailure as failure:
        return Said(Answer.UNREACHED if isinstance(failure, Unavailable) else Answer.UNSURE, legible(str(failure)))
    if said.answer is not Answer.DELIVERED:
        return said
    try:
        await _bounded("configure", carrier.configure(order.number))
    except CarrierFailure as failure:
        return Said(Answer.UNDERWAY, legible(f"delivered, and not configured: {failure}"))
    return said


def _read(receipt: Receipt | None, slip: OrderSlip) -> Said:
    """In whatever form the carrier writes the number that it delivered."""
    if receipt is None:
        return Said(Answer.ABSENT, "the carrier knows of no such order")
    if receipt.state is OrderState.UNDERWAY:
        return Said(Answer.UNDERWAY, "the carrier has taken the order, and not delivered yet")
    meant = number_meant(receipt.number, slip.country)
    if meant is not None and meant.e164 == slip.number:
        return Said(Answer.DELIVERED)
    delivered = legible(meant.e164 if meant else receipt.number)
    return Said(Answer.WRONG_NUMBER, f"the carrier delivered {delivered}", number=delivered)


async def _bounded(what: str, call: Awaitable[Result]) -> Result:
    """What the carrier answers in time. Whatever goes wrong that is none of its three failures leaves us unsure."""
    try:
        with traces.part(f"carrier {what}", "client"):
            async with asyncio.timeout(CALL_SECONDS):
                return await call
    except CarrierFailure:
        raise
    except TimeoutError:
        raise Unsure(f"no answer within {CALL_SECONDS:.0f} s") from None
    except Exception as error:
        kind = type(error).__name__
        _log.error("a carrier's answer is not understood", kind=kind, places=places(error))
        raise Unsure(f"an answer that is not understood ({kind})") from error


# ── What follows from it ─────────────────────────────────────────────────────────────────────────────────────────


async def settle(services: Services, claimed: Claimed, said: Said, found_within: timedelta, now: datetime) -> None:
    """Active and paid, failed and free again, or to be looked at once more. Nothing, if it is not ours now."""
    order, tenant = claimed.order, claimed.tenant
    async with services.database.writing() as connection:
        found = await carrier_orders.lock(connection, *tenant, order.id)
        if found != (OrderStatus.OPEN, order.claims):
            await _too_late(connection, claimed, said, found, now)
            return
        attempt = by_nobody(services, *tenant)
        step = decide(order, said.answer, said.refused_for, found_within, now)
        if step.activate:
            await _activate(services, connection, claimed, attempt, now)
        elif step.failed_for is not None:
            await _fail(services, connection, claimed, attempt, step.failed_for, now)
        await _write_order(connection, claimed, said, step, now)
    if step.again_at is not None and is_told(order.created_at, now):
        told = {"order": order.id, "carrier": order.carrier, "number": order.number, "reason": said.text}
        _log.error("an order is not settled; see `nambari carriers orders`", **told)


async def _write_order(connection: Connection, claimed: Claimed, said: Said, step: Step, now: datetime) -> None:
    order, tenant = claimed.order, claimed.tenant
    if step.again_at is not None:
        again_at, unasked = step.again_at, step.unasked
        await carrier_orders.look_again(
            connection, *tenant, order.id, again_at, unasked=unasked, error=said.text, now=now
        )
        return
    status = OrderStatus.FILLED if step.activate else OrderStatus.FAILED
    if step.send_back:
        status = OrderStatus.RETURNING
    await carrier_orders.move(connection, *tenant, order.id, status, number=said.number, error=said.text, now=now)


async def _too_late(
    connection: Connection, claimed: Claimed, said: Said, found: tuple[OrderStatus, int] | None, now: datetime
) -> None:
    """Somebody else has settled it. What was given up, and is delivered after all, is sent back, or once more."""
    delivered = said.answer in (Answer.DELIVERED, Answer.WRONG_NUMBER)
    if delivered and found is not None and found[0] in GIVEN_UP:
        tenant = claimed.tenant
        await carrier_orders.move(
            connection,
            *tenant,
            claimed.order.id,
            OrderStatus.RETURNING,
            number=said.number,
            error=said.text,
            now=now,
        )


async def _activate(
    services: Services, connection: Connection, claimed: Claimed, attempt: Attempt, now: datetime
) -> None:
    order, tenant = claimed.order, claimed.tenant
    available = await credits.lock_balance(connection, *tenant) or 0
    number = await _number(connection, claimed)
    after = rules.activated(number, now)
    await carrier_orders.activate(connection, *tenant, after)
    postings = rules.charges(after, order.held_cents)
    await _post(services, connection, claimed, postings, available, after.updated_at)
    changes = changes_between(number, after)
    await announce(services, connection, attempt, Event.NUMBER_ACTIVATED, after.id, after, after.updated_at, changes)


async def _fail(
    services: Services, connection: Connection, claimed: Claimed, attempt: Attempt, reason: str, now: datetime
) -> None:
    """The number ends, and what was held may be spent: on what was suspended for want of it first of all."""
    order, tenant = claimed.order, claimed.tenant
    available = await credits.lock_balance(connection, *tenant) or 0
    number = await _number(connection, claimed)
    after = rules.failed(number, reason, now)
    await phone_numbers.update(connection, *tenant, after)
    before, gone = StockStatus.IN_SERVICE, rules.stock_after_failure()
    await carrier_orders.put_stock(connection, *tenant, order.id, before, gone)
    await _post(services, connection, claimed, rules.refund(after, order.held_cents), available, now)
    await spending.give_back(connection, *tenant, after.id, order.held_cents)
    changes = changes_between(number, after)
    await announce(services, connection, attempt, Event.NUMBER_FAILED, after.id, after, now, changes)
    await renew.recover(services, connection, attempt, now)


async def _number(connection: Connection, claimed: Claimed) -> PhoneNumber:
    tenant = claimed.tenant
    number = await phone_numbers.find(connection, *tenant, claimed.order.phone_number_id, for_update=True)
    assert number is not None, "numbers are never deleted"  # noqa: S101
    return number


async def _post(
    services: Services,
    connection: Connection,
    claimed: Claimed,
    postings: Sequence[Posting],
    available: int,
    now: datetime,
) -> None:
    """The balance is locked by the caller. What is no more held is free before it is charged."""
    lines = []
    for posting in postings:
        available += posting.signed_cents()
        month_from = now if posting.type is PostingType.MONTHLY_FEE else None
        lines.append(
            credits.Line(services.new_id("txn"), posting, available, claimed.order.phone_number_id, month_from)
        )
    freed = sum(posting.amount_cents for posting in postings if posting.source is Bucket.HELD)
    tenant = claimed.tenant
    await credits.post_all(connection, *tenant, lines, now, held_change_cents=-freed)


# ── By hand ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def undecided(services: Services, order_id: str) -> Claimed:
    """An order that is still open, for the operator to look at. Raises NotFound, InvalidState."""
    async with services.database.reading() as connection:
        found = await carrier_orders.find_of_any_organization(connection, order_id)
    if found is None:
        raise NotFound(f"There is no order {order_id}. `nambari carriers orders` shows those that are under way.")
    rules.check_undecided(found.order.status)
    return found


async def settle_by_hand(services: Services, order_id: str, *, filled: bool, request_id: str) -> None:
    """What an operator has learnt of the carrier, which does not tell us: delivered and paid, or failed and free again.

    Whoever asks the carrier meanwhile comes too late, and what is delivered after all to an order that has failed goes
    back. Raises NotFound, InvalidState.
    """
    claimed = await undecided(services, order_id)
    tenant = claimed.tenant
    attempt = Attempt(caller=Caller(None, *tenant), request_id=request_id)
    async with services.database.writing() as connection:
        found = await carrier_orders.lock(connection, *tenant, order_id)
        assert found is not None, "orders are never deleted"  # noqa: S101
        rules.check_undecided(found[0])
        now = services.clock()
        if filled:
            await _activate(services, connection, claimed, attempt, now)
        else:
            await _fail(services, connection, claimed, attempt, rules.Failure.SETTLED, now)
        status = OrderStatus.FILLED if filled else OrderStatus.FAILED
        await carrier_orders.move(connection, *tenant, order_id, status, error="settled by an operator", now=now)


# ── Going back ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _return(services: Services, carrier: Carrier, claimed: Claimed) -> None:
    """Release a number at its carrier, as often as it takes. Never one that is in our stock, whatever an order says.

    One that came by mistake may be on order by now: the carrier decides on that first, and may refuse it as ours.
    """
    order, tenant = claimed.order, claimed.tenant
    async with services.database.reading() as connection:
        use = await carrier_orders.use_across_organizations(connection, claimed.environment, order.number)
    error = f"not given back: the number is {use}" if use else None
    if not use:
        try:
            await _bounded("release", carrier.release(order.number))
        except CarrierFailure as failure:
            error = legible(str(failure))
    now = services.clock()
    async with services.database.writing() as connection:
        if await carrier_orders.lock(connection, *tenant, order.id) != (OrderStatus.RETURNING, order.claims):
            return
        if error is None or use == "held":
            leaving = StockStatus.LEAVING
            await carrier_orders.put_stock(connection, *tenant, order.id, leaving, advance(INVENTORY, leaving, "leave"))
            await carrier_orders.move(connection, *tenant, order.id, OrderStatus.RETURNED, error=error, now=now)
            return
        again_at = now + rules.wait(order.attempts)
        await carrier_orders.look_again(connection, *tenant, order.id, again_at, unasked=False, error=error, now=now)
    _log.warning("a number is not given back to its carrier yet", order=order.id, number=order.number, reason=error)
