"""Keep a number of the inventory back for one organization, for minutes; let it go again."""

from datetime import datetime

from nambari.db import holds, organizations
from nambari.db.engine import Connection
from nambari.domain.hold import Hold, decide_hold
from nambari.domain.refusals import NotFound, Refusal
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services


async def hold(services: Services, attempt: Attempt, inventory_id: str, minutes: int, now: datetime) -> Done[Hold]:
    """`now` is the world's time, in the test environment too. Raises the refusals of decide_hold."""

    async def act(connection: Connection) -> Hold:
        tenant = attempt.caller.tenant
        await organizations.take_turn(connection, attempt.caller.organization_id)
        facts = await holds.facts(connection, *tenant, inventory_id, now)
        decision = decide_hold(inventory_id, facts, services.new_id("hold"), minutes, now)
        if isinstance(decision, Refusal):
            raise decision
        await holds.keep(connection, *tenant, decision)
        return decision

    return await once(services, attempt, Hold, act)


async def let_go(services: Services, attempt: Attempt, hold_id: str, now: datetime) -> Done[str]:
    """The id of the hold that was. Raises NotFound."""

    async def act(connection: Connection) -> str:
        tenant = attempt.caller.tenant
        if not await holds.end(connection, *tenant, hold_id, now):
            raise hold_not_found()
        return hold_id

    return await once(services, attempt, str, act)


def hold_not_found() -> NotFound:
    return NotFound("You have no hold of this id, or it has expired. List yours with GET /v1/holds.")
