"""Tell a SIP proxy where a call goes, and write down that it was asked; tell an owner what would happen to a call.

Nothing is kept between two calls, so that every change holds for the next one at once. While a webhook is asked, no
connection of the database is held; what its answer means is decided on the number as it is then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from nambari.db import outbox, routes
from nambari.db.engine import Connection
from nambari.domain.access import Caller, Operator
from nambari.domain.dialled import dialled
from nambari.domain.events import Event, from_nothing
from nambari.domain.question import Declined, Directed, decide_answered, read_answer
from nambari.domain.routing import (
    Allow,
    Ask,
    Cause,
    Holding,
    Reject,
    Route,
    Step,
    Vacancy,
    decide_inbound,
    decide_outbound,
    steps_of,
)
from nambari.operations.configure import number_not_found
from nambari.sending import Message
from nambari.traces import traced
from nambari.wiring import Asking, Services, id_of

ROUTE_SUSPENDED = "route"
INBOUND, OUTBOUND = "inbound", "outbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the proxy knows it: `caller` and `to` in whatever form they came, `call_id` its SIP Call-ID."""

    caller: str
    to: str
    call_id: str
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFrom(Call):
    """A call that a customer makes; of the two that name who it is, one may be None."""

    organization_id: str | None
    username: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What there is to write down of a call: whose it is, and its numbers as they were read."""

    direction: str
    organization_id: str
    phone_number_id: str | None
    caller: str | None
    to: str | None


@traced("route a call")
async def inbound(
    services: Services, asking: Asking, operator: Operator, request_id: str, call: Call, now: datetime
) -> Route | Reject:
    """What becomes of a call to a number of ours."""
    number = dialled(call.to, call.country)
    if number is None:
        return Reject(Cause.NUMBER_UNREADABLE)
    rule = routes_suspended(services)
    caller = dialled(call.caller, call.country)
    async with services.database.reading() as connection:
        found = await routes.holder_across_organizations(connection, operator.environment, number)
        decided = decide_inbound(found, suspended_routes=rule)
        if not isinstance(decided, Ask):
            await _tell_holder(connection, operator, request_id, call, (caller, number), found, decided, now)
            return decided
    answer = await ask(asking, operator, decided, call.call_id, caller, now)
    async with services.database.reading() as connection:
        found = await routes.holder_across_organizations(connection, operator.environment, number)
        answered = decide_answered(decided, answer, found, suspended_routes=rule)
        await _tell_holder(connection, operator, request_id, call, (caller, number), found, answered, now)
    return answered


@traced("ask a webhook")
async def ask(
    asking: Asking, operator: Operator, decided: Ask, call_id: str, caller: str | None, now: datetime
) -> Directed | Declined | Cause:
    """Where the webhook of the number sends the call."""
    holding, target = decided.holding, decided.target
    assert target.secret is not None  # noqa: S101 - each webhook is made with one
    question = {
        "call_id": call_id,
        "direction": INBOUND,
        "from": caller,
        "to": holding.number,
        "phone_number_id": holding.phone_number_id,
        "endpoint_id": target.id,
    }
    message_id = _subject(operator, INBOUND, holding.phone_number_id, call_id)
    heard = await asking(Message(target.url, message_id, now, msgspec.json.encode(question), (target.secret,)))
    return heard if isinstance(heard, Cause) else read_answer(heard)


async def _tell_holder(
    connection: Connection,
    operator: Operator,
    request_id: str,
    call: Call,
    numbers: tuple[str | None, str],
    found: Holding | Vacancy,
    decided: Route | Reject,
    now: datetime,
) -> None:
    """Write it down for who has the number now, if anybody has. `numbers`: the caller's and the one that is called."""
    if isinstance(found, Vacancy):
        return
    entry = _Entry(
        direction=INBOUND,
        organization_id=found.organization_id,
        phone_number_id=found.phone_number_id,
        caller=numbers[0],
        to=numbers[1],
    )
    await _write_down(connection, operator, request_id, call, entry, decided, now)


@traced("judge a call")
async def outbound(
    services: Services, operator: Operator, request_id: str, call: CallFrom, now: datetime
) -> Allow | Reject:
    """What becomes of a call from a number of ours."""
    caller = dialled(call.caller)
    async with services.database.reading() as connection:
        account, found = await routes.caller_across_organizations(
            connection,
            operator.environment,
            caller,
            organization_id=call.organization_id,
            username=call.username,
        )
        to = dialled(call.to, found.country if found else None)
        decided = decide_outbound(account, caller, found, to)
        if account is not None:
            own = found is not None and found.organization_id == account.organization_id
            entry = _Entry(
                direction=OUTBOUND,
                organization_id=account.organization_id,
                phone_number_id=found.phone_number_id if found and own else None,
                caller=caller,
                to=to,
            )
            await _write_down(connection, operator, request_id, call, entry, decided, now)
    return decided


async def foresee(
    services: Services, caller: Caller, number_id: str
) -> tuple[Holding, Sequence[Step], Route | Ask | Reject]:
    """What would become of a call to this number of the caller's, and by which steps; nothing is written or asked.

    Raises NumberNotFound.
    """
    async with services.database.reading() as connection:
        found = await routes.holding_of(connection, *caller.tenant, number_id)
    if found is None:
        raise number_not_found()
    rule = routes_suspended(services)
    return found, list(steps_of(found, suspended_routes=rule)), decide_inbound(found, suspended_routes=rule)


def routes_suspended(services: Services) -> bool:
    """Whether a suspended number still takes calls here."""
    return services.settings.suspended_inbound == ROUTE_SUSPENDED


async def _write_down(
    connection: Connection,
    operator: Operator,
    request_id: str,
    call: Call,
    entry: _Entry,
    decided: Route | Allow | Reject,
    now: datetime,
) -> None:
    """One event for one call and answer: a proxy that asks again with the same call id leaves no second one.

    An answer that is another by then is another event, as the call went another way.
    """
    told = {
        "call_id": call.call_id,
        "direction": entry.direction,
        "from": entry.caller,
        "to": entry.to,
        "phone_number_id": entry.phone_number_id,
        **_outcome(decided),
    }
    whose = entry.phone_number_id or entry.organization_id
    subject_id = _subject(operator, entry.direction, whose, call.call_id)
    event = Event.CALL_REJECTED if isinstance(decided, Reject) else Event.CALL_ROUTED
    await outbox.announce_call(
        connection,
        entry.organization_id,
        operator.environment,
        event_id=id_of("evt", subject_id, event, *(str(each) for each in _outcome(decided).values())),
        event=event,
        subject_id=subject_id,
        data=told,
        changes=from_nothing(told),
        request_id=request_id,
        now=now,
    )


def _subject(operator: Operator, direction: str, whose: str, call_id: str) -> str:
    """The one id of this call, however often it is asked for."""
    return id_of("call", operator.environment, direction, whose, call_id)


def _outcome(decided: Route | Allow | Reject) -> dict[str, object]:
    if isinstance(decided, Reject):
        return {"cause": decided.cause, "sip_code": decided.sip_code, "reason": decided.reason}
    if isinstance(decided, Route):
        stood_in = {"via_fallback": decided.via_fallback} if decided.via_fallback else {}
        return {"endpoint_id": decided.endpoint_id, "sip_uri": decided.sip_uri, **stood_in}
    return {"caller_id": decided.holding.number}
