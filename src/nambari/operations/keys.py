"""Make, find, list and revoke API keys."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nambari.db import keys, organizations
from nambari.db.engine import Conflict
from nambari.domain.access import (
    OPERATOR_SCOPES,
    ORGANIZATION_SCOPES,
    VISIBLE_LENGTH,
    Caller,
    Environment,
    Key,
    compose_secret,
    hash_secret,
    key_facts,
)
from nambari.domain.events import Event, from_nothing
from nambari.domain.phone_number import Change
from nambari.domain.refusals import NotFound, invalid
from nambari.operations.announce import announce_key
from nambari.operations.credit import no_such_organization
from nambari.wiring import Services, new_secret_letters

LONGEST_NAME = 100
SETTINGS = ("name", "scopes", "allowed_ips", "expires_at")
"""What somebody chose of a key; the rest comes by itself."""
USE_IS_NOTED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a write for every request would cost more than the fact is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What is asked for. No organization makes it an operator's key; empty scopes mean all that such a key may have."""

    organization_id: str | None
    environment: Environment
    name: str = ""
    scopes: Sequence[str] = ()
    allowed_ips: Sequence[str] = ()
    expires_at: datetime | None = None


async def create(
    services: Services, wanted: NewKey, request_id: str, now: datetime, *, by_key_id: str | None = None
) -> tuple[Key, str]:
    """The key and its secret, which is kept nowhere. Raises ValidationError, NotFound.

    `by_key_id` is the key with which a customer asks for it; none is the operator.
    """
    _check(wanted, now)
    secret = compose_secret(wanted.environment, new_secret_letters())
    key = Key(
        id=services.new_id("key"),
        organization_id=wanted.organization_id,
        environment=wanted.environment,
        name=wanted.name,
        visible=secret[:VISIBLE_LENGTH],
        scopes=frozenset(wanted.scopes) or _allowed_scopes(wanted),
        allowed_ips=tuple(wanted.allowed_ips),
        expires_at=wanted.expires_at,
        revoked_at=None,
        last_used_at=None,
        created_at=now,
    )
    try:
        async with services.database.writing() as connection:
            await keys.insert(connection, key, hash_secret(secret))
            changes = from_nothing({name: value for name, value in key_facts(key).items() if name in SETTINGS})
            await announce_key(services, connection, Event.KEY_CREATED, key, changes, request_id, now, by_key_id)
    except Conflict as conflict:
        raise no_such_organization(str(wanted.organization_id)) from conflict
    return key, secret


def _allowed_scopes(wanted: NewKey) -> frozenset[str]:
    allowed = OPERATOR_SCOPES if wanted.organization_id is None else ORGANIZATION_SCOPES
    return frozenset(scope.value for scope in allowed)


def _check(wanted: NewKey, now: datetime) -> None:
    allowed = _allowed_scopes(wanted)
    for scope in wanted.scopes:
        if scope not in allowed:
            raise invalid("scopes", f"{scope!r} is not one that this key can have: {', '.join(sorted(allowed))}")
    for address in wanted.allowed_ips:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            raise invalid("allowed_ip", f"{address!r} is no IP address or CIDR") from None
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise invalid("expires_at", "must be in the future")
    if len(wanted.name) > LONGEST_NAME or not wanted.name.isprintable():
        raise invalid("name", f"must be at most {LONGEST_NAME} printable characters")


async def revoke(
    services: Services, key_id: str, request_id: str, now: datetime, *, by_key_id: str | None = None
) -> Key:
    """The revoked key. Raises NotFound. Revoking again changes nothing, and is no event."""
    async with services.database.writing() as connection:
        key = await keys.revoke_of_any_organization(connection, key_id, now)
        if key is not None:
            changes = [Change("revoked_at", None, key.revoked_at)]
            await announce_key(services, connection, Event.KEY_REVOKED, key, changes, request_id, now, by_key_id)
            return key
        key = await keys.find_of_any_organization(connection, key_id)
    if key is None:
        raise NotFound(f"There is no key {key_id}. `nambari key list --org ID` shows an organization's.")
    return key


async def listing(services: Services, organization_id: str) -> list[Key]:
    """All keys of an organization, revoked ones too, the oldest first. Raises NotFound."""
    async with services.database.reading() as connection:
        found = await keys.of_organization(connection, organization_id)
        if not found and await organizations.summary(connection, organization_id, Environment.LIVE) is None:
            raise no_such_organization(organization_id)
    return found


async def find(services: Services, secret_hash: bytes, now: datetime) -> Key | None:
    """The key whose secret has this hash, good or not; that it is used is noted, not more often than each minute."""
    async with services.database.reading() as connection:
        key = await keys.by_hash_across_organizations(connection, secret_hash)
        if key is not None and (key.last_used_at is None or now - key.last_used_at >= USE_IS_NOTED_EVERY):
            await keys.touch_of_any_organization(connection, key.id, now)
        return key


async def own(services: Services, caller: Caller) -> list[Key]:
    """The keys of the caller's organization in its environment, revoked ones too, the oldest first."""
    async with services.database.reading() as connection:
        found = await keys.of_organization(connection, caller.organization_id)
    return [key for key in found if key.environment is caller.environment]


async def create_own(services: Services, by: Key, wanted: NewKey, request_id: str, now: datetime) -> tuple[Key, str]:
    """As `create`, for whoever has the key `by`: in its organization and environment, with none but its own scopes.

    Raises ValidationError.
    """
    lacking = sorted(set(wanted.scopes) - by.scopes)
    if lacking or not wanted.scopes:
        message = f"cannot be {', '.join(lacking)}: your own key has not got that" if lacking else "must not be empty"
        raise invalid("scopes", message)
    wanted = replace(wanted, organization_id=by.organization_id, environment=by.environment)
    return await create(services, wanted, request_id, now, by_key_id=by.id)


async def revoke_own(services: Services, by: Key, key_id: str, request_id: str, now: datetime) -> Key:
    """As `revoke`, for a key of the same organization and environment. Raises NotFound for any other."""
    async with services.database.reading() as connection:
        found = await keys.find_of_any_organization(connection, key_id)
    if found is None or (found.organization_id, found.environment) != (by.organization_id, by.environment):
        raise NotFound("There is no such key here.")
    return await revoke(services, key_id, request_id, now, by_key_id=by.id)
