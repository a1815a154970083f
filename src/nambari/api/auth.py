"""Whose request is this, and may it be made? The key in the header, its scope, its addresses.

A guard: it runs before the body is read, so that a stranger learns nothing from it.
"""

import ipaddress
import time
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from nambari.api.reading import refuse_query
from nambari.domain.access import (
    Caller,
    Key,
    address_allowed,
    check_key,
    check_scope,
    has_key_form,
    hash_secret,
)
from nambari.domain.refusals import InvalidApiKey, MissingApiKey
from nambari.operations import keys
from nambari.wiring import Services

MOST_CACHED = 10_000
Connection = ASGIConnection[Any, Any, Any, Any]


class KeyCache:
    """Keys as they were read, for less than a second: a revoked one stops working within it, on every process.

    Time that revokes nothing (the domain's clock) is not asked: only how long ago the read began.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._read: dict[bytes, tuple[float, Key | None]] = {}

    async def find(self, services: Services, secret: str) -> Key | None:
        secret_hash = hash_secret(secret)
        begun = time.monotonic()
        cached = self._read.get(secret_hash)
        if cached is not None and begun - cached[0] < self._seconds:
            return cached[1]
        key = await keys.find(services, secret_hash, services.clock())
        if len(self._read) >= MOST_CACHED:
            self._read.clear()
        self._read[secret_hash] = (begun, key)
        return key


async def authorize(connection: Connection, handler: BaseRouteHandler) -> None:
    """Sets `scope["auth"]` to the Caller. Raises the refusals of authentication, scope and query, in this order."""
    if connection.scope.get("method") == "OPTIONS":  # the framework's own answer: which methods there are
        return
    state = connection.app.state
    secret = _secret(connection)
    key = await state.key_cache.find(state.services, secret) if has_key_form(secret) else None
    settings = state.services.settings
    address = client_address(connection, settings.trusted_proxies) if key and key.allowed_ips else None
    refusal = check_key(key, address, state.services.clock())
    if refusal is None and key is not None:
        refusal = check_scope(key, handler.opt["scope"])
    if refusal is not None:
        raise refusal
    if key is None or key.organization_id is None:
        raise InvalidApiKey("This is an operator's key: it belongs to no organization, and serves SIP proxies only.")
    connection.scope["auth"] = Caller(key.id, key.organization_id, key.environment)
    if connection.scope["query_string"] and handler.opt["query"] is None:
        refuse_query(connection.scope["query_string"])


def _secret(connection: Connection) -> str:
    header = (connection.headers.get("x-api-key") or "").strip()
    if header:
        return header
    scheme, _, credentials = (connection.headers.get("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    raise MissingApiKey("Send your API key in the header x-api-key, or as Authorization: Bearer.")


def client_address(connection: Connection, trusted_proxies: tuple[str, ...]) -> str | None:
    """The peer, or whom the nearest trusted proxies say they speak for; nobody else is believed."""
    address = connection.client.host if connection.client else None
    if not trusted_proxies:
        return address
    # All lines of the header, for a proxy may add its own below what a stranger sent.
    lines = ",".join(connection.headers.getall("x-forwarded-for", []))
    hops = [hop.strip() for hop in lines.split(",") if hop.strip()]
    while hops and address_allowed(address, trusted_proxies):
        address = hops.pop()
    return address if _is_address(address) else None


def _is_address(text: str | None) -> bool:
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True
