"""Send again what was sent before, or never: one delivery, or all events of a range."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from nambari.db import deliveries, delivery_log, events
from nambari.db.engine import Connection
from nambari.db.events import Range
from nambari.domain.refusals import InvalidState, NotFound, invalid
from nambari.domain.subscriber import Webhook, WebhookStatus
from nambari.domain.webhook import MOST_REPLAYED, names_to_replay
from nambari.operations.idempotency import Attempt, Done, once
from nambari.operations.webhooks import locked
from nambari.wiring import Services


class ReplayedDelivery(msgspec.Struct):
    """A delivery that is to be sent again, as the list shows it."""

    shown: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedAgain:
    """The events behind one and up to another, from an instant on and before another; `names`: only these, if any."""

    starting_after: str | None
    up_to: str | None
    since: datetime | None
    before: datetime | None
    names: Sequence[str] | None


class ReplayedRange(msgspec.Struct, kw_only=True):
    """How many events are to be sent again, from which to which; `has_more`: further ones of the range are not."""

    webhook_id: str
    queued: int
    first_event_id: str | None
    last_event_id: str | None
    has_more: bool


def no_such_delivery() -> NotFound:
    return NotFound("There is no such delivery of this webhook. List them with GET /v1/webhooks/{id}/deliveries.")


async def replay_one(services: Services, attempt: Attempt, webhook_id: str, delivery_id: str) -> Done[ReplayedDelivery]:
    """Send it again, at once and with all its attempts before it. Raises NotFound, InvalidState."""

    async def act(connection: Connection) -> ReplayedDelivery:
        webhook = await locked(connection, attempt, webhook_id)
        tenant = attempt.caller.tenant
        if await delivery_log.find(connection, *tenant, webhook_id, delivery_id) is None:
            raise no_such_delivery()
        _require_active(webhook)
        if not await deliveries.send_again(connection, *tenant, delivery_id, services.clock()):
            raise no_such_delivery()  # its time in the log has just ended
        return ReplayedDelivery(await delivery_log.find(connection, *tenant, webhook_id, delivery_id) or {})

    return await once(services, attempt, ReplayedDelivery, act)


async def replay_range(
    services: Services, attempt: Attempt, webhook_id: str, wanted: WantedAgain
) -> Done[ReplayedRange]:
    """Send the events of a range that the webhook asks for, those of one object in their order, whatever was before.

    Those that it was never told of, as it was not active then, too. Raises NotFound, InvalidState, ValidationError.
    """

    async def act(connection: Connection) -> ReplayedRange:
        webhook = await locked(connection, attempt, webhook_id)
        _require_active(webhook)
        tenant = attempt.caller.tenant
        names = names_to_replay(webhook.events, wanted.names)
        range_ = await _range(connection, attempt, wanted)
        found, has_more = await events.within(connection, *tenant, names, range_, limit=MOST_REPLAYED)
        if found:
            again = [(services.new_id("dlv"), placed) for _, placed in found]
            await deliveries.send_many_again(connection, *tenant, webhook_id, again, services.clock())
        return ReplayedRange(
            webhook_id=webhook_id,
            queued=len(found),
            first_event_id=found[0][0] if found else None,
            last_event_id=found[-1][0] if found else None,
            has_more=has_more,
        )

    return await once(services, attempt, ReplayedRange, act)


async def _range(connection: Connection, attempt: Attempt, wanted: WantedAgain) -> Range:
    """Raises ValidationError for an event that is none of the organization's, and for a range that ends first."""
    places: dict[str, int] = {}
    for name, event_id in (("starting_after", wanted.starting_after), ("up_to", wanted.up_to)):
        if event_id is None:
            continue
        tenant = attempt.caller.tenant
        place = await events.place_of(connection, *tenant, event_id)
        if place is None:
            raise invalid(name, "is no id of an event that GET /v1/events lists")
        places[name] = place
    range_ = Range(
        behind=places.get("starting_after", 0),
        up_to=places.get("up_to", events.LAST),
        since=wanted.since,
        before=wanted.before,
    )
    if range_.up_to < range_.behind:
        raise invalid("up_to", "must not come before starting_after")
    if range_.since is not None and range_.before is not None and range_.before <= range_.since:
        raise invalid("to", "must be later than from")
    return range_


def _require_active(webhook: Webhook) -> None:
    if webhook.status is not WebhookStatus.ACTIVE:
        raise InvalidState(
            f"The webhook is {webhook.status}: nothing is sent to it. Activate it first.", status=webhook.status
        )
