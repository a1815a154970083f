"""What did the agent see before it agreed? A token holds it, signed with the API key. Without one nothing is bought,
released or paid for.

Nothing is kept here: any process that is given the same key can read it.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

LONGEST_TOKEN = 4000
SIGNATURE_BYTES = 32


class Quoted(Struct, frozen=True, kw_only=True, tag="quote"):
    """A number that is held for the buyer, with its price and all that is bought with it."""

    inventory_id: str
    number: str
    hold_id: str
    total_cents: int
    currency: str
    expires_at: datetime
    endpoint_id: str | None
    label: str | None


class Foreseen(Struct, frozen=True, kw_only=True, tag="release"):
    """A number that is to be released, as it was when it was told what would be lost."""

    number_id: str
    number: str
    updated_at: datetime
    expires_at: datetime


class Restorable(Struct, frozen=True, kw_only=True, tag="restore"):
    """A released number, as it was when it was told what taking it back costs at most."""

    number_id: str
    number: str
    total_cents: int
    updated_at: datetime
    expires_at: datetime


Confirmation = TypeVar("Confirmation", Quoted, Foreseen, Restorable)

KEEPS_REFUSED = frozenset(
    {
        *("INSUFFICIENT_BALANCE", "KYC_REQUIRED", "KYC_PENDING", "SPENDING_CAP_EXCEEDED", "COUNTRY_NOT_ALLOWED"),
        *("PRICE_CHANGED", "ENDPOINT_NOT_FOUND"),
    }
)
"""What somebody can settle; but the token, whose name is the idempotency key, goes on being refused for it."""

FIRST = {Quoted: "quote_number", Foreseen: "preview_release", Restorable: "preview_restore"}
"""The tool that gives the token."""


class NotConfirmed(ValueError):
    """The token is none, is of another key, or is too old; the message says what to do."""


def signed(confirmation: Quoted | Foreseen | Restorable, api_key: str) -> str:
    content = msgspec.json.encode(confirmation)
    return base64.urlsafe_b64encode(_signature(content, api_key) + content).decode().rstrip("=")


def read(token: str, kind: type[Confirmation], api_key: str, now: datetime) -> Confirmation:
    """Raises NotConfirmed."""
    again = f"Call {FIRST[kind]}, and pass the confirmation_token that it answers exactly as it is"
    content = _content(token, api_key)
    if content is None:
        raise NotConfirmed(f"This is no confirmation token of this API key. {again}.")
    confirmation = msgspec.json.decode(content, type=Quoted | Foreseen | Restorable)
    if not isinstance(confirmation, kind):
        raise NotConfirmed(f"This confirmation token is for something else. {again}.")
    if confirmation.expires_at <= now:
        raise NotConfirmed(
            f"This confirmation has expired at {confirmation.expires_at.isoformat(timespec='seconds')}; nothing was"
            f" done now. If you used it before, list_numbers shows what came of it. {again} for a new one."
        )
    return confirmation


def name_of(token: str) -> str:
    """An idempotency key: the same for the same token, so that nothing is bought with it twice."""
    return "mcp-" + hashlib.sha256(token.strip().encode()).hexdigest()


def anew(kind: type[Quoted | Restorable]) -> str:
    """What to do about a refusal of KEEPS_REFUSED."""
    return f"Once that is settled, call {FIRST[kind]} again: this token keeps its refusal."


def _content(token: str, api_key: str) -> bytes | None:
    """What is signed; None if it is not, or by another key."""
    token = token.strip()
    if len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    signature, content = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    return content if hmac.compare_digest(signature, _signature(content, api_key)) else None


def _signature(content: bytes, api_key: str) -> bytes:
    return hmac.digest(api_key.encode(), b"nambari confirmation\n" + content, "sha256")
