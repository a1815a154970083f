"""What an organization does to its own test environment: credits come and go, and the clock is moved ahead."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from nambari.db import clocks, credits, documents, holds, inventory, renewals
from nambari.db.engine import Connection
from nambari.domain import ledger
from nambari.domain.access import Caller, Environment
from nambari.domain.events import Event
from nambari.domain.refusals import InvalidState, NotFound, insufficient_balance
from nambari.domain.renewal import Renewal
from nambari.domain.testing import check_lead
from nambari.operations import credit, renew
from nambari.operations import documents as papers
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services

BATCH = 500


@dataclass(frozen=True, slots=True)
class Advanced:
    """What fell due on the way to `now`, and was done."""

    now: datetime
    months_paid: int
    suspended: int
    resumed: int
    released: int
    back_on_sale: int


def require_test_environment(caller: Caller) -> None:
    """Raises NotFound: to a live key there is nothing here."""
    if caller.environment is not Environment.TEST:
        raise NotFound("This is there in the test environment only. Use a key that begins with kros_test_.")


async def move_credits(services: Services, attempt: Attempt, amount_cents: int, now: datetime) -> Done[int]:
    """Add test credits, or take some away where `amount_cents` is below zero; the cents available then.

    Raises NotFound, InsufficientBalance, and InvalidState for more than an account can hold.
    """
    require_test_environment(attempt.caller)

    async def act(connection: Connection) -> int:
        if amount_cents > 0:
            return (await credit.add(services, connection, attempt, amount_cents, None, now)).available_cents
        tenant = attempt.caller.tenant
        available = await credits.lock_balance(connection, *tenant) or 0
        if amount_cents == 0:
            return available
        if available < -amount_cents:
            raise insufficient_balance("to take away", -amount_cents, available, services.settings.currency)
        posting = ledger.remove_test_credits(-amount_cents)
        left = await credits.post(connection, *tenant, services.new_id("txn"), posting, None, now)
        await renewals.set_forecast_at(connection, *tenant, now)
        return left

    return await once(services, attempt, int, act)


async def advance(services: Services, attempt: Attempt, days: int, world_now: datetime) -> Done[Advanced]:
    """Move the organization's test clock, and do in its order all that falls due on the way.

    Raises NotFound, and InvalidState for a clock that would be too far ahead, or that is being moved: to wait for that
    would take a connection of everybody's for as long.
    """
    require_test_environment(attempt.caller)

    async def act(connection: Connection) -> Advanced:
        organization_id = attempt.caller.organization_id
        if not await clocks.take_turn(connection, organization_id):
            raise InvalidState("The clock is being moved already. Wait until that request is answered.")
        ahead = await clocks.ahead(connection, organization_id)
        passed = timedelta(days=days)
        check_lead(ahead + passed)
        start = world_now + ahead
        # Before the balance is locked: in this order purchases and restores lock them too.
        await holds.bring_forward(connection, organization_id, Environment.TEST, passed.total_seconds())
        await inventory.lock_aging(connection, organization_id)
        counts = await _pass_time(services, connection, attempt, start, start + passed)
        await clocks.set_ahead(connection, organization_id, ahead + passed)
        return Advanced(start + passed, **{name: counts[name] for name in _COUNTED})

    return await once(services, attempt, Advanced, act)


_COUNTED = ("months_paid", "suspended", "resumed", "released", "back_on_sale")
_COUNTED_AS = {
    Event.NUMBER_SUSPENDED: "suspended",
    Event.NUMBER_RESUMED: "resumed",
    Event.NUMBER_RELEASED: "released",
}


async def _pass_time(
    services: Services, connection: Connection, attempt: Attempt, now: datetime, until: datetime
) -> Counter[str]:
    """From one due instant to the next. The balance stays locked meanwhile, which keeps the worker out."""
    counts: Counter[str] = Counter()
    tenant = attempt.caller.tenant
    await credits.lock_balance(connection, *tenant)
    while (at := await _next_instant(connection, attempt)) is not None and at <= until:
        now = max(now, at)
        while renewed := await renew.of_organization(services, connection, attempt, now, BATCH, wait=True):
            _count(renewed, counts)
        if await renewals.forecast_at(connection, *tenant) <= now:
            await renew.look_ahead(services, connection, attempt, now, wait=True)
        while await papers.of_organization(services, connection, attempt, now, BATCH):
            pass
        counts["back_on_sale"] += await inventory.come_of_age(connection, tenant[0], now, services.clock())
    return counts


async def _next_instant(connection: Connection, attempt: Attempt) -> datetime | None:
    tenant = attempt.caller.tenant
    instants = (
        await renewals.next_due_at(connection, *tenant),
        await renewals.forecast_at(connection, *tenant),
        await documents.next_due_at(connection, *tenant),
        await inventory.next_of_age_at(connection, tenant[0]),
    )
    return min((each for each in instants if each is not None), default=None)


def _count(renewed: list[Renewal], counts: Counter[str]) -> None:
    for each in renewed:
        counts["months_paid"] += each.month is not None
        if each.event in _COUNTED_AS:
            counts[_COUNTED_AS[each.event]] += 1
