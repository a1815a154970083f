"""Take in documents, decide on them, tell their owner before they expire, and erase what need not be kept.

What is in a document is personal data: events name it by its id and type, and no log or error tells more.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from nambari.db import credits, documents, porting
from nambari.db.documents import Owned
from nambari.db.engine import Connection
from nambari.domain.access import Caller, Environment
from nambari.domain.document import (
    Document,
    DocumentStatus,
    DocumentType,
    MediaType,
    accept,
    check_content,
    check_new,
    erase,
    reject,
    remind,
)
from nambari.domain.events import Event
from nambari.domain.payloads import DocumentFacts
from nambari.domain.phone_number import Change
from nambari.domain.refusals import InvalidState, NotFound
from nambari.operations.announce import announce
from nambari.operations.idempotency import Attempt, Done, once
from nambari.operations.sweep import each_apart
from nambari.wiring import Services

MOST_LISTED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """What comes in: a file, and what its owner says of it."""

    type: DocumentType
    country: str
    media_type: MediaType
    expires_on: date | None
    content: bytes


async def add(services: Services, attempt: Attempt, new: NewDocument, now: datetime) -> Done[Document]:
    """To be reviewed; in the test environment accepted at once, as everybody is verified there.

    Raises ValidationError, and InvalidState where too many wait or too much is kept already.
    """
    fault = check_content(new.content, new.media_type)
    if fault is not None:
        raise fault
    tenant = attempt.caller.tenant

    async def act(connection: Connection) -> Document:
        kept = await documents.take_turn(connection, *tenant)
        refusal = check_new(len(new.content), new.expires_on, kept, now)
        if refusal is not None:
            raise refusal
        document = _made(services, new, now)
        if attempt.caller.environment is Environment.TEST:
            document = accept(document, None, now)
        await documents.insert(connection, *tenant, document, new.content, hashlib.sha256(new.content).digest())
        await _announce(services, connection, attempt, Event.DOCUMENT_SUBMITTED, None, document, now)
        return document

    return await once(services, attempt, Document, act)


def _made(services: Services, new: NewDocument, now: datetime) -> Document:
    return Document(
        id=services.new_id("doc"),
        type=new.type,
        country=new.country,
        media_type=new.media_type,
        size_bytes=len(new.content),
        status=DocumentStatus.PENDING,
        reason=None,
        expires_on=new.expires_on,
        due_at=None,
        created_at=now,
        decided_at=None,
    )


async def accept_document(
    services: Services, document_id: str, expires_on: date | None, request_id: str, now: datetime
) -> Document:
    """Raises NotFound, InvalidState unless it is pending, ValidationError for one that has expired."""
    async with services.database.writing() as connection:
        attempt, before = await _locked(connection, document_id, request_id)
        after = accept(before, expires_on, now)
        await _decide(services, connection, attempt, before, after, now)
    return after


async def reject_document(
    services: Services, document_id: str, reason: str, request_id: str, now: datetime
) -> Document:
    """Its owner is told the reason. Raises NotFound, InvalidState unless it is pending, ValidationError."""
    async with services.database.writing() as connection:
        attempt, before = await _locked(connection, document_id, request_id)
        after = reject(before, reason, now)
        await _decide(services, connection, attempt, before, after, now)
    return after


async def _locked(connection: Connection, document_id: str, request_id: str) -> tuple[Attempt, Document]:
    attempt = await _for_its_owner(connection, document_id, request_id)
    found = await documents.find(connection, *attempt.caller.tenant, document_id, for_update=True)
    assert found is not None  # noqa: S101 - of a document its file alone is ever deleted
    return attempt, found


async def _for_its_owner(connection: Connection, document_id: str, request_id: str) -> Attempt:
    owned = await documents.find_of_any_organization(connection, document_id)
    if owned is None:
        raise _unknown(document_id)
    return Attempt(caller=Caller(None, owned.organization_id, owned.environment), request_id=request_id)


async def _decide(
    services: Services, connection: Connection, attempt: Attempt, before: Document, after: Document, now: datetime
) -> None:
    tenant = attempt.caller.tenant
    await documents.decide(connection, *tenant, after)
    await _announce(services, connection, attempt, _DECIDED[after.status], before, after, now)


_DECIDED = {
    DocumentStatus.ACCEPTED: Event.DOCUMENT_ACCEPTED,
    DocumentStatus.REJECTED: Event.DOCUMENT_REJECTED,
}


async def erase_file(services: Services, document_id: str, request_id: str, now: datetime) -> Document:
    """Let go of the file for good; what was decided stays, and counts as before. Its owner is told.

    Raises NotFound, and InvalidState for one that is pending, is erased already, or that a porting order on its way
    goes by.
    """
    async with services.database.writing() as connection:
        attempt = await _for_its_owner(connection, document_id, request_id)
        tenant = attempt.caller.tenant
        await credits.lock_balance(connection, *tenant)  # as a porting order does that is submitted with it
        _, before = await _locked(connection, document_id, request_id)
        after = erase(before, now)
        order_id = await porting.on_its_way_with(connection, *tenant, document_id)
        if order_id is not None:
            raise InvalidState(f"The porting order {order_id} goes by this document. Erase its file when that is over.")
        await documents.erase(connection, *tenant, after)
        await _announce(services, connection, attempt, Event.DOCUMENT_ERASED, before, after, now)
    return after


async def show(services: Services, document_id: str) -> tuple[Owned, bytes | None]:
    """For the operator's eyes: the document and its content, None where that was erased. Raises NotFound."""
    async with services.database.reading() as connection:
        owned = await documents.find_of_any_organization(connection, document_id)
        if owned is None:
            raise _unknown(document_id)
        found = await documents.content(connection, owned.organization_id, owned.environment, document_id)
    assert found is not None  # noqa: S101 - of a document its file alone is ever deleted
    return owned, found[1]


