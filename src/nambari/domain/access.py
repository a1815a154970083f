"""Who may do what? Keys, their scopes, environments and addresses. Knows nothing of headers or tables."""

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nambari.domain.limits import Plan
from nambari.domain.payloads import KeyFacts
from nambari.domain.refusals import (
    ApiKeyExpired,
    InsufficientScope,
    InvalidApiKey,
    IpNotAllowed,
    Refusal,
)


class Environment(StrEnum):
    LIVE = "live"
    TEST = "test"


class Scope(StrEnum):
    NUMBERS_READ = "numbers:read"
    NUMBERS_WRITE = "numbers:write"
    ENDPOINTS_READ = "endpoints:read"
    ENDPOINTS_WRITE = "endpoints:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    BILLING_READ = "billing:read"
    BILLING_WRITE = "billing:write"
    API_KEYS_READ = "api-keys:read"
    API_KEYS_WRITE = "api-keys:write"
    KYC_READ = "kyc:read"
    KYC_WRITE = "kyc:write"
    ROUTING_READ = "routing:read"


OPERATOR_SCOPES = frozenset({Scope.ROUTING_READ})
"""All that a key of no organization may have: it reads across organizations, for SIP proxies."""

ORGANIZATION_SCOPES = frozenset(Scope) - OPERATOR_SCOPES

SECRET_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"  # noqa: S105 - an alphabet
SECRET_LENGTH = 32
VISIBLE_LENGTH = 12
_MAPPED_BITS = 96
_FORM = re.compile(r"kros_(live|test)_[A-Za-z0-9]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is kept. `organization_id` is None for an operator's key.

    `plan` is the organization's, read along when a request comes with the key's secret; otherwise None.
    """

    id: str
    organization_id: str | None
    environment: Environment
    name: str
    visible: str
    scopes: frozenset[str]
    allowed_ips: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request this is, once its key is found good. The operator at the command line has no key."""

    key_id: str | None
    organization_id: str
    environment: Environment


@dataclass(frozen=True, slots=True)
class Operator:
    """Whose request this is, if the key is of no organization: it asks across all of them, in its environment."""

    key_id: str
    environment: Environment


def key_facts(key: Key) -> KeyFacts:
    """What an event says of a key; of its secret no more than what every list shows."""
    return {
        "id": key.id,
        "environment": key.environment.value,
        "name": key.name,
        "begins_with": key.visible,
        "scopes": sorted(key.scopes),
        "allowed_ips": list(key.allowed_ips),
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def compose_secret(environment: Environment, letters: str) -> str:
    return f"kros_{environment}_{letters}"


def hash_secret(secret: str) -> bytes:
    """What is kept of a key. 190 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def has_key_form(secret: str) -> bool:
    return _FORM.fullmatch(secret) is not None


def check_key(key: Key | None, address: str | None, now: datetime) -> Refusal | None:
    """Why this key is not good for a request from `address` at `now`; None if it is."""
    if key is None or key.revoked_at is not None:
        return InvalidApiKey("This API key is not known here, or was revoked. Check it, or create another.")
    if key.expires_at is not None and key.expires_at <= now:
        return ApiKeyExpired("This API key has expired. Create another.")
    if key.allowed_ips and not address_allowed(address, key.allowed_ips):
        return IpNotAllowed(
            "This API key may not be used from your address. Add the address to the key's list, or call from one on it."
        )
    return None


def check_scope(key: Key, required: Scope) -> Refusal | None:
    if required in key.scopes:
        return None
    return InsufficientScope(f"This API key lacks the scope {required}. Use a key that has it.", required=required)


def address_allowed(address: str | None, allowed: tuple[str, ...]) -> bool:
    """Whether an address is within one of the addresses or CIDRs; IPv4 in IPv6 form is IPv4, on either side."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in _network(each) for each in allowed)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = ipaddress.ip_network(text, strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_BITS))
