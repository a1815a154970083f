"""Bring numbers from other carriers: the customer's orders, and the operator's steps with them.

Personal data of an order stays in its row: events name the order, its number and its status.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime

from nambari.db import credits, phone_numbers, porting
from nambari.db import spending as spending_of_keys
from nambari.db.engine import Conflict, Connection, Deadlock
from nambari.domain import porting as domain
from nambari.domain.access import Caller, Environment
from nambari.domain.e164 import InvalidNumber, identify
from nambari.domain.events import Event
from nambari.domain.lifecycle import INVENTORY, StockStatus, advance
from nambari.domain.payloads import PortingFacts
from nambari.domain.phone_number import Change, changes_of_purchase
from nambari.domain.porting import Facts, OrderStatus, PortingOrder
from nambari.domain.refusals import NotFound, invalid
from nambari.domain.spending import spending
from nambari.operations import clock, renew
from nambari.operations.announce import announce, announce_number
from nambari.operations.configure import locked as locked_number
from nambari.operations.idempotency import Attempt, Done, begun_anew, once
from nambari.operations.restore import spent
from nambari.wiring import Services

MOST_LISTED = 1000
MOST_DUE = 500

# ── The customer's ───────────────────────────────────────────────────────────────────────────────────────────────


async def create(
    services: Services, attempt: Attempt, number: str, given: Mapping[str, object], now: datetime
) -> Done[PortingOrder]:
    """A draft. Raises ValidationError for a number that cannot be ported, or a document that is not the customer's."""
    try:
        known = identify(number, placed=False)
    except InvalidNumber as error:
        raise invalid("number", str(error)) from None

    async def act(connection: Connection) -> PortingOrder:
        await _check_given(connection, attempt, given, now)
        empty = dict.fromkeys((*domain.REQUIRED, "reason", "foc_at", "phone_number_id", "submitted_at", "ended_at"))
        order = PortingOrder(
            **{  # type: ignore[arg-type]
                **empty,
                **given,
                "id": services.new_id("port"),
                "number": known.e164,
                "country": known.country,
                "type": known.type,
                "area_code": known.area_code,
                "locality": known.locality,
                "status": OrderStatus.DRAFT,
                "missing": (),
                "created_at": now,
                "updated_at": now,
            }
        )
        await porting.insert(connection, *attempt.caller.tenant, order)
        await _announce(services, connection, attempt, Event.PORTING_CREATED, None, order, now)
        return order

    return await once(services, attempt, PortingOrder, act)


async def change(
    services: Services, attempt: Attempt, order_id: str, changes: Mapping[str, object], now: datetime
) -> Done[PortingOrder]:
    """Raises NotFound, ValidationError, and InvalidState unless it is a draft or was sent back."""

    async def act(connection: Connection) -> PortingOrder:
        order = await _locked(connection, attempt, order_id)
        await _check_given(connection, attempt, changes, now)
        changed = domain.change(order, changes, now)
        if changed is not order:
            await porting.update(connection, *attempt.caller.tenant, changed)
            await _announce(services, connection, attempt, Event.PORTING_UPDATED, order, changed, now)
        return changed

    return await once(services, attempt, PortingOrder, act)


async def submit(services: Services, attempt: Attempt, order_id: str, now: datetime) -> Done[PortingOrder]:
    """From now on the number is the organization's, as `porting`, and its first month counts for the key's cap.

    Raises NotFound, and the refusals of check_submission: ValidationError, KycRequired, KycPending, InvalidState,
    CountryNotAllowed, SpendingCapExceeded.
    """
    caller, currency = attempt.caller, services.settings.currency

    async def act(connection: Connection) -> PortingOrder:
        await credits.lock_balance(connection, *attempt.caller.tenant)  # before the order, as wherever a month is taken
        order = await _locked(connection, attempt, order_id)
        facts = replace(
            await porting.facts(connection, *attempt.caller.tenant, order),
            spent_cents=await spent(connection, attempt, now),
        )
        refusal = domain.check_submission(order, facts, now, caller.bounds, currency)
        if refusal is not None:
            raise refusal
        submitted = domain.submit(order, services.new_id("pn"), now)
        if order.phone_number_id is None:
            await _take_in(services, connection, attempt, submitted, facts, now)
        await porting.update(connection, *attempt.caller.tenant, submitted)
        await _announce(services, connection, attempt, Event.PORTING_SUBMITTED, order, submitted, now)
        return submitted

    try:
        return await once(services, attempt, PortingOrder, act)
    except Conflict:
        raise domain.with_us_already() from None  # a constraint knew of it before the inventory did


