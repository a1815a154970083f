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
from nambari.domain.spending import UNBOUNDED, Bounds, exceeding


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
EVERYWHERE = ("0.0.0.0/0", "::/0")
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
    bounds: Bounds = UNBOUNDED
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request this is, once its key is found good. The operator at the command line has no key."""

    key_id: str | None
    organization_id: str
    environment: Environment
    bounds: Bounds = UNBOUNDED

    @property
    def tenant(self) -> tuple[str, Environment]:
        """What every function over a tenant's data is told first."""
        return self.organization_id, self.environment


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
        "monthly_cap_cents": key.bounds.monthly_cap_cents,
        "countries": list(key.bounds.countries),
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


def sealed(secret: str, makers: str, key_id: str) -> str:
    """What may be kept of a new key's secret: only who has the secret of the key that made it can read it.

    Its letters under a pad as long as they are, which follows from the maker's secret and the id of the new key. The
    pad is used for nothing else, and the maker's secret is kept nowhere.
    """
    return _padded(secret[-SECRET_LENGTH:].encode(), makers, key_id).hex()


def unsealed(text: str, makers: str, key: Key) -> str:
    """The secret again, for who sends the maker's."""
    return compose_secret(key.environment, _padded(bytes.fromhex(text), makers, key.id).decode())


def _padded(letters: bytes, makers: str, key_id: str) -> bytes:
    pad = hashlib.blake2b(key_id.encode(), key=makers.encode(), person=b"kept answer", digest_size=SECRET_LENGTH)
    return bytes(letter ^ mask for letter, mask in zip(letters, pad.digest(), strict=True))


def exceeds(made: Key, maker: Key) -> list[tuple[str, str]]:
    """In which fields a new key would have more than the key that makes it: each with what is wrong."""
    faults = []
    if more := sorted(made.scopes - maker.scopes):
        faults.append(("scopes", f"must be among those of the key that makes it, which lacks {', '.join(more)}"))
    allowed = maker.allowed_ips
    if allowed and not all(any(_within(each, wide) for wide in allowed) for each in made.allowed_ips or EVERYWHERE):
        faults.append(("allowed_ips", f"must be within those of the key that makes it: {', '.join(allowed)}"))
    faults += exceeding(made.bounds, maker.bounds)
    if Scope.NUMBERS_WRITE in made.scopes & maker.scopes and not may_give(maker, Scope.NUMBERS_WRITE):
        reason = "the key that makes it has a monthly cap, and what another key spends would not count against it"
        faults.append(("scopes", f"must not have {Scope.NUMBERS_WRITE}: {reason}"))
    if maker.expires_at is not None and (made.expires_at is None or made.expires_at > maker.expires_at):
        faults.append(("expires_at", "must not be later than that of the key that makes it"))
    return faults


def may_give(maker: Key, scope: Scope) -> bool:
    """Whether keys that this one makes may have the scope."""
    capped = maker.bounds.monthly_cap_cents is not None
    return scope in maker.scopes and not (capped and scope is Scope.NUMBERS_WRITE)


def _within(narrow: str, wide: str) -> bool:
    inner, outer = _network(narrow), _network(wide)
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def is_network(text: str) -> bool:
    """Whether it is an IP address or a CIDR."""
    try:
        _network(text)
    except ValueError:
        return False
    return True


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
