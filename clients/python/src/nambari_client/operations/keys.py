"""How are API keys made, found and revoked? A key makes others that can do no more than itself."""

from collections.abc import Sequence
from datetime import datetime

from nambari_client.objects import ApiKey, ApiKeyPage
from nambari_client.request import PagedRequest, Request, given, pages, read, write


def list_api_keys(
    *, limit: int | None = None, offset: int | None = None, starting_after: str | None = None
) -> PagedRequest[ApiKey, ApiKeyPage]:
    """The keys of the organization in this key's environment, newest first."""
    return pages(ApiKeyPage, "api_keys", "v1", "api-keys", limit=limit, offset=offset, starting_after=starting_after)


def create_api_key(
    scopes: Sequence[str],
    *,
    name: str | None = None,
    allowed_ips: Sequence[str] | None = None,
    monthly_cap_cents: int | None = None,
    countries: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    idempotency_key: str | None = None,
) -> Request[ApiKey]:
    """Make a key. What is left out is as with the key that makes it. Its `api_key` is in this answer only."""
    body = given(
        scopes=tuple(scopes),
        name=name,
        allowed_ips=None if allowed_ips is None else tuple(allowed_ips),
        monthly_cap_cents=monthly_cap_cents,
        countries=None if countries is None else tuple(countries),
        expires_at=expires_at,
    )
    return write("POST", ApiKey, "v1", "api-keys", body=body, key=idempotency_key)


def get_api_key(key_id: str) -> Request[ApiKey]:
    return read(ApiKey, "v1", "api-keys", key_id)


def revoke_api_key(key_id: str, *, idempotency_key: str | None = None) -> Request[ApiKey]:
    """Within a second it works nowhere. Again is harmless."""
    return write("DELETE", ApiKey, "v1", "api-keys", key_id, key=idempotency_key)