async def _take_in(
    services: Services, connection: Connection, attempt: Attempt, order: PortingOrder, facts: Facts, now: datetime
) -> None:
    assert order.phone_number_id is not None  # noqa: S101 - a submitted order has its number
    if facts.stock is not None:
        advance(INVENTORY, facts.stock, "port_in")
    number = domain.arriving(order, facts, order.phone_number_id, services.settings.currency, now)
    if not await porting.take_in(connection, *attempt.caller.tenant, number, services.new_id("inv")):
        raise domain.with_us_already()
    counted = spending(attempt.caller.key_id, attempt.caller.bounds, number.monthly_cost_cents, now)
    if counted is not None:
        await spending_of_keys.count(connection, *attempt.caller.tenant, counted)
    changes = changes_of_purchase(number)
    await announce(services, connection, attempt, Event.NUMBER_PORTING, number.id, number, now, changes)


async def withdraw(services: Services, attempt: Attempt, order_id: str, now: datetime) -> Done[PortingOrder]:
    """The customer's own; the key has its month again. Raises NotFound, and InvalidState once there is a date."""

    async def act(connection: Connection) -> PortingOrder:
        await credits.lock_balance(connection, *attempt.caller.tenant)
        order = await _locked(connection, attempt, order_id)
        return await _cancel(services, connection, attempt, order, "withdraw", None, now)

    return await once(services, attempt, PortingOrder, act)


async def _cancel(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    order: PortingOrder,
    verb: str,
    reason: str | None,
    now: datetime,
) -> PortingOrder:
    cancelled = domain.cancel(order, verb, reason, now)
    if order.phone_number_id is not None:
        number = await locked_number(connection, attempt, order.phone_number_id)
        away = domain.stayed_away(number, now)
        await phone_numbers.update(connection, *attempt.caller.tenant, away)
        advance(INVENTORY, StockStatus.IN_SERVICE, "cancel_port")
        assert away.released_at is not None  # noqa: S101 - its tenure has ended
        await porting.leave_elsewhere(connection, *attempt.caller.tenant, number.id, away.released_at)
        await spending_of_keys.give_back(connection, *attempt.caller.tenant, number.id, number.monthly_cost_cents)
        await announce_number(services, connection, attempt, Event.NUMBER_RELEASED, number, away, now)
    await porting.update(connection, *attempt.caller.tenant, cancelled)
    await _announce(services, connection, attempt, Event.PORTING_CANCELLED, order, cancelled, now)
    return cancelled


async def _check_given(connection: Connection, attempt: Attempt, given: Mapping[str, object], now: datetime) -> None:
    named = await porting.papers(connection, *attempt.caller.tenant, (given.get(name) for name in domain.PAPERS))
    fault = domain.check_given(given, named, now)
    if fault is not None:
        raise fault


async def _locked(connection: Connection, attempt: Attempt, order_id: str) -> PortingOrder:
    order = await porting.find(connection, *attempt.caller.tenant, order_id, for_update=True)
    if order is None:
        raise no_such_order()
    return order


def no_such_order() -> NotFound:
    return NotFound("You have no porting order of this id. List yours with GET /v1/porting-orders.")


# ── The operator's ───────────────────────────────────────────────────────────────────────────────────────────────

Step = Callable[[Connection, Attempt, PortingOrder, datetime], Awaitable[PortingOrder]]


async def review(services: Services, order_id: str, request_id: str) -> PortingOrder:
    """Raises NotFound, InvalidState."""

    async def act(connection: Connection, attempt: Attempt, order: PortingOrder, now: datetime) -> PortingOrder:
        return await _moved(services, connection, attempt, order, domain.review(order, now), now)

    return await _operate(services, order_id, request_id, act)


async def send_back(
    services: Services, order_id: str, missing: tuple[str, ...], reason: str, request_id: str
) -> PortingOrder:
    """An exception: the customer is told the fields and the reason. Raises NotFound, InvalidState, ValidationError."""

    async def act(connection: Connection, attempt: Attempt, order: PortingOrder, now: datetime) -> PortingOrder:
        after = domain.send_back(order, missing, reason, now)
        return await _moved(services, connection, attempt, order, after, now)

    return await _operate(services, order_id, request_id, act)


async def schedule(services: Services, order_id: str, foc_at: datetime, request_id: str) -> PortingOrder:
    """Raises NotFound, InvalidState, ValidationError for a time that has passed."""

    async def act(connection: Connection, attempt: Attempt, order: PortingOrder, now: datetime) -> PortingOrder:
        return await _moved(services, connection, attempt, order, domain.schedule(order, foc_at, now), now)

    return await _operate(services, order_id, request_id, act)


