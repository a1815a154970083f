"""Sign in to the console and out of it, and find out who is signed in: asked anew for every page.

What a browser keeps is a token; what is kept here is its hash. The API key itself is in neither.
"""

import asyncio
from datetime import datetime, timedelta

from nambari.db import keys, operators, sessions
from nambari.db.operators import Credentials
from nambari.domain.access import Key, check_key, has_key_form, hash_secret
from nambari.domain.operator import OperatorAccount, barred_until
from nambari.domain.refusals import InvalidApiKey, InvalidState, Refusal
from nambari.operations.keys import USE_IS_NOTED_EVERY
from nambari.wiring import Services, hash_password, new_token, password_matches

LASTS = timedelta(hours=12)
_hashing = asyncio.Semaphore(2)
"""Each takes 64 MB and a core for a while: strangers who try passwords must not take them all."""


async def sign_in(services: Services, secret: str, address: str | None, now: datetime) -> str:
    """The token of a new session. Raises InvalidApiKey, ApiKeyExpired, IpNotAllowed."""
    key = None
    if has_key_form(secret):
        async with services.database.reading() as connection:
            key = await keys.by_hash_across_organizations(connection, hash_secret(secret))
    refusal = check_key(key, address, now)
    if refusal is not None:
        raise refusal
    assert key is not None  # noqa: S101 - no key is a refusal
    if key.organization_id is None:
        raise InvalidApiKey("This key is a SIP proxy's: it belongs to no organization, and there is nothing to see.")
    return await _begin(services, now, key_id=key.id)


async def sign_in_operator(services: Services, name: str, password: str, now: datetime) -> str:
    """The token of a new session. Raises InvalidState, which does not tell whether there is such an operator."""
    found = await _take_attempt(services, name, now)
    async with _hashing:
        if found is None:
            await asyncio.to_thread(hash_password, password)  # as long as if there were one
        elif await asyncio.to_thread(password_matches, found.password_hash, password):
            async with services.database.writing() as connection:
                await operators.note_success(connection, found.account.id)
            return await _begin(services, now, operator_id=found.account.id)
    raise InvalidState(
        "The name or the password is wrong, or too many wrong ones came before: then wait half a minute, and try again."
        " `nambari operator create` makes an account."
    )


async def _take_attempt(services: Services, name: str, now: datetime) -> Credentials | None:
    """Whose password is compared, if any is: one that is barred is answered as one of nobody's.

    It counts as a failure until it has matched, so that many at once gain nothing.
    """
    async with services.database.writing() as connection:
        found = await operators.lock_by_name(connection, name)
        if found is None or found.is_barred(now):
            return None
        failures = found.failures + 1
        await operators.note_attempt(connection, found.account.id, failures, barred_until(failures, now))
    return found


async def _begin(
    services: Services, now: datetime, *, key_id: str | None = None, operator_id: str | None = None
) -> str:
    token = new_token()
    async with services.database.writing() as connection:
        await sessions.insert(
            connection, hash_secret(token), key_id=key_id, operator_id=operator_id, now=now, expires_at=now + LASTS
        )
    return token


async def key_of(
    services: Services, token: str, address: str | None, now: datetime
) -> tuple[Key, str] | Refusal | None:
    """The key of this session and its organization's name; why it is not good any more; None where there is none."""
    async with services.database.reading() as connection:
        found = await sessions.key_across_organizations(connection, hash_secret(token), now)
        if found is None:
            return None
        key = found[0]
        refusal = check_key(key, address, now)
        if refusal is None and (key.last_used_at is None or now - key.last_used_at >= USE_IS_NOTED_EVERY):
            await keys.touch_of_any_organization(connection, key.id, now)
    return refusal or found


async def operator_of(services: Services, token: str, now: datetime) -> OperatorAccount | None:
    async with services.database.reading() as connection:
        return await sessions.operator(connection, hash_secret(token), now)


async def sign_out(services: Services, token: str) -> None:
    """Again is harmless."""
    async with services.database.writing() as connection:
        await sessions.end(connection, hash_secret(token))
