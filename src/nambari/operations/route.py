"""Tell a SIP proxy where a call goes, and write down that it was asked; tell an owner what would happen to a call.

Nothing is kept between two calls, so that every change holds for the next one at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nambari.db import outbox, routes
from nambari.db.engine import Connection
from nambari.domain.access import Caller, Operator
from nambari.domain.dialled import dialled
from nambari.domain.events import Event, from_nothing
from nambari.domain.routing import (
    Allow,
    Cause,
    Holding,
    Reject,
    Route,
    Step,
    decide_inbound,
    decide_outbound,
    steps_of,
)
from nambari.operations.configure import number_not_found
from nambari.wiring import Services, id_of

ROUTE_SUSPENDED = "route"


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


async def inbound(services: Services, operator: Operator, request_id: str, call: Call, now: datetime) -> Route | Reject:
    """What becomes of a call to a number of ours."""
    number = dialled(call.to, call.country)
    if number is None:
        return Reject(Cause.NUMBER_UNREADABLE)
    async with services.database.reading() as connection:
        found = await routes.holder_across_organizations(connection, operator.environment, number)
        decided = decide_inbound(found, suspended_routes=routes_suspended(services))
        if isinstance(found, Holding):  # else there is nobody to tell
            entry = _Entry(
                direction="inbound",
                organization_id=found.organization_id,
                phone_number_id=found.phone_number_id,
                caller=dialled(call.caller, call.country),
                to=number,
            )
            await _write_down(connection, operator, request_id, call, entry, decided, now)
    return decided


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
                direction="outbound",
                organization_id=account.organization_id,
                phone_number_id=found.phone_number_id if found and own else None,
                caller=caller,
                to=to,
            )
            await _write_down(connection, operator, request_id, call, entry, decided, now)
    return decided


async def foresee(services: Services, caller: Caller, number_id: str) -> tuple[Holding, Sequence[Step], Route | Reject]:
    """What would become of a call to this number of the caller's, and by which steps; nothing is written.

    Raises NumberNotFound.
    """
    async with services.database.reading() as connection:
        found = await routes.holding_of(connection, caller.organization_id, caller.environment, number_id)
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
    subject_id = id_of("call", operator.environment, entry.direction, whose, call.call_id)
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


def _outcome(decided: Route | Allow | Reject) -> dict[str, object]:
    if isinstance(decided, Reject):
        return {"cause": decided.cause, "sip_code": decided.cause.sip_code, "reason": decided.cause.sentence}
    if isinstance(decided, Route):
        return {"endpoint_id": decided.endpoint_id, "sip_uri": decided.sip_uri}
    return {"caller_id": decided.holding.number}
