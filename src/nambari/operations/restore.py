"""Take a released number back, by its former owner."""

from datetime import datetime

from nambari.db import credits, restores
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.phone_number import PhoneNumber, changes_between
from nambari.domain.restore import decide_restore
from nambari.operations.announce import announce
from nambari.operations.configure import locked, number_not_found
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services


async def restore(services: Services, attempt: Attempt, number_id: str, now: datetime) -> Done[PhoneNumber]:
    """The number, active again with all that it had. Another month is taken only if the paid one is over.

    Raises NumberNotFound, InvalidState, NumberNotAvailable, InsufficientBalance.
    """

    async def act(connection: Connection) -> PhoneNumber:
        tenant = (attempt.caller.organization_id, attempt.caller.environment)
        await locked(connection, attempt, number_id)
        facts = await restores.facts(connection, *tenant, number_id, services.clock())
        if facts is None:
            raise number_not_found()
        restored = decide_restore(facts, now)
        await restores.write(connection, *tenant, restored)
        if restored.month is not None and restored.month.posting is not None:
            posting = restored.month.posting
            left = facts.available_cents + posting.signed_cents()
            line = credits.Line(services.new_id("txn"), posting, left, number_id, restored.month.month_from)
            await credits.post_all(connection, *tenant, [line], now)
        changes = changes_between(facts.number, restored.number)
        await announce(services, connection, attempt, Event.NUMBER_RESTORED, number_id, restored.number, now, changes)
        return restored.number

    return await once(services.database, attempt, PhoneNumber, now, act)
