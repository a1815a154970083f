"""Write down what happened, in the transaction in which it happens: who asked, and what changed."""

from datetime import datetime

from nambari.db import outbox
from nambari.db.engine import Connection
from nambari.domain.access import Key, key_facts
from nambari.domain.events import Event
from nambari.domain.phone_number import Change, PhoneNumber, changes_between
from nambari.operations.idempotency import Attempt
from nambari.wiring import Services


async def announce(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    event: Event,
    subject_id: str,
    data: object,
    now: datetime,
    changes: list[Change] | None = None,
) -> None:
    caller = attempt.caller
    await outbox.announce(
        connection,
        *caller.tenant,
        event_id=services.new_id("evt"),
        event=event,
        subject_id=subject_id,
        data=data,
        changes=changes or [],
        key_id=caller.key_id,
        request_id=attempt.request_id,
        now=now,
    )


async def announce_number(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    event: Event,
    before: PhoneNumber,
    after: PhoneNumber,
    now: datetime,
) -> None:
    """The number as it is now, and what of it is otherwise than before."""
    await announce(services, connection, attempt, event, after.id, after, now, changes_between(before, after))


async def announce_key(
    services: Services,
    connection: Connection,
    event: Event,
    key: Key,
    changes: list[Change],
    request_id: str,
    now: datetime,
) -> None:
    """What an operator did to an API key: in the trail of its organization, or of none for an operator's key."""
    await outbox.announce(
        connection,
        key.organization_id,
        key.environment,
        event_id=services.new_id("evt"),
        event=event,
        subject_id=key.id,
        data=key_facts(key),
        changes=changes,
        key_id=None,
        request_id=request_id,
        now=now,
    )
