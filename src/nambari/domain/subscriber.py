"""Who asks to be told of events? A webhook, as its owner sees it; webhook.py has what follows for it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WebhookStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`events` are names of the catalogue, groups of them, or `*`. `failing_since`: nothing has arrived since then."""

    id: str
    url: str
    events: list[str]
    status: WebhookStatus
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime
