"""Change how a held number behaves: its endpoint, permissions, label, tags, lock."""

from datetime import datetime
from typing import Any

from nambari.db import endpoints, phone_numbers
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.phone_number import PhoneNumber, changes_between
from nambari.domain.phone_number import configure as configured
from nambari.domain.refusals import EndpointNotFound, InvalidState, NumberNotFound
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services


async def configure(
    services: Services, attempt: Attempt, number_id: str, changes: dict[str, Any], now: datetime
) -> Done[PhoneNumber]:
    """The number with `changes` made; one that changes nothing is no event.

    Raises NumberNotFound, EndpointNotFound, and InvalidState for a released number.
    """

    async def act(connection: Connection) -> PhoneNumber:
        # The endpoint before the number, as its deletion locks them: the other way round the two could deadlock.
        endpoint_found = await _lock_endpoint(connection, attempt, changes.get("endpoint_id"))
        number = await locked(connection, attempt, number_id)
        if number.status is NumberStatus.RELEASED:
            raise InvalidState("This number is released; it cannot be configured.", status=number.status.value)
        if not endpoint_found:
            raise endpoint_not_found()
        new = configured(number, now, **changes)
        if new is number:
            return number
        caller = attempt.caller
        await phone_numbers.update(connection, caller.organization_id, caller.environment, new)
        await announce(
            services,
            connection,
            attempt,
            Event.NUMBER_UPDATED,
            new.id,
            new,
            now,
            changes_between(number, new),
        )
        return new

    return await once(services.database, attempt, PhoneNumber, now, act)


async def locked(connection: Connection, attempt: Attempt, number_id: str) -> PhoneNumber:
    """The caller's number, which until the transaction ends nobody else changes. Raises NumberNotFound."""
    caller = attempt.caller
    number = await phone_numbers.find(
        connection, caller.organization_id, caller.environment, number_id, for_update=True
    )
    if number is None:
        raise number_not_found()
    return number


def number_not_found() -> NumberNotFound:
    return NumberNotFound("You have no phone number of this id. List yours with GET /v1/phone-numbers.")


def endpoint_not_found() -> EndpointNotFound:
    return EndpointNotFound("You have no endpoint of this id. List yours with GET /v1/endpoints.")


async def _lock_endpoint(connection: Connection, attempt: Attempt, endpoint_id: str | None) -> bool:
    """Whether the endpoint exists, if one is asked for; then nobody deletes it before we commit."""
    if endpoint_id is None:
        return True
    caller = attempt.caller
    found = await endpoints.find(connection, caller.organization_id, caller.environment, endpoint_id, for_update=True)
    return found is not None
