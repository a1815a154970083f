"""Take a released number back, by its former owner."""

from datetime import datetime

from nambari.db import credits, restores
from nambari.db import spending as spending_of_keys
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.restore import decide_restore
from nambari.domain.spending import month_of, spending
from nambari.operations.announce import announce_number
from nambari.operations.configure import locked, number_not_found
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services


async def restore(
    services: Services, attempt: Attempt, number_id: str, max_total_cents: int | None, now: datetime
) -> Done[PhoneNumber]:
    """The number, active again with all that it had. Another month is taken only if the paid one is over.

    Raises NumberNotFound and the refusals of decide_restore.
    """

    async def act(connection: Connection) -> PhoneNumber:
        caller = attempt.caller
        tenant = caller.tenant
        await locked(connection, attempt, number_id)
        facts = await restores.facts(connection, *tenant, number_id, services.clock())
        if facts is None:
            raise number_not_found()
        restored = decide_restore(facts, now, caller.bounds, await spent(connection, attempt, now), max_total_cents)
        await restores.write(connection, *tenant, restored)
        if restored.month is not None and restored.month.posting is not None:
            posting = restored.month.posting
            left = facts.available_cents + posting.signed_cents()
            line = credits.Line(services.new_id("txn"), posting, left, number_id, restored.month.month_from)
            await credits.post_all(connection, *tenant, [line], now)
            counted = spending(caller.key_id, caller.bounds, posting.amount_cents, now)
            if counted is not None:
                await spending_of_keys.count(connection, *tenant, counted)
        await announce_number(services, connection, attempt, Event.NUMBER_RESTORED, facts.number, restored.number, now)
        return restored.number

    return await once(services, attempt, PhoneNumber, act)


async def spent(connection: Connection, attempt: Attempt, now: datetime) -> int:
    """What the key has spent in this month, if it has a cap. The organization's balance is locked by now."""
    caller = attempt.caller
    if caller.key_id is None or caller.bounds.monthly_cap_cents is None:
        return 0
    return await spending_of_keys.spent(connection, *caller.tenant, caller.key_id, month_of(now))