async def listing(
    services: Services, environment: Environment, status: DocumentStatus, organization_id: str | None
) -> list[dict[str, object]]:
    """The longest waiting first, up to a thousand."""
    async with services.database.reading() as connection:
        return await documents.listing_of_all(connection, environment, status, organization_id, MOST_LISTED)


# ── Expiry ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def due(services: Services, now: datetime, limit: int) -> int:
    """Tell of up to `limit` documents that expire within 30 days, or have expired; how many."""
    async with services.database.reading() as connection:
        tenants = await documents.tenants_with_due_of_all(connection, now, limit)
    return await each_apart(services, tenants, partial(of_organization, services), now, limit)


async def of_organization(
    services: Services, connection: Connection, attempt: Attempt, now: datetime, limit: int
) -> int:
    """The same for one organization. Numbers that rest on a document stay; only what is bought next is refused."""
    tenant = attempt.caller.tenant
    found = await documents.due(connection, *tenant, now, limit)
    for document in found:
        await documents.set_due(connection, *tenant, remind(document, now))
        event = Event.DOCUMENT_EXPIRED if document.is_expired(now) else Event.DOCUMENT_EXPIRING
        await _announce(services, connection, attempt, event, document, document, now)
    return len(found)


async def _announce(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    event: Event,
    before: Document | None,
    after: Document,
    now: datetime,
) -> None:
    """Neither the reason, which may quote the document, nor what is in it."""
    data: DocumentFacts = {
        "id": after.id,
        "type": after.type,
        "country": after.country,
        "status": after.status,
        "expires_on": after.expires_on,
    }
    changes = []
    if before is None or before.status is not after.status:
        changes.append(Change("status", before.status if before else None, after.status))
    if after.erased_at is not None and before is not None and before.erased_at is None:
        changes.append(Change("erased_at", None, after.erased_at))
    await announce(services, connection, attempt, event, after.id, data, now, changes)


def no_such_document() -> NotFound:
    return NotFound("You have no document of this id. List yours with GET /v1/kyc/documents.")


def _unknown(document_id: str) -> NotFound:
    return NotFound(f"There is no document {document_id}. `nambari kyc documents list` shows those that wait.")
