"""Give a number back: its tenure ends, and its stock is for sale again."""

from datetime import datetime

from nambari.db import phone_numbers
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.refusals import InvalidState
from nambari.domain.release import Released, decide_release
from nambari.operations.announce import announce_number
from nambari.operations.configure import locked, number_not_found
from nambari.operations.idempotency import Attempt, Done, once
from nambari.operations.renew import give_back
from nambari.wiring import Services


async def foresee(services: Services, attempt: Attempt, number_id: str, now: datetime) -> tuple[Released, PhoneNumber]:
    """What a release would make of the number; nothing is written.

    Raises NumberNotFound, DeletionLocked, and InvalidState, for a released number too.
    """
    caller = attempt.caller
    async with services.database.reading() as connection:
        number = await phone_numbers.find(connection, *caller.tenant, number_id)
    if number is None:
        raise number_not_found()
    released = decide_release(number, now, services.aging)
    if released is None:
        raise InvalidState("This number is released already.", status=number.status.value)
    return released, number


async def release(services: Services, attempt: Attempt, number_id: str, now: datetime) -> Done[PhoneNumber]:
    """The number, released; a released one as it was, with nothing done twice.

    Raises NumberNotFound, DeletionLocked, InvalidState.
    """

    async def act(connection: Connection) -> PhoneNumber:
        number = await locked(connection, attempt, number_id)
        released = decide_release(number, now, services.aging)
        if released is None:
            return number
        tenant = attempt.caller.tenant
        await phone_numbers.update(connection, *tenant, released.number)
        await give_back(services, connection, attempt, released)
        await announce_number(services, connection, attempt, Event.NUMBER_RELEASED, number, released.number, now)
        return released.number

    return await once(services, attempt, PhoneNumber, act)
