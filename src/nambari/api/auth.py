"""Whose request is this, and may it be made? The key in the header, its scope, its addresses.

It is decided before the body is read, so that a stranger learns nothing from it.
"""

import ipaddress
import time
from typing import Any

from litestar import Request
from litestar.types import HTTPScope

from nambari.api.reading import StrictRequest, refuse_body, refuse_query, takes_body
from nambari.domain.access import (
    Caller,
    Key,
    Operator,
    address_allowed,
    check_key,
    check_scope,
    has_key_form,
    hash_secret,
)
from nambari.domain.refusals import InsufficientScope, InvalidApiKey, MissingApiKey, Refusal
from nambari.operations import keys
from nambari.wiring import Services

READING = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_CACHED = 10_000


class KeyCache:
    """Keys as they were read, for less than a second: a revoked one stops working within it, on every process.

    Time that revokes nothing (the domain's clock) is not asked: only how long ago the read began.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._read: dict[bytes, tuple[float, Key | None]] = {}

    async def find(self, services: Services, secret: str) -> tuple[float, Key | None]:
        """When the read of it began, as `is_old` takes it, and what was found."""
        secret_hash = hash_secret(secret)
        cached = self._read.get(secret_hash)
        if cached is not None and not self.is_old(cached[0]):
            return cached
        begun = time.monotonic()
        key = await keys.find(services, secret_hash, services.clock())
        if len(self._read) >= MOST_CACHED:
            self._read.clear()
        self._read[secret_hash] = (begun, key)
        return begun, key

    def is_old(self, read_at: float) -> bool:
        """Whether what was read then is believed no more."""
        return time.monotonic() - read_at >= self._seconds


class AuthorizedRequest(StrictRequest):
    """A request of the API. Its key is good when its body has come, and was not only so when that began to.

    A body may take its time. Who has a key that is about to be revoked would else begin requests, to end them after it.
    """

    async def body(self) -> bytes:
        """Raises the refusals of authentication besides."""
        body = await super().body()
        state, connection = self.app.state, self.scope
        if state.key_cache.is_old(connection["state"]["key_read_at"]):
            connection["state"]["key_read_at"], key = await state.key_cache.find(
                state.services, presented_secret(connection)
            )
            refusal = _refusal_of(key, connection, state.services)
            if refusal is not None:
                raise refusal
        return body


async def authorize(request: Request[Any, Any, Any]) -> None:
    """Sets `scope["auth"]` to the Caller, or to the Operator where the operation serves operators.

    Raises the refusals of authentication, scope, rate, query, and of a body where none is taken, in this order.

    A request with a good key is counted, whatever becomes of it: its answer tells how the limits stand.
    Called before the request is, and not as a guard: for each of those the framework copies the handler, 17 µs.
    """
    connection = request.scope
    if connection["method"] == "OPTIONS":  # the framework's own answer: which methods there are
        return
    state, wanted = request.app.state, connection["route_handler"].opt
    secret = presented_secret(connection)
    read_at, key = await state.key_cache.find(state.services, secret) if has_key_form(secret) else (0.0, None)
    connection["state"]["key_read_at"] = read_at
    refusal = _refusal_of(key, connection, state.services)
    if refusal is None and key is not None:
        admission = await state.limiter.admit(key, buys=wanted.get("buys", False))
        connection["state"] |= {"headers": admission.headers, "counted": admission.counted}
        refusal = check_scope(key, wanted["scope"]) or admission.refusal
    if refusal is not None:
        raise refusal
    assert key is not None  # noqa: S101 - no key is a refusal
    connection["auth"] = _as_operator(key, wanted) if wanted.get("serves_operators", False) else _as_caller(key)
    if connection["method"] not in READING and key.organization_id is not None:
        connection["state"]["writer"] = connection["auth"]
    if connection["query_string"] and wanted["query"] is None:
        refuse_query(connection["query_string"])
    if connection["method"] not in READING and not takes_body(connection["route_handler"]) and _has_body(connection):
        refuse_body(await request.body(), wanted["query"])


def _refusal_of(key: Key | None, connection: HTTPScope, services: Services) -> Refusal | None:
    trusted = services.settings.trusted_proxies
    address = client_address(connection, trusted) if key and key.allowed_ips else None
    return check_key(key, address, services.clock())


def _as_caller(key: Key) -> Caller:
    if key.organization_id is None:
        raise InvalidApiKey("This is an operator's key: it belongs to no organization, and serves SIP proxies only.")
    return Caller(key.id, key.organization_id, key.environment, key.bounds)


def _as_operator(key: Key, wanted: dict[str, Any]) -> Operator:
    """No organization's key is given the scope; should one have it, it asks across none all the same."""
    if key.organization_id is not None:
        raise InsufficientScope(
            "This is an organization's key: only an operator's key asks for routes.", required=wanted["scope"]
        )
    return Operator(key.id, key.environment)


def presented_secret(connection: HTTPScope) -> str:
    """The key itself, as it was sent. Raises MissingApiKey."""
    header = _header(connection, b"x-api-key").strip()
    if header:
        return header
    scheme, _, credentials = _header(connection, b"authorization").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    raise MissingApiKey("Send your API key in the header x-api-key, or as Authorization: Bearer.")


def _has_body(connection: HTTPScope) -> bool:
    """Whether one is announced: nobody is waited for who said that none comes."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in connection["headers"]
    )


def _header(connection: HTTPScope, wanted: bytes) -> str:
    """The first of this name; empty if there is none."""
    return next((value.decode("latin-1") for name, value in connection["headers"] if name == wanted), "")


def client_address(connection: HTTPScope, trusted_proxies: tuple[str, ...]) -> str | None:
    """The peer, or whom the nearest trusted proxies say they speak for; nobody else is believed."""
    peer = connection["client"]
    address = peer[0] if peer else None
    if not trusted_proxies:
        return address
    # All lines of the header, for a proxy may add its own below what a stranger sent.
    lines = b",".join(value for name, value in connection["headers"] if name == b"x-forwarded-for")
    hops = [hop.strip() for hop in lines.decode("latin-1").split(",") if hop.strip()]
    while hops and address_allowed(address, trusted_proxies):
        address = hops.pop()
    return address if _is_address(address) else None


def _is_address(text: str | None) -> bool:
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True
