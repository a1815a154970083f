"""Add credits to an organization, once per reference, whoever retries; and tell how they moved."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from nambari.db import credits
from nambari.db.engine import Conflict, Connection, Deadlock
from nambari.domain import ledger
from nambari.domain.access import Environment
from nambari.domain.events import Event
from nambari.domain.money import MOST_CENTS
from nambari.domain.payloads import PaymentReceived
from nambari.domain.phone_number import Change
from nambari.domain.refusals import InvalidState, NotFound, invalid
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt, begun_anew
from nambari.operations.renew import recover
from nambari.wiring import Services

LONGEST_REFERENCE = 200


@dataclass(frozen=True, slots=True)
class ToppedUp:
    """`available_cents` is what there is now, due months paid; `added` is False for a reference again."""

    available_cents: int
    added: bool


async def top_up(
    services: Services, attempt: Attempt, amount_cents: int, reference: str | None, now: datetime
) -> ToppedUp:
    """Suspended numbers that the credits now suffice for resume. A reference that was used adds nothing.

    Raises NotFound for an organization that does not exist, ValidationError for an amount or reference out of bounds.
    """
    _check(amount_cents, reference)

    async def added() -> ToppedUp:
        async with services.database.writing() as connection:
            return await add(services, connection, attempt, amount_cents, reference, now)

    # Where another top-up of this reference was written first, ours is found to be a repeat of it.
    return await begun_anew(added, Conflict, Deadlock)


async def add(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    amount_cents: int,
    reference: str | None,
    now: datetime,
) -> ToppedUp:
    tenant = attempt.caller.tenant
    available = await credits.lock_balance(connection, *tenant)
    if available is None:
        raise no_such_organization(tenant[0])
    if reference is not None and await credits.reference_used(connection, *tenant, reference):
        return ToppedUp(available, added=False)
    if available + amount_cents > MOST_CENTS:
        raise InvalidState(f"The balance would pass {MOST_CENTS} cents, more than an account can hold.")
    posting_id = services.new_id("txn")
    balance = await credits.post(connection, *tenant, posting_id, ledger.top_up(amount_cents), reference, now)
    data: PaymentReceived = {
        "transaction_id": posting_id,
        "amount_cents": amount_cents,
        "balance_cents": balance,
        "currency": services.settings.currency,
    }
    changes = [Change("balance_cents", available, balance)]
    await announce(services, connection, attempt, Event.PAYMENT_RECEIVED, posting_id, data, now, changes)
    await recover(services, connection, attempt, now)
    return ToppedUp(await credits.lock_balance(connection, *tenant) or 0, added=True)


async def statement(
    services: Services, organization_id: str, environment: Environment
) -> AsyncIterator[dict[str, object]]:
    """Every line, newest first, as of one moment and however many there are. Raises NotFound."""
    async with services.database.bulk() as connection, connection.transaction():
        if await credits.balance(connection, organization_id, environment) is None:
            raise no_such_organization(organization_id)
        async for line in credits.whole_statement(connection, organization_id, environment):
            yield line


def no_such_organization(organization_id: str) -> NotFound:
    return NotFound(f"There is no organization {organization_id}. `nambari org list` shows those there are.")


def _check(amount_cents: int, reference: str | None) -> None:
    if not 0 < amount_cents <= MOST_CENTS:
        raise invalid("cents", f"must be between 1 and {MOST_CENTS}")
    if reference is not None and not (1 <= len(reference) <= LONGEST_REFERENCE and reference.isprintable()):
        raise invalid("reference", f"must be 1 to {LONGEST_REFERENCE} printable characters")
