"""What does the API answer about API keys?"""

from msgspec import Struct

from nambari_client.objects.instant import Instant
from nambari_client.objects.paging import Page


class ApiKey(Struct, kw_only=True):
    """An API key. `api_key` is the key itself: there when it was just made, never again."""

    id: str
    name: str
    environment: str
    begins_with: str
    scopes: list[str]
    allowed_ips: list[str]
    monthly_cap_cents: int | None
    currency: str
    countries: list[str]
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None
    created_at: Instant
    api_key: str | None = None


class ApiKeyPage(Page, kw_only=True):
    """Newest first, revoked ones too."""

    api_keys: list[ApiKey]
