"""Change how a held number behaves: its endpoint, permissions, label, tags, lock."""

from datetime import datetime
from typing import Any

from nambari.db import endpoints, phone_numbers
from nambari.db.engine import Connection
from nambari.domain.endpoint import Endpoint, EndpointType
from nambari.domain.events import Event
from nambari.domain.lifecycle import NumberStatus
from nambari.domain.phone_number import PhoneNumber, changes_between, fallback_must_be_agent
from nambari.domain.phone_number import configure as configured
from nambari.domain.refusals import EndpointNotFound, InvalidState, NumberNotFound
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services


async def configure(
    services: Services, attempt: Attempt, number_id: str, changes: dict[str, Any], now: datetime
) -> Done[PhoneNumber]:
    """The number with `changes` made; one that changes nothing is no event.

    Raises NumberNotFound, EndpointNotFound, ValidationError for a fallback that cannot be one, and InvalidState for a
    released number.
    """

    async def act(connection: Connection) -> PhoneNumber:
        # The endpoint before the number, as its deletion locks them: the other way round the two could deadlock.
        found = await _lock_endpoints(connection, attempt, changes)
        number = await locked(connection, attempt, number_id)
        if number.status is NumberStatus.RELEASED:
            raise InvalidState("This number is released; it cannot be configured.", status=number.status.value)
        if None in found.values():
            raise endpoint_not_found()
        fallback = found.get("fallback_endpoint_id")
        if fallback is not None and fallback.type is not EndpointType.AGENT:
            raise fallback_must_be_agent()
        new = configured(number, now, **changes)
        if new is number:
            return number
        caller = attempt.caller
        await phone_numbers.update(connection, *caller.tenant, new)
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

    return await once(services, attempt, PhoneNumber, act)


async def locked(connection: Connection, attempt: Attempt, number_id: str) -> PhoneNumber:
    """The caller's number, which until the transaction ends nobody else changes. Raises NumberNotFound."""
    caller = attempt.caller
    number = await phone_numbers.find(connection, *caller.tenant, number_id, for_update=True)
    if number is None:
        raise number_not_found()
    return number


def number_not_found() -> NumberNotFound:
    return NumberNotFound("You have no phone number of this id. List yours with GET /v1/phone-numbers.")


def endpoint_not_found() -> EndpointNotFound:
    return EndpointNotFound("You have no endpoint of this id. List yours with GET /v1/endpoints.")


async def _lock_endpoints(
    connection: Connection, attempt: Attempt, changes: dict[str, Any]
) -> dict[str, Endpoint | None]:
    """By field, each endpoint that is to be attached, None where there is none; nobody deletes one before we commit."""
    caller = attempt.caller
    asked = sorted((changes[field], field) for field in endpoints.ATTACHING if changes.get(field) is not None)
    return {
        field: await endpoints.find(connection, *caller.tenant, id_, for_update=True)
        for id_, field in asked  # in the order of their ids: two changes at once never wait for each other
    }
