"""Send events to webhooks: give each its place and fan it out, claim what is due, send it, settle what came of it.

No transaction is open while a request runs: a delivery is claimed with a lease, and settled if it is still ours then.
Whoever dies in between leaves a lease that ends, and the event is sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from nambari import logs, traces
from nambari.db import deliveries, outbox, webhooks
from nambari.db.deliveries import Claimed, NewDelivery, Settlement
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.subscriber import Webhook, WebhookStatus
from nambari.domain.webhook import DeliveryStatus, Outcome, after_outcome, is_told, next_attempt
from nambari.operations.announce import announce
from nambari.operations.idempotency import by_nobody
from nambari.operations.webhooks import changes_between
from nambari.sending import Message, Sender
from nambari.wiring import Services

_log = structlog.get_logger("nambari.worker")

LEASE = timedelta(seconds=60)
"""Longer than a request may take, with what comes before and after it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt that was made: of what, what came of it, and when that was known."""

    delivery: Claimed
    outcome: Outcome
    at: datetime


async def place(services: Services, now: datetime, limit: int) -> int:
    """Give up to `limit` new events their places, and a delivery to each webhook that asked for them; how many.

    None while somebody else does it.
    """
    async with services.database.reading() as connection:
        if not await outbox.anything_unplaced_of_all(connection):
            return 0
    async with services.database.writing() as connection:
        if not await outbox.take_turn_to_place(connection):
            return 0
        placed = await outbox.place_of_all(connection, limit)
        owned = [each for each in placed if each.organization_id is not None]
        tenants = sorted({(str(each.organization_id), str(each.environment)) for each in owned})
        found = await webhooks.lock_active_of_all(connection, [one for one, _ in tenants], [two for _, two in tenants])
        new = [
            NewDelivery(
                id=services.new_id("dlv"),
                organization_id=organization_id,
                environment=each.environment,
                webhook_id=webhook.id,
                placed=each,
            )
            for each in owned
            for organization_id, environment, webhook in found
            if (each.organization_id, each.environment) == (organization_id, environment)
            and is_told(webhook.events, each.event)
        ]
        if new:
            await deliveries.add_of_all(connection, new, now + services.webhook_waits[0], now)
    return len(placed)


async def claim(services: Services, now: datetime, limit: int, allowance: Mapping[str, int]) -> list[Claimed]:
    """What is due, ours until its lease ends. `allowance`: how many of which webhook; of any other, one."""
    async with services.database.writing() as connection:
        return await deliveries.claim_of_all(connection, now, now + LEASE, limit=limit, allowance=allowance)


async def send(services: Services, sender: Sender, delivery: Claimed) -> Sent:
    """One attempt, and what came of it: still to be settled."""
    about = {"event_id": delivery.event_id, "webhook_id": delivery.webhook_id, "delivery_id": delivery.id}
    with (
        logs.about(request_id=delivery.request_id, **about),
        traces.follow(
            delivery.traceparent,
            f"deliver {delivery.event}",
            "consumer",
            nambari__request_id=delivery.request_id,
            nambari__delivery_id=delivery.id,
        ) as span,
    ):
        outcome = await sender.send(message(delivery, services.clock()))
        if outcome.error is not None:
            span.failed(str(outcome.response_status or "unanswered"))
        told = {"status": outcome.response_status, "duration_ms": outcome.duration_ms}
        if outcome.error is not None:
            _log.info("not delivered", attempt=delivery.attempts + 1, reason=outcome.error, **told)
        else:
            _log.debug("delivered", attempt=delivery.attempts + 1, **told)
    return Sent(delivery, outcome, services.clock())


def message(delivery: Claimed, now: datetime) -> Message:
    """What is sent: the same bytes at every attempt, signed anew."""
    secrets = [delivery.secret]
    until = delivery.previous_secret_until
    if delivery.previous_secret is not None and until is not None and now < until:
        secrets.append(delivery.previous_secret)
    body = {
        "id": delivery.event_id,
        "event": delivery.event,
        "timestamp": delivery.happened_at,
        "data": delivery.data,
    }
    more = {"x-request-id": delivery.request_id}
    return Message(delivery.url, delivery.event_id, now, msgspec.json.encode(body), tuple(secrets), more)


async def settle(services: Services, sent: Sequence[Sent]) -> None:
    """Delivered, to be tried again, or given up; then each object's next one is due. Nothing, of what is not ours now.

    All of it in one transaction, so that many cost little more than one.
    """
    async with services.database.writing() as connection:
        found = await webhooks.lock_of_all(connection, sorted({each.delivery.webhook_id for each in sent}))
        settlements = [_settlement(services, each) for each in sent if each.delivery.webhook_id in found]
        settled = await deliveries.settle_of_all(connection, settlements)
        through = [each for each in settled if each.status is not DeliveryStatus.PENDING]
        if through:
            objects = list({(each.delivery.webhook_id, each.delivery.subject_id) for each in through})
            await deliveries.let_next_go_of_all(connection, objects, through[-1].at)
        for webhook in found.values():
            of_it = [each for each in settled if each.delivery.webhook_id == webhook.id]
            await _judge(services, connection, webhook, of_it)


def _settlement(services: Services, sent: Sent) -> Settlement:
    again_at = None
    status = DeliveryStatus.DELIVERED
    if sent.outcome.error is not None:
        again_at = next_attempt(services.webhook_waits, sent.delivery.attempts + 1, services.chance(), sent.at)
        status = DeliveryStatus.FAILED if again_at is None else DeliveryStatus.PENDING
    return Settlement(delivery=sent.delivery, outcome=sent.outcome, at=sent.at, status=status, again_at=again_at)


async def _judge(services: Services, connection: Connection, webhook: Webhook, settled: Sequence[Settlement]) -> None:
    """What these outcomes, one after the other, make of the webhook that they are of."""
    after = webhook
    for each in settled:
        given_up = each.status is DeliveryStatus.FAILED
        after = after_outcome(after, each.outcome, each.at, given_up=given_up)
    if after == webhook:
        return
    tenant = (settled[0].delivery.organization_id, settled[0].delivery.environment)
    await webhooks.update(connection, *tenant, after)
    if after.status is WebhookStatus.DISABLED is not webhook.status:
        told = changes_between(webhook, after)
        await announce(
            services,
            connection,
            by_nobody(services, *tenant),
            Event.WEBHOOK_DISABLED,
            after.id,
            after,
            after.updated_at,
            told,
        )
