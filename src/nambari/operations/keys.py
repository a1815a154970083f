"""Make, find, list and revoke API keys."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nambari.db import keys, organizations
from nambari.db.engine import Conflict, Connection
from nambari.domain.access import (
    OPERATOR_SCOPES,
    ORGANIZATION_SCOPES,
    VISIBLE_LENGTH,
    Caller,
    Environment,
    Key,
    compose_secret,
    exceeds,
    hash_secret,
    is_network,
    key_facts,
    sealed,
)
from nambari.domain.e164 import country_code_valid
from nambari.domain.events import Event, from_nothing
from nambari.domain.phone_number import Change
from nambari.domain.refusals import InvalidApiKey, NotFound, invalid, invalid_fields
from nambari.domain.spending import Bounds
from nambari.operations.announce import announce, announce_key
from nambari.operations.credit import no_such_organization
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services, new_secret_letters

_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,100}")
"""As the API has it; surrogates come from a command line that is no UTF-8."""
SETTINGS = ("name", "scopes", "allowed_ips", "monthly_cap_cents", "countries", "expires_at")
"""What somebody chose of a key; the rest comes by itself."""
USE_IS_NOTED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a write for every request would cost more than the fact is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What is asked for. No organization makes it an operator's key; empty scopes mean all that such a key may have.

    No cap and no countries: it may spend what the credits allow, on any number.
    """

    organization_id: str | None
    environment: Environment
    name: str = ""
    scopes: Sequence[str] = ()
    allowed_ips: Sequence[str] = ()
    monthly_cap_cents: int | None = None
    countries: Sequence[str] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that was just made by another. `sealed` is its secret, for who has the other's."""

    key: Key
    sealed: str


async def create(services: Services, wanted: NewKey, request_id: str, now: datetime) -> tuple[Key, str]:
    """The key and its secret, which is kept nowhere. Raises ValidationError, NotFound."""
    key, secret = _compose(services, wanted, now)
    try:
        async with services.database.writing() as connection:
            await keys.insert(connection, key, hash_secret(secret))
            await announce_key(services, connection, Event.KEY_CREATED, key, _settings(key), request_id, now)
    except Conflict as conflict:
        raise no_such_organization(str(wanted.organization_id)) from conflict
    return key, secret


async def create_by_key(
    services: Services, attempt: Attempt, wanted: NewKey, makers: str, now: datetime
) -> Done[MadeKey]:
    """As another key of the organization asks, over the API or at the console. What is left out is as with that key.

    `makers` is a secret that only who asks has and nobody keeps: the other key's, or the token of a session with it.
    Raises ValidationError, also for what would be more than that key has; InvalidApiKey if it was revoked just now.
    """
    if not wanted.scopes:
        raise invalid("scopes", "must not be empty")
    caller = attempt.caller
    # The answer can be read by who has the same key: to another it is the answer to another request.
    attempt = replace(attempt, fingerprint=hashlib.sha256(f"{caller.key_id}".encode() + attempt.fingerprint).digest())

    async def act(connection: Connection) -> MadeKey:
        tenant = caller.tenant
        maker = await keys.find(connection, *tenant, str(caller.key_id), for_share=True)
        if maker is None or maker.revoked_at is not None:
            raise InvalidApiKey("This API key was revoked. Use another.")
        key, secret = _compose(services, _as_made_by(maker, wanted), now)
        if faults := exceeds(key, maker):
            raise invalid_fields(faults)
        await keys.insert(connection, key, hash_secret(secret))
        await announce(services, connection, attempt, Event.KEY_CREATED, key.id, key_facts(key), now, _settings(key))
        return MadeKey(key, sealed(secret, makers, key.id))

    return await once(services, attempt, MadeKey, act)


def _as_made_by(maker: Key, wanted: NewKey) -> NewKey:
    cap = wanted.monthly_cap_cents
    return replace(
        wanted,
        allowed_ips=wanted.allowed_ips or maker.allowed_ips,
        monthly_cap_cents=cap if cap is not None else maker.bounds.monthly_cap_cents,
        countries=wanted.countries or maker.bounds.countries,
        expires_at=wanted.expires_at or maker.expires_at,
    )


def _settings(key: Key) -> list[Change]:
    return from_nothing({name: value for name, value in key_facts(key).items() if name in SETTINGS})


def _compose(services: Services, wanted: NewKey, now: datetime) -> tuple[Key, str]:
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
        bounds=Bounds(wanted.monthly_cap_cents, tuple(dict.fromkeys(wanted.countries))),
    )
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
        if not is_network(address):
            raise invalid("allowed_ip", f"{address!r} is no IP address or CIDR")
    for country in wanted.countries:
        if not country_code_valid(country):
            raise invalid("countries", f"{country!r} is no country code (ISO 3166-1 alpha-2), such as NG")
    if wanted.organization_id is None and (wanted.monthly_cap_cents is not None or wanted.countries):
        raise invalid("operator", "such a key buys nothing: it has neither a monthly cap nor countries")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise invalid("expires_at", "must be in the future")
    if not _NAME.fullmatch(wanted.name):
        raise invalid("name", "must be at most 100 characters, none of them a control character")


async def revoke(services: Services, key_id: str, request_id: str, now: datetime) -> Key:
    """The revoked key. Raises NotFound. Revoking again changes nothing, and is no event."""
    async with services.database.writing() as connection:
        key = await keys.revoke_of_any_organization(connection, key_id, now)
        if key is not None:
            changes = [Change("revoked_at", None, key.revoked_at)]
            await announce_key(services, connection, Event.KEY_REVOKED, key, changes, request_id, now)
            return key
        key = await keys.find_of_any_organization(connection, key_id)
    if key is None:
        raise NotFound(f"There is no key {key_id}. `nambari key list --org ID` shows an organization's.")
    return key


async def revoke_by_key(services: Services, attempt: Attempt, key_id: str, now: datetime) -> Done[Key]:
    """As another key of the organization asks, or the key itself. Raises NotFound. Again changes nothing."""

    async def act(connection: Connection) -> Key:
        tenant = attempt.caller.tenant
        key = await keys.revoke(connection, *tenant, key_id, now)
        if key is not None:
            changes = [Change("revoked_at", None, key.revoked_at)]
            await announce(services, connection, attempt, Event.KEY_REVOKED, key.id, key_facts(key), now, changes)
            return key
        key = await keys.find(connection, *tenant, key_id)
        if key is None:
            raise no_such_key()
        return key

    return await once(services, attempt, Key, act)


def no_such_key() -> NotFound:
    return NotFound("There is no such API key here. List them with GET /v1/api-keys.")


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
