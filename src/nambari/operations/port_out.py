"""Let numbers go to other carriers: the organization's PIN, and the operator's steps with who asks for a number.

The PIN is in no answer, event or log; what is kept of it is a slow hash.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from nambari.db import organizations, phone_numbers, port_outs, porting
from nambari.db.engine import Connection
from nambari.domain import port_out as domain
from nambari.domain.access import Caller, Environment
from nambari.domain.e164 import InvalidNumber, identify
from nambari.domain.events import Event
from nambari.domain.lifecycle import INVENTORY, StockStatus, advance
from nambari.domain.payloads import PinFacts, PortOutFacts
from nambari.domain.phone_number import Change, PhoneNumber
from nambari.domain.port_out import PortOut, PortOutStatus, Refused
from nambari.domain.refusals import InvalidState, NotFound, invalid
from nambari.operations import clock
from nambari.operations.announce import announce, announce_number
from nambari.operations.configure import locked as locked_number
from nambari.operations.credit import no_such_organization
from nambari.operations.idempotency import Attempt
from nambari.wiring import Services, hash_password, password_matches

MOST_LISTED = 1000
_hashing = asyncio.Semaphore(2)
"""Each takes 64 MB and a core for a while."""


# ── The PIN ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def set_pin(services: Services, attempt: Attempt, pin: str, now: datetime) -> datetime:
    """Since when it is the PIN. The same one again changes nothing, but that it is looked at again at once.

    Raises ValidationError, NotFound.
    """
    domain.check_pin(pin)
    async with services.database.reading() as connection:
        known = await port_outs.find_pin(connection, *attempt.caller.tenant)
        if await organizations.summary(connection, *attempt.caller.tenant) is None:
            raise no_such_organization(attempt.caller.organization_id)
    async with _hashing:
        same = known is not None and await asyncio.to_thread(password_matches, known.hash, pin)
        pin_hash = await asyncio.to_thread(hash_password, pin)
    async with services.database.writing() as connection:
        if same and known is not None and await port_outs.note_right(connection, *attempt.caller.tenant, known.hash):
            return known.set_at
        await port_outs.set_pin(connection, *attempt.caller.tenant, pin_hash, now)
        data: PinFacts = {"set_at": now}
        changes = [Change("set_at", known.set_at if known else None, now)]
        subject_id = attempt.caller.organization_id
        await announce(services, connection, attempt, Event.PIN_SET, subject_id, data, now, changes)
    return now


# ── Another carrier asks ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which number another carrier wants, and when."""

    attempt: Attempt
    number: PhoneNumber
    gaining_carrier: str
    leaves_at: datetime
    now: datetime


async def request(
    services: Services,
    environment: Environment,
    number: str,
    pin: str,
    gaining_carrier: str,
    leaves_at: datetime,
    request_id: str,
) -> PortOut:
    """The number is porting from now on, and leaves at the time that was agreed.

    Raises ValidationError; NotFound for a number that nobody has here; InvalidState for one that cannot leave, and for
    a PIN that is not right, which is written down.
    """
    asked = await _asked(services, environment, number, gaining_carrier, leaves_at, request_id)
    pin_hash = await _take_attempt(services, asked)
    if isinstance(pin_hash, Refused):
        return await _refuse(services, asked, pin_hash)
    async with _hashing:
        right = await asyncio.to_thread(password_matches, pin_hash, pin)
    if not right:
        return await _refuse(services, asked, Refused.WRONG_PIN)
    return await _accept(services, asked, pin_hash)


