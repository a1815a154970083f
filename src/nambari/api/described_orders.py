"""What do the fields of documents and porting orders mean, and what do they look like? A part of described.py."""

from typing import Any

FIELDS: dict[str, str] = {
    "account_number": "The customer's account with the current carrier.",
    "authorized_name": "Who signed the letter of authorization.",
    "authorized_on": "The day on which it was signed.",
    "billing_address": "The address on the current carrier's bill, in one line.",
    "billing_name": "The name on the current carrier's bill.",
    "current_carrier": "Who has the number now.",
    "documents": "This page of the list.",
    "ended_at": "When it was completed or cancelled.",
    "foc_at": "When the number moves, as the current carrier has confirmed it.",
    "identity_id": "A document of the type `identity`: of who signed.",
    "letter_of_authorization_id": "A document of the type `letter_of_authorization`.",
    "missing": "With an `exception`: the fields that are missing or wrong.",
    "porting_orders": "This page of the list.",
    "gaining_carrier": "Who is to have the number.",
    "is_set": "Whether the organization has a port-out PIN.",
    "leaves_at": "When the number leaves, as was agreed with the other carrier.",
    "pin": "What another carrier has to tell to have a number of the organization.",
    "port_outs": "This page of the list.",
    "porting_direction": "Of a number that is `porting`: `in`, to us, or `out`, to another carrier.",
    "set_at": "Since when it is the PIN.",
    "recent_bill_id": "A document of the type `recent_bill`: of the current carrier.",
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
    "erased_at": None,
}

_GIVEN = {
    "number": "+442079460456",
    "current_carrier": "Example Telecom",
    "account_number": "AC-20417",
    "authorized_name": "Ada Example",
    "authorized_on": "2026-09-18",
    "billing_name": "Example Limited",
    "billing_address": "1 Example Street, London",
    "letter_of_authorization_id": "doc_01k5v0x1a4s6bdwv8y2c5e7g9j",
    "recent_bill_id": "doc_01k5v0x3c6u8dfyx1a4e7g9j2m",
    "identity_id": _DOCUMENT["id"],
}
_ORDER = {
    "id": "port_01k5v0w9t2q5zcvu6x8b1d4f3h",
    **_GIVEN,
    "country": "GB",
    "type": "local",
    "area_code": "20",
    "locality": None,
    "status": "foc_scheduled",
    "missing": [],
    "reason": None,
    "foc_at": "2026-10-05T09:00:00Z",
    "phone_number_id": "pn_01k5v0y5e8w1fhza3c6g9k2n4q",
    "created_at": "2026-09-20T08:10:00Z",
    "updated_at": "2026-09-22T15:30:00Z",
    "submitted_at": "2026-09-20T08:15:00Z",
    "ended_at": None,
}

_PORT_OUT = {
    "id": "pout_01k5v10d6m9q2vyc4x7b1f5h8k",
    "phone_number_id": "pn_01k5v0q6f8e2rbqhx3m8z4t9ya",
    "number": "+442079460123",
    "gaining_carrier": "Example Telecom",
    "status": "scheduled",
    "reason": None,
    "leaves_at": "2026-10-05T09:00:00Z",
    "created_at": "2026-09-24T14:20:00Z",
    "updated_at": "2026-09-24T14:20:00Z",
    "ended_at": None,
}

EXAMPLES: dict[str, Any] = {
    "NewPortingOrder": _GIVEN,
    "PortingOrderChanges": {"account_number": "AC-20418"},
    "PortingOrder": _ORDER,
    "PortingOrderPage": {"porting_orders": [_ORDER], "total": 1, "limit": 50, "offset": 0, "has_more": False},
    "NewPortOutPin": {"pin": "204175"},
    "PortOutPin": {"is_set": True, "set_at": "2026-09-23T09:40:00Z"},
    "PortOut": _PORT_OUT,
    "PortOutPage": {"port_outs": [_PORT_OUT], "total": 1, "limit": 50, "offset": 0, "has_more": False},
    "Document": _DOCUMENT,
    "DocumentPage": {"documents": [_DOCUMENT], "total": 1, "limit": 50, "offset": 0, "has_more": False},
}
