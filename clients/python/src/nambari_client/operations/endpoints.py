"""Where do calls go? Endpoints: agents, by SIP, and webhooks."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from nambari_client.objects import DeletedEndpoint, Endpoint, EndpointPage
from nambari_client.request import PagedRequest, Request, changed, given, pages, read, write

EndpointType = Literal["agent", "custom", "elevenlabs", "livekit", "retell", "vapi", "webhook"]
Provider = Literal["custom", "elevenlabs", "livekit", "retell", "vapi"]
Switch = Literal["active", "inactive"]
ENDPOINTS = ("v1", "endpoints")


def list_endpoints(
    *, limit: int | None = None, offset: int | None = None, starting_after: str | None = None
) -> PagedRequest[Endpoint, EndpointPage]:
    """Your endpoints, newest first."""
    return pages(EndpointPage, "endpoints", *ENDPOINTS, limit=limit, offset=offset, starting_after=starting_after)


def create_endpoint(
    name: str,
    type: EndpointType,
    *,
    url: str | None = None,
    status: Switch = "active",
    provider: Provider | None = None,
    provider_config: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Request[Endpoint]:
    """An agent takes a SIP `url`, or a provider with its `provider_config`; a webhook takes an https `url`.

    A provider's name as `type` means an agent of that provider.
    """
    body = given(name=name, type=type, url=url, status=status, provider=provider, provider_config=provider_config)
    return write("POST", Endpoint, *ENDPOINTS, body=body, key=idempotency_key)


def get_endpoint(endpoint_id: str) -> Request[Endpoint]:
    return read(Endpoint, *ENDPOINTS, endpoint_id)


def update_endpoint(
    endpoint_id: str,
    *,
    name: str | UnsetType = UNSET,
    type: EndpointType | UnsetType = UNSET,
    url: str | UnsetType = UNSET,
    status: Switch | UnsetType = UNSET,
    provider: Provider | UnsetType | None = UNSET,
    provider_config: Mapping[str, Any] | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Request[Endpoint]:
    """What is left out stays as it is."""
    body = changed(name=name, type=type, url=url, status=status, provider=provider, provider_config=provider_config)
    return write("PATCH", Endpoint, *ENDPOINTS, endpoint_id, body=body, key=idempotency_key)


def delete_endpoint(endpoint_id: str, *, idempotency_key: str | None = None) -> Request[DeletedEndpoint]:
    """Its numbers stay yours, and reject calls until they have another."""
    return write("DELETE", DeletedEndpoint, *ENDPOINTS, endpoint_id, key=idempotency_key)
