"""What does the API answer about endpoints?"""

from typing import Any

from msgspec import Struct

from nambari_client.objects.instant import Instant
from nambari_client.objects.paging import Page


class Endpoint(Struct, kw_only=True):
    """`url` is a SIP URI for an agent, an https URL for a webhook. `secret` is shown when it is made, never again."""

    id: str
    name: str
    type: str
    url: str
    status: str
    provider: str | None
    provider_config: dict[str, Any]
    created_at: Instant
    updated_at: Instant
    secret: str | None = None


class EndpointPage(Page, kw_only=True):
    endpoints: list[Endpoint]


class DeletedEndpoint(Struct, kw_only=True):
    id: str
    deleted: bool
