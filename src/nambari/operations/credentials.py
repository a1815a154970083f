"""Make, change and remove the SIP credentials of a number; tell a SIP proxy what checks a digest."""

from dataclasses import dataclass
from datetime import datetime

from nambari.db import credentials
from nambari.db.engine import Connection
from nambari.domain.access import Operator
from nambari.domain.credentials import Challenge, Credentials, check_may_have, decide_challenge, ha1
from nambari.domain.events import Event
from nambari.domain.payloads import SipAccountName
from nambari.domain.phone_number import Change
from nambari.domain.refusals import NotFound
from nambari.domain.routing import Reject
from nambari.operations.announce import announce
from nambari.operations.configure import locked
from nambari.operations.idempotency import Attempt, Done, once
from nambari.wiring import Services, new_secret_letters


@dataclass(frozen=True, slots=True)
class MadeCredentials:
    """What may be kept of the answer: all but the password."""

    username: str
    realm: str


def no_credentials() -> NotFound:
    return NotFound("This number has no SIP credentials. Make them with POST /v1/phone-numbers/{id}/sip-credentials.")


async def make(
    services: Services, attempt: Attempt, number_id: str, now: datetime
) -> tuple[Done[MadeCredentials], str | None]:
    """New credentials, in the place of any there were, and their password.

    The password is None where an earlier request of the same idempotency key made them: it is written down nowhere.
    Raises NumberNotFound, InvalidState.
    """
    password = new_secret_letters()
    realm = services.settings.sip_domain

    async def act(connection: Connection) -> MadeCredentials:
        number = await locked(connection, attempt, number_id)
        check_may_have(number.standing)
        tenant = attempt.caller.tenant
        old = await credentials.find(connection, *tenant, number_id)
        new = Credentials(realm, ha1(number.id, realm, password), now)
        await credentials.put(connection, *tenant, number_id, new)
        event = Event.CREDENTIALS_CREATED if old is None else Event.CREDENTIALS_ROTATED
        await _tell(services, connection, attempt, event, number_id, old, new, now)
        return MadeCredentials(number.id, realm)

    done = await once(services, attempt, MadeCredentials, act)
    return done, None if done.replayed else password


async def remove(services: Services, attempt: Attempt, number_id: str, now: datetime) -> Done[MadeCredentials]:
    """What they were. Raises NumberNotFound, NotFound."""

    async def act(connection: Connection) -> MadeCredentials:
        number = await locked(connection, attempt, number_id)
        tenant = attempt.caller.tenant
        old = await credentials.find(connection, *tenant, number_id)
        if old is None:
            raise no_credentials()
        await credentials.put(connection, *tenant, number_id, None)
        await _tell(services, connection, attempt, Event.CREDENTIALS_DELETED, number_id, old, None, now)
        return MadeCredentials(number.id, old.realm)

    return await once(services, attempt, MadeCredentials, act)


async def challenge(services: Services, operator: Operator, username: str) -> Challenge | Reject:
    """Whether a call with this username is asked for a digest, and what checks it; nothing is written."""
    async with services.database.reading() as connection:
        account = await credentials.account_across_organizations(connection, operator.environment, username)
    return decide_challenge(account)


async def _tell(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    event: Event,
    number_id: str,
    old: Credentials | None,
    new: Credentials | None,
    now: datetime,
) -> None:
    """In the history of the number, with nothing secret."""
    changes = [
        Change(name, before, after)
        for name, before, after in (
            ("sip_realm", old.realm if old else None, new.realm if new else None),
            ("sip_password_at", old.password_at if old else None, new.password_at if new else None),
        )
        if before != after
    ]
    data: SipAccountName = {"phone_number_id": number_id, "username": number_id}
    await announce(services, connection, attempt, event, number_id, data, now, changes)
