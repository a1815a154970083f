"""How does a document come into the KYC file, and back? As the file that it is, reviewed by an operator."""

from datetime import date
from typing import Literal

from nambari_client.objects import Document, DocumentPage
from nambari_client.request import File, PagedRequest, Request, pages, read, write

DocumentType = Literal[
    "business_registration", "identity", "letter_of_authorization", "proof_of_address", "recent_bill"
]
MediaType = Literal["application/pdf", "image/jpeg", "image/png"]
DOCUMENTS = ("v1", "kyc", "documents")


def send_document(
    content: bytes,
    media_type: MediaType,
    *,
    type: DocumentType,
    country: str,
    expires_on: date | None = None,
    idempotency_key: str | None = None,
) -> Request[Document]:
    """Send a file, at most 10 MB. It is pending until it is reviewed; in the test environment accepted at once.

    `country` is where it was made out (ISO 3166-1 alpha-2); of a proof of address, where that is.
    """
    return write(
        "POST",
        Document,
        *DOCUMENTS,
        key=idempotency_key,
        file=File(content, media_type),
        type=type,
        country=country,
        expires_on=expires_on,
    )


def list_documents(
    *, limit: int | None = None, offset: int | None = None, starting_after: str | None = None
) -> PagedRequest[Document, DocumentPage]:
    """Newest first."""
    return pages(DocumentPage, "documents", *DOCUMENTS, limit=limit, offset=offset, starting_after=starting_after)


def get_document(document_id: str) -> Request[Document]:
    """What is known of it; `get_document_content` is the file."""
    return read(Document, *DOCUMENTS, document_id)


def get_document_content(document_id: str) -> Request[bytes]:
    """The file, as it was sent."""
    return read(bytes, *DOCUMENTS, document_id, "content")
