"""Make, change and delete the endpoints that calls are routed to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nambari.db import endpoints, outbox, phone_numbers
from nambari.db.engine import Connection
from nambari.db.outbox import Announcement
from nambari.domain.endpoint import Endpoint, EndpointType, revised
from nambari.domain.events import Event, from_nothing, to_nothing
from nambari.domain.phone_number import Change, PhoneNumber
from nambari.operations.announce import announce
from nambari.operations.configure import endpoint_not_found
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services, new_webhook_secret


@dataclass(frozen=True, slots=True)
class MadeEndpoint:
    """`secret` is there when one was just made: this once and never again."""

    endpoint: Endpoint
    secret: str | None


async def create(services: Services, attempt: Attempt, endpoint: Endpoint, now: datetime) -> Done[MadeEndpoint]:
    """Raises nothing of its own: what an endpoint may be was checked when its shape was read."""

    async def act(connection: Connection) -> MadeEndpoint:
        secret = new_webhook_secret() if endpoint.type is EndpointType.WEBHOOK else None
        caller = attempt.caller
        await endpoints.insert(connection, *caller.tenant, endpoint, secret)
        told = from_nothing(_settings(endpoint))
        await announce(services, connection, attempt, Event.ENDPOINT_CREATED, endpoint.id, endpoint, now, told)
        return MadeEndpoint(endpoint, secret)

    return await once(services, attempt, MadeEndpoint, act)


async def update(
    services: Services, attempt: Attempt, endpoint_id: str, changes: dict[str, Any], now: datetime
) -> Done[MadeEndpoint]:
    """The endpoint with `changes` made. One that becomes a webhook is given a secret.

    Raises EndpointNotFound, ValidationError.
    """

    async def act(connection: Connection) -> MadeEndpoint:
        old = await _locked(connection, attempt, endpoint_id)
        new = revised(old, changes, now)
        if new is old:
            return MadeEndpoint(old, None)
        becomes_webhook = new.type is EndpointType.WEBHOOK and old.type is not EndpointType.WEBHOOK
        secret = new_webhook_secret() if becomes_webhook else None
        caller = attempt.caller
        await endpoints.update(connection, *caller.tenant, new, secret)
        told = _changes(old, new)
        await announce(services, connection, attempt, Event.ENDPOINT_UPDATED, new.id, new, now, told)
        return MadeEndpoint(new, secret)

    return await once(services, attempt, MadeEndpoint, act)


def _changes(old: Endpoint, new: Endpoint) -> list[Change]:
    before, after = _settings(old), _settings(new)
    return [Change(name, before[name], after[name]) for name in before if before[name] != after[name]]


def _settings(endpoint: Endpoint) -> dict[str, object]:
    names = ("name", "type", "url", "status", "provider", "provider_config")
    return {name: getattr(endpoint, name) for name in names}


async def delete(services: Services, attempt: Attempt, endpoint_id: str, now: datetime) -> Done[Endpoint]:
    """The endpoint that was; its numbers stay owned, each detached with an event. Raises EndpointNotFound."""

    async def act(connection: Connection) -> Endpoint:
        endpoint = await _locked(connection, attempt, endpoint_id)
        tenant = attempt.caller.tenant
        detached = await endpoints.delete(connection, *tenant, endpoint_id, now)
        numbers = await phone_numbers.some(connection, *tenant, [number_id for number_id, _ in detached])
        told = [_detached(services, attempt, numbers[number_id], field, endpoint_id) for number_id, field in detached]
        await outbox.announce_all(connection, *tenant, told, now)
        changes = to_nothing(_settings(endpoint))
        await announce(services, connection, attempt, Event.ENDPOINT_DELETED, endpoint_id, endpoint, now, changes)
        return endpoint

    return await once(services, attempt, Endpoint, act)


def _detached(services: Services, attempt: Attempt, number: PhoneNumber, field: str, endpoint_id: str) -> Announcement:
    return Announcement(
        event_id=services.new_id("evt"),
        event=Event.NUMBER_UPDATED,
        subject_id=number.id,
        data=number,
        changes=[Change(field, endpoint_id, None)],
        key_id=attempt.caller.key_id,
        request_id=attempt.request_id,
    )


async def _locked(connection: Connection, attempt: Attempt, endpoint_id: str) -> Endpoint:
    caller = attempt.caller
    endpoint = await endpoints.find(connection, *caller.tenant, endpoint_id, for_update=True)
    if endpoint is None:
        raise endpoint_not_found()
    return endpoint
