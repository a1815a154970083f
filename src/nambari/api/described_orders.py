"""What do the fields of documents and porting orders mean, and what do they look like? A part of described.py."""

from typing import Any

FIELDS: dict[str, str] = {
    "documents": "This page of the list.",
    "expires_on": "The last day on which it is good; null where it never expires.",
    "media_type": "What the file is.",
    "size_bytes": "How large the file is.",
}

_DOCUMENT = {
    "id": "doc_01k5v0v7r9p3yatx4s6w8z2c1g",
    "type": "identity",
    "country": "GB",
    "media_type": "application/pdf",
    "size_bytes": 48211,
    "status": "accepted",
    "reason": None,
    "expires_on": "2031-05-31",
    "created_at": "2026-09-20T08:05:00Z",
    "decided_at": "2026-09-20T11:40:00Z",
}

EXAMPLES: dict[str, Any] = {
    "Document": _DOCUMENT,
    "DocumentPage": {"documents": [_DOCUMENT], "total": 1, "limit": 50, "offset": 0, "has_more": False},
}
