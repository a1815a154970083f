"""What does the API answer about credits, KYC, the audit trail and the test environment?"""

from msgspec import Struct

from nambari_client.objects.instant import Instant
from nambari_client.objects.paging import Page
from nambari_client.objects.phone_numbers import FieldChange


class Credits(Struct, kw_only=True):
    """`balance_cents` is free to spend; `held_cents` is set aside for open orders."""

    balance_cents: int
    held_cents: int
    currency: str


class Transaction(Struct, kw_only=True):
    """A line of the statement: `amount_cents` is below zero where credits were taken."""

    id: str
    type: str
    amount_cents: int
    balance_after_cents: int
    phone_number_id: str | None
    description: str
    created_at: Instant


class TransactionPage(Page, kw_only=True):
    transactions: list[Transaction]
    currency: str


class Kyc(Struct, kw_only=True):
    """`reason` is there when it was declined."""

    status: str
    kind: str | None
    legal_name: str | None
    country: str | None
    reason: str | None
    submitted_at: Instant | None
    decided_at: Instant | None


class AuditRecord(Struct, kw_only=True):
    """One event of the organization: what changed, who did it, in which request."""

    id: str
    event: str
    subject_id: str
    changes: list[FieldChange]
    key_id: str | None
    key_name: str | None
    request_id: str
    created_at: Instant


class AuditPage(Page, kw_only=True):
    """The audit trail of the organization in the environment of the key."""

    records: list[AuditRecord]


class TestClock(Struct, kw_only=True):
    """What time it is in the organization's test environment."""

    now: Instant


class ClockAdvanced(Struct, kw_only=True):
    """The time it is then, and what fell due on the way and was done."""

    now: Instant
    months_paid: int
    suspended: int
    resumed: int
    released: int
    back_on_sale: int


class Health(Struct, kw_only=True):
    """`ok`, or the operation is refused."""

    status: str
