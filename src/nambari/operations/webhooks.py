"""Make, change and delete webhooks; give one another secret."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nambari.db import organizations, webhooks
from nambari.db.engine import Connection
from nambari.domain.events import Event, from_nothing, to_nothing
from nambari.domain.phone_number import Change
from nambari.domain.refusals import NotFound
from nambari.domain.subscriber import Webhook
from nambari.domain.webhook import BOTH_SECRETS_VALID, check_count, revised
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services, new_webhook_secret


@dataclass(frozen=True, slots=True)
class MadeWebhook:
    """`secret` is there when one was just made: this once and never again."""

    webhook: Webhook
    secret: str | None


def no_such_webhook() -> NotFound:
    return NotFound("There is no such webhook here. List them with GET /v1/webhooks.")


async def create(services: Services, attempt: Attempt, webhook: Webhook, now: datetime) -> Done[MadeWebhook]:
    """Raises InvalidState where there are too many already; what a webhook may be was checked before."""

    async def act(connection: Connection) -> MadeWebhook:
        tenant = attempt.caller.tenant
        await organizations.take_turn(connection, attempt.caller.organization_id)
        check_count(await webhooks.count(connection, *tenant))
        secret = new_webhook_secret()
        await webhooks.insert(connection, *tenant, webhook, secret)
        told = from_nothing(_settings(webhook))
        await announce(services, connection, attempt, Event.WEBHOOK_CREATED, webhook.id, webhook, now, told)
        return MadeWebhook(webhook, secret)

    return await once(services, attempt, MadeWebhook, act)


async def update(
    services: Services, attempt: Attempt, webhook_id: str, changes: dict[str, Any], now: datetime
) -> Done[MadeWebhook]:
    """Raises NotFound, ValidationError."""

    async def act(connection: Connection) -> MadeWebhook:
        old = await locked(connection, attempt, webhook_id)
        new = revised(old, changes, services.webhook_networks, now)
        if new is not old:
            caller = attempt.caller
            await webhooks.update(connection, *caller.tenant, new)
            told = changes_between(old, new)
            await announce(services, connection, attempt, Event.WEBHOOK_UPDATED, new.id, new, now, told)
        return MadeWebhook(new, None)

    return await once(services, attempt, MadeWebhook, act)


async def rotate_secret(services: Services, attempt: Attempt, webhook_id: str, now: datetime) -> Done[MadeWebhook]:
    """Both secrets sign for a day; one that was on its way out already is gone at once. Raises NotFound.

    By the world's clock in the test environment too, as deliveries are.
    """

    async def act(connection: Connection) -> MadeWebhook:
        old = await locked(connection, attempt, webhook_id)
        until = services.clock() + BOTH_SECRETS_VALID
        new = replace(old, previous_secret_until=until, updated_at=now)
        secret = new_webhook_secret()
        caller = attempt.caller
        await webhooks.rotate(connection, *caller.tenant, new, secret)
        told = [Change("previous_secret_until", old.previous_secret_until, until)]
        await announce(services, connection, attempt, Event.WEBHOOK_UPDATED, new.id, new, now, told)
        return MadeWebhook(new, secret)

    return await once(services, attempt, MadeWebhook, act)


async def delete(services: Services, attempt: Attempt, webhook_id: str, now: datetime) -> Done[Webhook]:
    """With the log of its deliveries; what is pending is never sent. Raises NotFound."""

    async def act(connection: Connection) -> Webhook:
        webhook = await locked(connection, attempt, webhook_id)
        caller = attempt.caller
        await webhooks.delete(connection, *caller.tenant, webhook_id)
        told = to_nothing(_settings(webhook))
        await announce(services, connection, attempt, Event.WEBHOOK_DELETED, webhook_id, webhook, now, told)
        return webhook

    return await once(services, attempt, Webhook, act)


async def locked(connection: Connection, attempt: Attempt, webhook_id: str) -> Webhook:
    caller = attempt.caller
    webhook = await webhooks.find(connection, *caller.tenant, webhook_id, for_update=True)
    if webhook is None:
        raise no_such_webhook()
    return webhook


def changes_between(old: Webhook, new: Webhook) -> list[Change]:
    before, after = _settings(old), _settings(new)
    return [Change(name, before[name], after[name]) for name in before if before[name] != after[name]]


def _settings(webhook: Webhook) -> dict[str, object]:
    return {name: getattr(webhook, name) for name in ("url", "events", "status")}
