"""Whom do we tell of events, which of them, when again after a failure, and when no more?"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from nambari.domain.endpoint import web_url_fault
from nambari.domain.events import SUBSCRIPTIONS
from nambari.domain.reach import Network, may_be_reached
from nambari.domain.refusals import InvalidState, invalid, invalid_fields
from nambari.domain.subscriber import Webhook, WebhookStatus

WAITS = tuple(timedelta(seconds=each) for each in (0, 60, 300, 1800, 7200, 86400, 86400, 86400))
"""How long before each attempt: at once, 1 min, 5 min, 30 min, 2 h, then daily for 3 days."""
JITTER = 0.1
"""By how much of itself a wait may be longer: those who failed together do not come back together."""
DISABLED_AFTER = timedelta(days=7)
BOTH_SECRETS_VALID = timedelta(hours=24)
MOST_WEBHOOKS = 20
"""How many an organization has in one environment: each event is written down for every one that asks for it."""
MOST_REPLAYED = 1000
"""How many events one request sends again at most."""


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class AnswersShown(StrEnum):
    """Of which receivers the log of deliveries shows what they answered."""

    PUBLIC = "public"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt: `error` in words, none if it was taken. `response_body`: what may be shown of it."""

    response_status: int | None
    duration_ms: int
    error: str | None
    response_body: str | None = None


def may_show(shown: AnswersShown, address: str) -> bool:
    """Whether the customer may see what this address answered.

    From a public address they could have asked themselves; behind an allowed one is the operator's own network.
    """
    return shown is AnswersShown.ALL or (shown is AnswersShown.PUBLIC and may_be_reached(address, ()))


def check_url(url: str, allowed: Sequence[Network]) -> str:
    """Raises ValidationError for what no event could ever be sent to."""
    fault = web_url_fault(url)
    if fault is not None:
        raise invalid("url", fault)
    host = urlsplit(url).hostname or ""
    literal = "127.0.0.1" if host == "localhost" else host
    if _is_address(literal) and not may_be_reached(literal, allowed):
        raise invalid(
            "url",
            "must lead to a public address; to private and loopback ones events are sent only where the operator"
            " names their networks in NAMBARI_WEBHOOK_ALLOWED_NETWORKS",
        )
    return url


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_count(there: int) -> None:
    """Raises InvalidState where so many webhooks leave no room for another."""
    if there >= MOST_WEBHOOKS:
        raise InvalidState(
            f"There are {there} webhooks here already, and {MOST_WEBHOOKS} is the most. Delete one first, or let one of"
            " them ask for more events."
        )


def check_events(names: Sequence[str]) -> list[str]:
    """Each once. Raises ValidationError, with the names there are, for one that is not in the catalogue."""
    unknown = [place for place, name in enumerate(names, 1) if name not in SUBSCRIPTIONS]
    if unknown:
        known = ", ".join(SUBSCRIPTIONS)
        raise invalid_fields([("events", f"item {place} must be one of {known}") for place in unknown])
    return list(dict.fromkeys(names))


def is_told(webhook_events: Sequence[str], event: str) -> bool:
    return any(event in SUBSCRIPTIONS.get(name, ()) for name in webhook_events)


def names_to_replay(webhook_events: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The events that may be sent again: those that the webhook asks for, and of them only the `wanted`, if any are.

    Raises ValidationError for a name that is not in the catalogue, and where nothing is left.
    """
    asked = {event for name in webhook_events for event in SUBSCRIPTIONS[name]}
    if wanted is not None:
        asked &= {event for name in check_events(wanted) for event in SUBSCRIPTIONS[name]}
        if not asked:
            raise invalid(
                "events", f"must name something that the webhook asks for, which is {', '.join(webhook_events)}"
            )
    return sorted(asked)


def revised(old: Webhook, changes: dict[str, Any], allowed: Sequence[Network], now: datetime) -> Webhook:
    """The webhook with `changes` made; itself if they change nothing. Raises ValidationError."""
    changes = dict(changes)
    if "url" in changes:
        check_url(changes["url"], allowed)
    if "events" in changes:
        changes["events"] = check_events(changes["events"])
    if changes.get("status") is WebhookStatus.ACTIVE and old.status is not WebhookStatus.ACTIVE:
        changes["failing_since"] = None  # it begins anew
    new = replace(old, **changes)
    return old if new == old else replace(new, updated_at=now)


def next_attempt(waits: Sequence[timedelta], attempts: int, chance: float, now: datetime) -> datetime | None:
    """When to try again after so many attempts; None if that was the last. `chance` is between 0 and 1."""
    if attempts >= len(waits):
        return None
    return now + waits[attempts] * (1 + JITTER * chance)


def after_outcome(webhook: Webhook, outcome: Outcome, now: datetime, *, given_up: bool) -> Webhook:
    """How the webhook stands after an attempt: failing or not, and disabled after a week of failures.

    That it is a week by the clock alone says little: the clock may have jumped, or nobody was there to try. So it takes
    a delivery that is `given_up` as well, which was tried for days.
    """
    if outcome.error is None:
        return webhook if webhook.failing_since is None else replace(webhook, failing_since=None)
    if webhook.failing_since is None:
        return replace(webhook, failing_since=now)
    week = now - webhook.failing_since >= DISABLED_AFTER
    if webhook.status is WebhookStatus.ACTIVE and week and given_up:
        return replace(webhook, status=WebhookStatus.DISABLED, updated_at=now)
    return webhook