async def _asked(
    services: Services,
    environment: Environment,
    number: str,
    gaining_carrier: str,
    leaves_at: datetime,
    request_id: str,
) -> _Asked:
    """What can be seen before the PIN is looked at; such a refusal costs no attempt."""
    try:
        e164 = identify(number, placed=False).e164
    except InvalidNumber as error:
        raise invalid("number", str(error)) from None
    async with services.database.reading() as connection:
        holder = await port_outs.holder_across_organizations(connection, environment, e164)
        if holder is None:
            raise NotFound(f"Nobody has {e164} here: there is nothing to port out.")
        attempt = Attempt(caller=Caller(None, holder[0], environment), request_id=request_id)
        now = await clock.read_within(services, connection, attempt.caller)
        found = await phone_numbers.find(connection, *attempt.caller.tenant, holder[1])
    assert found is not None  # noqa: S101 - numbers are never deleted
    domain.check_request(gaining_carrier, leaves_at, now)
    domain.check_may_leave(found)
    return _Asked(attempt, found, gaining_carrier, leaves_at, now)


async def _take_attempt(services: Services, asked: _Asked) -> str | Refused:
    """The hash to compare with. It counts as a failure until it has matched, so that many at once gain nothing."""
    async with services.database.writing() as connection:
        pin = await port_outs.find_pin(connection, *asked.attempt.caller.tenant, for_update=True)
        if pin is None:
            return Refused.NO_PIN
        if pin.is_barred(asked.now):
            return Refused.TOO_MANY_ATTEMPTS
        failures = pin.failures + 1
        barred_until = domain.barred_until(failures, asked.now)
        await port_outs.note_attempt(connection, *asked.attempt.caller.tenant, failures, barred_until)
    return pin.hash


async def _refuse(services: Services, asked: _Asked, reason: Refused) -> NoReturn:
    async with services.database.writing() as connection:
        port_out = _requested(services, asked, reason)
        await port_outs.insert(connection, *asked.attempt.caller.tenant, port_out)
        await _announce(services, connection, asked.attempt, Event.PORT_OUT_REFUSED, None, port_out, asked.now)
    raise InvalidState(reason.sentence, reason=reason.value)


async def _accept(services: Services, asked: _Asked, pin_hash: str) -> PortOut:
    async with services.database.writing() as connection:
        if not await port_outs.note_right(connection, *asked.attempt.caller.tenant, pin_hash):
            raise InvalidState("The organization has set another PIN meanwhile. Nothing was changed: ask for it.")
        try:
            async with connection.transaction():  # a savepoint: the PIN was right, whatever the number is by now
                return await _let_go(services, connection, asked)
        except InvalidState as reason:
            late = reason
    raise late


async def _let_go(services: Services, connection: Connection, asked: _Asked) -> PortOut:
    attempt, now = asked.attempt, asked.now
    number = await locked_number(connection, attempt, asked.number.id)
    leaving = domain.leaving(number, now)
    await phone_numbers.update(connection, *attempt.caller.tenant, leaving)
    port_out = _requested(services, asked, None)
    await port_outs.insert(connection, *attempt.caller.tenant, port_out)
    await announce_number(services, connection, attempt, Event.NUMBER_PORTING, number, leaving, now)
    await _announce(services, connection, attempt, Event.PORT_OUT_SCHEDULED, None, port_out, now)
    return port_out


def _requested(services: Services, asked: _Asked, refused: Refused | None) -> PortOut:
    id_ = services.new_id("pout")
    return domain.requested(id_, asked.number, asked.gaining_carrier, asked.leaves_at, asked.now, refused)


# ── The operator's steps ─────────────────────────────────────────────────────────────────────────────────────────

Step = Callable[[Connection, Attempt, PortOut, datetime], Awaitable[PortOut]]


async def schedule(services: Services, port_out_id: str, leaves_at: datetime, request_id: str) -> PortOut:
    """It leaves at another time. Raises NotFound, InvalidState, ValidationError for a time that has passed."""

    async def act(connection: Connection, attempt: Attempt, port_out: PortOut, now: datetime) -> PortOut:
        after = domain.schedule(port_out, leaves_at, now)
        await _announce(services, connection, attempt, Event.PORT_OUT_SCHEDULED, port_out, after, now)
        return after

    return await _operate(services, port_out_id, request_id, act)


