"""What is a document of a KYC file? Its types, what its bytes must be, how it is decided, when it expires."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from nambari.domain.refusals import InvalidState, Refusal, ValidationError, invalid

MOST_BYTES = 10_000_000
MOST_PENDING = 20
"""How many may wait for the operator at once: what an organization can make us keep unseen is bounded."""
MOST_KEPT_BYTES = 1_000_000_000
"""Of all documents of an organization in one environment, decided ones too, until their files are erased."""
COUNTED_AT_LEAST_BYTES = 10_000
"""What the smallest counts for: its row, its events and their places in indexes are kept with it."""
LONGEST_REASON = 500
WARNED_BEFORE = timedelta(days=30)
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class DocumentType(StrEnum):
    IDENTITY = "identity"
    PROOF_OF_ADDRESS = "proof_of_address"
    BUSINESS_REGISTRATION = "business_registration"
    LETTER_OF_AUTHORIZATION = "letter_of_authorization"
    RECENT_BILL = "recent_bill"


class DocumentStatus(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class MediaType(StrEnum):
    """What a file may be."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"


SUFFIXES = {MediaType.PDF: "pdf", MediaType.PNG: "png", MediaType.JPEG: "jpg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Without its content. `country` is where it was made out; `expires_on` is the last day on which it is good.

    `due_at` is when its owner is to be told next that it expires, or has expired. `erased_at` is when the operator let
    go of the file: what was decided of it stays true.
    """

    id: str
    type: DocumentType
    country: str
    media_type: MediaType
    size_bytes: int
    status: DocumentStatus
    reason: str | None
    expires_on: date | None
    due_at: datetime | None
    created_at: datetime
    decided_at: datetime | None
    erased_at: datetime | None = None  # answers that the release before has kept know nothing of it

    def is_good(self, now: datetime) -> bool:
        """Whether it counts: accepted, and not expired."""
        return self.status is DocumentStatus.ACCEPTED and not self.is_expired(now)

    def is_expired(self, now: datetime) -> bool:
        return self.expires_on is not None and expires_at(self.expires_on) <= now


def expires_at(expires_on: date) -> datetime:
    """The end of its last day, in UTC. A document of the calendar's last day never expires."""
    if expires_on == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.combine(expires_on + timedelta(days=1), time.min, UTC)


def check_content(content: bytes, declared: MediaType) -> Refusal | None:
    """Whether the bytes are what they are said to be, by their first ones.

    PDF: ISO 32000-1 7.5.2; PNG: RFC 2083 3.1 and its IHDR, which is always first; JPEG: ITU-T T.81 B.1.1.
    """
    if not content:
        return invalid("body", "is required: send the file itself")
    found = recognize(content)
    if found is declared:
        return None
    if found is None:
        return invalid("body", "is no PDF, PNG or JPEG file")
    return invalid("body", f"is {found}, and Content-Type says {declared}")


_MAGIC = (
    (re.compile(rb"%PDF-[12]\.[0-9][\s%]"), MediaType.PDF),
    (re.compile(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", re.DOTALL), MediaType.PNG),
    (re.compile(rb"\xff\xd8\xff[\xc0-\xfe]"), MediaType.JPEG),
)


def recognize(content: bytes) -> MediaType | None:
    return next((media_type for magic, media_type in _MAGIC if magic.match(content)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What there is of an organization already. `counted_bytes` has each document with COUNTED_AT_LEAST_BYTES."""

    pending: int
    counted_bytes: int


def check_new(size_bytes: int, expires_on: date | None, kept: Kept, now: datetime) -> Refusal | None:
    if expires_on is not None and expires_at(expires_on) <= now:
        return invalid("expires_on", "is over: send a document that is still good")
    if kept.pending >= MOST_PENDING:
        return InvalidState(
            f"{kept.pending} documents wait to be reviewed, which is the most. Wait until some are decided."
        )
    if kept.counted_bytes + max(size_bytes, COUNTED_AT_LEAST_BYTES) > MOST_KEPT_BYTES:
        return InvalidState(
            "This document would be more than is kept for one organization, 1 GB. Use one that you have sent before"
            " (list them with GET /v1/kyc/documents), or ask the operator. Nothing was changed."
        )
    return None


def accept(document: Document, expires_on: date | None, now: datetime) -> Document:
    """As the operator accepts it; `expires_on` is what they read on it, None leaves what its owner said.

    Raises InvalidState unless it is pending, ValidationError for one that has expired.
    """
    _require_pending(document)
    expires_on = expires_on or document.expires_on
    if expires_on is not None and expires_at(expires_on) <= now:
        raise invalid("expires_on", "is over: such a document can only be rejected")
    accepted = replace(document, status=DocumentStatus.ACCEPTED, expires_on=expires_on, decided_at=now)
    return replace(accepted, due_at=_warned_at(expires_on))


def _warned_at(expires_on: date | None) -> datetime | None:
    if expires_on is None or expires_on == date.max:
        return None
    return expires_at(expires_on) - WARNED_BEFORE


def reject(document: Document, reason: str, now: datetime) -> Document:
    """Its owner is told the reason. Raises InvalidState unless it is pending, ValidationError."""
    _require_pending(document)
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.strip() or _UNWRITABLE.search(reason):
        raise invalid("reason", f"must be 1 to {LONGEST_REASON} characters, none of them a control character")
    return replace(document, status=DocumentStatus.REJECTED, reason=reason, decided_at=now)


def _require_pending(document: Document) -> None:
    if document.status is not DocumentStatus.PENDING:
        raise InvalidState(
            f"This document is {document.status} already; only a pending one can be decided.",
            status=document.status.value,
        )


def erase(document: Document, now: datetime) -> Document:
    """Without its file from now on. Raises InvalidState for one that is pending, or is erased already."""
    if document.status is DocumentStatus.PENDING:
        raise InvalidState("This document waits to be reviewed. Accept or reject it first.", status="pending")
    if document.erased_at is not None:
        raise InvalidState(f"The file of this document was erased on {document.erased_at.date()} already.")
    return replace(document, erased_at=now)


def remind(document: Document, now: datetime) -> Document:
    """What is told of, and when next: at its warning the day it expires, after that never again."""
    assert document.expires_on is not None  # noqa: S101 - the schema: what is due expires
    ends_at = expires_at(document.expires_on)
    return replace(document, due_at=None if ends_at <= now else ends_at)


def parse_day(text: str, field: str = "expires_on") -> date:
    """Raises ValidationError of the field."""
    fault: ValidationError = invalid(field, "must be a date, such as 2030-01-31")
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        raise fault
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fault from None
