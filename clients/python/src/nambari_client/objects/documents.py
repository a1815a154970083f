"""What does the API answer about the documents of a KYC file?"""

from datetime import date

from msgspec import Struct

from nambari_client.objects.instant import Instant
from nambari_client.objects.paging import Page


class Document(Struct, kw_only=True):
    """A file that was sent. `reason` is there when it was rejected; one that has expired counts no more.

    From `erased_at` on the file itself is kept no more; what was decided of it stays.
    """

    id: str
    type: str
    country: str
    media_type: str
    size_bytes: int
    status: str
    reason: str | None
    expires_on: date | None
    created_at: Instant
    decided_at: Instant | None
    erased_at: Instant | None


class DocumentPage(Page, kw_only=True):
    documents: list[Document]