async def complete(services: Services, port_out_id: str, request_id: str) -> PortOut:
    """The other carrier has the number: it is nobody's here, and never for sale. Raises NotFound, InvalidState."""

    async def act(connection: Connection, attempt: Attempt, port_out: PortOut, now: datetime) -> PortOut:
        after = domain.complete(port_out, now)
        number = await locked_number(connection, attempt, port_out.phone_number_id)
        left = domain.left(number, now)
        await phone_numbers.update(connection, *attempt.caller.tenant, left)
        advance(INVENTORY, StockStatus.IN_SERVICE, "move_away")
        assert left.released_at is not None  # noqa: S101 - its tenure has ended
        await porting.leave_elsewhere(connection, *attempt.caller.tenant, number.id, left.released_at)
        await announce_number(services, connection, attempt, Event.NUMBER_RELEASED, number, left, now)
        await _announce(services, connection, attempt, Event.PORT_OUT_COMPLETED, port_out, after, now)
        return after

    return await _operate(services, port_out_id, request_id, act)


async def cancel(services: Services, port_out_id: str, reason: str, request_id: str) -> PortOut:
    """The number stays as it is. The customer sees the reason. Raises NotFound, InvalidState, ValidationError."""

    async def act(connection: Connection, attempt: Attempt, port_out: PortOut, now: datetime) -> PortOut:
        after = domain.cancel(port_out, reason, now)
        number = await locked_number(connection, attempt, port_out.phone_number_id)
        stayed = domain.stayed(number, now)
        await phone_numbers.update(connection, *attempt.caller.tenant, stayed)
        await announce_number(services, connection, attempt, Event.NUMBER_UPDATED, number, stayed, now)
        await _announce(services, connection, attempt, Event.PORT_OUT_CANCELLED, port_out, after, now)
        return after

    return await _operate(services, port_out_id, request_id, act)


async def _operate(services: Services, port_out_id: str, request_id: str, act: Step) -> PortOut:
    """One step, on the port-out locked, and the number after it."""
    async with services.database.writing() as connection:
        owner = await port_outs.owner_of_any_organization(connection, port_out_id)
        if owner is None:
            raise _unknown(port_out_id)
        attempt = Attempt(caller=Caller(None, *owner), request_id=request_id)
        now = await clock.read_within(services, connection, attempt.caller)
        port_out = await port_outs.find(connection, *owner, port_out_id, for_update=True)
        assert port_out is not None  # noqa: S101 - port-outs are never deleted
        after = await act(connection, attempt, port_out, now)
        await port_outs.update(connection, *owner, after)
    return after


async def show(services: Services, port_out_id: str) -> tuple[str, Environment, PortOut]:
    """Whose number, and the port-out. Raises NotFound."""
    async with services.database.reading() as connection:
        owner = await port_outs.owner_of_any_organization(connection, port_out_id)
        if owner is None:
            raise _unknown(port_out_id)
        port_out = await port_outs.find(connection, *owner, port_out_id)
    assert port_out is not None  # noqa: S101 - port-outs are never deleted
    return *owner, port_out


async def listing(services: Services, environment: Environment, status: PortOutStatus) -> list[dict[str, object]]:
    """The longest waiting first, up to a thousand."""
    async with services.database.reading() as connection:
        return await port_outs.listing_of_all(connection, environment, status, MOST_LISTED)


def _unknown(port_out_id: str) -> NotFound:
    return NotFound(f"There is no port-out {port_out_id}. `nambari porting out list` shows those that are open.")


# ── Telling ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _announce(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    event: Event,
    before: PortOut | None,
    after: PortOut,
    now: datetime,
) -> None:
    """The operator's words stay in the row; a reason of ours is told."""
    data: PortOutFacts = {
        "id": after.id,
        "number": after.number,
        "phone_number_id": after.phone_number_id,
        "gaining_carrier": after.gaining_carrier,
        "status": after.status,
        "reason": after.reason if after.status is PortOutStatus.REFUSED else None,
        "leaves_at": after.leaves_at,
    }
    changes = [
        Change(name, was, getattr(after, name))
        for name in ("status", "leaves_at")
        if (was := getattr(before, name, None)) != getattr(after, name)
    ]
    await announce(services, connection, attempt, event, after.id, data, now, changes)
