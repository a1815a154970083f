"""Take the months that fall due; suspend, retry, resume and release where credits are short; warn before.

The balance's row is locked before the numbers', by all that come here: so two never wait for each other, and whoever
has an organization in hand does all of its numbers that are due.
"""

from collections.abc import Sequence
from datetime import datetime

from nambari.db import credits, outbox, phone_numbers, renewals
from nambari.db.engine import Connection
from nambari.db.outbox import Announcement
from nambari.domain.access import Environment
from nambari.domain.events import Event
from nambari.domain.lifecycle import StockStatus
from nambari.domain.payloads import BalanceLow
from nambari.domain.phone_number import PhoneNumber, changes_between
from nambari.domain.release import Released
from nambari.domain.renewal import FORESEEN, RETRIED_EVERY, Due, Forecast, Renewal, forecast, settle
from nambari.domain.restore import restorable_until
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt
from nambari.operations.sweep import each_apart
from nambari.wiring import Services


async def due(services: Services, now: datetime, limit: int) -> int:
    """Renew what is due anywhere, about `limit` numbers at the most; how many. Others may do the same at once."""
    async with services.database.reading() as connection:
        tenants = await renewals.tenants_with_due_of_all(connection, now, limit)

    async def of_one(connection: Connection, attempt: Attempt, now: datetime, limit: int) -> int:
        return len(await of_organization(services, connection, attempt, now, limit))

    return await each_apart(services, tenants, of_one, now, limit)


async def of_organization(
    services: Services, connection: Connection, attempt: Attempt, now: datetime, limit: int, *, wait: bool = False
) -> list[Renewal]:
    """Renew what is due of one organization. Nothing, if somebody else has it in hand and we do not `wait`."""
    tenant = attempt.caller.tenant
    available = await credits.lock_balance(connection, *tenant, wait=wait)
    if available is None:
        return []
    found = await renewals.due(connection, *tenant, now, limit)
    horizon = max(each.number.renews_at for each in found if each.number.renews_at) if len(found) == limit else now
    return await _renew(services, connection, attempt, found, available, now, horizon)


async def recover(services: Services, connection: Connection, attempt: Attempt, now: datetime) -> None:
    """Lift suspensions, the oldest debt first, as far as the credits reach. The balance is locked by the caller."""
    tenant = attempt.caller.tenant
    waiting = await renewals.suspended_for_credits(connection, *tenant)
    if waiting:
        available = await credits.lock_balance(connection, *tenant, wait=True)
        await _renew(services, connection, attempt, waiting, available or 0, now, now)
    await renewals.set_forecast_at(connection, *tenant, now)  # what was short may not be so any more


async def _renew(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    found: Sequence[Due],
    available: int,
    now: datetime,
    horizon: datetime,
) -> list[Renewal]:
    """Decide on all, then write them in a few statements."""
    steps = settle(found, available, now, services.grace, services.aging, horizon)
    if not steps:
        return steps
    tenant = attempt.caller.tenant
    last = {step.after.id: step for step in steps}
    await renewals.write(connection, *tenant, list(last.values()))
    await credits.post_all(connection, *tenant, _lines(services, steps, available), now)
    await outbox.announce_all(connection, *tenant, _announcements(services, attempt, steps), now)
    for step in steps:
        if step.released is not None:
            await give_back(services, connection, attempt, step.released)
    return steps


def _lines(services: Services, steps: Sequence[Renewal], available: int) -> list[credits.Line]:
    """The months that were paid, each with what it leaves."""
    lines = []
    for step in steps:
        if step.month is not None and step.month.posting is not None:
            posting = step.month.posting
            available += posting.signed_cents()
            lines.append(credits.Line(services.new_id("txn"), posting, available, step.after.id, step.month.month_from))
    return lines


def _announcements(services: Services, attempt: Attempt, steps: Sequence[Renewal]) -> list[Announcement]:
    return [
        _announcement(services, attempt, each.event, each.before, each.after)
        for each in steps
        if each.event is not None
    ]


def _announcement(
    services: Services, attempt: Attempt, event: Event, before: PhoneNumber, after: PhoneNumber
) -> Announcement:
    return Announcement(
        event_id=services.new_id("evt"),
        event=event,
        subject_id=after.id,
        data=after,
        changes=changes_between(before, after),
        key_id=attempt.caller.key_id,
        request_id=attempt.request_id,
    )


async def give_back(services: Services, connection: Connection, attempt: Attempt, released: Released) -> None:
    """The stock of a released number, to be sold or to age."""
    caller, available_at = attempt.caller, released.available_at
    if caller.environment is Environment.TEST and released.stock is StockStatus.AVAILABLE:
        available_at = services.clock()  # for sale to all: by the world's clock, not by this organization's
    assert released.number.released_at is not None  # noqa: S101 - it has just been released
    await phone_numbers.return_to_stock(
        connection,
        *caller.tenant,
        released.number.id,
        released.stock,
        available_at,
        restorable_until(released.number.released_at),
    )


async def forecasts(services: Services, now: datetime, limit: int) -> int:
    """Look ahead for the organizations whose turn it is, each daily; how many."""
    async with services.database.reading() as connection:
        tenants = await renewals.tenants_to_forecast_of_all(connection, now, limit)

    async def of_one(connection: Connection, attempt: Attempt, now: datetime, _: int) -> int:
        return await look_ahead(services, connection, attempt, now)

    return await each_apart(services, tenants, of_one, now, limit)


async def look_ahead(
    services: Services, connection: Connection, attempt: Attempt, now: datetime, *, wait: bool = False
) -> bool:
    """Warn of the numbers that will not be paid within the coming days; False if somebody else looks just now."""
    tenant = attempt.caller.tenant
    available = await credits.lock_balance(connection, *tenant, wait=wait)
    if available is None:
        return False
    found = forecast(await renewals.upcoming(connection, *tenant, now + FORESEEN), available, services.grace)
    if found.changed:
        await renewals.set_release_dates(connection, *tenant, [after for _, after in found.changed])
        told = [_announcement(services, attempt, Event.NUMBER_UPDATED, *each) for each in found.changed]
        await outbox.announce_all(connection, *tenant, told, now)
    if found.is_news:
        data = _warning(found, available, services.settings.currency)
        await announce(services, connection, attempt, Event.BALANCE_LOW, tenant[0], data, now)
    await renewals.set_forecast_at(connection, *tenant, now + RETRIED_EVERY)
    return True


def _warning(found: Forecast, available_cents: int, currency: str) -> BalanceLow:
    return {
        "available_cents": available_cents,
        "required_cents": found.required_cents,
        "shortfall_cents": found.shortfall_cents,
        "currency": currency,
        "short": [
            {"phone_number_id": each.id, "renews_at": each.renews_at, "releases_at": each.releases_at}
            for each in found.short
        ],
    }