async def complete(services: Services, order_id: str, request_id: str) -> PortingOrder:
    """The number is active, and its first month is taken at once; short of credits, it is suspended as any other.

    Raises NotFound, InvalidState.
    """

    async def act(connection: Connection, attempt: Attempt, order: PortingOrder, now: datetime) -> PortingOrder:
        completed = domain.complete(order, now)
        assert order.phone_number_id is not None  # noqa: S101 - the schema: an open order has its number
        number = await locked_number(connection, attempt, order.phone_number_id)
        here = domain.arrived(number, now)
        await porting.begin_months(connection, *attempt.caller.tenant, here)
        await announce_number(services, connection, attempt, Event.NUMBER_ACTIVATED, number, here, now)
        await _moved(services, connection, attempt, order, completed, now)
        await renew.of_organization(services, connection, attempt, now, MOST_DUE, wait=True)
        return completed

    return await _operate(services, order_id, request_id, act)


async def cancel(services: Services, order_id: str, reason: str, request_id: str) -> PortingOrder:
    """The customer is told the reason. Raises NotFound, InvalidState, ValidationError."""

    async def act(connection: Connection, attempt: Attempt, order: PortingOrder, now: datetime) -> PortingOrder:
        return await _cancel(services, connection, attempt, order, "cancel", reason, now)

    return await _operate(services, order_id, request_id, act)


async def show(services: Services, order_id: str) -> tuple[str, Environment, PortingOrder]:
    """Whose order, and the order; personal data, for the operator's eyes only. Raises NotFound."""
    async with services.database.reading() as connection:
        owner = await porting.owner_of_any_organization(connection, order_id)
        if owner is None:
            raise _unknown(order_id)
        order = await porting.find(connection, *owner, order_id)
    assert order is not None  # noqa: S101 - orders are never deleted
    return *owner, order


async def listing(services: Services, environment: Environment, status: OrderStatus | None) -> list[dict[str, object]]:
    """The longest waiting first, up to a thousand; without a status all that are open."""
    async with services.database.reading() as connection:
        return await porting.listing_of_all(connection, environment, status, MOST_LISTED)


async def _operate(services: Services, order_id: str, request_id: str, act: Step) -> PortingOrder:
    """One step, on the order locked."""
    return await begun_anew(lambda: _operate_once(services, order_id, request_id, act), Deadlock)


async def _operate_once(services: Services, order_id: str, request_id: str, act: Step) -> PortingOrder:
    """The balance comes first, as wherever a month is taken."""
    async with services.database.writing() as connection:
        owner = await porting.owner_of_any_organization(connection, order_id)
        if owner is None:
            raise _unknown(order_id)
        attempt = Attempt(caller=Caller(None, *owner), request_id=request_id)
        now = await clock.read_within(services, connection, attempt.caller)
        await credits.lock_balance(connection, *owner)
        return await act(connection, attempt, await _locked(connection, attempt, order_id), now)


_EVENTS = {
    OrderStatus.IN_REVIEW: Event.PORTING_IN_REVIEW,
    OrderStatus.EXCEPTION: Event.PORTING_EXCEPTION,
    OrderStatus.FOC_SCHEDULED: Event.PORTING_SCHEDULED,
    OrderStatus.COMPLETED: Event.PORTING_COMPLETED,
}


async def _moved(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    before: PortingOrder,
    after: PortingOrder,
    now: datetime,
) -> PortingOrder:
    await porting.update(connection, *attempt.caller.tenant, after)
    await _announce(services, connection, attempt, _EVENTS[after.status], before, after, now)
    return after


def _unknown(order_id: str) -> NotFound:
    return NotFound(f"There is no porting order {order_id}. `nambari porting list` shows those that are open.")


# ── Telling ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _announce(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    event: Event,
    before: PortingOrder | None,
    after: PortingOrder,
    now: datetime,
) -> None:
    """The reason may quote what the customer wrote, and stays out as well."""
    data: PortingFacts = {
        "id": after.id,
        "number": after.number,
        "status": after.status,
        "missing": after.missing,
        "foc_at": after.foc_at,
        "phone_number_id": after.phone_number_id,
    }
    changes = [
        Change(name, was, getattr(after, name))
        for name in ("status", "foc_at", "phone_number_id")
        if (was := getattr(before, name, None)) != getattr(after, name)
    ]
    await announce(services, connection, attempt, event, after.id, data, now, changes)
