"""What does the public see of API keys? Their secrets only once, in the answer to whoever makes them."""

from datetime import datetime
from enum import Enum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from nambari.api.fields import Cents, Country, Label
from nambari.api.shapes_of_webhooks import Instant
from nambari.domain import access
from nambari.domain.access import ORGANIZATION_SCOPES

KeyScope = Enum("KeyScope", {scope.name: scope.value for scope in sorted(ORGANIZATION_SCOPES)}, type=str)  # type: ignore[misc]
KeyScope.__doc__ = "What a key may do."

Network = Annotated[str, Meta(min_length=1, max_length=50)]


class NewApiKey(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out or empty is as with the key that makes it, and nothing may be more than that key has."""

    scopes: Annotated[list[KeyScope], Meta(min_length=1, max_length=20, description="What it may do.")]
    name: Annotated[Label, Meta(description="To tell it from your other keys.")] = ""
    allowed_ips: Annotated[
        list[Network], Meta(max_length=50, description="The addresses or CIDRs that it may be used from.")
    ] = []
    monthly_cap_cents: Annotated[
        Cents | None,
        Meta(description="The most it may spend in a calendar month (UTC): purchases, restores, ports; not renewals."),
    ] = None
    countries: Annotated[
        list[Country], Meta(max_length=50, description="The countries of the numbers that it may buy and restore.")
    ] = []
    expires_at: Annotated[Instant | None, Meta(description="When it ends by itself; by the world's clock.")] = None


class ApiKey(Struct, kw_only=True, omit_defaults=True):
    """An API key. `api_key` is the key itself: shown when it is made, never again."""

    id: str
    name: str
    environment: Annotated[access.Environment, Meta(description="Which of the two worlds it works in.")]
    begins_with: Annotated[str, Meta(description="How it begins: to recognize it.")]
    scopes: Annotated[list[str], Meta(description="What it may do.")]
    allowed_ips: Annotated[list[str], Meta(description="The addresses or CIDRs it may be used from; none means any.")]
    monthly_cap_cents: Annotated[int | None, Meta(description="The most it may spend in a month; null for no cap.")]
    currency: str
    countries: Annotated[list[str], Meta(description="The countries whose numbers it may buy; none means any.")]
    expires_at: datetime | None
    revoked_at: Annotated[datetime | None, Meta(description="Since when it works nowhere.")]
    last_used_at: Annotated[datetime | None, Meta(description="When it was last used, give or take a minute.")]
    created_at: datetime
    api_key: Annotated[str | UnsetType, Meta(description="The key itself. Shown once, when it is made.")] = UNSET


class ApiKeyPage(Struct, kw_only=True):
    """Newest first, revoked ones too."""

    api_keys: Annotated[list[ApiKey], Meta(description="This page of the list.")]
    total: int
    limit: int
    offset: int
    has_more: bool


def api_key(key: access.Key, currency: str, secret: str | None = None) -> ApiKey:
    return ApiKey(
        id=key.id,
        name=key.name,
        environment=key.environment,
        begins_with=key.visible,
        scopes=sorted(key.scopes),
        allowed_ips=list(key.allowed_ips),
        monthly_cap_cents=key.bounds.monthly_cap_cents,
        currency=currency,
        countries=list(key.bounds.countries),
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        created_at=key.created_at,
        api_key=secret if secret is not None else UNSET,
    )
