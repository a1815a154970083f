"""What does the public see of the documents of a KYC file?"""

from datetime import date, datetime

from msgspec import Struct

from nambari.domain import document as documents
from nambari.domain.document import DocumentStatus, DocumentType, MediaType


class Document(Struct, kw_only=True):
    """A file that was sent. `reason` is there when it was rejected; one that has expired counts no more.

    From `erased_at` on the file itself is kept no more; what was decided of it stays.
    """

    id: str
    type: DocumentType
    country: str
    media_type: MediaType
    size_bytes: int
    status: DocumentStatus
    reason: str | None
    expires_on: date | None
    created_at: datetime
    decided_at: datetime | None
    erased_at: datetime | None


class DocumentPage(Struct, kw_only=True):
    documents: list[Document]
    total: int
    limit: int
    offset: int
    has_more: bool


class SentFile(Struct):
    """What tells one upload from another, for its Idempotency-Key."""

    media_type: str
    sha256: str


def document(record: documents.Document) -> Document:
    return Document(
        id=record.id,
        type=record.type,
        country=record.country,
        media_type=record.media_type,
        size_bytes=record.size_bytes,
        status=record.status,
        reason=record.reason,
        expires_on=record.expires_on,
        created_at=record.created_at,
        decided_at=record.decided_at,
        erased_at=record.erased_at,
    )
