"""Where do calls go? An endpoint: an agent behind a SIP address, or a webhook that is asked."""

import ipaddress
import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

from nambari.domain.providers import PROVIDERS, config_faults, sip_uri, sip_uri_fault
from nambari.domain.refusals import invalid, invalid_fields

CUSTOM = "custom"
MOST_CONFIG_BYTES = 4096


class EndpointType(StrEnum):
    AGENT = "agent"
    WEBHOOK = "webhook"


class EndpointStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`url` is a SIP URI for an agent, an https URL for a webhook."""

    id: str
    name: str
    type: EndpointType
    url: str
    status: EndpointStatus
    provider: str | None
    provider_config: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an endpoint points, as a request says it: not checked yet."""

    type: str
    url: str | None
    provider: str | None
    provider_config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTarget:
    type: EndpointType
    url: str
    provider: str | None
    provider_config: dict[str, Any]


def check_target(target: Target) -> CheckedTarget:
    """The target in its one true form: a provider's name as type becomes an agent, its SIP URI built if none is given.

    Raises ValidationError.
    """
    if len(json.dumps(target.provider_config)) > MOST_CONFIG_BYTES:
        raise invalid("provider_config", f"must be at most {MOST_CONFIG_BYTES} bytes of JSON")
    if target.type == EndpointType.WEBHOOK:
        return _check_webhook(target)
    provider = target.provider or CUSTOM
    if target.type != EndpointType.AGENT:
        if target.provider not in {None, target.type}:
            raise invalid("provider", f"must be {target.type}, or left out, with the type {target.type}")
        provider = target.type
    return CheckedTarget(
        type=EndpointType.AGENT,
        url=_agent_url(provider, target),
        provider=provider,
        provider_config=target.provider_config,
    )


def _agent_url(provider: str, target: Target) -> str:
    if target.url is not None:
        fault = sip_uri_fault(target.url)
        if fault is not None:
            raise invalid("url", fault)
        return target.url
    if provider not in PROVIDERS:
        raise invalid("url", "is required: the agent's SIP URI, such as sip:agent@sip.example.com")
    faults = config_faults(provider, target.provider_config)
    if faults:
        raise invalid_fields([(f"provider_config.{name}", message) for name, message in faults])
    return sip_uri(provider, target.provider_config)


def _check_webhook(target: Target) -> CheckedTarget:
    agents = {"provider": target.provider, "provider_config": target.provider_config}
    if any(agents.values()):
        message = "belongs to agents: a webhook has a url only"
        raise invalid_fields([(name, message) for name, value in agents.items() if value])
    if target.url is None:
        raise invalid("url", "is required: the https address that is asked where a call goes")
    fault = web_url_fault(target.url)
    if fault is not None:
        raise invalid("url", fault)
    return CheckedTarget(type=EndpointType.WEBHOOK, url=target.url, provider=None, provider_config={})


def web_url_fault(url: str) -> str | None:
    """What is wrong with it as an address that we send to; None if nothing is."""
    right = "must be an https URL, such as https://example.com/calls"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return right
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return right
    if not parts.hostname or parts.scheme not in {"https", "http"}:
        return right
    if parts.username is not None or parts.password is not None:
        return "must have no user name or password in it: deliveries are signed"
    if parts.scheme == "http" and not _is_loopback(parts):
        return "must be https; http is for loopback addresses only"
    return None


def _is_loopback(parts: SplitResult) -> bool:
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def revised(old: Endpoint, changes: dict[str, Any], now: datetime) -> Endpoint:
    """The endpoint with `changes` made; itself if they change nothing. Raises ValidationError."""
    changes = dict(changes)
    pointed: dict[str, Any] = {
        name: changes.pop(name) for name in ("type", "url", "provider", "provider_config") if name in changes
    }
    if pointed:
        target = check_target(_merged(old, pointed))
        changes |= {
            "type": target.type,
            "url": target.url,
            "provider": target.provider,
            "provider_config": target.provider_config,
        }
    new = replace(old, **changes)
    return old if new == old else replace(new, updated_at=now)


def _merged(old: Endpoint, pointed: dict[str, Any]) -> Target:
    """What the request leaves out stays, but for what belongs to another type or provider than the new one.

    A SIP URI that we built is built anew when its configuration changes; one that was given stays.
    """
    new_type = pointed.get("type", old.type)
    provider = pointed.get("provider", old.provider if new_type == old.type else None)
    same_provider = _provider_of(new_type, provider) == old.provider
    config = pointed.get("provider_config", old.provider_config if same_provider else {})
    url_stays = same_provider and (config == old.provider_config or not _is_built(old))
    return Target(
        type=new_type,
        url=pointed.get("url", old.url if url_stays else None),
        provider=provider,
        provider_config=config,
    )


def _provider_of(type_: str, provider: str | None) -> str | None:
    """The provider that a target of this type and provider has in its one true form."""
    if type_ == EndpointType.WEBHOOK:
        return None
    return (provider or CUSTOM) if type_ == EndpointType.AGENT else type_


def _is_built(endpoint: Endpoint) -> bool:
    provider, config = endpoint.provider, endpoint.provider_config
    if provider not in PROVIDERS or config_faults(provider, config):
        return False
    return endpoint.url == sip_uri(provider, config)
