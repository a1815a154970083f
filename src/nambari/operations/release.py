"""Give a number back: its tenure ends, and its stock is for sale again."""

from datetime import datetime

from nambari.db import phone_numbers
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.phone_number import PhoneNumber, changes_between
from nambari.domain.release import decide_release
from nambari.operations.announce import announce
from nambari.operations.configure import locked
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services


async def release(services: Services, attempt: Attempt, number_id: str, now: datetime) -> Done[PhoneNumber]:
    """The number, released; a released one as it was, with nothing done twice.

    Raises NumberNotFound, DeletionLocked, InvalidState.
    """

    async def act(connection: Connection) -> PhoneNumber:
        number = await locked(connection, attempt, number_id)
        released = decide_release(number, now)
        if released is number:
            return number
        tenant = (attempt.caller.organization_id, attempt.caller.environment)
        await phone_numbers.update(connection, *tenant, released)
        assert released.released_at is not None  # noqa: S101 - what decide_release just set
        await phone_numbers.return_to_stock(connection, *tenant, released.id, released.released_at)
        changes = changes_between(number, released)
        await announce(services, connection, attempt, Event.NUMBER_RELEASED, released.id, released, now, changes)
        return released

    return await once(services.database, attempt, PhoneNumber, now, act)
